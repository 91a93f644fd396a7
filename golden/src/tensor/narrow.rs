//! Values of at most 8 bits that Rust has no type for, one to a byte.

use super::DType;

/// Codes of 2 or 4 bits, or the bit patterns of floats of 4 or 8 bits, one to
/// a byte. Signed codes are sign-extended, so that a byte read as i8 is the
/// code; floats of 4 bits lie in the low half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrow {
    dtype: DType,
    bytes: Vec<u8>,
}

/// A byte that is no value of the type, or a type that is not kept so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("0x{byte:02x} is no {} value in a byte", dtype.name())]
pub struct NarrowError {
    dtype: DType,
    byte: u8,
}

impl Narrow {
    /// Whether values of `dtype` are kept in this form.
    pub fn holds(dtype: DType) -> bool {
        dtype.size() == 1 && !matches!(dtype, DType::U8 | DType::I8)
    }

    /// Values of `dtype`, one to a byte.
    ///
    /// # Errors
    /// When `dtype` is not of this form ([`holds`](Self::holds)), or a byte has
    /// bits outside of the type's.
    pub fn new(dtype: DType, bytes: Vec<u8>) -> Result<Self, NarrowError> {
        let fits = |byte: u8| match dtype.code_range() {
            Some((lo, _)) if lo < 0 => value_fits(dtype, i64::from(byte as i8)),
            Some(_) => value_fits(dtype, i64::from(byte)),
            None => u32::from(byte) < 1 << dtype.bits(),
        };
        let wrong = |&&byte: &&u8| !Self::holds(dtype) || !fits(byte);
        match bytes.iter().find(wrong) {
            Some(&byte) => Err(NarrowError { dtype, byte }),
            None if !Self::holds(dtype) => Err(NarrowError { dtype, byte: 0 }),
            None => Ok(Self { dtype, bytes }),
        }
    }

    /// The type of the values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The values, one to a byte.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The code at `index`, `None` for floats.
    ///
    /// # Panics
    /// When `index` is out of range.
    pub fn code(&self, index: usize) -> Option<i64> {
        let byte = self.bytes[index];
        let (lo, _) = self.dtype.code_range()?;
        Some(if lo < 0 {
            i64::from(byte as i8)
        } else {
            i64::from(byte)
        })
    }
}

fn value_fits(dtype: DType, value: i64) -> bool {
    dtype
        .code_range()
        .is_some_and(|(lo, hi)| (lo..=hi).contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_outside_of_the_type_are_refused() {
        assert!(Narrow::new(DType::I4, vec![0xf8, 0x07, 0xff]).is_ok());
        assert!(Narrow::new(DType::I4, vec![0x08]).is_err());
        assert!(Narrow::new(DType::U4, vec![0x0f]).is_ok());
        assert!(Narrow::new(DType::U4, vec![0xff]).is_err());
        assert!(Narrow::new(DType::U2, vec![4]).is_err());
        assert!(Narrow::new(DType::I2, vec![0xfe, 1]).is_ok());
        assert!(Narrow::new(DType::I2, vec![2]).is_err());
        assert!(Narrow::new(DType::F4E2M1, vec![0x0f]).is_ok());
        assert!(Narrow::new(DType::F4E2M1, vec![0x10]).is_err());
        assert!(Narrow::new(DType::F8E5M2, vec![0xff]).is_ok());
    }

    #[test]
    fn wider_types_and_those_that_rust_has_are_refused_even_without_values() {
        for dtype in [DType::U8, DType::I8, DType::U16, DType::F16, DType::F32] {
            assert!(Narrow::new(dtype, vec![]).is_err(), "{}", dtype.name());
        }
    }

    #[test]
    fn signed_codes_read_back_with_their_sign() {
        let codes = Narrow::new(DType::I4, vec![0xf8, 0x07]).unwrap();
        assert_eq!((codes.code(0), codes.code(1)), (Some(-8), Some(7)));
        let floats = Narrow::new(DType::F8E5M2, vec![0xf8]).unwrap();
        assert_eq!(floats.code(0), None);
    }
}
