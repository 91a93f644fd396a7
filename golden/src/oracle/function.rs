//! Sigmoid, tanh, exp and elu of a code, from e^x as a rational with 320 binary places.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};

use super::ratio::Ratio;
use super::real::{F32, F64, Real, floor, integer, nearest_away, nearest_even};
use super::whole::Whole;
use crate::profile::{ExponentialForm, FunctionForm};
use crate::spec::{QParams, Quantized};
use crate::tensor::DType;

/// The code of 1 / (1 + e^−x), x the real value of `code`; `None` where the form has no
/// such output.
pub fn sigmoid(form: FunctionForm, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    let one = || integer(1);
    let function = |x: &Ratio| one() / (one() + exp(&-x));
    if form == FunctionForm::Exact {
        return exact(&function(&real(code, input)), output);
    }
    let x = dequantized(code, input);
    let e = F32.round(&exp(&-x));
    let sum = F32.add(&Real::integer(1), &e);
    let scale = F32.fit(Real::from(output.qparams.scale));
    let steps = match form {
        FunctionForm::DequantizeF32 | FunctionForm::DequantizeF32Away => {
            F32.mul(&F32.recip(&sum), &F32.recip(&scale))
        }
        FunctionForm::DequantizeDivF32 => F32.div(&F32.recip(&sum), &scale),
        _ => {
            if !is(output, 1.0 / 256.0, 0) {
                return None;
            }
            F32.div(&Real::integer(256), &sum)
        }
    };
    land(
        form,
        &steps,
        i64::from(output.qparams.zero_point),
        output.dtype,
    )
}

/// The code of tanh x, x the real value of `code`; `None` where the form has no such output.
pub fn tanh(form: FunctionForm, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    let function = |x: &Ratio| {
        let e = exp(&(x * integer(2)));
        (&e - integer(1)) / (e + integer(1))
    };
    if form == FunctionForm::Exact {
        return exact(&function(&real(code, input)), output);
    }
    let value = function(&dequantized(code, input));
    let scale = F32.fit(Real::from(output.qparams.scale));
    let zero_point = i64::from(output.qparams.zero_point);
    let (steps, rest) = match form {
        FunctionForm::DequantizeF32 | FunctionForm::DequantizeF32Away => {
            (F32.mul(&F32.round(&value), &F32.recip(&scale)), zero_point)
        }
        FunctionForm::DequantizeDivF32 => (F32.div(&F32.round(&value), &scale), zero_point),
        _ => {
            if !is(output, 2.0 / 256.0, 128) {
                return None;
            }
            let middle = Real::integer(128);
            let product = F64.mul(&middle, &F64.round(&value));
            (F32.fit(F64.add(&product, &middle)), 0)
        }
    };
    land(form, &steps, rest, output.dtype)
}

/// The code of e^x; `None` where the form has none or leaves it open.
pub fn exp_of(form: ExponentialForm, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    away(form, &F32.round(&exp(&dequantized(code, input))), output)
}

/// The code of x, or of e^x − 1 where x is negative; `None` as of [`exp_of`].
pub fn elu(form: ExponentialForm, code: i64, input: QParams, output: Quantized) -> Option<i64> {
    let x = dequantized(code, input);
    let value = match x.is_negative() {
        true => exp(&x) - integer(1),
        false => x,
    };
    away(form, &F32.round(&value), output)
}

/// Half away from zero, the zero point added in f32 after it.
fn away(form: ExponentialForm, value: &Real, output: Quantized) -> Option<i64> {
    if form == ExponentialForm::Undefined {
        return None;
    }
    let scale = F32.fit(Real::from(output.qparams.scale));
    let Real::Finite(steps) = F32.mul(value, &F32.recip(&scale)) else {
        return None;
    };
    let nearest = F32.round(&integer(nearest_away(&steps)));
    let zero_point = Real::integer(output.qparams.zero_point.into());
    let Real::Finite(sum) = F32.add(&nearest, &zero_point) else {
        return None;
    };
    let (low, high) = output.dtype.code_range()?;
    let code = i64::from(sum.to_integer().to_i32()?);
    Some(code.clamp(low, high))
}

fn is(output: Quantized, scale: f64, zero_point: i32) -> bool {
    output.dtype == DType::U8 && output.qparams == QParams { scale, zero_point }
}

/// scale · (code − zero point), exactly.
fn real(code: i64, qparams: QParams) -> Ratio {
    let Real::Finite(scale) = Real::from(qparams.scale) else {
        unreachable!("scales are finite");
    };
    scale * integer(code - i64::from(qparams.zero_point))
}

/// The same, scale and product rounded to f32.
fn dequantized(code: i64, qparams: QParams) -> Ratio {
    let scale = F32.fit(Real::from(qparams.scale));
    let steps = Real::integer(code - i64::from(qparams.zero_point));
    match F32.mul(&scale, &steps) {
        Real::Finite(x) => x,
        _ => unreachable!("scales in use are far from the ends of f32"),
    }
}

fn exact(value: &Ratio, output: Quantized) -> Option<i64> {
    let Real::Finite(scale) = Real::from(output.qparams.scale) else {
        return None;
    };
    let steps = Real::Finite(value / scale);
    land(
        FunctionForm::Exact,
        &steps,
        i64::from(output.qparams.zero_point),
        output.dtype,
    )
}

fn land(form: FunctionForm, steps: &Real, zero_point: i64, dtype: DType) -> Option<i64> {
    let Real::Finite(steps) = steps else {
        return None;
    };
    let (low, high) = dtype.code_range()?;
    let nearest = match form {
        FunctionForm::DequantizeF32Away => nearest_away(steps),
        _ => nearest_even(steps),
    };
    let code = nearest + zero_point;
    code.clamp(Whole::from(low), Whole::from(high)).to_i64()
}

const PLACES: usize = 320;

/// e^x to about 300 places: halved until it is below a half, summed up, then squared as
/// often. Beyond ±200 it is taken as e^±200, which no rounding here tells from it.
pub(super) fn exp(x: &Ratio) -> Ratio {
    let bound = integer(200);
    let x = x.clone().clamp(-bound.clone(), bound);
    // Numbers are integers of 2^−320 from here on, cut after each product.
    let one = BigInt::from(1) << PLACES;
    let mut x = floor(&(x * integer(one.clone()))).big();
    let mut squarings = 0;
    while x.abs() >= &one >> 1 {
        x >>= 1;
        squarings += 1;
    }
    let (mut sum, mut term, mut n) = (one.clone(), one.clone(), 0);
    // Cut toward −∞, a negative term ends at −1, never at 0.
    while !term.is_zero() && term != BigInt::from(-1) {
        n += 1;
        term = ((term * &x) >> PLACES) / n;
        sum += &term;
    }
    for _ in 0..squarings {
        sum = (&sum * &sum) >> PLACES;
    }
    BigRational::new(sum, one).into()
}
