//! Weights and constants of channels, in the order in which a block has them.

use super::super::depthwise::lane_of;
use super::{ROWS, VECTORS};
use crate::fbgemm::aligned::Aligned;
use crate::fbgemm::columns::Columns;
use crate::isa::Isa;

/// What is known of each channel, in the order of interleaved sums, padded to whole blocks.
pub struct Packed {
    /// `[block][group][kernel column][vector]` groups of four rows; rows that the last group lacks
    /// are 0
    weights: Aligned<u8>,
    /// bytes of weights of a channel
    each: usize,
    offset: Aligned<i32>,
    bias: Aligned<f32>,
    multiplier: Aligned<f32>,
}

impl Packed {
    /// Blocks whose places hold the channels of `order`; those that hold none multiply by 0.
    /// `weights` are `WIDTH` high and wide.
    pub fn new<I: Isa, const GROUPS: usize, const WIDTH: usize>(
        weights: &[i8],
        columns: &Columns,
        order: impl ExactSizeIterator<Item = Option<usize>>,
    ) -> Self {
        let (block, taps) = (VECTORS * I::LANES, WIDTH * WIDTH);
        let (padded, each) = (order.len().next_multiple_of(block), GROUPS * WIDTH * ROWS);
        let mut packed = Self {
            weights: Aligned::zeroed(padded * each),
            each,
            offset: Aligned::zeroed(padded),
            bias: Aligned::zeroed(padded),
            multiplier: Aligned::zeroed(padded),
        };
        for (at, channel) in order.enumerate() {
            let (lane, Some(channel)) = (lane_of::<I>(at), channel) else {
                continue;
            };
            packed.offset[lane] = columns.offset[channel];
            packed.bias[lane] = columns.bias[channel];
            packed.multiplier[lane] = columns.multiplier[channel];
            for (tap, &weight) in weights[channel * taps..][..taps].iter().enumerate() {
                let (row, column) = (tap / WIDTH, tap % WIDTH);
                let vectors = (lane / block * GROUPS + row / ROWS) * WIDTH + column;
                packed.weights[(vectors * block + lane % block) * ROWS + row % ROWS] = weight as u8;
            }
        }
        packed
    }

    /// What is known of the block that starts at place `place`, and of all after it.
    pub fn from(&self, place: usize) -> OfBlocks<'_> {
        OfBlocks {
            weights: &self.weights[place * self.each..],
            offset: &self.offset[place..],
            bias: &self.bias[place..],
            multiplier: &self.multiplier[place..],
        }
    }
}

/// What is known of the channels of a block, which comes first.
#[derive(Clone, Copy)]
pub struct OfBlocks<'a> {
    pub weights: &'a [u8],
    pub offset: &'a [i32],
    pub bias: &'a [f32],
    pub multiplier: &'a [f32],
}
