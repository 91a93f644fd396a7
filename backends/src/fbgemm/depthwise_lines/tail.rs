//! The last channels of a pixel where they are a vector of sums or fewer: a block of
//! channels would be mostly empty. They are copied next to each other first, so that four pixels
//! are interleaved at once, and a group of each pixel and channel is back in the order of
//! channels; four outputs are narrowed together.

use super::{Piece, ROWS};
use crate::fbgemm::aligned::Aligned;
use crate::fbgemm::columns::Columns;
use crate::fbgemm::output::{Codes, Steps};
use crate::isa::{Isa, WithIsa, each};

/// Pixels that are interleaved, and outputs that are narrowed, at once.
const AT_ONCE: usize = 4;

/// Lanes of a vector, where this is made for.
pub const LANES: usize = 16;

/// What a thread works in.
pub struct Room {
    /// of each row of the image, the channels of each column: a lane a byte
    rows: Aligned<u8>,
    /// `[group][column]` groups of four rows, a vector each
    groups: Aligned<u8>,
    /// most columns, in whole steps of four
    columns: usize,
}

impl Room {
    /// For as many columns of the image, and `groups` groups of rows.
    pub fn new(columns: usize, groups: usize) -> Self {
        let columns = columns.next_multiple_of(AT_ONCE);
        Self {
            rows: Aligned::zeroed(ROWS * columns * LANES),
            groups: Aligned::zeroed(groups * columns * LANES * ROWS),
            columns,
        }
    }
}

/// The last channels of some outputs of a line.
pub struct Tail<'a, const GROUPS: usize, const WIDTH: usize> {
    pub codes: &'a [u8],
    /// codes between pixels
    pub stride: usize,
    /// the first pixel of each row under the line; none outside the image
    pub rows: &'a [Option<usize>],
    /// pixels of a row
    pub width: usize,
    /// columns left of the image
    pub pad: usize,
    /// columns between windows
    pub step: usize,
    pub piece: Piece,
    pub zero_point: u8,
    /// `[group][kernel column]` groups of four rows, a vector each
    pub weights: &'a [u8],
    pub constants: &'a Columns,
    pub room: &'a mut Room,
    pub target: Codes,
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> WithIsa<I> for Tail<'_, GROUPS, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let Self {
            target,
            weights,
            constants,
            step,
            ..
        } = self;
        let (count, vector) = (self.piece.place.rows, I::LANES * ROWS);
        let columns = (count - 1) * step + WIDTH;
        assert!(
            count > 0 && columns <= self.room.columns && weights.len() >= GROUPS * WIDTH * vector
        );
        let channel = self.piece.place.column;
        let padded = channel + I::LANES;
        assert!(constants.offset.len() >= padded && constants.bias.len() >= padded);
        assert!(constants.multiplier.len() >= padded);
        let plane = self.room.columns * vector;
        let room = self.interleave(isa, columns);
        assert!(room.groups.len() >= GROUPS * plane);
        // SAFETY: the assertions: a vector of each constant, and of each group and column of
        // weights.
        let (offset, steps, weights) = unsafe {
            let offset = isa.load_bytes(constants.offset[channel..].as_ptr().cast());
            let (bias, multiplier) = (
                constants.bias[channel..].as_ptr(),
                constants.multiplier[channel..].as_ptr(),
            );
            let weights: [[I::V; WIDTH]; GROUPS] = each!([isa.splat_i32(0); WIDTH], |group| each!(
                isa.splat_i32(0),
                |column| isa.load_bytes(weights.as_ptr().add((group * WIDTH + column) * vector))
            ));
            (offset, Steps::<I, 1>::load(isa, bias, multiplier), weights)
        };
        for first in (0..count).step_by(AT_ONCE) {
            let outputs = (count - first).min(AT_ONCE);
            let all: [I::V; AT_ONCE] = each!(isa.splat_i32(0), |output| {
                // Those that are lacking are the last one once more.
                let output = first + output.min(outputs - 1);
                let mut sum = offset;
                for (group, weights) in weights.iter().enumerate() {
                    for (column, &weights) in weights.iter().enumerate() {
                        let at = group * plane + (output * step + column) * vector;
                        // SAFETY: the assertions: the last output's last column lies in the plane.
                        let codes = unsafe { isa.load_bytes(room.groups.as_ptr().add(at)) };
                        sum = isa.dot4(sum, codes, weights);
                    }
                }
                let [step] = steps.of(isa, [sum]);
                step
            });
            target.write_rows(isa, first, outputs, all);
        }
    }
}

impl<'a, const GROUPS: usize, const WIDTH: usize> Tail<'a, GROUPS, WIDTH> {
    /// Makes the groups of `columns` columns.
    #[inline(always)]
    fn interleave<I: Isa>(self, isa: I, columns: usize) -> &'a Room {
        let Room {
            rows: copies,
            groups,
            columns: most,
        } = &mut *self.room;
        let (channels, channel) = (self.piece.place.columns, self.piece.place.column);
        let first = self.piece.first * self.step;
        let start = self.pad.saturating_sub(first).min(columns);
        let end = (self.pad + self.width)
            .saturating_sub(first)
            .clamp(start, columns);
        let line = *most * I::LANES;
        assert!(
            I::LANES == LANES
                && channels <= LANES
                && columns <= *most
                && copies.len() >= ROWS * line
        );
        for group in 0..GROUPS {
            for row in 0..ROWS {
                let copy = &mut copies[row * line..][..line];
                let at = group * ROWS + row;
                // Rows that the kernel lacks meet weights of 0.
                let Some(pixel) = self.rows[at].filter(|_| at < WIDTH && start < end) else {
                    copy.fill(self.zero_point);
                    continue;
                };
                copy[..start * I::LANES].fill(self.zero_point);
                copy[end * I::LANES..].fill(self.zero_point);
                let codes =
                    &self.codes[(pixel + first + start - self.pad) * self.stride + channel..];
                let (line, _) = copy[start * LANES..end * LANES].as_chunks_mut::<LANES>();
                // As many as have LANES codes after them: what is copied too much meets weights
                // of 0.
                let whole = match codes.len().checked_sub(LANES) {
                    Some(last) => (last / self.stride + 1).min(line.len()),
                    None => 0,
                };
                let (whole, rest) = line.split_at_mut(whole);
                for (at, to) in whole.iter_mut().enumerate() {
                    // SAFETY: `whole` were counted; any bytes are codes.
                    *to = unsafe {
                        codes
                            .as_ptr()
                            .add(at * self.stride)
                            .cast::<[u8; LANES]>()
                            .read()
                    };
                }
                for (at, to) in rest.iter_mut().enumerate() {
                    let from = (whole.len() + at) * self.stride;
                    to[..channels].copy_from_slice(&codes[from..][..channels]);
                }
            }
            let vector = I::LANES * ROWS;
            let plane = &mut groups[group * *most * vector..][..*most * vector];
            for column in (0..columns).step_by(AT_ONCE) {
                let to = plane[column * vector..][..AT_ONCE * vector].as_mut_ptr();
                // SAFETY: both have room for whole steps of four columns, which are a vector of
                // a row, and four of groups.
                unsafe {
                    let rows = each!(isa.splat_i32(0), |row| isa
                        .load_bytes(copies.as_ptr().add(row * line + column * I::LANES)));
                    isa.store_deinterleaved(to.cast(), isa.interleave_4(rows));
                }
            }
        }
        self.room
    }
}
