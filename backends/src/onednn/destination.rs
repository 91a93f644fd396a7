//! The memory that outputs are written to, by size of value.

use qassay_golden::tensor::DType;

use crate::view::ViewMut;

/// The output's memory.
pub struct Destination<'a> {
    /// the values, rows `stride` apart
    pub values: Values<'a>,
    /// values between rows
    pub stride: usize,
}

/// The values of a [`Destination`].
pub enum Values<'a> {
    /// u8 or s8 codes
    Bytes(&'a mut [u8]),
    /// s32
    I32(&'a mut [i32]),
    /// f32
    F32(&'a mut [f32]),
}

impl<'a> Destination<'a> {
    /// The output as rows of columns.
    pub fn new(view: &'a mut ViewMut<'_>) -> Self {
        let stride = view.row_stride();
        let values = match view.dtype() {
            DType::U8 => Values::Bytes(view.u8_mut()),
            DType::I8 => {
                let codes = view.i8_mut();
                // SAFETY: i8 and u8 have the same size, alignment and valid bit patterns; the
                // exclusive borrow is kept for 'a.
                let bytes = unsafe {
                    std::slice::from_raw_parts_mut(codes.as_mut_ptr().cast::<u8>(), codes.len())
                };
                Values::Bytes(bytes)
            }
            DType::I32 => Values::I32(view.i32_mut()),
            _ => Values::F32(view.f32_mut()),
        };
        Self { values, stride }
    }

    /// How many values, gaps between rows included.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Bytes(v) => v.len(),
            Values::I32(v) => v.len(),
            Values::F32(v) => v.len(),
        }
    }
}
