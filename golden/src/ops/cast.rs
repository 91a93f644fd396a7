//! Cast: values of one type to another. Every conversion to a float rounds the
//! exact value once, to the nearest, ties to even; what the new type does not
//! hold is the profile's [`ConvertRule`].
//!
//! Sources: onnx reference/ops/op_cast.py and numpy_helper.py (saturate_cast,
//! to_float8e8m0), ONNX Runtime include/onnxruntime/core/common/float8.h,
//! PyTorch c10/util/Float8_*.h.

use super::ReferenceError;
use crate::profile::{ConvertRule, FloatOverflow, IntegerConversion, NanWithout, Profile};
use crate::spec::{CastSpec, PowerRounding};
use crate::tensor::{DType, Data, FloatFormat, Special, Tensor};
use crate::witness::{Event, Witness};

/// Casts `input` (`spec.shape` of `spec.from`) under `profile.convert`.
pub(super) fn cast(
    spec: &CastSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let (rule, data) = (&profile.convert, input.data());
    let (from, to) = (spec.from, spec.to);
    if [from, to].contains(&DType::I64) {
        return Err(ReferenceError::Undefined(
            "casts from and to s64 are not defined here".into(),
        ));
    }
    let reals = (0..input.len()).map(|index| {
        let value = data.real(index);
        witness.events.hit_if(Event::NanInput, value.is_nan());
        witness
            .events
            .hit_if(Event::InfiniteInput, value.is_infinite());
        witness.step(None, value);
        value
    });
    let reals: Vec<f64> = reals.collect();
    let data = match to {
        DType::F64 => Data::F64(reals),
        DType::F32 => Data::F32(reals.iter().map(|&value| value as f32).collect()),
        _ if to.is_bit_pattern() => {
            let target = FloatTarget {
                saturate: spec.saturate,
                power: spec.power,
                ..FloatTarget::of(to)
            };
            float_codes(to, &target, rule, &reals, witness)
        }
        _ => {
            let codes = (reals.iter().enumerate())
                .map(|(index, &value)| {
                    integer(to, rule.integer, value).unwrap_or_else(|| {
                        witness.open.push((0, index));
                        0
                    })
                })
                .collect::<Vec<_>>();
            Data::from_codes(to, codes)
        }
    };
    Ok(Tensor::new(spec.shape.clone(), data).expect("as many values as there were"))
}

/// Real values as floats of type `to`; notes what the rule leaves open.
pub(super) fn float_codes(
    to: DType,
    target: &FloatTarget,
    rule: &ConvertRule,
    reals: &[f64],
    witness: &mut Witness,
) -> Data {
    let bits = (reals.iter().enumerate()).map(|(index, &value)| {
        target.bits(rule, value).unwrap_or_else(|| {
            witness.open.push((0, index));
            0
        })
    });
    Data::from_bits(to, bits.map(|bits| bits as u16).collect::<Vec<_>>())
}

/// A float type of at most 16 bits, and how values go there.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatTarget {
    pub(super) format: FloatFormat,
    pub(super) saturate: bool,
    pub(super) power: PowerRounding,
}

impl FloatTarget {
    /// Without saturation; powers of two round up.
    ///
    /// # Panics
    /// When `dtype` is no float type.
    pub(super) fn of(dtype: DType) -> Self {
        Self {
            format: dtype.float_format().expect("a float type"),
            saturate: false,
            power: PowerRounding::Up,
        }
    }

    /// The bits that `value` becomes; `None` where the rule leaves them open.
    pub(super) fn bits(&self, rule: &ConvertRule, value: f64) -> Option<u64> {
        let format = &self.format;
        let sign = if value.is_sign_negative() {
            format.sign_bit()
        } else {
            0
        };
        if value.is_nan() {
            return match (format.nan(), rule.nan) {
                (Some(nan), _) => Some(nan),
                (None, NanWithout::MinusZero) => Some(format.sign_bit()),
                (None, NanWithout::Open) => None,
            };
        }
        if format.special == Special::Exponent {
            return Some(self.power(value as f32));
        }
        // What has no infinity and no NaN can only saturate.
        let narrow = format.exponent_bits + format.mantissa_bits < 8;
        let saturate = format.special == Special::Finite || (self.saturate && narrow);
        let beyond = format.infinity().map_or(format.nan(), Some);
        let magnitude = value.abs();
        let bits = match (magnitude.is_finite(), beyond) {
            (true, _) if self.kept_at_max(rule.overflow, magnitude) => format.max(),
            (true, _) if format.nearest(magnitude) <= format.max() => format.nearest(magnitude),
            (_, None) => format.max(),
            _ if saturate => format.max(),
            (true, _) if self.or_gives_nan(rule.overflow, magnitude) => return format.nan(),
            (_, Some(beyond)) => beyond,
        };
        Some(match format.special {
            // Zero and NaN of these types have one pattern each.
            Special::MinusZeroNan if bits == 0 || bits == format.sign_bit() => bits,
            _ => bits | sign,
        })
    }

    /// Whether a value that is too great stays at the greatest, as its cut-off
    /// bits are NaN's, which are lowered before they are rounded.
    fn kept_at_max(&self, overflow: FloatOverflow, magnitude: f64) -> bool {
        let format = &self.format;
        if overflow != FloatOverflow::BitArithmetic || format.special != Special::AllOnesNan {
            return false;
        }
        let step = format.value(format.max()) - format.value(format.max() - 1);
        let nan_place = format.value(format.max()) + step;
        (nan_place..nan_place + step / 2.0).contains(&magnitude)
    }

    /// Whether rounding up past the greatest value joins infinity's bits with
    /// the mantissa's, which is NaN.
    fn or_gives_nan(&self, overflow: FloatOverflow, magnitude: f64) -> bool {
        let format = &self.format;
        let narrow = format.exponent_bits + format.mantissa_bits < 8;
        let step = format.value(format.max()) - format.value(format.max() - 1);
        overflow == FloatOverflow::BitArithmetic
            && narrow
            && format.special == Special::Ieee
            && magnitude < format.value(format.max()) + step
    }

    /// The exponent of an f32, rounded by the bits below it. Zero and
    /// subnormals, whose exponent field is 0, count as 2^-127 and what is above it.
    fn power(&self, value: f32) -> u64 {
        let bits = value.to_bits() & 0x7fff_ffff;
        let (exponent, fraction) = (u64::from(bits >> 23), bits & 0x7f_ffff);
        if exponent == 0xff {
            return 0xff;
        }
        let half = 0x40_0000;
        let up = match self.power {
            PowerRounding::Up => fraction > 0,
            PowerRounding::Down => false,
            PowerRounding::Nearest => fraction > half || (fraction == half && exponent > 0),
        };
        if up && !(self.saturate && exponent == self.format.max()) {
            exponent + 1
        } else {
            exponent
        }
    }
}

/// A value in an integer type; `None` where the rule leaves it open.
fn integer(to: DType, rule: IntegerConversion, value: f64) -> Option<i64> {
    let (lo, hi) = to.code_range()?;
    let whole = value.trunc() as i64;
    if value.is_finite() && value.fract() == 0.0 && (lo..=hi).contains(&whole) {
        return Some(whole);
    }
    let in_i32 = value > f64::from(i32::MIN) - 1.0 && value < f64::from(i32::MAX) + 1.0;
    match rule {
        IntegerConversion::TruncateWrapping if in_i32 => {
            let count = i128::from(hi) - i128::from(lo) + 1;
            let above = (i128::from(whole) - i128::from(lo)).rem_euclid(count);
            Some((above + i128::from(lo)) as i64)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
