//! Packing of weights, once, when an op is prepared: blocks of KCB×NCB, in a
//! block panels of `nr` columns, in a panel groups of adjacent k (4 or 2) side
//! by side, column after column (or, within a vector, depth after depth, where
//! the instruction wants it so), so that a micro-kernel reads it front to back.
//!
//! k and columns are padded with zeros, not with the zero point (FBGEMM
//! `src/PackBMatrix.cc`): a zero adds nothing to a saturating pair.

use std::marker::PhantomData;

use super::aligned::Aligned;
use super::micro_kernel::Sums;
use super::proof::{Found, Proof};
use crate::isa::{Grouping, Isa};

/// Packed weights of one product (one group of a convolution).
pub struct PackedWeights<I, T> {
    bytes: Aligned<u8>,
    /// columns
    n: usize,
    /// inner length
    k: usize,
    /// of each panel, each block of k; empty where `T` asks for none
    proofs: Vec<Proof>,
    layout: PhantomData<fn() -> (I, T)>,
}

impl<I: Isa, T: Sums<I>> PackedWeights<I, T> {
    /// Packs `n` columns of `k` weights, which meet codes up to `most_code`; `weights` holds
    /// column after column.
    pub fn new(weights: &[i8], n: usize, k: usize, most_code: u8) -> Self {
        let mut packed = Self {
            bytes: Aligned::zeroed(0),
            n,
            k,
            proofs: Vec::new(),
            layout: PhantomData,
        };
        let panels = n.next_multiple_of(T::blocking().ncb) / T::blocking().nr;
        packed.bytes = Aligned::zeroed(panels * packed.groups() * packed.group_bytes());
        for (column, codes) in weights.chunks_exact(k.max(1)).take(n).enumerate() {
            for (at, &code) in codes.iter().enumerate() {
                let place = packed.place(column, at);
                if T::CODE_BYTES == 1 {
                    packed.bytes[place] = code as u8;
                } else {
                    packed.bytes[place..place + 2].copy_from_slice(&i16::from(code).to_le_bytes());
                }
            }
        }
        if T::PROVES {
            for column in (0..n).step_by(T::blocking().nr) {
                let panel = &weights[column * k..(column + T::blocking().nr).min(n) * k];
                let blocks = (0..k).step_by(T::blocking().kcb);
                let proofs = blocks.map(|first| Proof::of(panel, k, first, most_code));
                packed.proofs.extend(proofs);
            }
        }
        packed
    }

    /// What is proved of the panel that starts at `column` and the block of k that starts at
    /// `group`; nothing where `T` does not ask.
    pub fn proof(&self, column: usize, group: usize) -> Proof {
        if !T::PROVES {
            return Proof::default();
        }
        let blocks = self.k.div_ceil(T::blocking().kcb);
        let block = group * T::INTERLEAVE / T::blocking().kcb;
        self.proofs[column / T::blocking().nr * blocks + block]
    }

    /// What is proved of all panels.
    pub fn found(&self) -> Found {
        let mut found = Found::default();
        self.proofs.iter().for_each(|proof| found += proof.found());
        found
    }

    /// Columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inner length.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Groups of k, those of padding among them.
    pub fn groups(&self) -> usize {
        let groups = self.k.div_ceil(T::INTERLEAVE);
        groups.next_multiple_of(T::GROUPS_AT_ONCE)
    }

    /// Where the panel that starts at `column` (a multiple of `nr`) has group `group`, and all
    /// groups of the same block of k after it. Readable for that many.
    pub fn panel(&self, column: usize, group: usize) -> *const u8 {
        self.bytes[self.offset(column, group)..].as_ptr()
    }

    /// Bytes of one group of a whole panel.
    fn group_bytes(&self) -> usize {
        T::blocking().nr * T::INTERLEAVE * T::CODE_BYTES
    }

