//! How the micro-kernel multiplies one group of 4 input channels, or a chunk of
//! several: one type for each form of packed weights.

use crate::isa::{Isa, each};

/// How one group of 4 channels is multiplied.
pub trait Step<I: Isa, const NV: usize>: Copy {
    /// groups of a chunk, see [`add_chunk`](Self::add_chunk)
    const CHUNK: usize;
    /// the group's weights in registers
    type Weights: Copy;
    /// The weights of one group.
    ///
    /// # Safety
    /// `group` must be readable for `NV · 4 · LANES` bytes.
    unsafe fn load(self, isa: I, group: *const i8) -> Self::Weights;
    /// Adds the products of one row, whose 4 codes are in every lane.
    fn add(self, isa: I, sums: &mut [I::V; NV], codes: I::V, weights: &Self::Weights);
    /// Adds the products of `CHUNK` groups of `MR` rows, each loaded at once and multiplied by
    /// element: for sets that have [`DOT_ELEMENT`](Isa::DOT_ELEMENT). Codes are shifted by 128
    /// where `FLIP`.
    ///
    /// # Safety
    /// `rows` must be readable for `4 · CHUNK` bytes from byte `at` on, `weights` for `CHUNK`
    /// groups.
    unsafe fn add_chunk<const MR: usize, const FLIP: bool>(
        self,
        isa: I,
        sums: &mut [[I::V; NV]; MR],
        rows: &[*const u8; MR],
        at: usize,
        weights: *const i8,
    );
}

/// Adds the products of element `G` of each row with `NV` vectors of weights.
#[inline(always)]
fn add_element<I: Isa, const G: usize, const MR: usize, const NV: usize>(
    isa: I,
    sums: &mut [[I::V; NV]; MR],
    rows: &[I::V; MR],
    weights: [I::V; NV],
) {
    for (sums, &codes) in sums.iter_mut().zip(rows) {
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = isa.dot_element::<G>(*sum, codes, weights);
        }
    }
}

/// [`Form::Bytes`]: the instruction set's own dot product.
#[derive(Clone, Copy)]
pub struct Bytes;

impl<I: Isa, const NV: usize> Step<I, NV> for Bytes {
    const CHUNK: usize = 4;
    type Weights = [I::V; NV];
    #[inline(always)]
    unsafe fn load(self, isa: I, group: *const i8) -> [I::V; NV] {
        each!(isa.splat_i32(0), |v| {
            // SAFETY: the caller's contract; v < NV.
            unsafe { isa.load_bytes(group.add(v * 4 * I::LANES).cast()) }
        })
    }
    #[inline(always)]
    fn add(self, isa: I, sums: &mut [I::V; NV], codes: I::V, weights: &[I::V; NV]) {
        for v in 0..NV {
            sums[v] = isa.dot(sums[v], codes, weights[v]);
        }
    }
    #[inline(always)]
    unsafe fn add_chunk<const MR: usize, const FLIP: bool>(
        self,
        isa: I,
        sums: &mut [[I::V; NV]; MR],
        rows: &[*const u8; MR],
        at: usize,
        weights: *const i8,
    ) {
        let group = NV * 4 * I::LANES;
        let flip = isa.splat_u8(0x80);
        // SAFETY: the caller's contract: a vector of codes of each row, CHUNK groups of weights.
        unsafe {
            let codes: [I::V; MR] = each!(isa.splat_i32(0), |r| {
                let codes = isa.load_bytes(rows[r].add(at));
                if FLIP { isa.xor(codes, flip) } else { codes }
            });
            let load = |g: usize| Step::<I, NV>::load(self, isa, weights.add(g * group));
            add_element::<I, 0, MR, NV>(isa, sums, &codes, load(0));
            add_element::<I, 1, MR, NV>(isa, sums, &codes, load(1));
            add_element::<I, 2, MR, NV>(isa, sums, &codes, load(2));
            add_element::<I, 3, MR, NV>(isa, sums, &codes, load(3));
        }
    }
}

/// [`Form::Widened`]: i16 pairs, exact.
#[derive(Clone, Copy)]
pub struct Widened;

