//! Rows of elements, a vector at a time: how channel parameters lie over a
//! tensor's rows, and how vectors of codes are narrowed and written. Shared by
//! the element-wise kernels of all families.

use qassay_golden::spec::{Granularity, QParams};
use qassay_golden::tensor::DType;

use crate::backend::Refusal;
use crate::isa::{Isa, each};
use crate::view::ViewMut;

/// How one parameter per channel lies over the rows of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// the same everywhere, or the same along each row: `rows` rows a channel, `count` channels
    Rows {
        /// consecutive rows of one channel
        rows: usize,
        /// channels, after which the first one comes again
        count: usize,
    },
    /// one channel a column
    Columns,
}

impl Channels {
    /// Of a tensor of `shape`.
    ///
    /// # Errors
    /// When the axis does not exist or has another length than there are parameters.
    pub fn new(granularity: &Granularity, shape: &[usize]) -> Result<Self, Refusal> {
        let Granularity::PerChannel { axis, qparams } = granularity else {
            return Ok(Self::Rows { rows: 1, count: 1 });
        };
        if shape.get(*axis) != Some(&qparams.len()) {
            return Err(Refusal::Unsupported(format!(
                "{} scales along axis {axis} of shape {shape:?}; as many as its length are needed",
                qparams.len()
            )));
        }
        if axis + 1 == shape.len() {
            return Ok(Self::Columns);
        }
        Ok(Self::Rows {
            rows: shape[axis + 1..shape.len() - 1]
                .iter()
                .product::<usize>()
                .max(1),
            count: qparams.len().max(1),
        })
    }

    /// Of multipliers per column, or one for all.
    pub fn of_columns(multipliers: usize, columns: usize) -> Result<Self, Refusal> {
        match multipliers {
            1 => Ok(Self::Rows { rows: 1, count: 1 }),
            n if n == columns => Ok(Self::Columns),
            n => Err(Refusal::Unsupported(format!(
                "{n} multipliers for {columns} columns; one, or one per column, is needed"
            ))),
        }
    }

    /// Where the parameters of `row` start; with [`Columns`](Self::Columns) there is one for each column.
    #[inline(always)]
    pub fn first(self, row: usize) -> usize {
        match self {
            Self::Rows { rows, count } => row / rows % count,
            Self::Columns => 0,
        }
    }
}

/// All scales and zero points of a granularity, in channel order.
pub fn all_qparams(granularity: &Granularity) -> &[QParams] {
    match granularity {
        Granularity::PerTensor(qparams) => std::slice::from_ref(qparams),
        Granularity::PerChannel { qparams, .. } => qparams,
    }
}

/// The parameters of one row: one value for the row, or one for each column.
#[derive(Debug, Clone, Copy)]
pub struct Along<'a, T, const COLUMNS: bool>(pub &'a [T]);

impl<const COLUMNS: bool> Along<'_, f32, COLUMNS> {
    /// The parameters of `lanes` columns from `column` on.
    #[inline(always)]
    pub fn lanes<I: Isa>(self, isa: I, column: usize, lanes: usize) -> I::F {
        if !COLUMNS {
            return isa.splat_f32(self.0[0]);
        }
        let part = &self.0[column.min(self.0.len())..][..lanes];
        // SAFETY: `part` holds `lanes` values, a whole vector where `lanes` is LANES.
        unsafe {
            if lanes == I::LANES {
                isa.load_f32(part.as_ptr())
            } else {
                isa.load_f32_partial(part.as_ptr(), lanes)
            }
        }
    }
}

impl<const COLUMNS: bool> Along<'_, i32, COLUMNS> {
    /// The parameters of `lanes` columns from `column` on.
    #[inline(always)]
    pub fn lanes<I: Isa>(self, isa: I, column: usize, lanes: usize) -> I::V {
        if !COLUMNS {
            return isa.splat_i32(self.0[0]);
        }
        load_i32(isa, self.0, column, lanes)
    }
}

/// `lanes` i32 of `row` from `column` on, then zeros.
#[inline(always)]
pub fn load_i32<I: Isa>(isa: I, row: &[i32], column: usize, lanes: usize) -> I::V {
    let part = &row[column.min(row.len())..][..lanes];
    // SAFETY: `part` holds `lanes` values of 4 bytes, a whole vector where `lanes` is LANES.
    unsafe {
        if lanes == I::LANES {
            isa.load_bytes(part.as_ptr().cast())
        } else {
            isa.load_bytes_partial(part.as_ptr().cast(), 4 * lanes)
        }
    }
}