    /// The byte at which a weight lies.
    fn place(&self, column: usize, at: usize) -> usize {
        let (group, depth) = (at / T::INTERLEAVE, at % T::INTERLEAVE);
        match T::GROUPING {
            Grouping::ByColumn => self.offset(column, group) + depth * T::CODE_BYTES,
            Grouping::ByDepth => {
                let lane = column % I::LANES;
                self.offset(column - lane, group) + (depth * I::LANES + lane) * T::CODE_BYTES
            }
        }
    }

    /// The byte at which a column's group starts, where groups lie by column.
    fn offset(&self, column: usize, group: usize) -> usize {
        let blocking = T::blocking();
        let (per_block, panels) = (blocking.kcb / T::INTERLEAVE, blocking.ncb / blocking.nr);
        // Blocks of columns outermost, as a block of sums is finished before the next one.
        let (n_block, panel) = (column / blocking.ncb, column % blocking.ncb / blocking.nr);
        let (k_block, within) = (group / per_block, group % per_block);
        let depth = per_block.min(self.groups() - k_block * per_block);
        let groups = n_block * panels * self.groups()
            + k_block * per_block * panels
            + panel * depth
            + within;
        groups * self.group_bytes() + column % blocking.nr * T::INTERLEAVE * T::CODE_BYTES
    }
}

/// Σw of each of `n` columns of `k` weights (the column offsets).
pub fn column_sums(weights: &[i8], n: usize, k: usize) -> Vec<i32> {
    (0..n)
        .map(|column| {
            (weights[column * k..][..k].iter()).fold(0i32, |sum, &w| sum.wrapping_add(i32::from(w)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fbgemm::micro_kernel::Acc32;
    use crate::fbgemm::tiles::Tiles;
    use crate::isa::{Amx, Avx2, Avx2Exact, Avx512Vnni, Modelled, Neon, NeonDot};

    /// Every weight stands at one place, groups hold adjacent k, all else is 0.
    fn check<I: Isa, T: Sums<I>>(n: usize, k: usize) {
        let weights: Vec<i8> = (0..n * k).map(|i| (i * 37 % 251) as u8 as i8).collect();
        let packed = PackedWeights::<I, T>::new(&weights, n, k, 255);
        let read = |column: usize, at: usize| {
            let nr = T::blocking().nr;
            let vector = column % nr / I::LANES * I::LANES;
            let (lane, depth) = (column % I::LANES, at % T::INTERLEAVE);
            let element = match T::GROUPING {
                Grouping::ByColumn => column % nr * T::INTERLEAVE + depth,
                Grouping::ByDepth => vector * T::INTERLEAVE + depth * I::LANES + lane,
            };
            let place =
                packed.offset(column / nr * nr, at / T::INTERLEAVE) + element * T::CODE_BYTES;
            match T::CODE_BYTES {
                1 => i16::from(packed.bytes[place] as i8),
                _ => i16::from_le_bytes([packed.bytes[place], packed.bytes[place + 1]]),
            }
        };
        let columns = n.next_multiple_of(T::blocking().ncb);
        let depth = k.next_multiple_of(T::INTERLEAVE * T::GROUPS_AT_ONCE);
        assert_eq!(
            packed.bytes.len(),
            columns * depth * T::CODE_BYTES,
            "n {n} k {k}"
        );
        for column in 0..columns {
            for at in 0..depth {
                let expected = if column < n && at < k {
                    i16::from(weights[column * k + at])
                } else {
                    0
                };
                assert_eq!(read(column, at), expected, "column {column} k {at}");
            }
        }
    }

    #[test]
    fn every_weight_has_its_place_and_padding_is_zero() {
        for (n, k) in [(1, 1), (9, 5), (65, 511), (70, 513), (3, 1030), (5, 0)] {
            check::<Modelled<Avx2>, Acc32>(n, k);
            check::<Modelled<Avx2Exact>, Acc32>(n, k);
            check::<Modelled<Avx512Vnni>, Acc32>(n, k);
            check::<Modelled<Neon>, Acc32>(n, k);
            check::<Modelled<NeonDot>, Acc32>(n, k);
            check::<Modelled<Amx>, Tiles>(n, k);
            check::<Modelled<Avx2>, super::super::acc16::Acc16<256>>(n, k);
        }
    }
}
