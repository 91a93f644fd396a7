//! How a float type's bits make a value: one description for every format, so
//! that a format is data and no code.

use super::DType;

/// The layout of a binary float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatFormat {
    /// whether the highest bit is a sign
    pub signed: bool,
    /// bits of the exponent
    pub exponent_bits: u32,
    /// bits of the mantissa below the leading one
    pub mantissa_bits: u32,
    /// what is subtracted from the exponent field
    pub bias: i32,
    /// which patterns are no finite numbers
    pub special: Special,
}

/// Which bit patterns of a float format are no finite numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// the highest exponent holds infinity (mantissa 0) and NaNs, as in IEEE 754
    Ieee,
    /// exponent and mantissa all ones are NaN; there are no infinities ("fn")
    AllOnesNan,
    /// the pattern of −0 is the only NaN; there are no infinities ("fnuz")
    MinusZeroNan,
    /// every pattern is a finite number
    Finite,
    /// an exponent alone: no zero and no subnormals, all ones are NaN
    Exponent,
}

impl DType {
    /// The layout of a float type; `None` for integer types.
    ///
    /// Sources: IEEE 754; "FP8 Formats for Deep Learning" (e4m3fn, e5m2);
    /// "8-bit Numerical Formats for Deep Neural Networks" (the fnuz types); OCP
    /// Microscaling Formats v1.0 (e8m0, e2m1).
    pub fn float_format(self) -> Option<FloatFormat> {
        let format = |exponent_bits, mantissa_bits, bias, special| FloatFormat {
            signed: !matches!(special, Special::Exponent),
            exponent_bits,
            mantissa_bits,
            bias,
            special,
        };
        Some(match self {
            Self::F64 => format(11, 52, 1023, Special::Ieee),
            Self::F32 => format(8, 23, 127, Special::Ieee),
            Self::F16 => format(5, 10, 15, Special::Ieee),
            Self::BF16 => format(8, 7, 127, Special::Ieee),
            Self::F8E4M3FN => format(4, 3, 7, Special::AllOnesNan),
            Self::F8E4M3FNUZ => format(4, 3, 8, Special::MinusZeroNan),
            Self::F8E5M2 => format(5, 2, 15, Special::Ieee),
            Self::F8E5M2FNUZ => format(5, 2, 16, Special::MinusZeroNan),
            Self::F8E8M0 => format(8, 0, 127, Special::Exponent),
            Self::F4E2M1 => format(2, 1, 1, Special::Finite),
            _ => return None,
        })
    }
}

impl FloatFormat {
    /// The bit of the sign; 0 where there is none.
    pub fn sign_bit(&self) -> u64 {
        u64::from(self.signed) << (self.exponent_bits + self.mantissa_bits)
    }

    /// The pattern with a positive sign and all other bits set.
    pub fn all_ones(&self) -> u64 {
        (1 << (self.exponent_bits + self.mantissa_bits)) - 1
    }

    /// The NaN that conversions give.
    pub fn nan(&self) -> Option<u64> {
        match self.special {
            Special::Ieee => {
                let quiet = 1 << (self.mantissa_bits - 1);
                Some(self.infinity()? | quiet)
            }
            Special::AllOnesNan | Special::Exponent => Some(self.all_ones()),
            Special::MinusZeroNan => Some(self.sign_bit()),
            Special::Finite => None,
        }
    }

    /// Positive infinity.
    pub fn infinity(&self) -> Option<u64> {
        let exponent = (1 << self.exponent_bits) - 1;
        (self.special == Special::Ieee).then_some(exponent << self.mantissa_bits)
    }

    /// The greatest finite number.
    pub fn max(&self) -> u64 {
        match self.special {
            Special::Ieee => (((1 << self.exponent_bits) - 1) << self.mantissa_bits) - 1,
            Special::AllOnesNan | Special::Exponent => self.all_ones() - 1,
            Special::MinusZeroNan | Special::Finite => self.all_ones(),
        }
    }

