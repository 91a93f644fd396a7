//! Memory: tails of every length, bytes past the ends, distances between rows, what was there
//! before, alignment, and threads.

use super::sources::*;
use super::{FBGEMM, ONEDNN, PRODUCTS, Place, QNNPACK, Row, Table};
use crate::mutants::answer::Answer;
use crate::mutants::instruction::{Instruction, Memory, N, Tail};
use crate::mutants::kernels::{self, Dense};
use crate::mutants::subject::Fault;

/// Ops of FBGEMM that store codes by whole vectors of bytes.
const CODES: &[&str] = &["linear", "conv", "depthwise", "quantize", "requantize"];

pub fn add(table: &mut Table) {
    tails(table);
    ends(table);
    rows(table);
    state(table);
}

/// A tail that is one short, for each length that a tail may have.
fn tails(table: &mut Table) {
    for length in 1..4 * N {
        let name = format!("store-short-{length}");
        let sentence = format!("of a tail of {length} bytes the last is not stored");
        table.instruction(
            &name,
            &[(FBGEMM, CODES)],
            &sentence,
            Some(TAIL_UNWRITTEN),
            Instruction::Tail(Tail::StoreBytes, length),
        );
    }
    for length in 1..=N {
        let name = format!("store-codes-short-{length}");
        let sentence = format!("of {length} codes in a vector the last is not stored");
        let places: &[Place] = &[(ONEDNN, PRODUCTS), (QNNPACK, PRODUCTS)];
        table.instruction(
            &name,
            places,
            &sentence,
            Some(TAIL_DROPPED),
            Instruction::Tail(Tail::StoreLowBytes, length),
        );
    }
    for length in 1..N {
        let name = format!("store-floats-short-{length}");
        let sentence = format!("of a tail of {length} f32 the last is not stored");
        table.instruction(
            &name,
            &[(FBGEMM, &["dequantize", "linear-dynamic"])],
            &sentence,
            Some(TAIL_DROPPED),
            Instruction::Tail(Tail::StoreFloats, length),
        );
        let name = format!("load-floats-short-{length}");
        let sentence = format!("of a tail of {length} f32 the last is not loaded");
        table.instruction(
            &name,
            &[(FBGEMM, &["quantize", "linear-dynamic"])],
            &sentence,
            None,
            Instruction::Tail(Tail::LoadFloats, length),
        );
        let name = format!("load-codes-short-{length}");
        let sentence = format!("of a tail of {length} codes the last is not loaded");
        table.instruction(
            &name,
            &[(FBGEMM, &["dequantize"]), (QNNPACK, &["add", "avg-pool"])],
            &sentence,
            None,
            Instruction::Tail(Tail::LoadCodes, length),
        );
    }
    for length in [1, 2, 3, 5, 8, 13, 16, 17, 24, 31] {
        let name = format!("load-short-{length}");
        let sentence = format!("of a tail of {length} bytes the last is not loaded");
        table.instruction(
            &name,
            &[
                (FBGEMM, &["depthwise"]),
                (QNNPACK, &["relu", "clamp", "max-pool"]),
            ],
            &sentence,
            None,
            Instruction::Tail(Tail::LoadBytes, length),
        );
    }
    // Rows of the widest tile, one short for each rest.
    for rest in 0..6 {
        let name = format!("rows-short-{rest}");
        let sentence = format!("where rows leave {rest} of 6, the last row is not written");
        let places: &[Place] = &[
            (FBGEMM, &["linear"]),
            (ONEDNN, &["linear"]),
            (QNNPACK, &["linear"]),
        ];
        table.row(&name, places, &sentence, Some(TAIL_UNWRITTEN), || {
            after(move |answer| {
                let rows = answer.rows();
                if rows > 0 && rows % 6 == rest {
                    for column in 0..answer.columns() {
                        answer.unwrite(rows - 1, column);
                    }
                }
            })
        });
    }
}

fn after(spoil: impl Fn(&mut Answer<'_, '_>) + Send + Sync + 'static) -> Fault {
    Fault::After(Box::new(spoil))
}

