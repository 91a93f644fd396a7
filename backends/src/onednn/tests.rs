//! Every instruction set, native and modelled, against the reference under the
//! profile that it declares.

use qassay_golden::ops::reference;
use qassay_golden::profile::{AxisName, Profile, named};
use qassay_golden::spec::{
    Activation, BiasKind, Constants, ConvSpec, Granularity, LinearSpec, OpSpec, Output, Problem,
    QParams, Quantized,
};
use qassay_golden::tensor::{DType, Data, Tensor};
use qassay_golden::witness::{Event, Events, Witness};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{conv, linear};
use crate::backend::{Kernel, Precondition, Refusal};
use crate::isa::{
    Avx2, Avx2Exact, Avx512, Avx512Exact, Avx512Vnni, AvxVnni, Dot4, InstructionSet, Isa, Scalar,
};
use crate::view::{Values, ValuesMut, View, ViewMut};

type Prepare = Box<dyn Fn(&OpSpec, &Constants) -> Result<Box<dyn Kernel>, Refusal>>;

/// One form of an instruction set.
struct Form {
    name: String,
    profile: &'static Profile,
    prepare: Prepare,
}

/// Choices on axes (stage, axis, key) that differ from the declared profile's.
type Choices = &'static [(&'static str, &'static str, &'static str)];

fn form<I: Isa>(isa: I, name: String, choices: Choices) -> Form {
    let profile = match (<I::Set as InstructionSet>::ARCHITECTURE, I::DOT4) {
        ("any", _) => "onednn",
        (_, Dot4::SaturatingPairs) => "onednn-jit-avx2",
        (_, Dot4::Exact) => "onednn-jit",
    };
    let declared = named::find(profile).expect("a named profile").profile;
    let profile = choices
        .iter()
        .fold(declared, |profile, &(stage, field, key)| {
            let choice = profile.with(AxisName { stage, field }, key);
            choice.expect("a choice on an axis")
        });
    let profile: &'static Profile = Box::leak(Box::new(profile));
    Form {
        name,
        profile,
        prepare: Box::new(move |op, constants| match op {
            OpSpec::Linear(spec) => linear::prepare(isa, profile, spec, constants),
            OpSpec::Conv(spec) => conv::prepare(isa, profile, spec, constants),
            _ => unreachable!("tests of linear and conv"),
        }),
    }
}

fn of_set<S: InstructionSet>(forms: &mut Vec<Form>, choices: Choices) {
    forms.push(form(S::model(), format!("{} modelled", S::NAME), choices));
    if let Some(isa) = S::native() {
        forms.push(form(isa, format!("{} native", S::NAME), choices));
    }
}

fn forms() -> Vec<Form> {
    forms_with(&[])
}

fn forms_with(choices: Choices) -> Vec<Form> {
    let mut forms = Vec::new();
    of_set::<Scalar>(&mut forms, choices);
    of_set::<Avx2>(&mut forms, choices);
    of_set::<Avx2Exact>(&mut forms, choices);
    of_set::<AvxVnni>(&mut forms, choices);
    of_set::<Avx512>(&mut forms, choices);
    of_set::<Avx512Exact>(&mut forms, choices);
    of_set::<Avx512Vnni>(&mut forms, choices);
    forms
}

/// A tensor laid out with gaps between rows, away from any alignment, ending at its last value.
fn spread<T: Copy>(values: &[T], row: usize, stride: usize, gap: T) -> Vec<T> {
    let mut buffer = vec![gap];
    for (i, row) in values.chunks(row.max(1)).enumerate() {
        buffer.resize(1 + i * stride, gap);
        buffer.extend_from_slice(row);
    }
    buffer
}

/// The rows of a [`spread`] buffer, after a check that nothing else was written.
fn gather<T: Copy + PartialEq + std::fmt::Debug>(
    buffer: &[T],
    len: usize,
    row: usize,
    stride: usize,
    gap: T,
) -> Vec<T> {
    let mut values = Vec::new();
    for (i, &value) in buffer.iter().enumerate() {
        let inside = i > 0 && (i - 1) % stride < row && values.len() < len;
        if inside {
            values.push(value);
        } else {
            assert_eq!(value, gap, "written between rows, at {i}");
        }
    }
    values
}

