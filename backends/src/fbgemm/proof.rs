//! How many u8·s8 products may be summed in i16 before they go to i32, proved
//! for given weights and the highest code that they meet.
//!
//! vpmaddubsw sums two products to i16 and saturates; vpaddw adds two such sums
//! and wraps. Codes are not negative, so a sum lies between the codes' maximum
//! times the negative weights and the same times the positive ones. Where both
//! ends fit i16, nothing saturates or wraps, also not on the way: partial sums
//! lie between the same ends.

use std::ops::AddAssign;

/// Codes of k in a block that is proved at once: four groups of four.
pub const BLOCK: usize = 16;
/// Codes of a lane that a group brings together.
const PAIR: usize = 2;
/// Groups of four codes in a block.
const GROUPS: usize = BLOCK / 4;
/// i16 lanes of a column.
const LANES: usize = 2;

/// What is proved of each block of k in a panel: bit `i` is block `i`, at most 64. A block that
/// has no bit may overflow even a pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proof {
    /// blocks
    count: u32,
    /// the pairs of all four groups may be summed
    pub fours: u64,
    /// the pairs of two adjacent groups may be summed, not those of four
    pub twos: u64,
    /// a pair fits, not two
    pub ones: u64,
}

impl Proof {
    /// For a panel of columns of `k` weights, one after another, from k `first` on.
    pub fn of(panel: &[i8], k: usize, first: usize, most_code: u8) -> Self {
        let depth = (k - first).min(64 * BLOCK);
        let mut proof = Self {
            count: depth.div_ceil(BLOCK) as u32,
            ..Self::default()
        };
        for block in 0..proof.count as usize {
            // How many groups may be summed in every column.
            let mut together = GROUPS;
            for column in panel.chunks_exact(k) {
                let from = first + block * BLOCK;
                let weights = &column[from..k.min(from + BLOCK)];
                together = together.min(of_block(weights, most_code));
            }
            let bit = 1 << block;
            match together {
                4 => proof.fours |= bit,
                2 => proof.twos |= bit,
                1 => proof.ones |= bit,
                _ => {}
            }
        }
        proof
    }

    /// Blocks in which a pair of products may not fit.
    pub fn none(&self) -> u64 {
        let all = u64::MAX.checked_shr(64 - self.count).unwrap_or(0);
        all & !(self.fours | self.twos | self.ones)
    }

    /// How many blocks there are of each kind.
    pub fn found(&self) -> Found {
        let count = |blocks: u64| u64::from(blocks.count_ones());
        Found {
            fours: count(self.fours),
            twos: count(self.twos),
            ones: count(self.ones),
            none: count(self.none()),
        }
    }
}

/// How many groups (4, 2, 1 or 0) of one column's block may be summed in i16.
fn of_block(weights: &[i8], most_code: u8) -> usize {
    // Σ of the positive and of the negative weights of each group, each lane.
    let mut ends = [[(0i32, 0i32); LANES]; GROUPS];
    for (at, &weight) in weights.iter().enumerate() {
        let (low, high) = &mut ends[at / 4][at % 4 / PAIR];
        *low += i32::from(weight).min(0);
        *high += i32::from(weight).max(0);
    }
    let fits = |groups: &[[(i32, i32); LANES]]| {
        (0..LANES).all(|lane| {
            let low: i32 = groups.iter().map(|group| group[lane].0).sum();
            let high: i32 = groups.iter().map(|group| group[lane].1).sum();
            let most = i32::from(most_code);
            low * most >= i32::from(i16::MIN) && high * most <= i32::from(i16::MAX)
        })
    };
    [4, 2, 1]
        .into_iter()
        .find(|&together| ends.chunks(together).all(fits))
        .unwrap_or(0)
}

/// Blocks of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    fours: u64,
    twos: u64,
    ones: u64,
    none: u64,
}

