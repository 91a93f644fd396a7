//! Leaky relu, elu, softmax, means and products of codes that are computed on real values,
//! every rounding to f32 written out.

use super::function::exp;
use super::ratio::Ratio;
use super::real::{F32, F64, Real, floor, integer, nearest_even};
use super::whole::Whole;
use crate::spec::{QParams, Quantized};
use crate::tensor::DType;

/// The code of x where x is positive, else of x · slope, x the real value of `code`; `None`
/// where it lies outside i32.
pub fn leaky_relu(slope: f64, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    let x = dequantized(code, input);
    if code > i64::from(input.zero_point) {
        return landed(&x, output);
    }
    let slope = F32.fit(Real::from(slope));
    landed(&F32.mul(&x, &slope), output)
}

/// The code of x where x is not negative, else of (e^x − 1) · alpha.
pub fn elu(alpha: f64, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    let x = dequantized(code, input);
    if code >= i64::from(input.zero_point) {
        return landed(&x, output);
    }
    let less_one = F32.add(&F32.round(&exp(&finite(&x))), &Real::integer(-1));
    let alpha = F32.fit(Real::from(alpha));
    landed(&F32.mul(&less_one, &alpha), output)
}

/// The codes of e^x / Σ e^x over all `codes`; the sum is rounded once.
pub fn softmax(codes: &[i64], input: QParams, output: Quantized) -> Vec<Option<i64>> {
    let values: Vec<Ratio> = (codes.iter())
        .map(|&code| finite(&dequantized(code, input)))
        .collect();
    let greatest = values.iter().max().cloned().unwrap_or_else(Ratio::zero);
    let exps: Vec<Ratio> = (values.iter())
        .map(|x| finite(&F32.round(&exp(&finite(&F32.round(&(x - &greatest)))))))
        .collect();
    let sum = F32.round(&exps.iter().cloned().sum::<Ratio>());
    (exps.into_iter())
        .map(|e| landed(&F32.div(&Real::Finite(e), &sum), output))
        .collect()
}

/// The codes of e^x / Σ e^x by ONNX Runtime's table of f32 powers; sums in order, u8 clamped, s8
/// cut to 8 bits.
pub fn softmax_by_table(codes: &[i64], input: QParams, output: Quantized) -> Vec<Option<i64>> {
    let scale = F32.fit(Real::from(input.scale));
    let room = F32.div(
        &Real::from(f32::MAX),
        &F32.fit(Real::integer(codes.len() as i64)),
    );
    let room = F64.add(&logarithm(&finite(&room)), &Real::integer(-5));
    let shift = match finite(&room) > Ratio::zero() {
        true => F64.div(&room, &scale),
        false => Real::integer(0),
    };
    let greatest = codes.iter().max().copied().unwrap_or(0);
    let terms: Vec<Real> = (codes.iter())
        .map(|code| F64.add(&Real::integer(code - greatest), &shift))
        .map(|steps| F64.mul(&steps, &scale))
        .map(|exponent| F32.fit(F64.round(&exp(&finite(&exponent)))))
        .collect();
    let sum = (terms.iter()).fold(Real::integer(0), |sum, term| F32.add(&sum, term));
    let inverse = F32.recip(&F32.fit(Real::from(output.qparams.scale)));
    let inverse = F32.round(&integer(floor(&finite(&inverse))));
    (terms.iter())
        .map(|term| {
            let Real::Finite(steps) = F32.div(&F32.mul(term, &inverse), &sum) else {
                return None;
            };
            let code = nearest_even(&steps).to_i64()? + i64::from(output.qparams.zero_point);
            Some(match output.dtype {
                DType::U8 => code.min(255),
                _ if code > 255 => -1,
                _ => (code + 128).rem_euclid(256) - 128,
            })
        })
        .collect()
}

/// ln x as f64: one Newton step, in exact numbers, from about the right place.
fn logarithm(x: &Ratio) -> Real {
    let near = Real::Finite(x.clone()).to_f64().ln();
    let near = finite(&Real::from(near));
    let power = exp(&near);
    F64.round(&(near + (x - &power) / power))
}

/// The mean of codes, itself a code: the sum and the quotient are rounded to f32.
pub fn mean(codes: &[i64]) -> Option<i64> {
    let sum = F32.round(&integer(codes.iter().sum::<i64>()));
    let count = F32.round(&integer(codes.len() as i64));
    nearest_even(&finite(&F32.div(&sum, &count))).to_i64()
}

/// The code of Σ a · b, the sum rounded to f32 once.
pub fn matmul(pairs: &[(i64, i64)], a: QParams, b: QParams, output: Quantized) -> Option<i64> {
    let sum: Ratio = (pairs.iter())
        .map(|&(x, y)| finite(&dequantized(x, a)) * finite(&dequantized(y, b)))
        .sum();
    landed(&F32.round(&sum), output)
}

/// f32(scale) ⊗ (code − zero point)
fn dequantized(code: i64, qparams: QParams) -> Real {
    let steps = Real::integer(code - i64::from(qparams.zero_point));
    F32.mul(&F32.fit(Real::from(qparams.scale)), &steps)
}

fn finite(value: &Real) -> Ratio {
    match value {
        Real::Finite(value) => value.clone(),
        _ => unreachable!("scales in use are far from the ends of f32"),
    }
}

fn landed(value: &Real, output: Quantized) -> Option<i64> {
    let (low, high) = output.dtype.code_range()?;
    let recip = F32.recip(&F32.fit(Real::from(output.qparams.scale)));
    let Real::Finite(steps) = F32.mul(value, &recip) else {
        return None;
    };
    let nearest = nearest_even(&steps);
    nearest.to_i32()?;
    let code = nearest + Whole::from(output.qparams.zero_point);
    code.clamp(low.into(), high.into()).to_i64()
}
