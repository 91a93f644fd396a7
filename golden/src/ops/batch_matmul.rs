//! Products of matrices that are both known only at run time.
//!
//! Sources: TFLite `kernels/batch_matmul.cc` (Prepare, EvalInt8Int8, EvalInt16),
//! `kernels/internal/reference/batch_matmul.h` (BatchMatMul).

use super::ReferenceError;
use super::fixed_point::FixedPoint;
use super::landing::{Landing, Steps};
use super::requantize::{ChannelBias, Epilogue, multiplier_of};
use crate::profile::{Profile, Scaling, SumOf, WideScaling};
use crate::spec::{BatchMatmulSpec, Granularity, Relu};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Each pair of matrices.
///
/// # Errors
/// When types or parameters do not fit, or the profile does not define it.
pub(crate) fn batch_matmul(
    spec: &BatchMatmulSpec,
    a: &Tensor,
    b: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::one_type(&spec.a, &spec.output, witness)?;
    super::check::one_type(&spec.b, &spec.output, witness)?;
    let (za, zb) = (
        i64::from(spec.a.qparams.zero_point),
        i64::from(spec.b.qparams.zero_point),
    );
    let mut sums = Vec::with_capacity(spec.batch * spec.m * spec.n);
    for row in 0..spec.batch * spec.m {
        for column in 0..spec.n {
            let first = row / spec.m.max(1) * spec.k * spec.n + column;
            let products = (0..spec.k).map(|k| {
                let a = a.data().code(row * spec.k + k) - za;
                a * (b.data().code(first + k * spec.n) - zb)
            });
            sums.push(products.sum::<i64>());
        }
    }
    let codes = match spec.output.dtype {
        DType::I16 => wide(spec, sums, profile, witness)?,
        _ => {
            let weights = Granularity::PerTensor(spec.b.qparams);
            let epilogue = Epilogue::new(
                &profile.requantize,
                (SumOf::Batch, spec.n),
                spec.a.qparams.scale,
                &weights,
                spec.output,
                Relu::None,
            )?;
            (sums.into_iter().enumerate())
                .map(|(index, sum)| {
                    let bias = ChannelBias::None;
                    epilogue.finish(index, sum as i32, index % spec.n, bias, witness)
                })
                .collect()
        }
    };
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new([spec.batch, spec.m, spec.n], data).expect("one sum per row and column"))
}

/// Sums of 16-bit products to codes.
fn wide(
    spec: &BatchMatmulSpec,
    sums: Vec<i64>,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Vec<i64>, ReferenceError> {
    let rule = profile.requantize.of(SumOf::Batch, 0, spec.n);
    if rule.scaling_wide == WideScaling::Undefined {
        return Err(ReferenceError::Undefined(
            "this profile does not say how products of s16 codes are scaled".into(),
        ));
    }
    let form = rule.multiplier_of(SumOf::Batch, spec.output.dtype, false);
    let scales = (spec.a.qparams.scale, spec.b.qparams.scale);
    let multiplier = multiplier_of(form, scales, spec.output.qparams.scale);
    let landing = Landing::requantize(&rule, spec.output.dtype, 0, Relu::None);
    let fixed = match rule.scaling {
        Scaling::MultiplyF64 => None,
        _ => Some(FixedPoint::fifteen_bits_up(multiplier)?),
    };
    Ok((sums.into_iter().enumerate())
        .map(|(index, sum)| {
            let value = sum as f64 * multiplier;
            witness.step(Some(sum), value);
            match fixed {
                Some(fixed) => landing.land_integer(fixed.apply_wide(sum), 0, witness),
                None => {
                    let single = false;
                    landing.land(index, Steps { value, single }, 0, witness)
                }
            }
        })
        .collect())
}
