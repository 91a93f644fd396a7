//! Sums of 3×3 kernels whose windows lie more than a column apart, without groups in memory: few
//! windows hold a column. A walk along a line of outputs interleaves the columns under a window,
//! sums them and narrows the sums to codes, all in registers, where the column that the next window
//! holds, too, stays. For sets that have registers for all weights of a block and its groups, and
//! that multiply weights as they are.

use std::ops::Range;

use super::packed::OfBlocks;
use super::source::{Apart, KERNEL, Line, One, Source};
use super::{ROWS, Shared, VECTORS};
use crate::fbgemm::output::{Codes, Place, Steps};
use crate::isa::{Isa, WithIsa, each};
use crate::threads::Output;
use crate::view::View;

/// Outputs of a walk at most.
const OUTPUTS: usize = 64;

/// A block of channels of outputs of a line.
#[derive(Clone, Copy)]
struct Piece<'a> {
    input: &'a View<'a>,
    /// the first pixel of each row of the image under the line; none outside
    rows: [Option<usize>; KERNEL],
    /// in the output
    place: Place,
    /// the number of the first output in its line
    first: usize,
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> Shared<I, GROUPS, WIDTH> {
    /// Whether lines can be walked where windows lie more than a column apart.
    pub const WALKS: bool = I::LANES == 16 && I::DOT_K == 4 && GROUPS == 1 && WIDTH == KERNEL;

    /// Computes a line of outputs. `line` is the number of its first output, `rows` lie under it.
    ///
    /// # Panics
    /// When the form of outputs is none that [`Codes`] writes.
    pub fn walk(
        &self,
        input: &View<'_>,
        rows: &[Option<usize>],
        line: usize,
        output: &mut Output<'_>,
    ) {
        let (width, block) = (self.geometry.output[2], VECTORS * I::LANES);
        let rows = each!(None, |row| rows[row]);
        let mut first = 0;
        while first < width {
            let outputs = (width - first).min(OUTPUTS);
            for channel in (0..self.channels).step_by(block) {
                let place = Place {
                    row: line + first,
                    rows: outputs,
                    column: channel,
                    columns: (self.channels - channel).min(block),
                };
                let codes = Codes::of(self.form, place, output).expect("outputs are packed codes");
                let piece = Piece {
                    input,
                    rows,
                    place,
                    first,
                };
                self.walk_block(piece, codes);
            }
            first += outputs;
        }
    }

    /// Computes a block of channels of a piece.
    fn walk_block(&self, piece: Piece<'_>, codes: Codes) {
        let channels = piece.place.columns;
        // A block would be half full at most.
        let is_done = match channels {
            ..=16 => self.walk_apart::<1>(piece, codes),
            17..=32 => self.walk_apart::<2>(piece, codes),
            _ => false,
        };
        if is_done {
            return;
        }
        let line = self.line(piece, channels).expect("lines lie in the input");
        let blocks = 0..piece.place.rows;
        let constants = self.packed.from(piece.place.column);
        if channels == VECTORS * I::LANES {
            let source = One::<true>::new(self.isa, line);
            self.walk_all(source, 0, blocks, constants, codes);
        } else {
            let source = One::<false>::new(self.isa, line);
            self.walk_all(source, 0, blocks, constants, codes);
        }
    }

    /// As [`walk_block`](Self::walk_block), `QUARTERS` quarters of a block of each output; gives
    /// whether it can.
    fn walk_apart<const QUARTERS: usize>(&self, piece: Piece<'_>, codes: Codes) -> bool {
        let (count, at_once) = (piece.place.rows, Apart::<QUARTERS>::AT_ONCE);
        // What follows the channels in a quarter is read, too.
        let Some(line) = self.line(piece, Apart::<QUARTERS>::CODES) else {
            return false;
        };
        if count < at_once {
            return false;
        }
        let source = Apart::<QUARTERS>::new(line);
        let constants = self.packed_apart.from(0);
        self.walk_all(source, 0, 0..count / at_once, constants, codes);
        if !count.is_multiple_of(at_once) {
            // The last ones, some of them once more.
            self.walk_all(source, count - at_once, 0..1, constants, codes);
        }
        true
    }

    /// Computes the blocks `blocks` of outputs from output `first` on.
    fn walk_all<S: Source<I>>(
        &self,
        source: S,
        first: usize,
        blocks: Range<usize>,
        constants: OfBlocks<'_>,
        codes: Codes,
    ) {
        let (line, at_once) = (source.line(), source.at_once());
        let (step, shift) = (line.step * at_once, line.step * first);
        // Blocks whose columns all lie in the image.
        let inside = if S::EVERYWHERE {
            blocks.clone()
        } else {
            let reach = line.step * (at_once - 1) + KERNEL;
            let start = line.start.saturating_sub(shift).div_ceil(step);
            let end = match line.end.checked_sub(shift + reach) {
                Some(last) => last / step + 1,
                None => 0,
            };
            let start = start.clamp(blocks.start, blocks.end);
            start..end.clamp(start, blocks.end)
        };
        let walk = |blocks| Walk {
            source,
            first,
            blocks,
            constants,
            codes,
        };
        let edges = [blocks.start..inside.start, inside.end..blocks.end];
        for edge in edges.into_iter().filter(|edge| !edge.is_empty()) {
            self.isa.vectorize(Blocks::<S, false, false>(walk(edge)));
        }
        if inside.is_empty() {
            return;
        }
        if step == KERNEL - 1 {
            self.isa.vectorize(Blocks::<S, true, true>(walk(inside)));
        } else {
            self.isa.vectorize(Blocks::<S, false, true>(walk(inside)));
        }
    }

    /// What lies under a piece, `codes` of each pixel; `None` where the input has fewer.
    fn line<'a>(&'a self, piece: Piece<'a>, codes: usize) -> Option<Line<'a>> {
        let channel = piece.place.column;
        Line::new(
            piece.input,
            channel..channel + codes,
            piece.rows,
            &self.geometry,
            piece.first,
            &self.outside,
        )
    }
}

