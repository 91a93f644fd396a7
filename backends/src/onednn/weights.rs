//! Blocked weights: what the micro-kernel reads, laid out once at prepare.
//!
//! Output channels stand in blocks of up to 4 vectors; within a block, kernel
//! positions (taps) follow each other, and within a tap groups of 4 input
//! channels, each group holding all columns of the block. Incomplete groups
//! and blocks are filled with zeros, so pairs of products restart at each tap.
//! The last block takes 1, 2 or 4 vectors, as its columns need.
//!
//! Source of the layout: oneDNN `OIhw4i16o4i` (zmm), `gOIhw2i8o4i` (ymm),
//! with the taps outermost within a block as its batch-reduce kernels have it.

use std::ops::Range;

/// How a group of 4 input channels is laid out for the multiplication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// per column its 4 weights: for instructions that take bytes
    Bytes,
    /// per vector first channels (0, 2) of all columns, then (1, 3): loads widen each half to
    /// i16 pairs, so that sums are exact where the byte instruction would saturate
    Widened,
    /// per vector first channel 0 of all columns, then 1, 2 and 3: loads widen each half to i16
    /// for multiply-adds by element
    ByDepth,
}

/// Which weights are packed: `columns` rows of `taps · k` codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightShape {
    /// output channels
    pub columns: usize,
    /// kernel positions
    pub taps: usize,
    /// input channels of one tap
    pub k: usize,
}

/// Vectors in a full block: as many as leave registers for enough rows.
pub const fn block_vectors(lanes: usize) -> usize {
    if lanes == 16 { 4 } else { 2 }
}

/// Weights of one group of channels in blocks, and their sums.
#[derive(Debug, Clone)]
pub struct BlockedWeights {
    panels: AlignedBytes,
    shape: WeightShape,
    lanes: usize,
    form: Form,
    tap_sums: Vec<i32>,
}

/// One block of columns.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// all taps of the block
    pub panel: &'a [i8],
    /// bytes from one tap to the next
    pub tap_stride: usize,
    /// vectors of columns: 1, 2 or 4
    pub vectors: usize,
    /// the block's first column
    pub first_column: usize,
    /// columns that are there; at most `vectors · LANES`
    pub columns: usize,
}

impl BlockedWeights {
    /// Packs `codes`, laid out `[columns][taps][k]`, for vectors of `lanes` columns.
    ///
    /// # Panics
    /// When `codes` does not hold `columns · taps · k` weights.
    pub fn pack(codes: &[i8], shape: WeightShape, lanes: usize, form: Form) -> Self {
        let WeightShape { columns, taps, k } = shape;
        assert_eq!(codes.len(), columns * taps * k, "weights fit their shape");
        // Whole blocks leave room for a last block of any width.
        let padded_columns = columns.next_multiple_of(block_vectors(lanes) * lanes);
        let mut packed = Self {
            panels: AlignedBytes::zeros(padded_columns * taps * k.next_multiple_of(4)),
            shape,
            lanes,
            form,
            tap_sums: vec![0; taps * columns],
        };
        for column in 0..columns {
            for tap in 0..taps {
                let row = &codes[(column * taps + tap) * k..][..k];
                packed.tap_sums[tap * columns + column] = row
                    .iter()
                    .fold(0i32, |sum, &w| sum.wrapping_add(i32::from(w)));
                for (channel, &weight) in row.iter().enumerate() {
                    let at = packed.position(column, tap, channel);
                    packed.panels.values_mut()[at] = weight;
                }
            }
        }
        packed
    }

    /// How the weights are laid out.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Input channels of one tap.
    pub fn k(&self) -> usize {
        self.shape.k
    }

    /// Kernel positions.
    pub fn taps(&self) -> usize {
        self.shape.taps
    }

    /// Output channels.
    pub fn columns(&self) -> usize {
        self.shape.columns
    }