fn run(kernel: &mut dyn Kernel, problem: &Problem) -> Data {
    const GAP: usize = 3;
    let (shape, dtype) = problem.op.outputs().remove(0);
    let input = &problem.inputs[0];
    let stride = input.row_len() + GAP;
    macro_rules! input_view {
        ($values:expr, $gap:expr, $variant:ident) => {{
            let buffer = spread($values, input.row_len(), stride, $gap);
            let view = View::new(input.shape(), stride, Values::$variant(&buffer[1..]));
            output(kernel, view, &shape, dtype, GAP)
        }};
    }
    match input.data() {
        Data::U8(v) => input_view!(v, 0xee, U8),
        Data::I8(v) => input_view!(v, 0x6e, I8),
        Data::F32(v) => input_view!(v, f32::NAN, F32),
        _ => unreachable!("activations are codes or f32"),
    }
}

fn output(
    kernel: &mut dyn Kernel,
    input: View<'_>,
    shape: &[usize],
    dtype: DType,
    gap: usize,
) -> Data {
    let row = *shape.last().expect("outputs have rows");
    let (stride, len) = (row + gap, shape.iter().product::<usize>());
    macro_rules! run_into {
        ($poison:expr, $variant:ident) => {{
            let mut buffer = spread(&vec![$poison; len], row, stride, $poison);
            let view = ViewMut::new(shape, stride, ValuesMut::$variant(&mut buffer[1..]));
            kernel.run(&[input], &mut [view]);
            Data::$variant(gather(&buffer, len, row, stride, $poison))
        }};
    }
    match dtype {
        DType::U8 => run_into!(0xab, U8),
        DType::I8 => run_into!(-0x55, I8),
        DType::I32 => run_into!(-0x5555_5555, I32),
        DType::F32 => run_into!(-7.25e33, F32),
        DType::F64 => unreachable!("products give no f64"),
    }
}

/// What the reference gives under a profile.
struct Expected {
    profile: &'static Profile,
    values: Data,
    open: Vec<(usize, usize)>,
}

/// Runs `problem` on all `forms`, twice, against the reference under each form's profile.
fn check(forms: &[Form], problem: &Problem, events: &mut Events) {
    let mut references: Vec<Expected> = Vec::new();
    for form in forms {
        if !references.iter().any(|r| r.profile == form.profile) {
            let mut witness = Witness::default();
            let tensors = reference(problem, form.profile, &mut witness)
                .unwrap_or_else(|e| panic!("{e}: {:?}", problem.op));
            events.merge(&witness.events);
            references.push(Expected {
                profile: form.profile,
                values: tensors[0].data().clone(),
                open: witness.open,
            });
        }
        let Expected { values, open, .. } = references
            .iter()
            .find(|r| r.profile == form.profile)
            .expect("just made");
        let mut kernel = (form.prepare)(&problem.op, &problem.constants)
            .unwrap_or_else(|e| panic!("{}: {e}: {:?}", form.name, problem.op));
        for _ in 0..2 {
            let got = run(&mut *kernel, problem);
            if let Some(at) = difference(values, &got, open) {
                panic!(
                    "{}, value {at}: expected {}, got {}: {:?}",
                    form.name,
                    value(values, at),
                    value(&got, at),
                    problem.op
                );
            }
        }
    }
}

fn difference(expected: &Data, got: &Data, open: &[(usize, usize)]) -> Option<usize> {
    let size = expected.dtype().size();
    let (expected, got) = (expected.to_le_bytes(), got.to_le_bytes());
    assert_eq!(expected.len(), got.len());
    (0..expected.len() / size).find(|&at| {
        let bytes = at * size..(at + 1) * size;
        !open.contains(&(0, at)) && expected[bytes.clone()] != got[bytes]
    })
}

fn value(data: &Data, at: usize) -> String {
    match data {
        Data::F32(v) => format!("{:e}", v[at]),
        data => data.code(at).to_string(),
    }
}

/// How operands are drawn.
#[derive(Clone, Copy, PartialEq)]
enum Draw {
    /// all codes alike
    Uniform,
    /// mostly codes at the ends, so that pairs leave i16
    Ends,
}