impl Found {
    /// Whether sums in i16 take fewer instructions than codes widened to i16 do.
    pub fn pays(&self) -> bool {
        // Vector instructions of a block, in quarters of one a group. Widened codes: two
        // vpmaddwd and two vpaddd. In fours: four vpmaddubsw, three vpaddw, vpmaddwd, vpaddd, and
        // so on; bytes without a proof are widened in the tile.
        let proved = 9 * self.fours + 10 * self.twos + 12 * self.ones + 22 * self.none;
        let blocks = self.fours + self.twos + self.ones + self.none;
        proved < 15 * blocks
    }

    /// In words: the share of blocks in which sums of pairs, and of how many, cannot overflow.
    pub fn proved(&self) -> String {
        let blocks = (self.fours + self.twos + self.ones + self.none).max(1);
        let share = |count: u64| 100 * count / blocks;
        format!(
            "{} % in fours, {} % in twos, {} % in pairs",
            share(self.fours),
            share(self.twos),
            share(self.ones)
        )
    }
}

impl AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.fours += other.fours;
        self.twos += other.twos;
        self.ones += other.ones;
        self.none += other.none;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of one column; the rest of each is 0.
    fn column(blocks: &[&[i8]]) -> Vec<i8> {
        let mut weights = Vec::new();
        for block in blocks {
            weights.extend_from_slice(block);
            weights.resize(weights.len().next_multiple_of(BLOCK), 0);
        }
        weights
    }

    #[test]
    fn the_last_weights_that_fit_are_proved_and_one_more_is_not() {
        // 255·128 = 32640, 255·129 = 32895; 127·258 = 32766, 127·259 = 32893.
        // Lane 0 of group g is at 4g and 4g + 1.
        let blocks: [&[i8]; 6] = [
            &[64, 64],
            &[65, 64],
            &[-64, -64],
            &[-65, -64],
            &[64, 0, 1, 1, 64],
            &[64, 0, 1, 1, 65],
        ];
        let weights = column(&blocks);
        let proof = Proof::of(&weights, weights.len(), 0, 255);
        assert_eq!(proof.fours, 0b01_0101);
        assert_eq!(
            (proof.twos, proof.ones, proof.none()),
            (0, 0b10_0000, 0b1010)
        );
        let most = [127, 127, 0, 0, 4, 0];
        let (mut over, mut apart) = (most, [0; 10]);
        over[4] = 5;
        apart[..6].copy_from_slice(&most);
        apart[8] = 1;
        let weights = column(&[&most, &over, &apart]);
        let proof = Proof::of(&weights, weights.len(), 0, 127);
        assert_eq!(
            (proof.fours, proof.ones, proof.twos, proof.none()),
            (0b001, 0b010, 0b100, 0)
        );
        // The negative end is one code further off, but not by a whole weight.
        let weights = column(&[&[-128, -128, 0, 0, -2], &[-128, -128, 0, 0, -3]]);
        let proof = Proof::of(&weights, weights.len(), 0, 127);
        assert_eq!((proof.fours, proof.ones), (0b01, 0b10));
    }

    #[test]
    fn one_column_that_fails_is_enough_and_ends_within_a_block_are_seen() {
        let k = BLOCK + 3;
        let mut panel = vec![1; 3 * k];
        assert_eq!(Proof::of(&panel, k, 0, 255).fours, 0b11);
        panel[k + BLOCK] = 127;
        panel[k + BLOCK + 1] = 127;
        let proof = Proof::of(&panel, k, 0, 255);
        assert_eq!((proof.fours, proof.none()), (0b01, 0b10));
        assert_eq!(Proof::of(&panel, k, BLOCK, 255).none(), 0b1);
        let whole = vec![127; 64 * BLOCK];
        assert_eq!(Proof::of(&whole, whole.len(), 0, 255).none(), u64::MAX);
        assert_eq!(Proof::of(&whole, whole.len(), 0, 127).ones, u64::MAX);
    }

    #[test]
    fn few_blocks_without_a_proof_are_bearable() {
        let found = |twos, none| Found {
            twos,
            none,
            ..Found::default()
        };
        assert!(found(9, 1).pays() && !found(1, 1).pays() && !found(0, 1).pays());
    }
}
