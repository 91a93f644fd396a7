//! Groups of four rows of the image, one of each pixel and channel.

use super::{ROWS, VECTORS};
use crate::isa::{Isa, WithIsa, each};

/// Makes the groups of some columns of the image, a block of channels.
pub struct Interleave<'a> {
    pub codes: &'a [u8],
    /// codes between pixels
    pub stride: usize,
    /// the block's first channel
    pub channel: usize,
    /// its channels, a vector of bytes at most
    pub channels: usize,
    /// the first pixel of each row; none outside the image
    pub rows: [Option<usize>; ROWS],
    /// pixels of a row
    pub width: usize,
    /// columns left of the image
    pub pad: usize,
    /// the first column, those left of the image counted
    pub first: usize,
    /// columns
    pub columns: usize,
    pub zero_point: u8,
    /// four vectors for each column
    pub groups: &'a mut [u8],
}

impl<'a> Interleave<'a> {
    /// With the first `READ` rows alone; the others meet weights of 0.
    pub fn of_rows<const READ: usize>(self) -> InterleaveRows<'a, READ> {
        InterleaveRows(self)
    }
}

/// As [`Interleave`], of `READ` rows.
pub struct InterleaveRows<'a, const READ: usize>(Interleave<'a>);

impl<I: Isa, const READ: usize> WithIsa<I> for InterleaveRows<'_, READ> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let all = self.0;
        let block = VECTORS * I::LANES;
        assert!(all.channels <= block && all.groups.len() >= all.columns * block * ROWS);
        let left = all.pad.saturating_sub(all.first).min(all.columns);
        let end = (all.pad + all.width).saturating_sub(all.first);
        let inside = end.clamp(left, all.columns) - left;
        // The image column of the first one inside.
        let first = all.first + left - all.pad;
        // What lies outside the image is read, too, again and again.
        let outside = [all.zero_point; 64];
        let mut sources = [(outside.as_ptr(), 0); READ];
        for (source, row) in sources.iter_mut().zip(all.rows) {
            if let Some(row) = row
                && inside > 0
            {
                let start = (row + first) * all.stride + all.channel;
                let codes = &all.codes[start..];
                assert!((inside - 1) * all.stride + all.channels <= codes.len());
                *source = (codes.as_ptr(), all.stride);
            }
        }
        let padding = [isa.splat_u8(all.zero_point); VECTORS];
        let to = all.groups.as_mut_ptr();
        let column = block * ROWS;
        // SAFETY: groups of `columns` columns, of which `inside` after `left` lie in the image; of
        // these, `channels` codes can be read of each row, as was asserted. `outside` is as long
        // as the widest vector.
        unsafe {
            for at in 0..left {
                store::<I>(isa, to.add(at * column), padding);
            }
            if all.channels == block {
                for at in 0..inside {
                    let rows = each!(isa.splat_i32(0), |row| match sources.get(row) {
                        Some((codes, step)) => isa.load_bytes(codes.add(at * step)),
                        None => isa.splat_i32(0),
                    });
                    let groups = isa.interleave_4(rows);
                    store::<I>(isa, to.add((left + at) * column), groups);
                }
            } else {
                for at in 0..inside {
                    let rows = each!(isa.splat_i32(0), |row| match sources.get(row) {
                        Some((codes, step)) =>
                            isa.load_bytes_partial(codes.add(at * step), all.channels),
                        None => isa.splat_i32(0),
                    });
                    let groups = isa.interleave_4(rows);
                    store::<I>(isa, to.add((left + at) * column), groups);
                }
            }
            for at in left + inside..all.columns {
                store::<I>(isa, to.add(at * column), padding);
            }
        }
    }
}

/// Writes a column's groups.
///
/// # Safety
/// `to` must be writable for four vectors.
#[inline(always)]
unsafe fn store<I: Isa>(isa: I, to: *mut u8, groups: [I::V; VECTORS]) {
    for (v, group) in groups.into_iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { isa.store_bytes(to.add(v * 4 * I::LANES), group) };
    }
}
