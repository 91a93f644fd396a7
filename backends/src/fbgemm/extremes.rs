//! Least and greatest values, a vector at a time: of a whole tensor, of rows
//! that belong to channels, or of columns. NaN stays; −0 is less than 0.

use crate::isa::{Isa, WithIsa};
use crate::rows::{self, Channels};
use crate::view::View;

/// The lesser, NaN if either is.
pub fn least(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a == b {
        f32::from_bits(a.to_bits() | b.to_bits())
    } else {
        a.min(b)
    }
}

/// The greater, NaN if either is.
pub fn greatest(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a == b {
        f32::from_bits(a.to_bits() & b.to_bits())
    } else {
        a.max(b)
    }
}

/// Moves each channel's `minima` and `maxima` to take in one batch.
pub struct Extremes<'a> {
    /// the batch
    pub batch: View<'a>,
    /// which values belong to which channel
    pub channels: Channels,
    /// one per channel
    pub minima: &'a mut [f32],
    /// one per channel
    pub maxima: &'a mut [f32],
}

impl<I: Isa> WithIsa<I> for Extremes<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let Self {
            batch,
            channels,
            minima,
            maxima,
        } = self;
        for row in 0..batch.rows() {
            let values = &batch.f32()[row * batch.row_stride()..][..batch.row_len()];
            if channels == Channels::Columns {
                columns(isa, values, minima, maxima);
            } else {
                let (min, max) = of_row(isa, values);
                let channel = channels.first(row);
                minima[channel] = least(minima[channel], min);
                maxima[channel] = greatest(maxima[channel], max);
            }
        }
        for (min, max) in minima.iter().zip(maxima) {
            // The vectors keep NaN in the minimum alone.
            if min.is_nan() {
                *max = f32::NAN;
            }
        }
    }
}

/// `(least, greatest)` lane by lane. minps and maxps give their second operand
/// for NaN and for equal zeros; taken both ways round and joined bit by bit, a
/// NaN stays (in the minimum) and zeros have an order.
#[inline(always)]
fn lanes<I: Isa>(isa: I, (min, max): (I::F, I::F), x: I::F) -> (I::F, I::F) {
    (
        isa.or_f32(isa.min_f32(min, x), isa.min_f32(x, min)),
        isa.and_f32(isa.max_f32(max, x), isa.max_f32(x, max)),
    )
}

/// Least and greatest of a row; the greatest means nothing where the least is NaN.
#[inline(always)]
fn of_row<I: Isa>(isa: I, values: &[f32]) -> (f32, f32) {
    let none = (f32::INFINITY, f32::NEG_INFINITY);
    let join = |(min, max): (f32, f32), &x: &f32| (least(min, x), greatest(max, x));
    if values.len() < I::LANES {
        return values.iter().fold(none, join);
    }
    let mut found = (isa.splat_f32(none.0), isa.splat_f32(none.1));
    let mut column = 0;
    while column + I::LANES <= values.len() {
        found = lanes(isa, found, rows::load_f32(isa, values, column, I::LANES));
        column += I::LANES;
    }
    if column < values.len() {
        // The last vector overlaps the one before: a value seen twice changes nothing.
        let last = values.len() - I::LANES;
        found = lanes(isa, found, rows::load_f32(isa, values, last, I::LANES));
    }
    let (minima, maxima) = (isa.to_f32_array(found.0), isa.to_f32_array(found.1));
    (
        minima[..I::LANES].iter().copied().fold(none.0, least),
        maxima[..I::LANES].iter().copied().fold(none.1, greatest),
    )
}

/// Moves `minima` and `maxima`, one per column, to take in a row.
#[inline(always)]
fn columns<I: Isa>(isa: I, values: &[f32], minima: &mut [f32], maxima: &mut [f32]) {
    let mut column = 0;
    while column < values.len() {
        let count = (values.len() - column).min(I::LANES);
        let found = (
            rows::load_f32(isa, minima, column, count),
            rows::load_f32(isa, maxima, column, count),
        );
        let (min, max) = lanes(isa, found, rows::load_f32(isa, values, column, count));
        let (minima, maxima) = (
            &mut minima[column..][..count],
            &mut maxima[column..][..count],
        );
        // SAFETY: both slices hold `count` values.
        unsafe {
            isa.store_f32_partial(minima.as_mut_ptr(), min, count);
            isa.store_f32_partial(maxima.as_mut_ptr(), max, count);
        }
        column += count;
    }
}
