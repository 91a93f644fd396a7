//! Tensors as the reference sees them: a shape and values of one type, dense,
//! the last dimension contiguous. Activations are channel-last.

mod dtype;
mod format;
mod narrow;
mod round;

pub use dtype::DType;
pub use format::{FloatFormat, Special};
pub use narrow::{Narrow, NarrowError};

/// The values of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// see [`DType::U8`]
    U8(Vec<u8>),
    /// see [`DType::I8`]
    I8(Vec<i8>),
    /// see [`DType::I32`]
    I32(Vec<i32>),
    /// see [`DType::F32`]
    F32(Vec<f32>),
    /// see [`DType::F64`]
    F64(Vec<f64>),
    /// see [`DType::U16`]
    U16(Vec<u16>),
    /// see [`DType::I16`]
    I16(Vec<i16>),
    /// see [`DType::I64`]
    I64(Vec<i64>),
    /// bit patterns; see [`DType::F16`]
    F16(Vec<u16>),
    /// bit patterns; see [`DType::BF16`]
    BF16(Vec<u16>),
    /// what is narrower than 8 bits, and floats of 8 bits
    Narrow(Narrow),
}

impl Data {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::U16(v) | Self::F16(v) | Self::BF16(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Narrow(v) => v.bytes().len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the values.
    pub fn dtype(&self) -> DType {
        match self {
            Self::U8(_) => DType::U8,
            Self::I8(_) => DType::I8,
            Self::I32(_) => DType::I32,
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
            Self::U16(_) => DType::U16,
            Self::I16(_) => DType::I16,
            Self::I64(_) => DType::I64,
            Self::F16(_) => DType::F16,
            Self::BF16(_) => DType::BF16,
            Self::Narrow(v) => v.dtype(),
        }
    }

    /// Codes of `dtype` from integers that are within its range.
    ///
    /// # Panics
    /// When `dtype` is a float type or a value is outside its range.
    pub fn from_codes(dtype: DType, codes: impl IntoIterator<Item = i64>) -> Self {
        fn narrow<T: TryFrom<i64>>(dtype: DType, codes: impl Iterator<Item = i64>) -> Vec<T> {
            codes
                .map(|q| {
                    T::try_from(q).unwrap_or_else(|_| panic!("{q} is no {} code", dtype.name()))
                })
                .collect()
        }
        let codes = codes.into_iter();
        match dtype {
            DType::U8 => Self::U8(narrow(dtype, codes)),
            DType::I8 => Self::I8(narrow(dtype, codes)),
            DType::I32 => Self::I32(narrow(dtype, codes)),
            DType::U16 => Self::U16(narrow(dtype, codes)),
            DType::I16 => Self::I16(narrow(dtype, codes)),
            DType::I64 => Self::I64(codes.collect()),
            _ => {
                let Some((lo, hi)) = dtype.code_range() else {
                    panic!("{} holds no codes", dtype.name());
                };
                let bytes = codes.inspect(|q| {
                    assert!((lo..=hi).contains(q), "{q} is no {} code", dtype.name());
                });
                let bytes = bytes.map(|q| q as u8).collect();
                Self::Narrow(Narrow::new(dtype, bytes).expect("codes within the range"))
            }
        }
    }

    /// Values of a float type of at most 16 bits from their bit patterns.
    ///
    /// # Panics
    /// When `dtype` is not such a type or a pattern is wider than it.
    pub fn from_bits(dtype: DType, bits: impl IntoIterator<Item = u16>) -> Self {
        let bits = bits.into_iter();
        match dtype {
            DType::F16 => Self::F16(bits.collect()),
            DType::BF16 => Self::BF16(bits.collect()),
            _ if dtype.is_bit_pattern() => {
                let bytes = bits.map(|b| u8::try_from(b).expect("a pattern of 8 bits"));
                Self::Narrow(Narrow::new(dtype, bytes.collect()).expect("patterns of the type"))
            }
            _ => panic!("{} is not kept as bit patterns", dtype.name()),
        }
    }

    /// The integer at `index` of an integer type.
    ///
    /// # Panics
    /// When the type is a float type or `index` is out of range.
    pub fn code(&self, index: usize) -> i64 {
        match self {
            Self::U8(v) => i64::from(v[index]),
            Self::I8(v) => i64::from(v[index]),
            Self::I32(v) => i64::from(v[index]),
            Self::U16(v) => i64::from(v[index]),
            Self::I16(v) => i64::from(v[index]),
            Self::I64(v) => v[index],
            Self::Narrow(v) if v.dtype().code_range().is_some() => {
                v.code(index).expect("an integer type has codes")
            }
            _ => panic!("{} holds no codes", self.dtype().name()),
        }
    }

    /// The bit pattern at `index` of a float type of at most 16 bits.
    ///
    /// # Panics
    /// When the type is another or `index` is out of range.
    pub fn bits(&self, index: usize) -> u16 {
        match self {
            Self::F16(v) | Self::BF16(v) => v[index],
            Self::Narrow(v) if v.dtype().is_bit_pattern() => u16::from(v.bytes()[index]),
            _ => panic!("{} is not kept as bit patterns", self.dtype().name()),
        }
    }

    /// The value at `index`, of an integer or a float type; s64 rounds to the nearest f64.
    ///
    /// # Panics
    /// When `index` is out of range.
    pub fn real(&self, index: usize) -> f64 {
        match self {
            Self::F32(v) => f64::from(v[index]),
            Self::F64(v) => v[index],
            _ => match self.dtype().float_format() {
                Some(format) => format.value(u64::from(self.bits(index))),
                None => self.code(index) as f64,
            },
        }
    }

    /// Whether the value at `index` is NaN.
    ///
    /// # Panics
    /// When `index` is out of range.
    pub fn is_nan(&self, index: usize) -> bool {
        self.real(index).is_nan()
    }

    /// The values as little-endian bytes, in order. What "bit for bit" compares and hashes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(v) => v.clone(),
            Self::I8(v) => v.iter().map(|&x| x as u8).collect(),
            Self::I32(v) => le_bytes(v, |x| x.to_le_bytes()),
            Self::F32(v) => le_bytes(v, |x| x.to_le_bytes()),
            Self::F64(v) => le_bytes(v, |x| x.to_le_bytes()),
            Self::U16(v) | Self::F16(v) | Self::BF16(v) => le_bytes(v, |x| x.to_le_bytes()),
            Self::I16(v) => le_bytes(v, |x| x.to_le_bytes()),
            Self::I64(v) => le_bytes(v, |x| x.to_le_bytes()),
            Self::Narrow(v) => v.bytes().to_vec(),
        }
    }
}