/// `lanes` f32 of `row` from `column` on, then zeros.
#[inline(always)]
pub fn load_f32<I: Isa>(isa: I, row: &[f32], column: usize, lanes: usize) -> I::F {
    Along::<f32, true>(row).lanes(isa, column, lanes)
}

/// Bytes of an output from which on no cache is thought to hold it: it is written past them.
const STREAMED: usize = 8 << 20;

/// Whether an output of so many values is written past the caches.
pub fn is_streamed(output: &ViewMut<'_>) -> bool {
    output.rows() * output.row_len() * output.dtype().size() >= STREAMED
}

/// A row of codes to write.
pub struct CodeRow<'a> {
    codes: CodesMut<'a>,
    /// past the caches
    streamed: bool,
}

/// The codes of a row.
enum CodesMut<'a> {
    U8(&'a mut [u8]),
    I8(&'a mut [i8]),
    I32(&'a mut [i32]),
}

/// Row `row` of a tensor of codes.
pub fn code_row<'a>(output: &'a mut ViewMut<'_>, row: usize) -> CodeRow<'a> {
    let (start, len) = (row * output.row_stride(), output.row_len());
    CodeRow {
        streamed: is_streamed(output),
        codes: match output.dtype() {
            DType::U8 => CodesMut::U8(&mut output.u8_mut()[start..][..len]),
            DType::I8 => CodesMut::I8(&mut output.i8_mut()[start..][..len]),
            _ => CodesMut::I32(&mut output.i32_mut()[start..][..len]),
        },
    }
}

/// Where the codes of a row come from, a vector at a time.
pub trait Codes<I: Isa> {
    /// The codes of `lanes` columns from `column` on, in i32 lanes.
    fn codes(&self, isa: I, column: usize, lanes: usize) -> I::V;
}

/// What happens to codes while they are narrowed to bytes: nothing, or a zero
/// point added in saturating i16 and a lower bound.
#[derive(Debug, Clone, Copy)]
pub struct Narrowing {
    /// added after narrowing to i16
    pub zero_point: i16,
    /// the lowest code
    pub floor: i32,
}

impl Narrowing {
    /// Codes are ready and in range.
    pub fn none(dtype: DType) -> Self {
        Self {
            zero_point: 0,
            floor: if dtype == DType::I8 { -128 } else { 0 },
        }
    }
}

/// Fills a row: four vectors of codes to one of bytes, the rest by masked stores.
/// s32 codes are written as they come.
#[inline(always)]
pub fn write_row<I: Isa>(isa: I, from: &impl Codes<I>, narrowing: Narrowing, to: CodeRow<'_>) {
    let streamed = to.streamed;
    match to.codes {
        CodesMut::U8(to) => write_bytes::<I, _, _, false>(isa, from, narrowing, to, streamed),
        CodesMut::I8(to) => write_bytes::<I, _, _, true>(isa, from, narrowing, to, streamed),
        CodesMut::I32(to) => {
            let mut column = 0;
            for part in to.chunks_mut(I::LANES) {
                let lanes = part.len();
                // SAFETY: `part` holds `lanes` values of 4 bytes.
                unsafe {
                    if lanes == I::LANES {
                        let v = from.codes(isa, column, I::LANES);
                        isa.store_bytes(part.as_mut_ptr().cast(), v);
                    } else {
                        let v = from.codes(isa, column, lanes);
                        isa.store_bytes_partial(part.as_mut_ptr().cast(), v, 4 * lanes);
                    }
                }
                column += lanes;
            }
        }
    }
}

/// Fills `to`, u8 or i8 as `SIGNED` says.
#[inline(always)]
fn write_bytes<I: Isa, C: Codes<I>, T, const SIGNED: bool>(
    isa: I,
    from: &C,
    narrowing: Narrowing,
    to: &mut [T],
    streamed: bool,
) {
    const { assert!(size_of::<T>() == 1) };
    let width = 4 * I::LANES;
    let mut column = if streamed { head(to, width) } else { 0 };
    let (first, to) = to.split_at_mut(column);
    if !first.is_empty() {
        let bytes = narrowed::<I, C, SIGNED>(isa, from, narrowing, 0, first.len());
        // SAFETY: `first` holds as many values of one byte.
        unsafe { isa.store_bytes_partial(first.as_mut_ptr().cast(), bytes, first.len()) };
    }
    let mut whole = to.chunks_exact_mut(width);
    for part in whole.by_ref() {
        let bytes = narrowed::<I, C, SIGNED>(isa, from, narrowing, column, width);
        // SAFETY: `part` holds 4·LANES values of one byte, on a multiple of that where streamed.
        unsafe {
            if streamed {
                isa.stream_bytes(part.as_mut_ptr().cast(), bytes);
            } else {
                isa.store_bytes(part.as_mut_ptr().cast(), bytes);
            }
        }
        column += width;
    }
    if streamed {
        isa.fence();
    }
    let rest = whole.into_remainder();
    if !rest.is_empty() {
        let bytes = narrowed::<I, C, SIGNED>(isa, from, narrowing, column, rest.len());
        // SAFETY: `rest` holds as many values of one byte.
        unsafe { isa.store_bytes_partial(rest.as_mut_ptr().cast(), bytes, rest.len()) };
    }
}

/// Values before the first that lies on a multiple of `bytes` bytes, at most all.
pub fn head<T>(values: &[T], bytes: usize) -> usize {
    let past = values.as_ptr().addr() % bytes;
    let missing = if past == 0 { 0 } else { bytes - past };
    (missing / size_of::<T>()).min(values.len())
}

/// `count` codes from `column` on as bytes, `count` at most four vectors.
#[inline(always)]
fn narrowed<I: Isa, C: Codes<I>, const SIGNED: bool>(
    isa: I,
    from: &C,
    narrowing: Narrowing,
    column: usize,
    count: usize,
) -> I::V {
    let four: [I::V; 4] = each!(isa.splat_i32(0), |i| {
        let lanes = count.saturating_sub(i * I::LANES).min(I::LANES);
        from.codes(isa, column + i * I::LANES, lanes)
    });
    let floor = isa.splat_u8(narrowing.floor as u8);
    if SIGNED {
        isa.max_i8(isa.narrow_to_i8(four, narrowing.zero_point), floor)
    } else {
        isa.max_u8(isa.narrow_to_u8(four, narrowing.zero_point), floor)
    }
}

/// Fills a row one code at a time: families' portable paths. `code` gives codes in range.
pub fn write_row_portable(to: CodeRow<'_>, code: impl Fn(usize) -> i64) {
    match to.codes {
        CodesMut::U8(to) => (0..).zip(to).for_each(|(j, to)| *to = code(j) as u8),
        CodesMut::I8(to) => (0..).zip(to).for_each(|(j, to)| *to = code(j) as i8),
        CodesMut::I32(to) => (0..).zip(to).for_each(|(j, to)| *to = code(j) as i32),
    }
}

/// The range of codes to clip to.
///
/// # Errors
/// When `dtype` holds no codes or the range is not within it.
pub fn code_range(dtype: DType, range: Option<(i64, i64)>) -> Result<(i64, i64), Refusal> {
    let Some(whole) = dtype.code_range() else {
        return Err(Refusal::Unsupported(format!(
            "{} holds no codes",
            dtype.name()
        )));
    };
    let (low, high) = range.unwrap_or(whole);
    if low < whole.0 || high > whole.1 || low >= high {
        return Err(Refusal::Unsupported(format!(
            "codes [{low}, {high}] are not a range within {}",
            dtype.name()
        )));
    }
    Ok((low, high))
}

/// The range of codes as f32 bounds that do not reach outside it.
pub fn float_range((low, high): (i64, i64)) -> (f32, f32) {
    let (mut low_f32, mut high_f32) = (low as f32, high as f32);
    if low_f32 as i64 != low && (low_f32 as i64) < low {
        low_f32 = low_f32.next_up();
    }
    if high_f32 as i64 > high {
        high_f32 = high_f32.next_down();
    }
    (low_f32, high_f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_where_whole_vectors_are_aligned() {
        let buffer = vec![0u8; 256];
        for start in 0..70 {
            for len in [0, 3, 100] {
                let values = &buffer[start..start + len];
                let head = head(values, 64);
                assert!(head < 64 && head <= len);
                assert!(head == len || values[head..].as_ptr().addr().is_multiple_of(64));
            }
        }
        let floats = vec![0f32; 64];
        let head = head(&floats[1..], 32);
        assert!(floats[1 + head..].as_ptr().addr().is_multiple_of(32));
    }
}
