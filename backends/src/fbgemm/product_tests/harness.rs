//! Runs a problem on every instruction set, native and modelled, and compares
//! with the reference bit for bit; rows lie apart and what lies between is watched.

use crate::backend::{Kernel, Refusal};
use crate::fbgemm::{conv, linear};
use crate::isa::{
    Avx2, Avx2Exact, Avx512, Avx512Exact, Avx512Vnni, AvxVnni, InstructionSet, Isa, Neon, NeonDot,
    NeonI8mm, Scalar,
};
use crate::view::{Values, ValuesMut, View, ViewMut};
use qassay_golden::profile::{Profile, named};
use qassay_golden::spec::{Constants, OpSpec, Problem};
use qassay_golden::tensor::{DType, Data};
use qassay_golden::witness::{Event, Witness};

type Prepare = fn(&Profile, &OpSpec, &Constants) -> Option<Result<Box<dyn Kernel>, Refusal>>;

pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    op: &OpSpec,
    constants: &Constants,
) -> Result<Box<dyn Kernel>, Refusal> {
    match op {
        OpSpec::Linear(spec) => linear::prepare(isa, profile, spec, constants),
        OpSpec::Conv(spec) => conv::prepare(isa, profile, spec, constants),
        _ => unreachable!("only products are tested here"),
    }
}

/// The instruction set's own form, where this CPU has it, then the modelled one.
fn forms<S: InstructionSet>() -> [Prepare; 2] {
    [
        |profile, op, constants| S::native().map(|isa| prepare(isa, profile, op, constants)),
        |profile, op, constants| Some(prepare(S::model(), profile, op, constants)),
    ]
}

fn backends() -> Vec<(&'static str, &'static str, [Prepare; 2])> {
    vec![
        ("scalar", "fbgemm-scalar", forms::<Scalar>()),
        ("avx2", "fbgemm", forms::<Avx2>()),
        ("avx2", "fbgemm-acc16", forms::<Avx2>()),
        ("avx2-exact", "fbgemm-exact", forms::<Avx2Exact>()),
        ("avxvnni", "fbgemm-exact", forms::<AvxVnni>()),
        ("avx512", "fbgemm", forms::<Avx512>()),
        ("avx512", "fbgemm-acc16", forms::<Avx512>()),
        ("avx512-exact", "fbgemm-exact", forms::<Avx512Exact>()),
        ("avx512vnni", "fbgemm-exact", forms::<Avx512Vnni>()),
        ("neon", "fbgemm-neon", forms::<Neon>()),
        ("neondot", "fbgemm-neon", forms::<NeonDot>()),
        ("neoni8mm", "fbgemm-neon", forms::<NeonI8mm>()),
    ]
}

/// Runs `problem` on every backend, with rows `gap` values apart, and compares with the
/// reference. Gives how many saturated pairs the data had under `fbgemm`.
pub fn check(problem: &Problem, gap: usize) -> u64 {
    let mut saturated = 0;
    for (isa, profile_name, forms) in backends() {
        let profile = &named::find(profile_name).unwrap().profile;
        let mut witness = Witness::default();
        let expected = qassay_golden::ops::reference(problem, profile, &mut witness)
            .unwrap_or_else(|error| panic!("{error}: {:?}", problem.op));
        if profile_name == "fbgemm" {
            saturated = witness.events.count(Event::PairSaturated);
        }
        assert!(
            witness.open.is_empty(),
            "fbgemm's profiles leave nothing open here"
        );
        for (form, prepare) in ["native", "modelled"].iter().zip(forms) {
            let Some(kernel) = prepare(profile, &problem.op, &problem.constants) else {
                continue;
            };
            let mut kernel = kernel.unwrap_or_else(|error| panic!("{error}: {:?}", problem.op));
            for _ in 0..2 {
                let got = run(&mut *kernel, problem, gap);
                assert_eq!(
                    got,
                    bits(expected[0].data()),
                    "{isa} {form} as {profile_name}, chose {:?}, {:?}",
                    kernel.chosen(),
                    problem.op
                );
            }
        }
    }
    saturated
}

fn bits(data: &Data) -> Vec<u32> {
    match data {
        Data::F32(values) => values.iter().map(|x| x.to_bits()).collect(),
        codes => (0..codes.len()).map(|i| codes.code(i) as u32).collect(),
    }
}

/// Rows `gap` values apart; the gaps hold `filler`.
fn spread<T: Copy>(values: &[T], row: usize, gap: usize, filler: T) -> Vec<T> {
    let mut spread = Vec::new();
    for (index, row) in values.chunks_exact(row.max(1)).enumerate() {
        if index > 0 {
            spread.extend(vec![filler; gap]);
        }
        spread.extend_from_slice(row);
    }
    spread
}

fn run(kernel: &mut dyn Kernel, problem: &Problem, gap: usize) -> Vec<u32> {
    let input = &problem.inputs[0];
    let row = input.row_len();
    let (codes, floats);
    let values = match input.data() {
        Data::U8(data) => {
            codes = spread(data, row, gap, 77);
            Values::U8(&codes)
        }
        Data::F32(data) => {
            floats = spread(data, row, gap, f32::NAN);
            Values::F32(&floats)
        }
        _ => unreachable!(),
    };
    let view = View::new(input.shape(), row + gap, values);
    let (shape, dtype) = problem.op.outputs().remove(0);
    let columns = *shape.last().unwrap();
    let rows: usize = shape[..shape.len() - 1].iter().product();
    let len = if rows * columns == 0 {
        0
    } else {
        (rows - 1) * (columns + gap) + columns
    };
    macro_rules! collect {
        ($variant:ident, $poison:expr, $bits:expr) => {{
            let mut buffer = vec![$poison; len];
            let target = ValuesMut::$variant(&mut buffer);
            kernel.run(&[view], &mut [ViewMut::new(&shape, columns + gap, target)]);
            let mut got = Vec::new();
            for (index, &value) in buffer.iter().enumerate() {
                if index % (columns + gap) < columns {
                    got.push($bits(value));
                } else {
                    assert_eq!($bits(value), $bits($poison), "wrote between rows");
                }
            }
            got
        }};
    }
    match dtype {
        DType::U8 => collect!(U8, 0xa5u8, u32::from),
        DType::I8 => collect!(I8, -91i8, |x: i8| i64::from(x) as u32),
        DType::I32 => collect!(I32, 0x5a5a_5a5ai32, |x: i32| x as u32),
        _ => collect!(F32, -1.5e30f32, f32::to_bits),
    }
}
