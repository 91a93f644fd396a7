//! Every backend of the registry, native where this CPU can and modelled,
//! against the reference under the profile that it declares: bits of every
//! output, nothing written between rows, no allocation in `run`.

mod problems;
mod strided;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;

use qassay_backends::backend::{Backend, Precondition, Refusal};
use qassay_backends::{registry, view};
use qassay_golden::ops::reference;
use qassay_golden::profile::named;
use qassay_golden::spec::{Constants, DequantizeSpec, Granularity, OpSpec, QParams, QuantizeSpec};
use qassay_golden::tensor::{DType, Data, Tensor};
use qassay_golden::witness::Witness;

use strided::Buffer;

/// Counts what the current thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending may have no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn both_forms(entry: &registry::Entry) -> Vec<Box<dyn Backend>> {
    let mut forms = vec![entry.modelled()];
    forms.extend(entry.native());
    forms
}

/// The bits of a tensor, value by value, for comparison and messages.
fn bits(tensor: &Tensor) -> Vec<(u64, String)> {
    match tensor.data() {
        Data::U8(v) => v.iter().map(|x| (u64::from(*x), x.to_string())).collect(),
        Data::I8(v) => v.iter().map(|x| (*x as u64, x.to_string())).collect(),
        Data::I32(v) => v.iter().map(|x| (*x as u64, x.to_string())).collect(),
        // A NaN is a NaN, whatever its payload.
        Data::F32(v) => (v.iter())
            .map(|x| {
                let bits = if x.is_nan() { f32::NAN } else { *x }.to_bits();
                (u64::from(bits), format!("{x:e}"))
            })
            .collect(),
        Data::F64(v) => v.iter().map(|x| (x.to_bits(), format!("{x:e}"))).collect(),
        other => panic!("no kernel gives {}", other.dtype().name()),
    }
}

#[test]
fn names_are_unique_and_profiles_known() {
    let mut names = BTreeSet::new();
    for entry in registry::entries() {
        let declaration = entry.declaration;
        assert!(names.insert(declaration.name), "{} twice", declaration.name);
        assert!(
            declaration.name.starts_with(declaration.family)
                && declaration.name.contains(declaration.isa),
            "{}: named after its family and instruction set",
            declaration.name
        );
        assert!(
            named::find(declaration.profile).is_some(),
            "{}: profile {}",
            declaration.name,
            declaration.profile
        );
        for backend in both_forms(&entry) {
            assert_eq!(backend.declaration().name, declaration.name);
        }
    }
    assert!(names.len() >= 16);
}

#[test]
fn every_backend_gives_the_bits_of_its_profile_without_allocating() {
    let mut compared = std::collections::BTreeMap::<(String, String), u64>::new();
    for entry in registry::entries() {
        let profile = entry.profile();
        for backend in both_forms(&entry) {
            let who = format!(
                "{} ({})",
                entry.declaration.name,
                backend.execution().name()
            );
            for (name, problem) in problems::all() {
                let prepared = Refusal::of_inputs(entry.declaration, &problem.op, &problem.inputs)
                    .and_then(|()| backend.prepare(&problem.op, &problem.constants));
                let mut kernel = match prepared {
                    Ok(kernel) => kernel,
                    Err(Refusal::Unsupported(_) | Refusal::Precondition(_)) => continue,
                    Err(other @ Refusal::OwnPrecondition(_)) => panic!("{other}"),
                };
                let mut witness = Witness::default();
                let expected = reference(&problem, profile, &mut witness)
                    .unwrap_or_else(|e| panic!("{who}, {name}: the reference: {e}"));
                for gap in [0, 3] {
                    let inputs: Vec<Buffer> = (problem.inputs.iter())
                        .map(|t| Buffer::of(t, gap))
                        .collect();
                    let mut outputs: Vec<Buffer> = (problem.op.outputs().into_iter())
                        .map(|(shape, dtype)| Buffer::poisoned(shape, dtype, gap))
                        .collect();
                    let views: Vec<_> = inputs.iter().map(Buffer::view).collect();
                    let mut views_mut: Vec<_> = outputs.iter_mut().map(Buffer::view_mut).collect();
                    let before = ALLOCATIONS.with(Cell::get);
                    kernel.run(&views, &mut views_mut);
                    let allocated = ALLOCATIONS.with(Cell::get) - before;
                    assert_eq!(allocated, 0, "{who}, {name}: run allocates");
                    drop(views_mut);
                    for (number, (output, expected)) in outputs.iter().zip(&expected).enumerate() {
                        assert!(
                            output.gaps_are_poisoned(),
                            "{who}, {name}: wrote between rows"
                        );
                        let got = output.tensor();
                        let op = name.split('/').next().unwrap_or_default().to_owned();
                        *compared.entry((who.clone(), op)).or_default() += got.len() as u64;
                        assert_eq!(got.shape(), expected.shape(), "{who}, {name}");
                        let pairs = bits(&got).into_iter().zip(bits(expected));
                        for (index, (got, expected)) in pairs.enumerate() {
                            if witness.open.binary_search(&(number, index)).is_ok() {
                                continue;
                            }
                            assert_eq!(
                                got, expected,
                                "{who}, {name}, gap {gap}, output {number}, element {index}: \
                                 got, expected"
                            );
                        }
                    }
                }
            }
        }
    }
    for entry in registry::entries() {
        for backend in both_forms(&entry) {
            let who = format!(
                "{} ({})",
                entry.declaration.name,
                backend.execution().name()
            );
            let mut ops = vec!["quantize", "dequantize", "requantize", "linear", "conv"];
            match entry.declaration.family {
                "fbgemm" => ops.push("observe"),
                "qnnpack" => ops.extend([
                    "add", "relu", "clamp", "sigmoid", "tanh", "avg_pool", "max_pool",
                ]),
                _ => {}
            }
            // Golden convolutions have codes of all 8 bits; suites have others for it.
            let reduced = Precondition::ReducedActivations;
            if entry.declaration.preconditions.contains(&reduced) {
                ops.retain(|&op| op != "conv");
            }
            for op in ops {
                let values = compared
                    .get(&(who.clone(), op.to_string()))
                    .copied()
                    .unwrap_or(0);
                assert!(values > 1000, "{who}: {values} values of {op} compared");
            }
        }
    }
}

