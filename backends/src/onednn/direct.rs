//! The loops around the micro-kernel: rows of outputs, blocks of output
//! channels, tiles. What linear and convolution share; a linear is a
//! convolution of one kernel position over `m` pixels.

use std::ops::Range;

use qassay_golden::profile::{
    AccumulateRule, Accumulation, Outliers, PaddingTap, SignedActivation,
};
use qassay_golden::spec::{Constants, QParams};
use qassay_golden::tensor::{DType, Data};

use super::brgemm::{self, MAX_TILE, Product, Starts};
use super::epilogue::Epilogue;
use super::lines::Lines;
use super::outputs::Sums;
use super::weights::{BlockedWeights, Form, WeightShape, block_vectors};
use super::window::{Stretch, Tap, Window, stretches};
use crate::backend::{Chosen, Refusal};
use crate::isa::{Dot4, Isa};
use crate::threads::{self, Grid, Output, Part};

/// How many bytes of activations are used again and again while blocks of weights pass by.
const CACHED_BYTES: usize = 128 * 1024;

/// A product of channels with blocked weights, prepared.
#[derive(Debug)]
pub struct Direct {
    shared: Shared,
    workers: Vec<Worker>,
}

/// What all threads read.
#[derive(Debug)]
struct Shared {
    window: Window,
    /// where the image is read by lines of the kernel
    lines: Option<Box<Lines>>,
    padding_rule: PaddingTap,
    groups: Vec<BlockedWeights>,
    /// output channels of a group
    group_columns: usize,
    epilogue: Epilogue,
    signed: bool,
    /// the zero point, once for each channel of a group
    padding: Vec<u8>,
    /// the zero point of the codes as multiplied
    zero_point: i32,
}

/// What a thread works in.
#[derive(Debug)]
struct Worker {
    taps: Vec<Tap>,
    stretches: Vec<Stretch>,
    sums: Vec<i32>,
    /// compensation of rows of which taps were skipped
    border: Vec<i32>,
    /// lines of the image
    room: Vec<u8>,
}

/// Activations in memory.
#[derive(Debug, Clone, Copy)]
pub struct Codes<'a> {
    /// the codes' bytes
    pub bytes: &'a [u8],
    /// bytes between pixels
    pub stride: usize,
}

/// How a product is summed on this instruction set.
///
/// # Errors
/// When the instruction set cannot sum as the rule says.
pub fn form<I: Isa>(accumulation: Accumulation, shape: WeightShape) -> Result<Form, Refusal> {
    let refuse = |why: &str| Err(Refusal::Unsupported(why.to_owned()));
    match (accumulation, I::DOT4) {
        (Accumulation::Exact, _) => Ok(brgemm::exact_form::<I>()),
        (Accumulation::PairsI16, _) if shape.taps > 1 && !shape.k.is_multiple_of(2) => {
            refuse("pairs of products do not run across kernel positions in this family")
        }
        (Accumulation::PairsI16InHalves, _)
            if (257..768).contains(&shape.k) && !matches!(shape.k % 4, 0 | 3) =>
        {
            refuse("pairs run through all of k in this family")
        }
        (
            Accumulation::PairsI16 | Accumulation::PairsI16PerTap | Accumulation::PairsI16InHalves,
            Dot4::SaturatingPairs,
        ) => Ok(Form::Bytes),
        (
            Accumulation::PairsI16 | Accumulation::PairsI16PerTap | Accumulation::PairsI16InHalves,
            Dot4::Exact,
        ) => refuse("this instruction set sums pairs exactly"),
        (Accumulation::PairsI16InDepthwiseKernels | Accumulation::PairsI16PerTapInFours, _) => {
            refuse("saturating pairs in some convolutions only")
        }
        (Accumulation::SumsI16Spill128 | Accumulation::SumsI16Spill256, _) => {
            refuse("this family keeps no sums in i16")
        }
    }
}

/// What is added to each code before it is multiplied: 128 for s8, 0 for u8; 128 less where the
/// instruction multiplies s8 codes alone.
///
/// # Errors
/// When `dtype` is no 8-bit type, or the profile sums products of signed codes in another way.
pub fn shift<I: Isa>(dtype: DType, rule: &AccumulateRule, exact: bool) -> Result<i32, Refusal> {
    let unsupported = |message: String| Err(Refusal::Unsupported(message));
    if rule.outliers != Outliers::Kept {
        return unsupported("this family splits off no outliers".into());
    }
    match dtype {
        DType::U8 => Ok(-I::DOT_SHIFT),
        DType::I8 if exact || rule.signed_activation == SignedActivation::Shifted128 => {
            Ok(128 - I::DOT_SHIFT)
        }
        DType::I8 => {
            unsupported("signed codes are multiplied shifted by 128, by weights as they are".into())
        }
        other => unsupported(format!("activations of type {}", other.name())),
    }
}