fn code(rng: &mut ChaCha8Rng, draw: Draw, low: i64, high: i64) -> i64 {
    if draw == Draw::Ends && rng.random_range(0..4) > 0 {
        [low, high][rng.random_range(0..2)]
    } else {
        rng.random_range(low..=high)
    }
}

fn codes(rng: &mut ChaCha8Rng, draw: Draw, dtype: DType, shape: &[usize]) -> Tensor {
    let (low, high) = dtype.code_range().expect("codes");
    let len = shape.iter().product();
    let data = Data::from_codes(dtype, (0..len).map(|_| code(rng, draw, low, high)));
    Tensor::new(shape, data).expect("as many values as the shape holds")
}

fn reals(rng: &mut ChaCha8Rng, range: f32, shape: &[usize]) -> Tensor {
    let len = shape.iter().product();
    let data = Data::F32((0..len).map(|_| rng.random_range(-range..range)).collect());
    Tensor::new(shape, data).expect("as many values as the shape holds")
}

fn quantized(rng: &mut ChaCha8Rng, dtype: DType, scale: f64) -> Quantized {
    let (low, high) = dtype.code_range().expect("codes");
    let zero_point = [low, high, (low + high) / 2, rng.random_range(low..=high)];
    Quantized {
        dtype,
        qparams: QParams {
            scale: scale * f64::from(rng.random_range(0.5f32..2.0)),
            zero_point: zero_point[rng.random_range(0..4)] as i32,
        },
    }
}

fn weight_scales(rng: &mut ChaCha8Rng, columns: usize, per_channel: bool) -> Granularity {
    let mut one = || QParams {
        scale: f64::from(rng.random_range(0.001f32..0.02)),
        zero_point: 0,
    };
    if per_channel {
        Granularity::PerChannel {
            axis: 0,
            qparams: (0..columns).map(|_| one()).collect(),
        }
    } else {
        Granularity::PerTensor(one())
    }
}

fn bias(rng: &mut ChaCha8Rng, kind: BiasKind, columns: usize) -> Option<Tensor> {
    let data = match kind {
        BiasKind::None => return None,
        BiasKind::F32 => return Some(reals(rng, 3.0, &[columns])),
        BiasKind::I32 => (0..columns)
            .map(|_| rng.random_range(-40_000..40_000))
            .collect(),
    };
    Some(Tensor::new([columns], Data::I32(data)).expect("one value a column"))
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())]
}

/// Output, and a bias that goes with it.
fn output_and_bias(rng: &mut ChaCha8Rng, k: usize, float: bool) -> (Output, BiasKind) {
    let scale = 0.02 * (k as f64).sqrt();
    match rng.random_range(0..if float { 5 } else { 4 }) {
        0 => (Output::Sums, pick(rng, &[BiasKind::None, BiasKind::I32])),
        1 => (
            Output::Quantized(quantized(rng, DType::I8, scale)),
            pick(rng, &[BiasKind::None, BiasKind::F32]),
        ),
        4 => (Output::Float, pick(rng, &[BiasKind::None, BiasKind::F32])),
        _ => (
            Output::Quantized(quantized(rng, DType::U8, scale)),
            pick(rng, &[BiasKind::None, BiasKind::F32, BiasKind::I32]),
        ),
    }
}

fn linear_problem(
    rng: &mut ChaCha8Rng,
    (m, n, k): (usize, usize, usize),
    activation: Activation,
    draw: Draw,
) -> Problem {
    let (output, bias_kind) = match activation {
        Activation::Quantized(_) => output_and_bias(rng, k, true),
        _ => (Output::Float, pick(rng, &[BiasKind::None, BiasKind::F32])),
    };
    let per_channel = rng.random();
    let spec = LinearSpec {
        m,
        n,
        k,
        activation,
        weights: weight_scales(rng, n, per_channel),
        bias: bias_kind,
        output,
        relu: rng.random(),
    };
    let input = match activation {
        Activation::Quantized(q) => codes(rng, draw, q.dtype, &[m, k]),
        _ => {
            let range = pick(rng, &[1e-3, 1.0, 50.0]);
            reals(rng, range, &[m, k])
        }
    };
    Problem {
        op: OpSpec::Linear(spec),
        constants: Constants {
            weights: Some(codes(rng, draw, DType::I8, &[n, k])),
            bias: bias(rng, bias_kind, n),
        },
        inputs: vec![input],
    }
}

