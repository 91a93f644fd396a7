//! Sums of some outputs of a line, a block of channels, and their codes.

use super::packed::OfBlocks;
use super::{ROWS, VECTORS};
use crate::fbgemm::output::{Codes, Steps};
use crate::isa::{Isa, WithIsa, each};

/// Sums of `count` outputs whose windows lie `step` columns apart.
pub struct Sum<'a, const GROUPS: usize, const WIDTH: usize> {
    pub count: usize,
    pub step: usize,
    /// bytes of the groups of four rows of one kind
    pub plane: usize,
    pub groups: &'a [u8],
    pub constants: OfBlocks<'a>,
    /// four vectors for each output
    pub sums: &'a mut [i32],
    /// where codes are written; else sums go to `sums`, in the order of channels, their offsets
    /// not added
    pub target: Option<Codes>,
}

impl<I: Isa, const GROUPS: usize, const WIDTH: usize> WithIsa<I> for Sum<'_, GROUPS, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let block = VECTORS * I::LANES;
        let columns = (self.count - 1) * self.step + WIDTH;
        assert!(self.count > 0 && columns * block * ROWS <= self.plane);
        assert!(self.groups.len() >= GROUPS * self.plane);
        assert!(self.constants.weights.len() >= GROUPS * WIDTH * block * ROWS);
        assert!(self.sums.len() >= self.count * block);
        let constants = &self.constants;
        assert!(constants.offset.len() >= block && constants.bias.len() >= block);
        assert!(constants.multiplier.len() >= block);
        // SAFETY: the assertions: a block of each constant.
        let (offset, steps) = unsafe {
            let offset: [I::V; VECTORS] = each!(isa.splat_i32(0), |v| isa
                .load_bytes(constants.offset.as_ptr().add(v * I::LANES).cast()));
            let (bias, multiplier) = (constants.bias.as_ptr(), constants.multiplier.as_ptr());
            (offset, Steps::<I, VECTORS>::load(isa, bias, multiplier))
        };
        match self.target {
            // Registers for all weights of a block, its sums and its constants, where weights are
            // multiplied as they are.
            Some(codes) if const { I::LANES >= 16 && I::DOT_K == 4 && GROUPS == 1 } => {
                let weights = self.weights::<I, VECTORS>(isa, 0);
                for output in 0..self.count {
                    let sums = self.sum::<I, VECTORS>(isa, output, 0, &weights, offset);
                    // SAFETY: `Codes` was made for as many outputs.
                    unsafe { codes.write(isa, output, steps.of(isa, sums)) };
                }
            }
            target => {
                for (v, &offset) in offset.iter().enumerate() {
                    let weights = self.weights::<I, 1>(isa, v);
                    let start = match target {
                        Some(_) => offset,
                        None => isa.splat_i32(0),
                    };
                    for output in 0..self.count {
                        let [sum] = self.sum::<I, 1>(isa, output, v, &weights, [start]);
                        // SAFETY: the assertion: a block of sums for each output.
                        unsafe {
                            let to = self.sums.as_mut_ptr().add(output * block + v * I::LANES);
                            isa.store_bytes(to.cast(), sum);
                        }
                    }
                }
                for output in 0..self.count {
                    let place = self.sums[output * block..][..block].as_mut_ptr();
                    // SAFETY: `place` is a block of sums; `Codes` was made for as many outputs.
                    unsafe {
                        let sums: [I::V; VECTORS] = each!(isa.splat_i32(0), |v| isa
                            .load_bytes(place.add(v * I::LANES).cast()));
                        match target {
                            Some(codes) => codes.write(isa, output, steps.of(isa, sums)),
                            None => isa.store_deinterleaved(place, sums),
                        }
                    }
                }
            }
        }
    }
}

impl<const GROUPS: usize, const WIDTH: usize> Sum<'_, GROUPS, WIDTH> {
    /// `NV` vectors of each group of weights, from vector `v` of the block on.
    #[inline(always)]
    fn weights<I: Isa, const NV: usize>(&self, isa: I, v: usize) -> [[[I::V; NV]; WIDTH]; GROUPS] {
        each!([[isa.splat_i32(0); NV]; WIDTH], |group| each!(
            [isa.splat_i32(0); NV],
            |column| each!(isa.splat_i32(0), |more| {
                let at = ((group * WIDTH + column) * VECTORS + v + more) * I::LANES * ROWS;
                // SAFETY: `call` asserted that there are four vectors for each group and column.
                unsafe { isa.load_bytes(self.constants.weights.as_ptr().add(at)) }
            })
        ))
    }

    /// `NV` vectors of sums of an output, from vector `v` of the block on, added to `start`.
    #[inline(always)]
    fn sum<I: Isa, const NV: usize>(
        &self,
        isa: I,
        output: usize,
        v: usize,
        weights: &[[[I::V; NV]; WIDTH]; GROUPS],
        start: [I::V; NV],
    ) -> [I::V; NV] {
        let vector = I::LANES * ROWS;
        let mut sums = start;
        for (group, weights) in weights.iter().enumerate() {
            let from = group * self.plane + (output * self.step * VECTORS + v) * vector;
            for (column, weights) in weights.iter().enumerate() {
                for (more, &weights) in weights.iter().enumerate() {
                    // SAFETY: `call` asserted that the last output's last column lies in the
                    // plane.
                    let codes = unsafe {
                        let at = from + (column * VECTORS + more) * vector;
                        isa.load_bytes(self.groups.as_ptr().add(at))
                    };
                    sums[more] = isa.dot4(sums[more], codes, weights);
                }
            }
        }
        sums
    }
}