    /// The exact value of a bit pattern; every value of every format is one of f64's.
    pub fn value(&self, bits: u64) -> f64 {
        let exponent_field = bits >> self.mantissa_bits & ((1 << self.exponent_bits) - 1);
        let mantissa = bits & ((1 << self.mantissa_bits) - 1);
        let negative = bits & self.sign_bit() != 0;
        let all_ones = bits & self.all_ones() == self.all_ones();
        let highest = exponent_field == (1 << self.exponent_bits) - 1;
        let magnitude = match self.special {
            Special::Ieee if highest && mantissa != 0 => return f64::NAN,
            Special::Ieee if highest => f64::INFINITY,
            Special::AllOnesNan | Special::Exponent if all_ones => return f64::NAN,
            Special::MinusZeroNan if bits == self.sign_bit() => return f64::NAN,
            _ => {
                let subnormal = exponent_field == 0 && self.special != Special::Exponent;
                let (lead, exponent) = if subnormal {
                    (0, 1)
                } else {
                    (1 << self.mantissa_bits, exponent_field as i32)
                };
                let unit = exponent - self.bias - self.mantissa_bits as i32;
                scaled((lead | mantissa) as f64, unit)
            }
        };
        if negative { -magnitude } else { magnitude }
    }
}

/// value · 2^exponent, in steps that are exact wherever the result is.
fn scaled(value: f64, exponent: i32) -> f64 {
    let power = |e: i32| f64::from_bits(((e + 1023) as u64) << 52);
    if exponent < -1000 {
        value * power(exponent + 200) * power(-200)
    } else {
        value * power(exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(dtype: DType, bits: u64) -> f64 {
        dtype.float_format().unwrap().value(bits)
    }

    #[test]
    fn every_fp4_value_is_the_one_that_its_specification_lists() {
        let values: Vec<f64> = (0..16).map(|bits| value(DType::F4E2M1, bits)).collect();
        let positive = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
        assert_eq!(values[..8], positive);
        assert_eq!(values[8..], positive.map(|v| -v));
        assert!(values[8].is_sign_negative());
    }

    #[test]
    fn ends_of_the_8_bit_formats_are_those_of_their_specifications() {
        let ends = |dtype| {
            let f: FloatFormat = DType::float_format(dtype).unwrap();
            (f.value(f.max()), f.value(1))
        };
        let power = |e: i32| 2f64.powi(e);
        assert_eq!(ends(DType::F8E4M3FN), (448.0, power(-9)));
        assert_eq!(ends(DType::F8E4M3FNUZ), (240.0, power(-10)));
        assert_eq!(ends(DType::F8E5M2), (57_344.0, power(-16)));
        assert_eq!(ends(DType::F8E5M2FNUZ), (57_344.0, power(-17)));
        assert_eq!(ends(DType::F8E8M0).0, power(127));
        assert_eq!(value(DType::F8E8M0, 0), power(-127));
        assert_eq!(ends(DType::F16), (65_504.0, power(-24)));
        assert_eq!(ends(DType::F4E2M1), (6.0, 0.5));
    }

    #[test]
    fn nans_and_infinities_are_where_each_format_has_them() {
        for (dtype, nans) in [
            (DType::F8E4M3FN, vec![0x7f, 0xff]),
            (DType::F8E4M3FNUZ, vec![0x80]),
            (DType::F8E5M2, vec![0x7d, 0x7e, 0x7f, 0xfd, 0xfe, 0xff]),
            (DType::F8E5M2FNUZ, vec![0x80]),
            (DType::F8E8M0, vec![0xff]),
        ] {
            let found: Vec<u64> = (0..256).filter(|&b| value(dtype, b).is_nan()).collect();
            assert_eq!(found, nans, "{}", dtype.name());
            let nan = dtype.float_format().unwrap().nan().unwrap();
            assert!(nans.contains(&nan));
        }
        assert_eq!(value(DType::F8E5M2, 0xfc), f64::NEG_INFINITY);
        assert_eq!(DType::F8E4M3FN.float_format().unwrap().infinity(), None);
    }

    #[test]
    fn f32_and_f64_read_as_the_machine_reads_them() {
        for value in [0.0, -0.0, 1.5, -3.25e30, 1e-45, f32::MIN_POSITIVE, f32::MAX] {
            let bits = u64::from(value.to_bits());
            let read = super::tests::value(DType::F32, bits);
            assert_eq!(read.to_bits(), f64::from(value).to_bits());
        }
        for value in [5e-324, -1.1, f64::MAX, 2.3e-308, 1e-310] {
            let read = super::tests::value(DType::F64, f64::to_bits(value));
            assert_eq!(read.to_bits(), value.to_bits());
        }
    }

    #[test]
    fn bf16_is_the_upper_half_of_f32() {
        for bits in 0..=u16::MAX {
            let wide = f64::from(f32::from_bits(u32::from(bits) << 16));
            let read = value(DType::BF16, u64::from(bits));
            assert!(read.to_bits() == wide.to_bits() || (read.is_nan() && wide.is_nan()));
        }
    }
}