/// Lengths around 1 and 2 tiles of every instruction set.
const M: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25];
const N: [usize; 17] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 65, 100, 129];
const K: [usize; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64, 127, 130];

#[test]
fn static_linear_gives_the_references_bits() {
    let forms = forms();
    let mut events = Events::default();
    for seed in 0..220 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let at = seed as usize;
        let shape = (M[at % M.len()], N[at % N.len()], K[at % K.len()]);
        let dtype = pick(&mut rng, &[DType::U8, DType::U8, DType::I8]);
        let activation = Activation::Quantized(quantized(&mut rng, dtype, 0.02));
        let draw = pick(&mut rng, &[Draw::Uniform, Draw::Ends]);
        let problem = linear_problem(&mut rng, shape, activation, draw);
        check(&forms, &problem, &mut events);
    }
    for event in [
        Event::PairSaturated,
        Event::MinTimesMin,
        Event::ClampedLow,
        Event::ClampedHigh,
        Event::ReluClamped,
        Event::ZeroPointAtEnd,
    ] {
        assert!(events.count(event) > 0, "no {}", event.key());
    }
}

/// Dynamic and weight-only linears.
fn check_float_linears(forms: &[Form], seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let at = seed as usize;
        let shape = (M[at % M.len()], N[at % N.len()], K[at % K.len()]);
        let reduce_range = rng.random();
        let activation = [Activation::Float, Activation::Dynamic { reduce_range }][at % 2];
        let problem = linear_problem(&mut rng, shape, activation, Draw::Uniform);
        check(forms, &problem, &mut Events::default());
    }
}

#[test]
fn float_linear_gives_the_references_bits() {
    check_float_linears(&forms(), 1000..1160);
}

#[derive(Clone)]
struct Geometry {
    input: Vec<usize>,
    kernel: Vec<usize>,
    stride: Vec<usize>,
    pad: (Vec<usize>, Vec<usize>),
    dilation: Vec<usize>,
}

fn geometry(rng: &mut ChaCha8Rng) -> Geometry {
    let dimensions = pick(rng, &[1, 2, 2, 2, 3]);
    let one = |rng: &mut ChaCha8Rng| {
        let largest = [0, 7, 5, 3][dimensions];
        let kernel = pick(rng, &[1usize, 2, 3, 3, 5, 7]).min(largest);
        let dilation = pick(rng, &[1usize, 1, 2]);
        let window = dilation * (kernel - 1) + 1;
        let pad = (
            rng.random_range(0..=kernel),
            rng.random_range(0..=kernel / 2),
        );
        let spare = rng.random_range(0..[0, 30, 9, 4][dimensions]);
        let input = (window + spare).saturating_sub(pad.0 + pad.1).max(1);
        let missing = window.saturating_sub(input + pad.0 + pad.1);
        (
            input + missing,
            kernel,
            pick(rng, &[1, 1, 2, 3]),
            pad,
            dilation,
        )
    };
    let all: Vec<_> = (0..dimensions).map(|_| one(rng)).collect();
    Geometry {
        input: all.iter().map(|d| d.0).collect(),
        kernel: all.iter().map(|d| d.1).collect(),
        stride: all.iter().map(|d| d.2).collect(),
        pad: (
            all.iter().map(|d| d.3.0).collect(),
            all.iter().map(|d| d.3.1).collect(),
        ),
        dilation: all.iter().map(|d| d.4).collect(),
    }
}

fn conv_problem(
    rng: &mut ChaCha8Rng,
    geometry: Geometry,
    (groups, group_in, group_out): (usize, usize, usize),
    draw: Draw,
) -> Problem {
    let k = geometry.kernel.iter().product::<usize>() * group_in;
    let (output, bias_kind) = output_and_bias(rng, k, false);
    let per_channel = rng.random();
    let dtype = pick(rng, &[DType::U8, DType::U8, DType::I8]);
    let spec = ConvSpec {
        batch: pick(rng, &[1, 1, 2]),
        input: geometry.input,
        in_channels: groups * group_in,
        out_channels: groups * group_out,
        kernel: geometry.kernel,
        stride: geometry.stride,
        pad_begin: geometry.pad.0,
        pad_end: geometry.pad.1,
        dilation: geometry.dilation,
        groups,
        activation: quantized(rng, dtype, 0.02),
        weights: weight_scales(rng, groups * group_out, per_channel),
        bias: bias_kind,
        output,
        relu: rng.random(),
    };
    let mut weights = vec![spec.out_channels];
    weights.extend(&spec.kernel);
    weights.push(group_in);
    let channels = spec.out_channels;
    let op = OpSpec::Conv(spec);
    let (input, _) = op.inputs().remove(0);
    Problem {
        constants: Constants {
            weights: Some(codes(rng, draw, DType::I8, &weights)),
            bias: bias(rng, bias_kind, channels),
        },
        inputs: vec![codes(rng, draw, dtype, &input)],
        op,
    }
}

