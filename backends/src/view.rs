//! Borrowed tensors as kernels get them: rows (the last dimension) are
//! contiguous, the distance between rows is a stride, nothing is aligned.

use qassay_golden::tensor::DType;

/// A read-only tensor.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    shape: &'a [usize],
    row_stride: usize,
    values: Values<'a>,
}

/// The values of a [`View`].
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// u8
    U8(&'a [u8]),
    /// s8
    I8(&'a [i8]),
    /// s32
    I32(&'a [i32]),
    /// f32
    F32(&'a [f32]),
    /// f64
    F64(&'a [f64]),
}

/// A tensor to write.
#[derive(Debug)]
pub struct ViewMut<'a> {
    shape: &'a [usize],
    row_stride: usize,
    values: ValuesMut<'a>,
}

/// The values of a [`ViewMut`].
#[derive(Debug)]
pub enum ValuesMut<'a> {
    /// u8
    U8(&'a mut [u8]),
    /// s8
    I8(&'a mut [i8]),
    /// s32
    I32(&'a mut [i32]),
    /// f32
    F32(&'a mut [f32]),
    /// f64
    F64(&'a mut [f64]),
}

/// Whether kernels can be handed values of `dtype`: there is a view of them.
pub fn holds(dtype: DType) -> bool {
    matches!(
        dtype,
        DType::U8 | DType::I8 | DType::I32 | DType::F32 | DType::F64
    )
}

/// The extent that a view needs: every row but the last takes a whole stride.
fn extent(shape: &[usize], row_stride: usize) -> usize {
    let row = shape.last().copied().unwrap_or(1);
    let rows: usize = shape.iter().take(shape.len().saturating_sub(1)).product();
    if rows == 0 || row == 0 {
        0
    } else {
        (rows - 1) * row_stride + row
    }
}

macro_rules! accessors {
    ($view:ident, $values:ident) => {
        impl<'a> $view<'a> {
            /// A view of `shape` whose rows start `row_stride` values apart.
            ///
            /// # Panics
            /// When a row is longer than the stride or the values do not hold all rows:
            /// the caller lays buffers out and knows better.
            pub fn new(shape: &'a [usize], row_stride: usize, values: $values<'a>) -> Self {
                let row = shape.last().copied().unwrap_or(1);
                assert!(
                    row_stride >= row,
                    "row stride {row_stride} is shorter than a row of {row}"
                );
                assert!(
                    values.len() >= extent(shape, row_stride),
                    "buffer too short for the view"
                );
                Self {
                    shape,
                    row_stride,
                    values,
                }
            }
            /// The shape.
            pub fn shape(&self) -> &'a [usize] {
                self.shape
            }
            /// Values between the starts of two rows.
            pub fn row_stride(&self) -> usize {
                self.row_stride
            }
            /// Values in a row.
            pub fn row_len(&self) -> usize {
                self.shape.last().copied().unwrap_or(1)
            }
            /// How many rows: the product of all dimensions but the last; 0 if rows hold nothing.
            pub fn rows(&self) -> usize {
                if self.row_len() == 0 {
                    return 0;
                }
                self.shape
                    .iter()
                    .take(self.shape.len().saturating_sub(1))
                    .product()
            }
            /// Whether rows follow each other without gaps.
            pub fn is_dense(&self) -> bool {
                self.row_stride == self.row_len() || self.rows() <= 1
            }
        }
    };
}
accessors!(View, Values);
accessors!(ViewMut, ValuesMut);

macro_rules! typed {
    ($($variant:ident, $name:ident, $name_mut:ident, $t:ty;)+) => {
        impl Values<'_> {
            fn len(&self) -> usize {
                match self { $(Self::$variant(v) => v.len(),)+ }
            }
        }
        impl ValuesMut<'_> {
            fn len(&self) -> usize {
                match self { $(Self::$variant(v) => v.len(),)+ }
            }
        }
        impl<'a> View<'a> {
            /// The type of the values.
            pub fn dtype(&self) -> DType {
                match self.values { $(Values::$variant(_) => DType::$variant,)+ }
            }
            $(
                /// The values, rows `row_stride` apart.
                ///
                /// # Panics
                /// When the values are of another type: a kernel gets what its spec lists.
                pub fn $name(&self) -> &'a [$t] {
                    match self.values {
                        Values::$variant(v) => v,
                        _ => panic!("the spec lists {} here, not {}", DType::$variant.name(), self.dtype().name()),
                    }
                }
            )+
        }
        impl ViewMut<'_> {
            /// The type of the values.
            pub fn dtype(&self) -> DType {
                match self.values { $(ValuesMut::$variant(_) => DType::$variant,)+ }
            }
            $(
                /// The values, rows `row_stride` apart.
                ///
                /// # Panics
                /// When the values are of another type: a kernel gets what its spec lists.
                pub fn $name_mut(&mut self) -> &mut [$t] {
                    let dtype = self.dtype();
                    match &mut self.values {
                        ValuesMut::$variant(v) => v,
                        _ => panic!("the spec lists {} here, not {}", DType::$variant.name(), dtype.name()),
                    }
                }
            )+
        }
    };
}
typed! {
    U8, u8, u8_mut, u8;
    I8, i8, i8_mut, i8;
    I32, i32, i32_mut, i32;
    F32, f32, f32_mut, f32;
    F64, f64, f64_mut, f64;
}

impl<'a> View<'a> {
    /// u8 or s8 codes as bytes, rows `row_stride` apart.
    ///
    /// # Panics
    /// When the values are no 8-bit codes.
    pub fn codes(&self) -> &'a [u8] {
        let Values::I8(codes) = self.values else {
            return self.u8();
        };
        // SAFETY: i8 and u8 have the same size, alignment and valid bit patterns; the borrow
        // is kept for 'a.
        unsafe { std::slice::from_raw_parts(codes.as_ptr().cast(), codes.len()) }
    }
}

impl ViewMut<'_> {
    /// u8 or s8 codes as bytes, rows `row_stride` apart.
    ///
    /// # Panics
    /// When the values are no 8-bit codes.
    pub fn codes_mut(&mut self) -> &mut [u8] {
        let ValuesMut::I8(codes) = &mut self.values else {
            return self.u8_mut();
        };
        // SAFETY: i8 and u8 have the same size, alignment and valid bit patterns; the exclusive
        // borrow goes on in the result.
        unsafe { std::slice::from_raw_parts_mut(codes.as_mut_ptr().cast(), codes.len()) }
    }
}
