//! Operands of every type lie where the layout says, surrounded by poison, and
//! whatever else changes is told with its operand and place.

use qassay_backends::backend::Chosen;

use super::*;
use crate::planted::{dense, write};

/// A kernel made of a closure.
struct Does<F>(F, Chosen);

fn does<F: FnMut(&[View<'_>], &mut [ViewMut<'_>])>(body: F) -> Does<F> {
    let chosen = Chosen {
        micro_kernel: String::new(),
        tile: None,
        fallback: None,
    };
    Does(body, chosen)
}

impl<F: FnMut(&[View<'_>], &mut [ViewMut<'_>]) + Send> Kernel for Does<F> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        (self.0)(inputs, outputs);
    }
    fn chosen(&self) -> &Chosen {
        &self.1
    }
}

const DTYPES: [DType; 5] = [DType::U8, DType::I8, DType::I32, DType::F32, DType::F64];

/// Values that are all different, and no byte of which is poison.
fn tensor(shape: &[usize], dtype: DType) -> Tensor {
    let count = shape.iter().product();
    let codes = (0..count).map(|i| i as i64 % 80);
    let data = match dtype {
        DType::F32 => Data::F32(codes.map(|code| code as f32).collect()),
        DType::F64 => Data::F64(codes.map(|code| code as f64).collect()),
        dtype => Data::from_codes(dtype, codes),
    };
    Tensor::new(shape, data).unwrap()
}

fn placements() -> Vec<Placement> {
    let mut all = Vec::new();
    for place in [Place::Start, Place::End] {
        for (row_gap, offset) in [(0, 0), (0, 1), (1, 0), (5, 3), (64, 17)] {
            all.push(Placement {
                row_gap,
                offset,
                place,
            });
        }
    }
    all
}

/// Where the first value and the byte behind the last one of a view lie.
fn span(view: &View<'_>) -> (usize, usize) {
    macro_rules! of {
        ($values:expr) => {{
            let range = $values.as_ptr_range();
            (range.start as usize, range.end as usize)
        }};
    }
    match view.dtype() {
        DType::U8 => of!(view.u8()),
        DType::I8 => of!(view.i8()),
        DType::I32 => of!(view.i32()),
        DType::F32 => of!(view.f32()),
        DType::F64 => of!(view.f64()),
        other => unreachable!("no view holds {}", other.name()),
    }
}

#[test]
fn operands_of_every_type_are_laid_and_read_back_under_every_layout() {
    let page = region::page::size();
    let mut arena = Arena::new();
    for dtype in DTYPES {
        for placement in placements() {
            for shape in [&[3usize, 4][..], &[7], &[], &[2, 1, 5]] {
                let input = tensor(shape, dtype);
                let layout = Layout {
                    inputs: placement,
                    outputs: placement,
                };
                let about = format!("{dtype:?} {placement:?} {shape:?}");
                let outputs = [(shape.to_vec(), dtype)];
                arena.lay(std::slice::from_ref(&input), &outputs, &layout, POISON[0]);
                let mut seen = None;
                arena.run(&mut does(|inputs, outputs| {
                    let view = &inputs[0];
                    assert_eq!(outputs[0].shape(), view.shape());
                    assert_eq!(outputs[0].row_stride(), view.row_stride());
                    seen = Some((dense(view), view.row_stride(), span(view)));
                    write(&mut outputs[0], &dense(view));
                }));
                let (values, stride, (start, end)) = seen.unwrap();
                assert_eq!(values, input, "{about}");
                assert_eq!(stride, input.row_len() + placement.row_gap, "{about}");
                let offset = placement.offset * dtype.size();
                match placement.place {
                    Place::Start => assert_eq!(start % page, offset, "{about}"),
                    Place::End => assert_eq!((end + offset) % page, 0, "{about}"),
                }
                assert_eq!(start % dtype.size(), 0, "{about}");
                assert_eq!(
                    arena.outputs()[..],
                    std::slice::from_ref(&input)[..],
                    "{about}"
                );
                assert_eq!(arena.check(&[input], POISON[0]), Ok(()), "{about}");
            }
        }
    }
}