    /// The blocks of `columns`, which start at a block and end at one or with the last column.
    pub fn blocks_of(&self, columns: &Range<usize>) -> impl Iterator<Item = Block<'_>> {
        let block = self.block_columns();
        (columns.start / block..columns.end.div_ceil(block)).map(|index| self.block(index))
    }

    /// Block number `index`.
    fn block(&self, index: usize) -> Block<'_> {
        let first_column = index * self.block_columns();
        let columns = (self.shape.columns - first_column).min(self.block_columns());
        let vectors = self.vectors(first_column);
        let tap_stride = vectors * self.lanes * self.shape.k.next_multiple_of(4);
        let start = first_column * self.shape.taps * self.shape.k.next_multiple_of(4);
        Block {
            panel: &self.panels.values()[start..start + self.shape.taps * tap_stride],
            tap_stride,
            vectors,
            first_column,
            columns,
        }
    }

    /// Σw of each column over one tap.
    pub fn tap_sums(&self, tap: usize) -> &[i32] {
        &self.tap_sums[tap * self.shape.columns..][..self.shape.columns]
    }

    /// Σw of each column over all taps, wrapping at 32 bits.
    pub fn sums(&self) -> Vec<i32> {
        (0..self.shape.columns)
            .map(|column| {
                (0..self.shape.taps).fold(0i32, |sum, tap| {
                    sum.wrapping_add(self.tap_sums(tap)[column])
                })
            })
            .collect()
    }

    fn block_columns(&self) -> usize {
        block_vectors(self.lanes) * self.lanes
    }

    /// Vectors of the block that starts at `first_column`.
    fn vectors(&self, first_column: usize) -> usize {
        let columns = (self.shape.columns - first_column).min(self.block_columns());
        columns.div_ceil(self.lanes).next_power_of_two()
    }

    /// Where one weight lies in the panels.
    fn position(&self, column: usize, tap: usize, channel: usize) -> usize {
        let depth = self.shape.k.next_multiple_of(4);
        let first_column = column / self.block_columns() * self.block_columns();
        let width = self.vectors(first_column) * self.lanes;
        let (vector, lane) = (
            (column - first_column) / self.lanes,
            (column - first_column) % self.lanes,
        );
        let group = first_column * self.shape.taps * depth
            + tap * depth * width
            + channel / 4 * 4 * width
            + vector * 4 * self.lanes;
        match self.form {
            Form::Bytes => group + lane * 4 + channel % 4,
            Form::Widened => group + channel % 2 * 2 * self.lanes + lane * 2 + channel % 4 / 2,
            Form::ByDepth => group + channel % 4 * self.lanes + lane,
        }
    }
}

/// Bytes that start at a cache line.
#[derive(Debug)]
struct AlignedBytes {
    values: Vec<i8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    const LINE: usize = 64;

    fn zeros(len: usize) -> Self {
        let values = vec![0i8; len + Self::LINE];
        // align_offset may say "cannot"; then the data is merely not aligned.
        let start = values.as_ptr().align_offset(Self::LINE).min(Self::LINE);
        Self { values, start, len }
    }

    fn values(&self) -> &[i8] {
        &self.values[self.start..self.start + self.len]
    }

    fn values_mut(&mut self) -> &mut [i8] {
        &mut self.values[self.start..self.start + self.len]
    }
}

impl Clone for AlignedBytes {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.values_mut().copy_from_slice(self.values());
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads every weight back through the layout that the module comment states.
    fn read(weights: &BlockedWeights, lanes: usize, column: usize, tap: usize, c: usize) -> i8 {
        let block = weights.block(column / (block_vectors(lanes) * lanes));
        let (vector, lane) = (
            (column - block.first_column) / lanes,
            (column - block.first_column) % lanes,
        );
        let group = &block.panel[tap * block.tap_stride..]
            [(c / 4 * block.vectors + vector) * 4 * lanes..][..4 * lanes];
        match weights.form() {
            Form::Bytes => group[lane * 4 + c % 4],
            Form::Widened => {
                let half = &group[c % 2 * 2 * lanes..][..2 * lanes];
                half[lane * 2 + c % 4 / 2]
            }
            Form::ByDepth => group[c % 4 * lanes + lane],
        }
    }

    #[test]
    fn every_weight_stands_where_the_layout_says_and_the_rest_is_zero() {
        for form in [Form::Bytes, Form::Widened, Form::ByDepth] {
            for lanes in [4, 8, 16] {
                for columns in [1, lanes - 1, lanes, lanes + 1, 2 * lanes, 4 * lanes + 3] {
                    for k in [1, 2, 3, 4, 5, 9] {
                        let shape = WeightShape {
                            columns,
                            taps: 3,
                            k,
                        };
                        let codes: Vec<i8> =
                            (0..columns * 3 * k).map(|i| (i % 127 + 1) as i8).collect();
                        let weights = BlockedWeights::pack(&codes, shape, lanes, form);
                        for (i, &w) in codes.iter().enumerate() {
                            let (column, tap, c) = (i / k / 3, i / k % 3, i % k);
                            assert_eq!(read(&weights, lanes, column, tap, c), w, "{shape:?} {i}");
                        }
                        let packed: i64 = (weights.blocks_of(&(0..columns)))
                            .flat_map(|block| block.panel)
                            .map(|&w| i64::from(w))
                            .sum();
                        assert_eq!(packed, codes.iter().map(|&w| i64::from(w)).sum::<i64>());
                        let sums: i64 = weights.sums().iter().map(|&s| i64::from(s)).sum();
                        assert_eq!(sums, packed);
                    }
                }
            }
        }
    }
}