/// The s8 codes of the weights.
///
/// # Errors
/// When they are missing or are not `len` s8 codes.
pub fn weight_codes(constants: &Constants, len: usize) -> Result<&[i8], Refusal> {
    match constants.weights.as_ref().map(|weights| weights.data()) {
        Some(Data::I8(codes)) if codes.len() == len => Ok(codes),
        Some(other) => Err(Refusal::Unsupported(format!(
            "weights are {} values of type {}, not {len} of type s8",
            other.len(),
            other.dtype().name()
        ))),
        None => Err(Refusal::Unsupported("weights are missing".into())),
    }
}

impl Direct {
    /// Puts the parts together; `groups` and `epilogue` are of the same output channels. With
    /// `lines`, which are of the activations' zero point, there is one group, whose taps are lines
    /// of the kernel.
    pub fn new(
        window: Window,
        lines: Option<Box<Lines>>,
        padding_rule: PaddingTap,
        groups: Vec<BlockedWeights>,
        group_columns: usize,
        epilogue: Epilogue,
        activation: (DType, QParams),
    ) -> Self {
        let (dtype, qparams) = activation;
        let k = groups.first().map_or(0, BlockedWeights::k);
        let worker = || Worker {
            taps: Vec::with_capacity(window.taps()),
            stretches: Vec::with_capacity(window.taps()),
            sums: vec![0; MAX_TILE],
            border: epilogue.compensation().to_vec(),
            room: lines.as_ref().map_or(Vec::new(), |lines| lines.room()),
        };
        let workers = (0..threads::allowed()).map(|_| worker()).collect();
        let mut direct = Self {
            shared: Shared {
                window,
                lines,
                padding_rule,
                groups,
                group_columns,
                epilogue,
                signed: dtype == DType::I8,
                padding: vec![qparams.zero_point as u8; k],
                zero_point: 0,
            },
            workers,
        };
        direct.set_activation(qparams);
        direct
    }

    /// Sets the activations' scale and zero point; does not allocate.
    pub fn set_activation(&mut self, activation: QParams) {
        let shared = &mut self.shared;
        shared.epilogue.set_activation(activation);
        shared.zero_point = shared.epilogue.zero_point(activation);
        shared.padding.fill(activation.zero_point as u8);
    }

    /// What a record says of this product.
    pub fn chosen<I: Isa>(&self) -> Chosen {
        let group = self.shared.groups.first();
        let form = group.map_or(Form::Bytes, |g| g.form());
        let (mr, nr) = (
            brgemm::max_rows::<I>(form),
            block_vectors(I::LANES) * I::LANES,
        );
        let codes = if self.shared.signed { "s8" } else { "u8" };
        let multiply = match form {
            Form::Bytes => "dot4",
            Form::Widened => "madd",
            Form::ByDepth => "smlal",
        };
        let lines = if self.shared.lines.is_some() {
            "-lines"
        } else {
            ""
        };
        Chosen {
            micro_kernel: format!("brgemm-{codes}s8-i32-{multiply}-{mr}x{nr}{lines}"),
            tile: Some((mr, nr, group.map_or(0, |g| g.k()))),
            fallback: None,
        }
    }

    /// Computes all outputs; on one thread it does not allocate.
    pub fn run<I: Isa>(&mut self, isa: I, codes: Codes<'_>, output: Output<'_>) {
        let Self { shared, workers } = self;
        let Some(group) = shared.groups.first() else {
            return;
        };
        let max_rows = brgemm::max_rows::<I>(group.form());
        let grid = Grid {
            rows: shared.window.outputs(),
            row_step: shared.window.split_step(max_rows, workers.len()),
            columns: group.columns(),
            column_step: block_vectors(I::LANES) * I::LANES,
        };
        // SAFETY: `compute` writes its part alone.
        unsafe {
            threads::each_part(workers, grid, &output, |worker, part, output| {
                shared.compute(isa, worker, part, codes, output);
            });
        }
    }
}