/// All bytes in one allocation: value by value it would take longer than computing them.
fn le_bytes<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut all = vec![0; values.len() * N];
    for (to, &value) in all.chunks_exact_mut(N).zip(values) {
        to.copy_from_slice(&bytes(value));
    }
    all
}

/// A dense tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// A shape that does not hold as many values as were given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// It holds more or fewer.
    #[error("shape {shape:?} holds {expected} values, but {got} were given")]
    Len {
        /// the shape
        shape: Vec<usize>,
        /// how many values it holds
        expected: usize,
        /// how many were given
        got: usize,
    },
    /// It holds more than can be counted.
    #[error("shape {shape:?} holds more than 2^64 values")]
    Uncountable {
        /// the shape
        shape: Vec<usize>,
    },
}

/// How many values a tensor of this shape has; `None` where they cannot be counted. A dimension
/// of 0 counts last, so that the others must be countable too.
pub(crate) fn len(shape: &[usize]) -> Option<usize> {
    let product = |all: usize, &size: &usize| all.checked_mul(size.max(1));
    let all = shape.iter().try_fold(1usize, product)?;
    Some(if shape.contains(&0) { 0 } else { all })
}

impl Tensor {
    /// A tensor of `shape` with these values in row-major order.
    ///
    /// # Errors
    /// When the number of values is not the product of the shape.
    pub fn new(shape: impl Into<Vec<usize>>, data: Data) -> Result<Self, ShapeError> {
        let shape = shape.into();
        match len(&shape) {
            Some(expected) if expected == data.len() => Ok(Self { shape, data }),
            Some(expected) => Err(ShapeError::Len {
                shape,
                expected,
                got: data.len(),
            }),
            None => Err(ShapeError::Uncountable { shape }),
        }
    }

    /// The shape; empty for a single value.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values in row-major order.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The type of the values.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The length of the last dimension (1 for a single value).
    pub fn row_len(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_hold_what_they_say_and_no_product_of_them_wraps() {
        let tensor = |shape: &[usize], len| Tensor::new(shape, Data::U8(vec![0; len]));
        assert!(tensor(&[2, 3], 6).is_ok() && tensor(&[], 1).is_ok() && tensor(&[0, 7], 0).is_ok());
        let refused = |shape: &[usize], len| tensor(shape, len).unwrap_err().to_string();
        assert_eq!(
            refused(&[2, 3], 5),
            "shape [2, 3] holds 6 values, but 5 were given"
        );
        // Both products are 0 modulo 2^64.
        let beyond = [1 << 32, 1 << 32];
        let message = "shape [4294967296, 4294967296] holds more than 2^64 values";
        assert_eq!(refused(&beyond, 0), message);
        assert!(tensor(&[beyond[0], beyond[1], 0], 0).is_err());
    }

    #[test]
    fn codes_of_every_integer_type_read_back_at_both_ends() {
        for dtype in DType::ALL {
            let Some((lo, hi)) = dtype.code_range() else {
                continue;
            };
            let data = Data::from_codes(dtype, [lo, hi, 0]);
            assert_eq!(data.dtype(), dtype);
            assert_eq!([data.code(0), data.code(1), data.code(2)], [lo, hi, 0]);
            assert_eq!(data.to_le_bytes().len(), 3 * dtype.size());
        }
    }

    #[test]
    fn bit_patterns_of_every_such_type_read_back() {
        for dtype in DType::ALL.into_iter().filter(|d| d.is_bit_pattern()) {
            let top = ((1u32 << dtype.bits()) - 1) as u16;
            let data = Data::from_bits(dtype, [0, 1, top]);
            assert_eq!(data.dtype(), dtype);
            assert_eq!([data.bits(0), data.bits(1), data.bits(2)], [0, 1, top]);
            assert_eq!(data.to_le_bytes().len(), 3 * dtype.size());
        }
    }

    #[test]
    #[should_panic(expected = "8 is no s4 code")]
    fn codes_outside_of_the_type_are_refused() {
        Data::from_codes(DType::I4, [7, 8]);
    }

    #[test]
    fn names_are_distinct_and_read_back() {
        for dtype in DType::ALL {
            assert_eq!(DType::from_name(dtype.name()), Some(dtype));
            let json = serde_json::to_string(&dtype).unwrap();
            assert_eq!(json, format!("{:?}", dtype.name()));
        }
    }
}