impl<I: Isa, const NV: usize> Step<I, NV> for Widened {
    const CHUNK: usize = 1;
    /// channels (0, 2) and channels (1, 3)
    type Weights = [[I::V; 2]; NV];
    #[inline(always)]
    unsafe fn load(self, isa: I, group: *const i8) -> [[I::V; 2]; NV] {
        each!([isa.splat_i32(0); 2], |v| {
            // SAFETY: the caller's contract; v < NV and each half is 2 · LANES bytes.
            unsafe {
                let start = group.add(v * 4 * I::LANES);
                [
                    isa.load_i8_as_i16(start),
                    isa.load_i8_as_i16(start.add(2 * I::LANES)),
                ]
            }
        })
    }
    #[inline(always)]
    fn add(self, isa: I, sums: &mut [I::V; NV], codes: I::V, weights: &[[I::V; 2]; NV]) {
        let even = isa.and(codes, isa.splat_i32(0x00ff_00ff));
        // Each pair times (0, 1): its second byte as i16, which cannot saturate.
        let odd = isa.maddubs(codes, isa.splat_i16(0x0100));
        for v in 0..NV {
            let sum = isa.add_i32(sums[v], isa.madd_i16(even, weights[v][0]));
            sums[v] = isa.add_i32(sum, isa.madd_i16(odd, weights[v][1]));
        }
    }
    #[inline(always)]
    unsafe fn add_chunk<const MR: usize, const FLIP: bool>(
        self,
        isa: I,
        sums: &mut [[I::V; NV]; MR],
        rows: &[*const u8; MR],
        at: usize,
        weights: *const i8,
    ) {
        let flip = isa.splat_u8(0x80);
        // SAFETY: the caller's contract: a group of weights, 4 codes of each row.
        unsafe {
            let weights = Step::<I, NV>::load(self, isa, weights);
            for (r, sums) in sums.iter_mut().enumerate() {
                let codes = isa.broadcast_4(rows[r].add(at));
                let codes = if FLIP { isa.xor(codes, flip) } else { codes };
                self.add(isa, sums, codes, &weights);
            }
        }
    }
}

/// [`Form::ByDepth`]: multiply-adds of i16 by element, exact.
#[derive(Clone, Copy)]
pub struct ByDepth;

impl<I: Isa, const NV: usize> Step<I, NV> for ByDepth {
    const CHUNK: usize = 2;
    /// channels 0 and 1, and channels 2 and 3
    type Weights = [[I::V; 2]; NV];
    #[inline(always)]
    unsafe fn load(self, isa: I, group: *const i8) -> [[I::V; 2]; NV] {
        // SAFETY: the caller's contract: the same two halves of each vector.
        unsafe { Step::<I, NV>::load(Widened, isa, group) }
    }
    #[inline(always)]
    fn add(self, isa: I, sums: &mut [I::V; NV], codes: I::V, weights: &[[I::V; 2]; NV]) {
        let codes = isa.u8_to_i16(codes);
        for v in 0..NV {
            let sum = isa.dot_element::<0>(sums[v], codes, weights[v][0]);
            sums[v] = isa.dot_element::<1>(sum, codes, weights[v][1]);
        }
    }
    #[inline(always)]
    unsafe fn add_chunk<const MR: usize, const FLIP: bool>(
        self,
        isa: I,
        sums: &mut [[I::V; NV]; MR],
        rows: &[*const u8; MR],
        at: usize,
        weights: *const i8,
    ) {
        let group = NV * 4 * I::LANES;
        let flip = isa.splat_i16(0x80);
        // SAFETY: the caller's contract: 8 codes of each row, 2 · LANES on the sets that have
        // elements; two groups of weights.
        unsafe {
            let codes: [I::V; MR] = each!(isa.splat_i32(0), |r| {
                let codes = isa.load_u8_as_i16(rows[r].add(at));
                if FLIP { isa.xor(codes, flip) } else { codes }
            });
            let half = |g: usize, half: usize| -> [I::V; NV] {
                each!(isa.splat_i32(0), |v| {
                    let vector = weights.add(g * group + v * 4 * I::LANES);
                    isa.load_i8_as_i16(vector.add(half * 2 * I::LANES))
                })
            };
            add_element::<I, 0, MR, NV>(isa, sums, &codes, half(0, 0));
            add_element::<I, 1, MR, NV>(isa, sums, &codes, half(0, 1));
            add_element::<I, 2, MR, NV>(isa, sums, &codes, half(1, 0));
            add_element::<I, 3, MR, NV>(isa, sums, &codes, half(1, 1));
        }
    }
}