/// Bytes past the ends of operands.
fn ends(table: &mut Table) {
    let rows: &[Row<'_, Memory>] = &[
        (
            "load-byte-more",
            Memory::LoadsByteMore,
            &[(FBGEMM, &["depthwise"]), (QNNPACK, &["relu", "max-pool"])],
            "a partial load reads one byte past its end",
            Some(READS_PAST_END_OF_POOLS),
        ),
        (
            "load-float-more",
            Memory::LoadsFloatMore,
            &[(FBGEMM, &["quantize"])],
            "a partial load reads one f32 past its end",
            Some(READS_PAST_END),
        ),
        (
            "load-code-more",
            Memory::LoadsCodeMore,
            &[(FBGEMM, &["dequantize"]), (QNNPACK, &["add"])],
            "a partial load reads one code past its end",
            Some(READS_PAST_END),
        ),
        (
            "store-byte-more",
            Memory::StoresByteMore,
            &[(FBGEMM, CODES), (QNNPACK, &["relu", "max-pool"])],
            "a partial store writes one byte past its end",
            None,
        ),
        (
            "store-float-more",
            Memory::StoresFloatMore,
            &[(FBGEMM, &["dequantize"])],
            "a partial store writes one f32 past its end",
            None,
        ),
        (
            "store-all-lanes",
            Memory::StoresAllLowBytes,
            &[(ONEDNN, PRODUCTS), (QNNPACK, PRODUCTS)],
            "whole vectors of codes are stored where a row ends",
            None,
        ),
    ];
    for &(name, fault, places, sentence, source) in rows {
        table.instruction(name, places, sentence, source, Instruction::Memory(fault));
    }
    let some: &[Place] = &[
        (FBGEMM, &["linear"]),
        (ONEDNN, &["conv"]),
        (QNNPACK, &["add"]),
    ];
    table.row(
        "writes-past-end",
        some,
        "one byte past the end of the output is changed",
        None,
        || after(|answer| answer.flip_outside(0)),
    );
    table.row(
        "writes-before-start",
        some,
        "one byte in front of the output is changed",
        None,
        || after(|answer| answer.flip_outside(-1)),
    );
    table.row(
        "writes-far-past-end",
        some,
        "a byte 31 past the end of the output is changed",
        None,
        || after(|answer| answer.flip_outside(31)),
    );
    table.row(
        "reads-past-end",
        some,
        "one byte past the end of the input is read",
        Some(READS_PAST_END),
        || after(|answer| answer.read_outside(true)),
    );
    table.row(
        "reads-before-start",
        some,
        "one byte in front of the input is read",
        None,
        || after(|answer| answer.read_outside(false)),
    );
    table.row(
        "last-unwritten",
        some,
        "the last value is not written",
        Some(TAIL_UNWRITTEN),
        || {
            after(|answer| {
                if let (Some(row), Some(column)) = (
                    answer.rows().checked_sub(1),
                    answer.columns().checked_sub(1),
                ) {
                    answer.unwrite(row, column);
                }
            })
        },
    );
    table.row(
        "first-unwritten",
        some,
        "the first value is not written",
        None,
        || {
            after(|answer| {
                if answer.rows() > 0 && answer.columns() > 0 {
                    answer.unwrite(0, 0);
                }
            })
        },
    );
    table.row(
        "gaps-written",
        &[(FBGEMM, &["linear"]), (QNNPACK, &["add"])],
        "the byte behind the first row is changed, be it of a gap or of the next row",
        None,
        || after(|answer| answer.flip_behind_first_row()),
    );
}

/// Distances between rows.
fn rows(table: &mut Table) {
    let some: &[Place] = &[
        (FBGEMM, &["linear", "quantize"]),
        (ONEDNN, &["linear", "conv"]),
        (QNNPACK, &["linear", "add"]),
    ];
    table.row(
        "input-stride-ignored",
        some,
        "rows of the input are read as if there were no gaps between them",
        Some(STRIDES_OF_MEMORY),
        || Fault::Instead(kernels::ignoring_stride(Dense::Inputs)),
    );
    table.row(
        "output-stride-ignored",
        some,
        "rows of the output are written as if there were no gaps between them",
        Some(STRIDES_OF_MEMORY),
        || Fault::Instead(kernels::ignoring_stride(Dense::Outputs)),
    );
}

/// What was there before, and where operands lie.
fn state(table: &mut Table) {
    let some: &[Place] = &[(FBGEMM, &["linear"]), (QNNPACK, &["add"])];
    table.row(
        "unaligned-input",
        some,
        "the last value is wrong where the input does not start at a multiple of 16 bytes",
        None,
        || {
            after(|answer| {
                if !answer.input_address().is_multiple_of(16) {
                    answer.flip_last();
                }
            })
        },
    );
    table.row(
        "aligned-input",
        some,
        "the last value is wrong where the input starts at a multiple of 64 bytes",
        None,
        || {
            after(|answer| {
                if answer.input_address().is_multiple_of(64) {
                    answer.flip_last();
                }
            })
        },
    );
    table.row(
        "unaligned-output",
        some,
        "the last value is wrong where the output does not start at a multiple of 4 bytes",
        None,
        || {
            after(|answer| {
                if !answer.output_address().is_multiple_of(4) {
                    answer.flip_last();
                }
            })
        },
    );
    table.row(
        "second-run-differs",
        some,
        "the last value is wrong from the second run on",
        None,
        || {
            after(|answer| {
                if answer.times > 0 {
                    answer.flip_last();
                }
            })
        },
    );
    table.row(
        "sums-kept",
        &[(FBGEMM, &["linear"]), (ONEDNN, &["conv"])],
        "sums of the run before are not cleared",
        None,
        || Fault::Instead(kernels::sums_kept()),
    );
    for threads in [2, 3] {
        let name = format!("split-among-{threads}");
        let sentence = format!("{threads} threads sum a part of k each, and their sums are added");
        table.row(
            &name,
            &[
                (FBGEMM, &["linear-weight-only"]),
                (ONEDNN, &["linear-weight-only"]),
            ],
            &sentence,
            Some(THREADS),
            || Fault::Instead(kernels::split_along_k(threads)),
        );
    }
}