/// Every byte within reach that is no input value is poison when a kernel starts.
#[test]
fn gaps_and_surroundings_are_poison() {
    let mut arena = Arena::new();
    // What an earlier case left must not shine through.
    grow(&mut arena.inputs, 1);
    grow(&mut arena.outputs, 1);
    arena.inputs[0].buffer.bytes_mut().fill(0x11);
    arena.outputs[0].buffer.bytes_mut().fill(0x11);
    for dtype in DTYPES {
        for placement in placements() {
            let layout = Layout {
                inputs: placement,
                outputs: placement,
            };
            let input = tensor(&[3, 4], dtype);
            let outputs = [(vec![3, 4], dtype)];
            arena.lay(std::slice::from_ref(&input), &outputs, &layout, POISON[1]);
            let size = dtype.size();
            let stride = (4 + placement.row_gap) * size;
            let extent = 2 * stride + 4 * size;
            for (operand, is_input) in [(&arena.inputs[0], true), (&arena.outputs[0], false)] {
                let len = operand.buffer.len();
                let start = match placement.place {
                    Place::Start => placement.offset * size,
                    Place::End => len - placement.offset * size - extent,
                };
                let reach = start.saturating_sub(1024)..(start + extent + 1024).min(len);
                for at in reach {
                    let inside = (at as isize) - (start as isize);
                    let in_row = (0..extent as isize).contains(&inside)
                        && inside as usize % stride < 4 * size;
                    let byte = operand.buffer.bytes()[at];
                    assert_eq!(
                        byte != POISON[1],
                        in_row && is_input,
                        "{dtype:?} {placement:?}: byte {inside} is {byte:#x}"
                    );
                }
            }
        }
    }
}

/// Lays two inputs and two outputs with room around them, changes one byte, and checks.
fn trespass(output: bool, number: usize, offset: isize) -> Result<(), String> {
    let inputs = [tensor(&[2, 3], DType::U8), tensor(&[4], DType::I32)];
    let outputs = [(vec![2, 3], DType::I8), (vec![4], DType::F32)];
    let placement = Placement {
        row_gap: 2,
        offset: 4,
        place: Place::Start,
    };
    let layout = Layout {
        inputs: placement,
        outputs: placement,
    };
    let mut arena = Arena::new();
    arena.lay(&inputs, &outputs, &layout, POISON[0]);
    let operands = if output {
        &mut arena.outputs
    } else {
        &mut arena.inputs
    };
    let operand = &mut operands[number];
    let at = operand.start.checked_add_signed(offset).unwrap();
    operand.buffer.bytes_mut()[at] ^= 1;
    arena
        .check(&inputs, POISON[0])
        .map_err(|trespass| trespass.to_string())
}

#[test]
fn check_names_the_operand_and_the_place() {
    // Rows of 3 bytes, 5 apart: 8 bytes; then 4 values of 4 bytes: 16 bytes.
    for (output, number, offset, told) in [
        (true, 0, 8, "wrote 1 byte past the end of output 0"),
        (true, 0, -4, "wrote 4 bytes before the start of output 0"),
        (
            true,
            0,
            4,
            "wrote 2 bytes past the end of row 0 of output 0",
        ),
        (true, 1, 18, "wrote 3 bytes past the end of output 1"),
        (true, 1, -16, "wrote 16 bytes before the start of output 1"),
        (false, 0, 8, "wrote 1 byte past the end of input 0"),
        (false, 0, 3, "wrote 1 byte past the end of row 0 of input 0"),
        (false, 0, 7, "wrote over the values in row 1 of input 0"),
        (false, 1, 15, "wrote over the values in row 0 of input 1"),
        (false, 1, -1, "wrote 1 byte before the start of input 1"),
    ] {
        assert_eq!(trespass(output, number, offset), Err(told.to_owned()));
    }
    for offset in [0, 2, 5, 7] {
        assert_eq!(trespass(true, 0, offset), Ok(()), "an output value");
    }
}