#[test]
fn every_backend_refuses_types_that_no_kernel_has() {
    let constants = Constants::default();
    for dtype in DType::ALL.into_iter().filter(|&d| !view::holds(d)) {
        let granularity = Granularity::PerTensor(QParams {
            scale: 1.0,
            zero_point: 0,
        });
        let ops = [
            OpSpec::Quantize(QuantizeSpec {
                shape: vec![4],
                dtype,
                granularity: granularity.clone(),
                range: None,
            }),
            OpSpec::Dequantize(DequantizeSpec {
                shape: vec![4],
                dtype,
                granularity,
            }),
        ];
        for entry in registry::entries() {
            for backend in both_forms(&entry) {
                for op in &ops {
                    let refused = backend.prepare(op, &constants);
                    assert!(
                        matches!(refused, Err(Refusal::Unsupported(_))),
                        "{}: {}",
                        entry.declaration.name,
                        dtype.name()
                    );
                }
            }
        }
    }
}

/// Large outputs are written past the caches, by other stores.
#[test]
fn large_outputs_hold_the_same_values_as_small_ones() {
    let qparams = QParams {
        scale: 0.37,
        zero_point: 113,
    };
    let granularity = Granularity::PerTensor(qparams);
    let dequantize = |shape| {
        OpSpec::Dequantize(DequantizeSpec {
            shape,
            dtype: DType::U8,
            granularity: granularity.clone(),
        })
    };
    let quantize = |shape| {
        OpSpec::Quantize(QuantizeSpec {
            shape,
            dtype: DType::I8,
            granularity: granularity.clone(),
            range: None,
        })
    };
    // Three rows each: a length that is no multiple of a vector, so that no two start alike.
    let (codes, values) = ([3, 699_213], [3, 2_796_219]);
    let cases = [
        (dequantize(codes.to_vec()), dequantize(vec![codes[1]])),
        (quantize(values.to_vec()), quantize(vec![values[1]])),
    ];
    let mut compared = 0;
    for name in ["fbgemm/avx2", "fbgemm/avx512", "onednn/avx2", "fbgemm/neon"] {
        let entries = registry::entries();
        let entry = (entries.iter()).find(|entry| entry.declaration.name == name);
        let Some(backend) = entry.and_then(registry::Entry::native) else {
            continue;
        };
        for (large, small) in &cases {
            let (shape, dtype) = large.inputs().remove(0);
            let data = |row: usize| {
                let place = |i: usize| (i * 7 + row * 31) % 1009;
                let len = shape[1];
                match dtype {
                    DType::U8 => Data::U8((0..len).map(|i| place(i) as u8).collect()),
                    _ => Data::F32((0..len).map(|i| place(i) as f32 * 0.11 - 50.0).collect()),
                }
            };
            let run = |op: &OpSpec, input: Tensor| {
                let mut kernel = (backend.prepare(op, &Constants::default()))
                    .unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
                let input = Buffer::of(&input, 1);
                let (shape, dtype) = op.outputs().remove(0);
                let mut output = Buffer::poisoned(shape, dtype, 1);
                kernel.run(&[input.view()], &mut [output.view_mut()]);
                assert!(output.gaps_are_poisoned(), "{name}: wrote between rows");
                output.tensor().data().to_le_bytes()
            };
            let rows: Vec<Data> = (0..3).map(data).collect();
            let all = match &rows[..] {
                [Data::U8(a), Data::U8(b), Data::U8(c)] => Data::U8([&a[..], b, c].concat()),
                [Data::F32(a), Data::F32(b), Data::F32(c)] => Data::F32([&a[..], b, c].concat()),
                _ => unreachable!("made above"),
            };
            let got = run(large, Tensor::new(shape.clone(), all).unwrap());
            let expected: Vec<u8> = (rows.into_iter())
                .flat_map(|row| run(small, Tensor::new([shape[1]], row).unwrap()))
                .collect();
            assert!(got == expected, "{name}: {large:?}");
            compared += got.len();
        }
    }
    assert!(compared > 8 << 20 || !cfg!(target_arch = "x86_64"));
}