/// Some blocks of outputs.
struct Walk<'a, S> {
    source: S,
    /// the first output of block 0
    first: usize,
    blocks: Range<usize>,
    constants: OfBlocks<'a>,
    codes: Codes,
}

/// As [`Walk`]: whether the last column of a block is the first one of the next, and whether all
/// lie in the image.
struct Blocks<'a, S, const SHARED: bool, const INSIDE: bool>(Walk<'a, S>);

impl<I, S, const SHARED: bool, const INSIDE: bool> WithIsa<I> for Blocks<'_, S, SHARED, INSIDE>
where
    I: Isa,
    S: Source<I>,
{
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let Walk {
            source,
            first,
            blocks,
            constants,
            codes,
        } = self.0;
        let (lanes, block) = (I::LANES, VECTORS * I::LANES);
        let (step, at_once) = (source.line().step, source.at_once());
        assert!(constants.weights.len() >= KERNEL * block * ROWS);
        assert!(constants.offset.len() >= block && constants.bias.len() >= block);
        assert!(constants.multiplier.len() >= block);
        assert!(first + blocks.end * at_once < codes.rows() + at_once);
        // SAFETY: the assertions: a block of each.
        let (weights, offset, steps) = unsafe {
            let weights: [[I::V; VECTORS]; KERNEL] = each!(
                [isa.splat_i32(0); VECTORS],
                |column| each!(isa.splat_i32(0), |v| isa.load_bytes(
                    (constants.weights.as_ptr()).add((column * block + v * lanes) * ROWS)
                ))
            );
            let offset: [I::V; VECTORS] = each!(isa.splat_i32(0), |v| isa
                .load_bytes(constants.offset.as_ptr().add(v * lanes).cast()));
            let (bias, multiplier) = (constants.bias.as_ptr(), constants.multiplier.as_ptr());
            (
                weights,
                offset,
                Steps::<I, VECTORS>::load(isa, bias, multiplier),
            )
        };
        let mut last = [isa.splat_i32(0); VECTORS];
        if SHARED {
            let column = (first + blocks.start * at_once) * step;
            // SAFETY: `walk_all` counted the blocks; this is the first one's column.
            last = unsafe { groups_of::<I, S, INSIDE>(isa, source, column) };
        }
        for block in blocks {
            let output = first + block * at_once;
            let column = output * step;
            // One by one: a loop over columns would have their groups in memory.
            // SAFETY: `walk_all` counted the blocks; these are the block's columns.
            let [left, middle, right] = unsafe {
                [
                    if SHARED {
                        last
                    } else {
                        groups_of::<I, S, INSIDE>(isa, source, column)
                    },
                    groups_of::<I, S, INSIDE>(isa, source, column + 1),
                    groups_of::<I, S, INSIDE>(isa, source, column + 2),
                ]
            };
            last = right;
            let sums: [I::V; VECTORS] = each!(isa.splat_i32(0), |v| {
                let sum = isa.dot4(offset[v], left[v], weights[0][v]);
                let sum = isa.dot4(sum, middle[v], weights[1][v]);
                isa.dot4(sum, right[v], weights[2][v])
            });
            // SAFETY: the assertion: `codes` has rows for all outputs.
            unsafe { source.write(isa, codes, output, steps.of(isa, sums)) };
        }
    }
}

/// The groups of a column of a block.
///
/// # Safety
/// The column and those of the block's other outputs must lie in the image where it says `INSIDE`.
#[inline(always)]
unsafe fn groups_of<I: Isa, S: Source<I>, const INSIDE: bool>(
    isa: I,
    source: S,
    column: usize,
) -> [I::V; VECTORS] {
    isa.interleave_4(each!(isa.splat_i32(0), |row| if row >= KERNEL {
        isa.splat_i32(0)
    } else if INSIDE {
        // SAFETY: the caller's promise.
        unsafe { source.inside(isa, row, column) }
    } else {
        source.anywhere(isa, row, column)
    }))
}