/// Where there are no guard pages, sentinels tell.
#[test]
fn sentinels_are_checked_where_there_are_no_guard_pages() {
    let mut arena = Arena::new();
    let sentinels = GuardedBuffer::with_sentinels(4096);
    arena.outputs.push(Operand::new(sentinels));
    let outputs = [(vec![6], DType::U8)];
    let write_past = |by: usize| {
        does(move |_: &[View<'_>], outputs: &mut [ViewMut<'_>]| {
            let values = outputs[0].u8_mut();
            let past = values.as_mut_ptr().wrapping_add(values.len() - 1 + by);
            // SAFETY: at most one byte into the sentinel, which is of the same allocation.
            unsafe { past.write_volatile(7) };
        })
    };
    for (by, told) in [
        (0, Ok(())),
        (
            1,
            Err("wrote into the sentinels around the buffer of output 0"),
        ),
        (0, Ok(())),
    ] {
        arena.lay(&[], &outputs, &Layout::default(), POISON[0]);
        arena.run(&mut write_past(by));
        let checked = arena.check(&[], POISON[0]).map_err(|e| e.to_string());
        assert_eq!(checked, told.map_err(str::to_owned));
    }
}

#[test]
fn tensors_without_values_are_laid_and_read_back() {
    let mut arena = Arena::new();
    for dtype in DTYPES {
        for placement in placements() {
            for shape in [&[0usize][..], &[0, 5], &[5, 0], &[2, 0, 3]] {
                let layout = Layout {
                    inputs: placement,
                    outputs: placement,
                };
                let input = tensor(shape, dtype);
                let outputs = [(shape.to_vec(), dtype)];
                arena.lay(std::slice::from_ref(&input), &outputs, &layout, POISON[0]);
                arena.run(&mut does(|inputs, outputs| {
                    assert_eq!((inputs[0].rows(), outputs[0].rows()), (0, 0));
                    let (start, end) = span(&inputs[0]);
                    assert_eq!(start, end, "{shape:?}");
                }));
                assert_eq!(
                    arena.outputs()[..],
                    std::slice::from_ref(&input)[..],
                    "{shape:?}"
                );
                assert_eq!(arena.check(&[input], POISON[0]), Ok(()), "{shape:?}");
                // Nothing is an output value: any byte counts.
                let operand = &mut arena.outputs[0];
                let at = operand.start.min(operand.buffer.len() - 1);
                operand.buffer.bytes_mut()[at] ^= 1;
                let place = if at == operand.start {
                    "past the end"
                } else {
                    "before the start"
                };
                assert_eq!(
                    arena
                        .check(&[tensor(shape, dtype)], POISON[0])
                        .unwrap_err()
                        .to_string(),
                    format!("wrote 1 byte {place} of output 0")
                );
            }
        }
    }
}

#[test]
fn a_small_case_after_a_larger_one_sees_nothing_of_it() {
    let mut arena = Arena::new();
    let copy = || {
        does(|inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]| {
            for (input, output) in inputs.iter().zip(outputs) {
                write(output, &dense(input));
            }
        })
    };
    let large: Vec<Tensor> = (0..3).map(|_| tensor(&[300, 1000], DType::F64)).collect();
    assert!(large[0].len() * 8 > FIRST_SIZE, "the buffers must grow");
    let small = vec![tensor(&[2, 3], DType::I8)];
    for inputs in [&large, &small, &large, &small] {
        let outputs: Vec<_> = inputs
            .iter()
            .map(|tensor| (tensor.shape().to_vec(), tensor.dtype()))
            .collect();
        arena.lay(inputs, &outputs, &Layout::default(), POISON[0]);
        arena.run(&mut copy());
        assert_eq!(&arena.outputs(), inputs);
        assert_eq!(arena.check(inputs, POISON[0]), Ok(()));
    }
    let operand = &arena.outputs[0];
    let before = &operand.buffer.bytes()[operand.start - SURROUNDINGS..operand.start];
    assert!(before.iter().all(|&byte| byte == POISON[0]));
}

/// What the signal handler is told is where operands really lie.
#[test]
fn watched_addresses_are_those_of_the_views() {
    let mut arena = Arena::new();
    for place in [Place::Start, Place::End] {
        let placement = Placement {
            row_gap: 3,
            offset: 2,
            place,
        };
        let layout = Layout {
            inputs: placement,
            outputs: placement,
        };
        let input = tensor(&[3, 4], DType::I32);
        arena.lay(std::slice::from_ref(&input), &[], &layout, POISON[0]);
        let operand = &arena.inputs[0];
        let watched = operand.watched(false, 0);
        assert_eq!((watched.start, watched.end), span(&operand.view()));
        let bytes = operand.buffer.bytes().as_ptr_range();
        assert_eq!(watched.buffer_start, bytes.start as usize);
        assert_eq!(watched.buffer_end, bytes.end as usize);
    }
}
