//! Buffers with gaps between rows, at odd addresses, poisoned where kernels
//! must not write.

use qassay_backends::view::{Values, ValuesMut, View, ViewMut};
use qassay_golden::tensor::{DType, Data, Tensor};

const POISON: u8 = 0x5b;

/// A tensor laid out with `gap` values after each row but the last.
pub struct Buffer {
    shape: Vec<usize>,
    row: usize,
    stride: usize,
    data: Data,
}

impl Buffer {
    /// Holds `tensor`.
    pub fn of(tensor: &Tensor, gap: usize) -> Self {
        let mut buffer = Self::poisoned(tensor.shape().to_vec(), tensor.dtype(), gap);
        let (row, stride) = (buffer.row, buffer.stride);
        macro_rules! spread {
            ($from:expr, $to:expr) => {
                for (i, value) in $from.iter().enumerate() {
                    $to[i / row * stride + i % row] = *value;
                }
            };
        }
        match (tensor.data(), &mut buffer.data) {
            (Data::U8(from), Data::U8(to)) => spread!(from, to),
            (Data::I8(from), Data::I8(to)) => spread!(from, to),
            (Data::I32(from), Data::I32(to)) => spread!(from, to),
            (Data::F32(from), Data::F32(to)) => spread!(from, to),
            (Data::F64(from), Data::F64(to)) => spread!(from, to),
            _ => unreachable!("made with the tensor's type"),
        }
        buffer
    }

    /// Holds poison.
    pub fn poisoned(shape: Vec<usize>, dtype: DType, gap: usize) -> Self {
        let row = shape.last().copied().unwrap_or(1);
        let rows: usize = shape[..shape.len().saturating_sub(1)].iter().product();
        let stride = row + gap;
        let len = rows * stride;
        let four = [POISON; 4];
        Self {
            shape,
            row,
            stride,
            data: match dtype {
                DType::U8 => Data::U8(vec![POISON; len]),
                DType::I8 => Data::I8(vec![POISON as i8; len]),
                DType::I32 => Data::I32(vec![i32::from_le_bytes(four); len]),
                DType::F32 => Data::F32(vec![f32::from_le_bytes(four); len]),
                DType::F64 => Data::F64(vec![f64::from_le_bytes([POISON; 8]); len]),
                other => panic!("no kernel takes or gives {}", other.name()),
            },
        }
    }

    pub fn view(&self) -> View<'_> {
        let values = match &self.data {
            Data::U8(v) => Values::U8(v),
            Data::I8(v) => Values::I8(v),
            Data::I32(v) => Values::I32(v),
            Data::F32(v) => Values::F32(v),
            Data::F64(v) => Values::F64(v),
            _ => unreachable!("not made by `poisoned`"),
        };
        View::new(&self.shape, self.stride, values)
    }

    pub fn view_mut(&mut self) -> ViewMut<'_> {
        let values = match &mut self.data {
            Data::U8(v) => ValuesMut::U8(v),
            Data::I8(v) => ValuesMut::I8(v),
            Data::I32(v) => ValuesMut::I32(v),
            Data::F32(v) => ValuesMut::F32(v),
            Data::F64(v) => ValuesMut::F64(v),
            _ => unreachable!("not made by `poisoned`"),
        };
        ViewMut::new(&self.shape, self.stride, values)
    }

    /// The values without gaps.
    pub fn tensor(&self) -> Tensor {
        let (row, stride) = (self.row, self.stride);
        macro_rules! dense {
            ($v:expr, $variant:ident) => {
                Data::$variant(
                    ($v.chunks(stride.max(1)))
                        .flat_map(|chunk| chunk[..row].to_vec())
                        .collect(),
                )
            };
        }
        let data = match &self.data {
            Data::U8(v) => dense!(v, U8),
            Data::I8(v) => dense!(v, I8),
            Data::I32(v) => dense!(v, I32),
            Data::F32(v) => dense!(v, F32),
            Data::F64(v) => dense!(v, F64),
            _ => unreachable!("not made by `poisoned`"),
        };
        Tensor::new(self.shape.clone(), data).expect("laid out from the shape")
    }

    /// Whether nothing was written between rows.
    pub fn gaps_are_poisoned(&self) -> bool {
        let size = self.data.dtype().size();
        let bytes = self.data.to_le_bytes();
        bytes
            .chunks(self.stride.max(1) * size)
            .all(|chunk| chunk[self.row * size..].iter().all(|&byte| byte == POISON))
    }
}
