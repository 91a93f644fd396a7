//! Linear with weights kept in half precision, summed in the order of FBGEMM's kernels.
//!
//! Sources: PyTorch `native/quantized/cpu/fbgemm_utils.cpp` (HandleWeightsSaturation) and
//! `qlinear_dynamic.cpp` (PackedLinearWeightFp16::apply_dynamic); FBGEMM
//! `include/fbgemm/FbgemmFPCommon.h` (cblas_gemm_compute), `src/FbgemmFPCommon.cc`
//! (partition_avx2), `src/FbgemmFP16UKernelsAvx2.cc`.

use super::quantize_rows::half;
use super::{ReferenceError, check};
use crate::profile::{HalfSums, Profile};
use crate::spec::{BiasKind, Constants, LinearHalfSpec};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// Rows that are given to kernels together.
const ROWS: usize = 120;
/// Values of k that are summed before the sum is stored.
const BLOCK: usize = 512;
/// Columns of a block of packed weights; what is left over is summed apart.
const COLUMNS: usize = 16;

/// x · half(w) + bias.
///
/// # Errors
/// When constants do not fit, or the profile has no such op.
pub(crate) fn linear_half(
    spec: &LinearHalfSpec,
    constants: &Constants,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    if profile.float_output.half_weights == HalfSums::Undefined {
        return Err(ReferenceError::Undefined(
            "linear with weights of half precision is not defined by this profile".into(),
        ));
    }
    let (Data::F32(x), (m, n, k)) = (input.data(), (spec.m, spec.n, spec.k)) else {
        unreachable!("inputs were checked to be f32");
    };
    let weights = check::reals_of("weights", constants.weights.as_ref(), &[n, k])?;
    let bias = match spec.bias {
        BiasKind::None => None,
        BiasKind::F32 => Some(check::reals("bias", constants.bias.as_ref(), n)?),
        BiasKind::I32 => {
            return Err(ReferenceError::Undefined(
                "linear with weights of half precision has an f32 bias or none".into(),
            ));
        }
    };
    let weights: Vec<f32> = (weights.iter())
        .map(|w| half(w.clamp(-65_504.0, 65_504.0)))
        .collect();
    let whole = n / COLUMNS * COLUMNS;
    let mut values = Vec::with_capacity(m * n);
    for (row, sums) in rows_at_once(m).into_iter().enumerate() {
        for column in 0..n {
            let x = &x[row * k..][..k];
            let w = &weights[column * k..][..k];
            let blocks = x.chunks(BLOCK).zip(w.chunks(BLOCK));
            let sum = blocks.enumerate().fold(0.0, |before, (block, (x, w))| {
                match block {
                    0 => dot(sums, None, x, w),
                    // Left-over columns are summed in memory of their own, then added.
                    _ if column >= whole => before + dot(sums, None, x, w),
                    _ => dot(sums, Some(before), x, w),
                }
            });
            let value = bias.map_or(sum, |bias| sum + bias[column]);
            witness.step(None, f64::from(value));
            values.push(value);
        }
    }
    Ok(Tensor::new([m, n], Data::F32(values)).expect("one value per row and column"))
}

/// How many sums run side by side in each of `m` rows: kernels of one row have four, of two
/// rows two, of more rows one.
fn rows_at_once(m: usize) -> Vec<usize> {
    let mut sums = Vec::with_capacity(m);
    while sums.len() < m {
        for (rows, times) in partition((m - sums.len()).min(ROWS)) {
            let side_by_side = match rows {
                1 => 4,
                2 => 2,
                _ => 1,
            };
            sums.extend(std::iter::repeat_n(side_by_side, rows * times));
        }
    }
    sums
}

/// Into which kernels (rows, how often) FBGEMM cuts `m` rows: sixes and what is left, but for
/// small m as it measured.
fn partition(m: usize) -> [(usize, usize); 2] {
    match m {
        7 => [(5, 1), (2, 1)],
        8 => [(4, 2), (0, 0)],
        9 => [(5, 1), (4, 1)],
        10 | 15 | 20 | 25 => [(5, m / 5), (0, 0)],
        13 => [(5, 2), (3, 1)],
        19 => [(5, 3), (4, 1)],
        21 | 26 => [(5, m / 5 - 1), (6, 1)],
        _ => [(6, m / 6), (m % 6, 1)],
    }
}

/// One block of k, from `before` or from nothing. The first value goes to the first sum; then
/// each four go to the sums in turn, as long as more than four are left, and the rest goes to
/// the first sum again.
fn dot(sums: usize, before: Option<f32>, x: &[f32], w: &[f32]) -> f32 {
    let mut side = [0.0f32; 4];
    let first = x[0] * w[0];
    side[0] = before.map_or(first, |before| x[0].mul_add(w[0], before));
    let mut k = 1;
    while x.len() - k > 4 {
        for step in 0..4 {
            let sum = &mut side[step % sums];
            *sum = x[k + step].mul_add(w[k + step], *sum);
        }
        k += 4;
    }
    for k in k..x.len() {
        side[0] = x[k].mul_add(w[k], side[0]);
    }
    if x.len() == 1 {
        return side[0];
    }
    (1..sums).fold(side[0], |sum, s| sum + side[s])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_cover_all_rows() {
        for m in 1..=ROWS {
            let cut = partition(m);
            assert_eq!(cut[0].0 * cut[0].1 + cut[1].0 * cut[1].1, m, "{m}: {cut:?}");
        }
        assert_eq!(rows_at_once(7), [1, 1, 1, 1, 1, 2, 2]);
        assert_eq!(rows_at_once(121)[119..], [1, 4]);
        assert_eq!(rows_at_once(31)[29..], [1, 4]);
    }

    #[test]
    fn sums_side_by_side_round_apart() {
        // 2^24 + 1 is no f32: one sum drops the ones, others keep them.
        let big = 16_777_216.0;
        let x = [big, 0.0, 1.0, 0.0, 1.0, 0.0];
        let w = [1.0; 6];
        assert_eq!(dot(1, None, &x, &w), big);
        assert_eq!(dot(2, None, &x, &w), big + 2.0);
        assert_eq!(dot(4, None, &x, &w), big);
        assert_eq!(dot(1, Some(-big), &x, &w), 2.0);
    }
}
