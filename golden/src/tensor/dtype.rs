//! The types that values have: integer codes of 2 to 64 bits and floats of 4 to 64.

use serde::{Deserialize, Serialize};

/// The type of a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DType {
    /// unsigned 8-bit codes
    #[serde(rename = "u8")]
    U8,
    /// signed 8-bit codes
    #[serde(rename = "s8")]
    I8,
    /// signed 32-bit codes or sums
    #[serde(rename = "s32")]
    I32,
    /// real values
    #[serde(rename = "f32")]
    F32,
    /// real values kept in double precision (scales)
    #[serde(rename = "f64")]
    F64,
    /// unsigned 16-bit codes
    #[serde(rename = "u16")]
    U16,
    /// signed 16-bit codes
    #[serde(rename = "s16")]
    I16,
    /// signed 64-bit sums and biases
    #[serde(rename = "s64")]
    I64,
    /// unsigned 4-bit codes
    #[serde(rename = "u4")]
    U4,
    /// signed 4-bit codes
    #[serde(rename = "s4")]
    I4,
    /// unsigned 2-bit codes
    #[serde(rename = "u2")]
    U2,
    /// signed 2-bit codes
    #[serde(rename = "s2")]
    I2,
    /// IEEE 754 half precision: 5 exponent and 10 mantissa bits
    #[serde(rename = "f16")]
    F16,
    /// the upper half of an f32: 8 exponent and 7 mantissa bits
    #[serde(rename = "bf16")]
    BF16,
    /// 8 bits, 4 of exponent, finite: no infinities, 0x7f and 0xff are NaN
    #[serde(rename = "f8e4m3fn")]
    F8E4M3FN,
    /// as [`F8E4M3FN`](Self::F8E4M3FN) with bias 8, one zero, and 0x80 as the only NaN
    #[serde(rename = "f8e4m3fnuz")]
    F8E4M3FNUZ,
    /// 8 bits, 5 of exponent, with infinities and NaNs as IEEE 754 has them
    #[serde(rename = "f8e5m2")]
    F8E5M2,
    /// 5 bits of exponent with bias 16, no infinities, one zero, and 0x80 as the only NaN
    #[serde(rename = "f8e5m2fnuz")]
    F8E5M2FNUZ,
    /// a power of two: 8 bits of exponent, no sign, no zero, 0xff is NaN
    #[serde(rename = "f8e8m0")]
    F8E8M0,
    /// 4 bits, 2 of exponent: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives
    #[serde(rename = "f4e2m1")]
    F4E2M1,
}

impl DType {
    /// Every type.
    pub const ALL: [Self; 20] = [
        Self::U8,
        Self::I8,
        Self::I32,
        Self::F32,
        Self::F64,
        Self::U16,
        Self::I16,
        Self::I64,
        Self::U4,
        Self::I4,
        Self::U2,
        Self::I2,
        Self::F16,
        Self::BF16,
        Self::F8E4M3FN,
        Self::F8E4M3FNUZ,
        Self::F8E5M2,
        Self::F8E5M2FNUZ,
        Self::F8E8M0,
        Self::F4E2M1,
    ];

    /// The name in case ids and files: `u8`, `s8`, `s32`, `f32`, `f8e4m3fn`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "s8",
            Self::I32 => "s32",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::U16 => "u16",
            Self::I16 => "s16",
            Self::I64 => "s64",
            Self::U4 => "u4",
            Self::I4 => "s4",
            Self::U2 => "u2",
            Self::I2 => "s2",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::F8E4M3FN => "f8e4m3fn",
            Self::F8E4M3FNUZ => "f8e4m3fnuz",
            Self::F8E5M2 => "f8e5m2",
            Self::F8E5M2FNUZ => "f8e5m2fnuz",
            Self::F8E8M0 => "f8e8m0",
            Self::F4E2M1 => "f4e2m1",
        }
    }

    /// The type with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bits per value. What is narrower than a byte is still kept in one: see
    /// [`size`](Self::size).
    pub fn bits(self) -> u32 {
        match self {
            Self::U2 | Self::I2 => 2,
            Self::U4 | Self::I4 | Self::F4E2M1 => 4,
            _ => 8 * self.size() as u32,
        }
    }

    /// Bytes per value, as tensors keep them.
    pub fn size(self) -> usize {
        match self {
            Self::U8
            | Self::I8
            | Self::U4
            | Self::I4
            | Self::U2
            | Self::I2
            | Self::F8E4M3FN
            | Self::F8E4M3FNUZ
            | Self::F8E5M2
            | Self::F8E5M2FNUZ
            | Self::F8E8M0
            | Self::F4E2M1 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// The range of codes of an integer type; `None` for float types.
    pub fn code_range(self) -> Option<(i64, i64)> {
        match self {
            Self::U8 => Some((0, 255)),
            Self::I8 => Some((-128, 127)),
            Self::U16 => Some((0, 65_535)),
            Self::I16 => Some((-32_768, 32_767)),
            Self::I32 => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Self::I64 => Some((i64::MIN, i64::MAX)),
            Self::U4 => Some((0, 15)),
            Self::I4 => Some((-8, 7)),
            Self::U2 => Some((0, 3)),
            Self::I2 => Some((-2, 1)),
            _ => None,
        }
    }

    /// Whether this is a float type that is kept as bit patterns: every float
    /// but f32 and f64, which Rust has itself.
    pub fn is_bit_pattern(self) -> bool {
        self.code_range().is_none() && !matches!(self, Self::F32 | Self::F64)
    }
}
