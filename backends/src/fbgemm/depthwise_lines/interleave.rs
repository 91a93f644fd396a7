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
    /// pixels from a column on whose channels are the block's; `channels` are those of all
    pub pixels: usize,
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

    /// The codes of row `row` of a block at column `column`, some of whose pixels may lie outside
    /// the image.
    fn at_edge(&self, row: usize, column: usize, codes: &mut [u8]) {
        codes.fill(self.zero_point);
        let Some(row) = self.rows[row] else {
            return;
        };
        let each = self.channels / self.pixels;
        for (pixel, codes) in codes.chunks_exact_mut(each).take(self.pixels).enumerate() {
            let column = (self.first + column + pixel).checked_sub(self.pad);
            if let Some(column) = column.filter(|&column| column < self.width) {
                let from = (row + column) * self.stride + self.channel;
                codes.copy_from_slice(&self.codes[from..][..each]);
            }
        }
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
        // Columns whose pixels all lie in the image.
        let start = all.pad.saturating_sub(all.first).min(all.columns);
        let end = (all.pad + all.width + 1).saturating_sub(all.first + all.pixels);
        let end = end.clamp(start, all.columns);
        // What lies outside the image is read, too, again and again.
        let outside = [all.zero_point; 64];
        let mut sources = [(outside.as_ptr(), 0); READ];
        if start < end {
            for (row, source) in sources.iter_mut().enumerate() {
                if let Some(first) = all.rows[row] {
                    let pixel = first + all.first + start - all.pad;
                    let codes = &all.codes[pixel * all.stride + all.channel..];
                    assert!((end - start - 1) * all.stride + all.channels <= codes.len());
                    *source = (codes.as_ptr(), all.stride);
                }
            }
        }
        let to = all.groups.as_mut_ptr();
        let column = block * ROWS;
        for at in (0..start).chain(end..all.columns) {
            let groups = if all.pixels == 1 {
                [isa.splat_u8(all.zero_point); VECTORS]
            } else {
                let mut codes = [[0; 64]; READ];
                for (row, codes) in codes.iter_mut().enumerate() {
                    all.at_edge(row, at, &mut codes[..all.channels]);
                }
                isa.interleave_4(each!(isa.splat_i32(0), |row| match codes.get(row) {
                    // SAFETY: 64 codes are as much as the widest vector.
                    Some(codes) => unsafe { isa.load_bytes(codes.as_ptr()) },
                    None => isa.splat_i32(0),
                }))
            };
            // SAFETY: there are groups of `columns` columns.
            unsafe { store::<I>(isa, to.add(at * column), groups) };
        }
        // SAFETY: there are groups of `columns` columns; of each row, the codes of those from
        // `start` to `end` can be read, as was asserted. `outside` is as long as the widest vector.
        unsafe {
            if all.channels == block {
                for at in start..end {
                    let rows = each!(isa.splat_i32(0), |row| if row < READ {
                        let (codes, step) = sources[row % READ];
                        isa.load_bytes(codes.add((at - start) * step))
                    } else {
                        isa.splat_i32(0)
                    });
                    store::<I>(isa, to.add(at * column), isa.interleave_4(rows));
                }
            } else {
                for at in start..end {
                    let rows = each!(isa.splat_i32(0), |row| if row < READ {
                        let (codes, step) = sources[row % READ];
                        isa.load_bytes_partial(codes.add((at - start) * step), all.channels)
                    } else {
                        isa.splat_i32(0)
                    });
                    store::<I>(isa, to.add(at * column), isa.interleave_4(rows));
                }
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
