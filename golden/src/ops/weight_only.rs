//! Weight-only linear: f32 activations times dequantized weights, summed under
//! a [`FloatAccumulation`](crate::profile::FloatAccumulation).
//!
//! k ascends in one chain of operations, or in several side by side that are added at the end.
//! A kernel that sums in another order has another profile; none of the captured systems
//! documents its order. That of `side-by-side` was found on the logits of the networks in
//! captures models/digits-cnn-torch (16 rows shared out among threads, 10 columns, k = 128). It
//! is that of PyTorch 2.15 wherever MKL_CBWR=COMPATIBLE forbids AVX and one thread has 2 to 7
//! rows, 2 columns or more, and whole steps of k; with 8 rows or more, or one, MKL sums otherwise.

use super::ReferenceError;
use super::dequantize::dequantize_value;
use super::product::{Product, f32_at, relu_f32};
use crate::profile::{FloatAccumulation, Profile};
use crate::spec::{LinearSpec, Output};
use crate::tensor::Data;
use crate::witness::Witness;

/// The output of a weight-only linear for `[m, k]` activations.
///
/// # Errors
/// When the output is not f32 or the bias is not f32.
pub(crate) fn weight_only(
    spec: &LinearSpec,
    product: &Product<'_>,
    activations: &[f32],
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Data, ReferenceError> {
    if spec.output != Output::Float {
        return Err(ReferenceError::Undefined(
            "linear on f32 activations gives f32, no codes or sums".into(),
        ));
    }
    let bias = match product.bias {
        Some(Data::I32(_)) => {
            return Err(ReferenceError::Undefined(
                "linear on f32 activations has no step for an s32 bias; use f32 or none".into(),
            ));
        }
        bias => bias,
    };
    let form = profile.dequantize.body;
    let weights: Vec<Vec<f32>> = (0..spec.n)
        .map(|n| {
            let qparams = product.granularity.channel(n);
            (product.weights_of(n).iter())
                .map(|&code| dequantize_value(form, product.weight_type, i64::from(code), qparams))
                .collect()
        })
        .collect();
    let accumulation = profile.float_output.weight_only;
    let sums = side_by_side(accumulation, spec.n, spec.k)?;
    let mut values = Vec::with_capacity(spec.m * spec.n);
    for m in 0..spec.m {
        let x = &activations[m * spec.k..][..spec.k];
        for (n, w) in weights.iter().enumerate() {
            let bias = bias.map(|bias| f32_at(bias, n));
            let value = dot(accumulation, sums[n], x, w, bias);
            witness.step(None, f64::from(value));
            values.push(relu_f32(value, spec.relu, witness));
        }
    }
    Ok(Data::F32(values))
}

/// How many sums run side by side in each of `columns` columns.
///
/// # Errors
/// Where it is not known for so many columns, or such a `k`.
pub(super) fn side_by_side(
    accumulation: FloatAccumulation,
    columns: usize,
    k: usize,
) -> Result<Vec<usize>, ReferenceError> {
    if accumulation != FloatAccumulation::SideBySide {
        return Ok(vec![1; columns]);
    }
    let whole = columns / COLUMNS * COLUMNS;
    let sums = |column| if column < whole { COLUMNS } else { MOST_SUMS };
    let sums: Vec<usize> = (0..columns).map(sums).collect();
    if columns < 2 || !sums.iter().all(|&sums| k.is_multiple_of(sums)) {
        return Err(ReferenceError::Undefined(format!(
            "sums side by side are known for 2 columns or more and k in fours (in eights where \
             columns are not in fours), not for {columns} columns and k = {k}"
        )));
    }
    Ok(sums)
}

/// Columns that are summed together where sums run side by side; also their sums.
const COLUMNS: usize = 4;
/// The sums of a column that is left over.
const MOST_SUMS: usize = 8;

/// Σ x · w, with the bias where there is one; `sums` of them side by side.
pub(super) fn dot(
    accumulation: FloatAccumulation,
    sums: usize,
    x: &[f32],
    w: &[f32],
    bias: Option<f32>,
) -> f32 {
    let pairs = x.iter().zip(w);
    let single = |sum: f32| bias.map_or(sum, |bias| sum + bias);
    match accumulation {
        FloatAccumulation::SequentialMulAdd => single(pairs.fold(0.0, |sum, (x, w)| sum + x * w)),
        FloatAccumulation::SequentialFma => {
            single(pairs.fold(0.0, |sum, (x, &w)| x.mul_add(w, sum)))
        }
        FloatAccumulation::FmaFromBias => {
            pairs.fold(bias.unwrap_or(0.0), |sum, (x, &w)| x.mul_add(w, sum))
        }
        FloatAccumulation::SideBySide => {
            let mut side = [0.0f32; MOST_SUMS];
            for (k, (x, w)) in pairs.enumerate() {
                side[k % sums] += x * w;
            }
            let mut left = sums;
            while left > 1 {
                left /= 2;
                for at in 0..left {
                    side[at] += side[at + left];
                }
            }
            single(side[0])
        }
        FloatAccumulation::F64 => {
            let sum = pairs.fold(0.0, |sum, (&x, &w)| sum + f64::from(x) * f64::from(w));
            (sum + bias.map_or(0.0, f64::from)) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accumulation_rounds_where_it_says() {
        // x·x = 1 + 2^-11 + 2^-24 needs 25 bits.
        let x = 1.0 + 1.0 / 4096.0;
        let (a, b) = ([-1.0 - 1.0 / 2048.0, x], [1.0, x]);
        assert_eq!(
            dot(FloatAccumulation::SequentialMulAdd, 1, &a, &b, None),
            0.0
        );
        let rest = 1.0 / 16_777_216.0;
        assert_eq!(dot(FloatAccumulation::SequentialFma, 1, &a, &b, None), rest);
        assert_eq!(dot(FloatAccumulation::F64, 1, &a, &b, None), rest);
        // A bias of 1 swallows the rest when it is added in f32 …
        assert_eq!(
            dot(FloatAccumulation::SequentialFma, 1, &a, &b, Some(1.0)),
            1.0
        );
        // … and 2^-24 more makes f64 round up, where f32 saw two ties to even.
        let bias = 1.0 + 1.0 / 8_388_608.0;
        let f64_sum = dot(
            FloatAccumulation::F64,
            1,
            &[rest, rest / 2.0],
            &[1.0, 1.0],
            Some(bias),
        );
        assert_eq!(f64_sum, 1.0 + 2.0 / 8_388_608.0);
    }

    #[test]
    fn a_bias_comes_first_or_last() {
        let big = 16_777_216.0;
        // The bias alone swallows each 1; the sum of both 1 first is not swallowed.
        let (x, w) = ([1.0, 1.0], [1.0, 1.0]);
        let value = |accumulation| dot(accumulation, 1, &x, &w, Some(big));
        assert_eq!(value(FloatAccumulation::FmaFromBias), big);
        assert_eq!(value(FloatAccumulation::SequentialFma), big + 2.0);
    }

    #[test]
    fn sums_side_by_side_are_added_by_halves() {
        let big = 16_777_216.0;
        let value =
            |sums, x: [f32; 8]| dot(FloatAccumulation::SideBySide, sums, &x, &[1.0; 8], None);
        // 4 sums: 0 and 4 meet in the first, 2 and 6 in the third; these two are added first.
        assert_eq!(
            value(4, [big, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            big + 2.0
        );
        assert_eq!(value(4, [big, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]), big);
        assert_eq!(
            value(4, [big, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
            big + 2.0
        );
        // 8 sums: 0 meets 4, then 2 + 6, then the odd ones.
        assert_eq!(
            value(8, [big, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            big + 2.0
        );
        assert_eq!(value(8, [big, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]), big);
    }

    #[test]
    fn sums_side_by_side_are_known_for_some_shapes() {
        let sums = |columns, k| side_by_side(FloatAccumulation::SideBySide, columns, k);
        assert_eq!(sums(10, 128).unwrap(), [4, 4, 4, 4, 4, 4, 4, 4, 8, 8]);
        assert_eq!(sums(12, 132).unwrap(), [4; 12]);
        for (columns, k) in [(10, 132), (12, 30), (1, 128)] {
            assert!(matches!(
                sums(columns, k),
                Err(ReferenceError::Undefined(_))
            ));
        }
        let chain = side_by_side(FloatAccumulation::F64, 12, 5).unwrap();
        assert_eq!(chain, [1; 12]);
    }
}
