//! The indirection buffer: for each output pixel and kernel position, which
//! input pixel is read. Made once for a shape; nothing is gathered or copied
//! when the kernel runs, and the border costs no test in the inner loop.
//!
//! Source: QNNPACK `src/indirection.c` (pytorch_qnnp_indirection_init_conv2d).
//! Pixels stand here by number, so that a buffer serves inputs at any address
//! and with any distance between rows.

use super::geometry::Geometry;

/// The entry of a kernel position outside the image: it reads the zero buffer.
pub const PADDING: usize = usize::MAX;

/// Pixel numbers by tile of outputs, kernel position, and output in the tile.
#[derive(Debug)]
pub struct Indirection {
    entries: Vec<usize>,
    taps: usize,
    tile: usize,
    outputs: usize,
}

impl Indirection {
    /// Of all outputs of `geometry` in tiles of `tile`; outputs that the last tile lacks repeat
    /// the last one.
    pub fn new(geometry: &Geometry, tile: usize) -> Self {
        let (outputs, taps) = (geometry.outputs(), geometry.taps());
        let mut entries = Vec::with_capacity(outputs.next_multiple_of(tile) * taps);
        for first in (0..outputs).step_by(tile) {
            for tap in 0..taps {
                entries.extend((first..first + tile).map(|output| {
                    let pixel = geometry.pixel(output.min(outputs - 1), tap);
                    pixel.unwrap_or(PADDING)
                }));
            }
        }
        Self {
            entries,
            taps,
            tile,
            outputs,
        }
    }

    /// As [`new`](Self::new), but positions outside the image read the first one inside, which
    /// changes no maximum.
    pub fn inside(geometry: &Geometry, tile: usize) -> Self {
        let mut buffer = Self::new(geometry, tile);
        for group in buffer.entries.chunks_mut((buffer.taps * tile).max(1)) {
            for output in 0..tile {
                let taps = (output..group.len()).step_by(tile);
                let first = taps.clone().map(|at| group[at]).find(|&at| at != PADDING);
                for at in taps {
                    if let (PADDING, Some(pixel)) = (group[at], first) {
                        group[at] = pixel;
                    }
                }
            }
        }
        buffer
    }

    /// The entries of tile `index`: `[tap][output in the tile]`.
    pub fn tile(&self, index: usize) -> &[usize] {
        let len = self.taps * self.tile;
        &self.entries[index * len..][..len]
    }

    /// Kernel positions.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}
