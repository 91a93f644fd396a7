//! Tensors as the reference sees them: a shape and values of one type, dense,
//! the last dimension contiguous. Activations are channel-last.

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
}

impl DType {
    /// The name in case ids and files: `u8`, `s8`, `s32`, `f32`, `f64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "s8",
            Self::I32 => "s32",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// The type with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::U8, Self::I8, Self::I32, Self::F32, Self::F64]
            .into_iter()
            .find(|dtype| dtype.name() == name)
    }

    /// Bytes per value.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The range of codes of an integer type; `None` for float types.
    pub fn code_range(self) -> Option<(i64, i64)> {
        match self {
            Self::U8 => Some((0, 255)),
            Self::I8 => Some((-128, 127)),
            Self::I32 => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Self::F32 | Self::F64 => None,
        }
    }
}

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
        }
    }

    /// Codes of `dtype` from integers that are within its range.
    ///
    /// # Panics
    /// When `dtype` is a float type or a value is outside its range.
    pub fn from_codes(dtype: DType, codes: impl IntoIterator<Item = i64>) -> Self {
        let codes = codes.into_iter();
        match dtype {
            DType::U8 => Self::U8(codes.map(|q| u8::try_from(q).expect("a u8 code")).collect()),
            DType::I8 => Self::I8(
                codes
                    .map(|q| i8::try_from(q).expect("an s8 code"))
                    .collect(),
            ),
            DType::I32 => Self::I32(
                codes
                    .map(|q| i32::try_from(q).expect("an s32 code"))
                    .collect(),
            ),
            DType::F32 | DType::F64 => panic!("{} holds no codes", dtype.name()),
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
            Self::F32(_) | Self::F64(_) => panic!("{} holds no codes", self.dtype().name()),
        }
    }

    /// The values as little-endian bytes, in order. What "bit for bit" compares and hashes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(v) => v.clone(),
            Self::I8(v) => v.iter().map(|&x| x as u8).collect(),
            Self::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// A dense tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// A shape that does not hold as many values as were given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shape {shape:?} holds {expected} values, but {got} were given")]
pub struct ShapeError {
    shape: Vec<usize>,
    expected: usize,
    got: usize,
}

impl Tensor {
    /// A tensor of `shape` with these values in row-major order.
    ///
    /// # Errors
    /// When the number of values is not the product of the shape.
    pub fn new(shape: impl Into<Vec<usize>>, data: Data) -> Result<Self, ShapeError> {
        let shape = shape.into();
        let expected = shape.iter().product();
        if expected == data.len() {
            Ok(Self { shape, data })
        } else {
            Err(ShapeError {
                shape,
                expected,
                got: data.len(),
            })
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
