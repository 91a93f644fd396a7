//! Every form of a family's backends, and how a problem is run on it: rows apart and
//! close, unaligned, outputs poisoned, against the reference.

use qassay_golden::ops::reference;
use qassay_golden::profile::{AxisName, Profile, named};
use qassay_golden::spec::Problem;
use qassay_golden::tensor::{DType, Data};
use qassay_golden::witness::{Events, Witness};

use qassay_backends::backend::{Backend, Execution, Kernel, Precondition, Refusal};
use qassay_backends::view::{Values, ValuesMut, View, ViewMut};
use qassay_backends::{registry, threads};

/// A backend in one of its forms, under a profile.
pub struct Form {
    pub name: String,
    pub profile: &'static Profile,
    pub backend: Box<dyn Backend>,
}

/// Choices on axes (stage, axis, key) that differ from the declared profile's.
pub type Choices = &'static [(&'static str, &'static str, &'static str)];

/// The profile called `name` with some other choices.
pub fn profile(name: &str, choices: Choices) -> &'static Profile {
    let named = named::find(name).expect("a named profile").profile;
    let profile = choices.iter().fold(named, |profile, &(stage, field, key)| {
        let choice = profile.with(AxisName { stage, field }, key);
        choice.expect("a choice on an axis")
    });
    Box::leak(Box::new(profile))
}

/// The backends whose family and declared profile are those, native where this CPU can
/// and modelled; each under the profile that `under` gives for its declared one.
pub fn forms(
    family: &str,
    declared: &[&str],
    under: impl Fn(&str) -> &'static Profile,
) -> Vec<Form> {
    let mut forms = Vec::new();
    for entry in registry::entries() {
        let declaration = entry.declaration;
        if declaration.family != family || !declared.contains(&declaration.profile) {
            continue;
        }
        let profile = under(declaration.profile);
        let mut add = |backend: Box<dyn Backend>| {
            let execution = backend.execution().name();
            forms.push(Form {
                name: format!("{} {execution}", declaration.name),
                profile,
                backend,
            });
        };
        add(entry.modelled_under(profile));
        if let Some(native) = entry.native_under(profile) {
            add(native);
        }
    }
    assert!(!forms.is_empty(), "no backend of {family} as {declared:?}");
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

fn run(kernel: &mut dyn Kernel, problem: &Problem, gap: usize) -> Data {
    let (shape, dtype) = problem.op.outputs().remove(0);
    let buffers: Vec<Data> = (problem.inputs.iter())
        .map(|input| {
            let (row, stride) = (input.row_len(), input.row_len() + gap);
            match input.data() {
                Data::U8(v) => Data::U8(spread(v, row, stride, 0xee)),
                Data::I8(v) => Data::I8(spread(v, row, stride, 0x6e)),
                Data::I32(v) => Data::I32(spread(v, row, stride, 0x6e6e_6e6e)),
                Data::F32(v) => Data::F32(spread(v, row, stride, f32::NAN)),
                Data::F64(v) => Data::F64(spread(v, row, stride, f64::NAN)),
                other => panic!("no kernel takes {}", other.dtype().name()),
            }
        })
        .collect();
    let views: Vec<_> = (problem.inputs.iter().zip(&buffers))
        .map(|(input, buffer)| {
            let values = match buffer {
                Data::U8(v) => Values::U8(&v[1..]),
                Data::I8(v) => Values::I8(&v[1..]),
                Data::I32(v) => Values::I32(&v[1..]),
                Data::F32(v) => Values::F32(&v[1..]),
                Data::F64(v) => Values::F64(&v[1..]),
                other => panic!("no kernel takes {}", other.dtype().name()),
            };
            View::new(input.shape(), input.row_len() + gap, values)
        })
        .collect();
    output(kernel, &views, &shape, dtype, gap)
}

fn output(
    kernel: &mut dyn Kernel,
    inputs: &[View<'_>],
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
            kernel.run(inputs, &mut [view]);
            Data::$variant(gather(&buffer, len, row, stride, $poison))
        }};
    }
    match dtype {
        DType::U8 => run_into!(0xab, U8),
        DType::I8 => run_into!(-0x55, I8),
        DType::I32 => run_into!(-0x5555_5555, I32),
        DType::F32 => run_into!(-7.25e33, F32),
        other => panic!("no product gives {}", other.name()),
    }
}

/// What the reference gives under a profile.
struct Expected {
    profile: &'static Profile,
    values: Data,
    open: Vec<(usize, usize)>,
}

/// Runs `problem` on all `forms`, twice, against the reference under each form's profile.
/// Gives how many values the profiles leave open: they are not compared.
pub fn check(forms: &[Form], problem: &Problem, events: &mut Events) -> usize {
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
        let backend = &form.backend;
        let prepare = || {
            Refusal::of_inputs(backend.declaration(), &problem.op, &problem.inputs)?;
            backend.prepare(&problem.op, &problem.constants)
        };
        // The same bits whatever the number of threads.
        let numbers: &[usize] = match backend.execution() {
            Execution::Native => &[1, 3],
            Execution::Modelled => &[1],
        };
        for &number in numbers {
            let mut kernel = match threads::with(number, prepare) {
                Ok(kernel) => kernel,
                Err(Refusal::Precondition(Precondition::ReducedActivations)) => continue,
                Err(e) => panic!("{}: {e}: {:?}", form.name, problem.op),
            };
            for gap in [3, 0] {
                let got = run(&mut *kernel, problem, gap);
                if let Some(at) = difference(values, &got, open) {
                    panic!(
                        "{}, {number} threads, value {at}, rows {gap} apart: expected {}, got {}: {:?}",
                        form.name,
                        value(values, at),
                        value(&got, at),
                        problem.op
                    );
                }
            }
        }
    }
    references.iter().map(|expected| expected.open.len()).sum()
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
