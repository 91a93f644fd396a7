//! The loops around the micro-kernel: rows of outputs, blocks of output
//! channels, tiles. What linear and convolution share; a linear is a
//! convolution of one kernel position over `m` pixels.

use qassay_golden::profile::{
    AccumulateRule, Accumulation, Outliers, PaddingTap, SignedActivation,
};
use qassay_golden::spec::{Constants, QParams};
use qassay_golden::tensor::{DType, Data};

use super::brgemm::{self, MAX_TILE, Product};
use super::destination::Destination;
use super::epilogue::{Epilogue, Sums};
use super::weights::{BlockedWeights, Form, WeightShape, block_vectors};
use super::window::{Stretch, Tap, Window, stretches};
use crate::backend::{Chosen, Refusal};
use crate::isa::{Dot4, Isa};

/// How many bytes of activations are used again and again while blocks of weights pass by.
const CACHED_BYTES: usize = 128 * 1024;

/// A product of channels with blocked weights, prepared.
#[derive(Debug)]
pub struct Direct {
    window: Window,
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
    taps: Vec<Tap>,
    stretches: Vec<Stretch>,
    sums: Vec<i32>,
    /// compensation of rows of which taps were skipped
    border: Vec<i32>,
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
    /// Puts the parts together; `groups` and `epilogue` are of the same output channels.
    pub fn new(
        window: Window,
        padding_rule: PaddingTap,
        groups: Vec<BlockedWeights>,
        group_columns: usize,
        epilogue: Epilogue,
        activation: (DType, QParams),
    ) -> Self {
        let (dtype, qparams) = activation;
        let k = groups.first().map_or(0, BlockedWeights::k);
        let mut direct = Self {
            taps: Vec::with_capacity(window.taps()),
            stretches: Vec::with_capacity(window.taps()),
            window,
            padding_rule,
            groups,
            group_columns,
            signed: dtype == DType::I8,
            padding: vec![qparams.zero_point as u8; k],
            zero_point: 0,
            sums: vec![0; MAX_TILE],
            border: epilogue.compensation().to_vec(),
            epilogue,
        };
        direct.set_activation(qparams);
        direct
    }

    /// Sets the activations' scale and zero point; does not allocate.
    pub fn set_activation(&mut self, activation: QParams) {
        self.epilogue.set_activation(activation);
        self.zero_point = self.epilogue.zero_point(activation);
        self.padding.fill(activation.zero_point as u8);
    }

    /// What a record says of this product.
    pub fn chosen<I: Isa>(&self) -> Chosen {
        let form = self.groups.first().map_or(Form::Bytes, |g| g.form());
        let (mr, nr) = (
            brgemm::max_rows::<I>(form),
            block_vectors(I::LANES) * I::LANES,
        );
        let codes = if self.signed { "s8" } else { "u8" };
        let (multiply, kc) = match form {
            Form::Bytes => ("dot4", self.groups.first().map_or(0, |g| g.k())),
            Form::Widened => ("madd", self.groups.first().map_or(0, |g| g.k())),
            Form::ByDepth => ("smlal", self.groups.first().map_or(0, |g| g.k())),
        };
        Chosen {
            micro_kernel: format!("brgemm-{codes}s8-i32-{multiply}-{mr}x{nr}"),
            tile: Some((mr, nr, kc)),
            fallback: None,
        }
    }

    /// Computes all outputs; does not allocate.
    pub fn run<I: Isa>(&mut self, isa: I, codes: Codes<'_>, mut output: Destination<'_>) {
        let Self {
            window,
            padding_rule,
            groups,
            group_columns,
            epilogue,
            signed,
            padding,
            zero_point,
            taps,
            stretches: together,
            sums,
            border,
        } = self;
        let row_stride = window.step() * codes.stride;
        window.for_each_row(*padding_rule, taps, |row, taps| {
            let skipping = row.at_border && *padding_rule == PaddingTap::Skipped;
            if skipping {
                border_compensation(border, epilogue, groups, taps, *zero_point);
            }
            let compensation = if skipping {
                &border[..]
            } else {
                epilogue.compensation()
            };
            for (group, weights) in groups.iter().enumerate() {
                let k = weights.k();
                stretches(taps, k == codes.stride && k.is_multiple_of(4), together);
                let max_rows = brgemm::max_rows::<I>(weights.form());
                let chunk = cached_rows(taps.len() * k, max_rows);
                for first in (0..row.len).step_by(chunk) {
                    let end = (first + chunk).min(row.len);
                    for index in 0..weights.blocks() {
                        let block = weights.block(index);
                        let product = Product {
                            codes: codes.bytes,
                            padding,
                            signed: *signed,
                            pixel_stride: codes.stride,
                            row_stride,
                            channel: group * k,
                            k,
                            taps: together,
                            block,
                            form: weights.form(),
                        };
                        for tile in (first..end).step_by(max_rows) {
                            let rows = max_rows.min(end - tile);
                            brgemm::multiply(isa, &product, tile, rows, sums);
                            let tile = Sums {
                                sums,
                                stride: block.vectors * I::LANES,
                                rows,
                                first_output: row.first_output + tile,
                                first_column: group * *group_columns + block.first_column,
                                columns: block.columns,
                                compensation,
                            };
                            epilogue.store(isa, tile, &mut output);
                        }
                    }
                }
            }
        });
    }
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
