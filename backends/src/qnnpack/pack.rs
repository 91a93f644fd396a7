//! Packed weights: blocks of `nr` output columns, each with its biases first,
//! zero points of activations and weights folded into them:
//! `bias + K·izp·kzp − izp·Σw`, which is `bias − izp·Σ(w − kzp)`.
//!
//! Source: QNNPACK `src/qnnpack/pack.h` (pytorch_pack_q8gemm_w,
//! pytorch_pack_q8conv_w). Weights are u8 there; s8 ones are moved by +128, and
//! their zero points with them.

use std::ops::Range;

use qassay_golden::spec::{Constants, Granularity};
use qassay_golden::tensor::Data;

use super::form::Form;
use crate::backend::Refusal;
use crate::rows;

/// Weight codes as u8, and their zero points on that scale.
#[derive(Debug)]
pub struct WeightCodes {
    /// `[columns][k]`
    pub codes: Vec<u8>,
    /// one for each column
    pub zero_points: Vec<u8>,
}

impl WeightCodes {
    /// The weights of an op with `columns` output columns of `k` weights.
    ///
    /// # Errors
    /// When weights are missing, of another type or number, or their parameters do not fit.
    pub fn new(
        constants: &Constants,
        granularity: &Granularity,
        columns: usize,
        k: usize,
    ) -> Result<Self, Refusal> {
        let refuse = |message: String| Err(Refusal::Unsupported(message));
        let (codes, middle): (Vec<u8>, _) = match constants.weights.as_ref().map(|w| w.data()) {
            Some(Data::I8(codes)) => (codes.iter().map(|&w| w as u8 ^ 0x80).collect(), 128),
            Some(Data::U8(codes)) => (codes.clone(), 0),
            Some(other) => {
                return refuse(format!(
                    "weights are {}, not s8 or u8",
                    other.dtype().name()
                ));
            }
            None => return refuse("weights are missing".into()),
        };
        if codes.len() != columns * k {
            return refuse(format!(
                "{} weights for {columns} columns of {k}",
                codes.len()
            ));
        }
        if let Granularity::PerChannel { axis, qparams } = granularity
            && (*axis != 0 || qparams.len() != columns)
        {
            return refuse(format!(
                "{} weight scales along axis {axis}; {columns} along axis 0 are right",
                qparams.len()
            ));
        }
        for qparams in rows::all_qparams(granularity) {
            if u8::try_from(qparams.zero_point + middle).is_err() {
                return refuse(format!(
                    "a weight zero point of {}, which is no weight code",
                    qparams.zero_point
                ));
            }
        }
        Ok(Self {
            codes,
            zero_points: (0..columns)
                .map(|column| (granularity.channel(column).zero_point + middle) as u8)
                .collect(),
        })
    }

    /// Columns `first..first + columns` of `k` weights each.
    pub fn part(&self, first: usize, columns: usize, k: usize) -> Columns<'_> {
        Columns {
            codes: &self.codes[first * k..][..columns * k],
            zero_points: &self.zero_points[first..][..columns],
        }
    }
}

/// Some columns of [`WeightCodes`].
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    codes: &'a [u8],
    zero_points: &'a [u8],
}

/// The weights of one group, packed.
#[derive(Debug)]
pub struct PackedWeights {
    /// blocks: `nr` biases, then `[tap][group of k]` of `group·nr` bytes
    bytes: Vec<u8>,
    block_bytes: usize,
    /// `nr` values a block, laid out as the form wants zero points
    zero_points: Vec<i32>,
    symmetric: bool,
    columns: usize,
    nr: usize,
    bias: Vec<i32>,
    /// Σ(w − kzp) of each column
    fold: Vec<i32>,
}

/// A block of packed weights.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// biases and weights
    pub bytes: &'a [u8],
    /// zero points, `nr` values
    pub zero_points: &'a [i32],
    /// first column
    pub column: usize,
    /// columns that it has; the rest of `nr` is filling
    pub columns: usize,
}

impl PackedWeights {
    /// Packs columns of `[taps][k]` weights in blocks of `nr`, with a bias for each.
    pub fn new(
        columns: Columns<'_>,
        taps: usize,
        k: usize,
        bias: &[i32],
        form: Form,
        nr: usize,
    ) -> Self {
        let count = columns.zero_points.len();
        let blocks = count.div_ceil(nr);
        let (length, groups) = (form.group(), k.div_ceil(form.group()));
        let block_bytes = nr * (4 + taps * groups * length);
        let mut bytes = vec![0; blocks * block_bytes];
        let mut zero_points = vec![0; blocks * nr];
        for column in 0..count {
            let zero_point = columns.zero_points[column];
            let (block, lane) = (column / nr, column % nr);
            form.place_zero_point(&mut zero_points[block * nr..][..nr], lane, zero_point);
            let weights = &mut bytes[block * block_bytes..][4 * nr..block_bytes];
            for tap in 0..taps {
                for at in 0..length * groups {
                    // Past the last channel stands the zero point, so that nothing is multiplied.
                    let code = if at < k {
                        columns.codes[(column * taps + tap) * k + at]
                    } else {
                        zero_point
                    };
                    let group = (tap * groups + at / length) * length * nr;
                    weights[group + form.place(nr, lane, at % length)] = form.weight(code);
                }
            }
        }
        let fold = (0..count)
            .map(|column| {
                let codes = &columns.codes[column * taps * k..][..taps * k];
                let zero_point = i32::from(columns.zero_points[column]);
                (codes.iter()).fold(0i32, |sum, &w| sum.wrapping_add(i32::from(w) - zero_point))
            })
            .collect();
        let mut packed = Self {
            bytes,
            block_bytes,
            zero_points,
            symmetric: columns.zero_points.iter().all(|&z| z == 128),
            columns: count,
            nr,
            bias: bias.to_vec(),
            fold,
        };
        packed.set_input_zero_point(0);
        packed
    }

    /// Folds the zero point of the activations, as they are multiplied, into the biases; does not allocate.
    pub fn set_input_zero_point(&mut self, zero_point: i32) {
        for (column, (&bias, &fold)) in self.bias.iter().zip(&self.fold).enumerate() {
            let folded = bias.wrapping_sub(zero_point.wrapping_mul(fold));
            let at = column / self.nr * self.block_bytes + 4 * (column % self.nr);
            self.bytes[at..][..4].copy_from_slice(&folded.to_ne_bytes());
        }
    }

    /// Whether the s8 form of every zero point is 0.
    pub fn is_symmetric(&self) -> bool {
        self.symmetric
    }

    /// The blocks of `columns`, which start at a block and end at one or with the last column.
    pub fn blocks_of(&self, columns: &Range<usize>) -> impl Iterator<Item = Block<'_>> {
        (columns.start / self.nr..columns.end.div_ceil(self.nr)).map(|index| self.block(index))
    }

    /// Block `index`.
    fn block(&self, index: usize) -> Block<'_> {
        let column = index * self.nr;
        Block {
            bytes: &self.bytes[index * self.block_bytes..][..self.block_bytes],
            zero_points: &self.zero_points[column..][..self.nr],
            column,
            columns: (self.columns - column).min(self.nr),
        }
    }
}