impl Shared {
    /// Computes one part of the output: positions, and channels of each group.
    fn compute<I: Isa>(
        &self,
        isa: I,
        worker: &mut Worker,
        part: Part,
        codes: Codes<'_>,
        mut output: Output<'_>,
    ) {
        if let Some(lines) = &self.lines {
            for band in lines.bands(part.rows) {
                lines.copy(&band, codes, &mut worker.room);
                let operands = Operands {
                    codes: &worker.room,
                    pixel_stride: lines.stride(),
                    rows: Starts::At(lines.starts()),
                    channel: 0,
                    k: lines.k(),
                    taps: lines.taps(),
                };
                let place = Place {
                    rows: band.rows,
                    first_output: band.outputs.start,
                    group: 0,
                    columns: &part.columns,
                    compensation: self.epilogue.compensation(),
                };
                self.rows(isa, operands, place, &mut worker.sums, &mut output);
            }
            return;
        }
        let Worker {
            taps,
            stretches: together,
            sums,
            border,
            ..
        } = worker;
        let row_stride = self.window.step() * codes.stride;
        let rule = self.padding_rule;
        self.window
            .for_each_row(part.rows, rule, taps, |row, taps| {
                let skipping = row.at_border && rule == PaddingTap::Skipped;
                if skipping {
                    border_compensation(
                        border,
                        &self.epilogue,
                        &self.groups,
                        taps,
                        self.zero_point,
                    );
                }
                let compensation = if skipping {
                    &border[..]
                } else {
                    self.epilogue.compensation()
                };
                for (group, weights) in self.groups.iter().enumerate() {
                    let k = weights.k();
                    stretches(taps, k == codes.stride && k.is_multiple_of(4), together);
                    let max_rows = brgemm::max_rows::<I>(weights.form());
                    let chunk = cached_rows(taps.len() * k, max_rows);
                    for first in (0..row.len).step_by(chunk) {
                        let operands = Operands {
                            codes: codes.bytes,
                            pixel_stride: codes.stride,
                            rows: Starts::Apart(row_stride),
                            channel: group * k,
                            k,
                            taps: together,
                        };
                        let place = Place {
                            rows: first..(first + chunk).min(row.len),
                            first_output: row.first_output + first,
                            group,
                            columns: &part.columns,
                            compensation,
                        };
                        self.rows(isa, operands, place, sums, &mut output);
                    }
                }
            });
    }

    /// Computes some rows of outputs of a group.
    fn rows<I: Isa>(
        &self,
        isa: I,
        operands: Operands<'_>,
        place: Place<'_>,
        sums: &mut [i32],
        output: &mut Output<'_>,
    ) {
        let weights = &self.groups[place.group];
        let max_rows = brgemm::max_rows::<I>(weights.form());
        for block in weights.blocks_of(place.columns) {
            let first_column = place.group * self.group_columns + block.first_column;
            let written = if block.columns == 4 * I::LANES {
                let (rows, first) = (place.rows.clone(), place.first_output);
                (self.epilogue).written::<I>(place.compensation, rows, first, first_column, output)
            } else {
                None
            };
            let product = Product {
                codes: operands.codes,
                padding: &self.padding,
                signed: self.signed,
                pixel_stride: operands.pixel_stride,
                rows: operands.rows,
                channel: operands.channel,
                k: operands.k,
                taps: operands.taps,
                block,
                form: weights.form(),
                written,
            };
            for first in place.rows.clone().step_by(max_rows) {
                let rows = max_rows.min(place.rows.end - first);
                brgemm::multiply(isa, &product, first, rows, sums);
                if product.written.is_some() {
                    continue;
                }
                let tile = Sums {
                    sums,
                    stride: block.vectors * I::LANES,
                    rows,
                    first_output: place.first_output + first - place.rows.start,
                    first_column,
                    columns: block.columns,
                    compensation: place.compensation,
                };
                self.epilogue.store(isa, tile, output);
            }
        }
    }
}

/// What some rows of outputs are made of, besides weights: see [`Product`].
struct Operands<'a> {
    codes: &'a [u8],
    pixel_stride: usize,
    rows: Starts<'a>,
    channel: usize,
    k: usize,
    taps: &'a [Stretch],
}

/// Some rows of outputs.
struct Place<'a> {
    /// their numbers among the operands' rows
    rows: Range<usize>,
    /// the position of the first
    first_output: usize,
    group: usize,
    /// columns of the group
    columns: &'a Range<usize>,
    compensation: &'a [i32],
}

/// How many rows are used with every block of weights before the next rows come.
fn cached_rows(row_bytes: usize, max_rows: usize) -> usize {
    (CACHED_BYTES / row_bytes.max(1))
        .max(1)
        .next_multiple_of(max_rows)
}

/// The compensation of outputs of which only `taps` take part: the zero point's share of the
/// other taps is taken back.
fn border_compensation(
    border: &mut [i32],
    epilogue: &Epilogue,
    groups: &[BlockedWeights],
    taps: &[Tap],
    zero_point: i32,
) {
    border.copy_from_slice(epilogue.compensation());
    let mut column = 0;
    for weights in groups {
        let mut present = taps.iter().map(|tap| tap.index).peekable();
        for tap in 0..weights.taps() {
            if present.next_if_eq(&tap).is_some() {
                continue;
            }
            let sums = weights.tap_sums(tap);
            for (to, &sum) in border[column..][..sums.len()].iter_mut().zip(sums) {
                *to = to.wrapping_add(zero_point.wrapping_mul(sum));
            }
        }
        column += weights.columns();
    }
}