/// Convolutions of one and of several groups.
fn check_convs(forms: &[Form], seeds: std::ops::Range<u64>, events: &mut Events) {
    for seed in seeds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let channels = match seed % 4 {
            0 => (
                pick(&mut rng, &[2, 3]),
                pick(&mut rng, &[1, 2, 3, 4, 8]),
                pick(&mut rng, &[1, 2, 5, 8, 17]),
            ),
            _ => (
                1,
                pick(&mut rng, &[1, 2, 3, 4, 5, 7, 8, 13, 16]),
                pick(&mut rng, &[1, 3, 8, 9, 16, 17, 33]),
            ),
        };
        let geometry = geometry(&mut rng);
        let draw = pick(&mut rng, &[Draw::Uniform, Draw::Ends]);
        let problem = conv_problem(&mut rng, geometry, channels, draw);
        check(forms, &problem, events);
    }
}

#[test]
fn conv_gives_the_references_bits() {
    let mut events = Events::default();
    check_convs(&forms(), 2000..2200, &mut events);
    for event in [Event::PairSaturated, Event::PaddingTap, Event::MinTimesMin] {
        assert!(events.count(event) > 0, "no {}", event.key());
    }
}

#[test]
fn depthwise_gives_the_references_bits() {
    let forms = forms();
    let mut events = Events::default();
    for seed in 3000..3120 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let channels = pick(&mut rng, &[2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40]);
        let geometry = geometry(&mut rng);
        let draw = pick(&mut rng, &[Draw::Uniform, Draw::Ends]);
        let problem = conv_problem(&mut rng, geometry, (channels, 1, 1), draw);
        check(&forms, &problem, &mut events);
    }
    assert!(events.count(Event::PaddingTap) > 0);
}

#[test]
fn other_choices_of_the_profile_are_followed() {
    let choices: [Choices; 4] = [
        &[("accumulate", "padding", "skipped")],
        &[("requantize", "scaling", "product-then-mul-recip")],
        &[
            ("requantize", "scaling", "product-then-div"),
            ("requantize", "bias_per_channel", "f32-fused-after-scale"),
            ("requantize", "bias_per_tensor", "f32-fused-after-scale"),
        ],
        &[("requantize", "scaling", "stepwise-div")],
    ];
    for (at, choices) in choices.into_iter().enumerate() {
        let first = 4000 + 100 * at as u64;
        check_convs(
            &forms_with(choices),
            first..first + 60,
            &mut Events::default(),
        );
    }
}

#[test]
fn float_outputs_follow_other_choices() {
    let choices: Choices = &[
        ("float_output", "scale", "left-to-right"),
        ("float_output", "bias", "fma"),
        ("float_output", "weight_only", "sequential-mul-add"),
    ];
    let forms = forms_with(choices);
    check_float_linears(&forms, 5000..5060);
}

#[test]
fn weight_zero_points_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let activation = Activation::Quantized(quantized(&mut rng, DType::U8, 0.02));
    let problem = linear_problem(&mut rng, (2, 3, 4), activation, Draw::Uniform);
    let OpSpec::Linear(mut spec) = problem.op else {
        unreachable!("a linear problem");
    };
    spec.weights = Granularity::PerTensor(QParams {
        scale: 0.1,
        zero_point: 1,
    });
    for form in forms() {
        let refusal = (form.prepare)(&OpSpec::Linear(spec.clone()), &problem.constants).err();
        let expected = Refusal::Precondition(Precondition::SymmetricWeights);
        assert_eq!(refusal, Some(expected), "{}", form.name);
    }
}
