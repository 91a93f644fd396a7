//! What a CPU can do at most: loops that do nothing but multiply-accumulate,
//! move bytes, or wait for the sum before. Kernels are held against them; who
//! calls them takes the time.
//!
//! - [`SCHEMES`]: multiply-accumulates, one entry per way to sum u8·s8 products
//! - [`memory`]: reading and writing arrays with the widest vectors
//! - [`dependent_sums`]: one cycle each, which tells the clock's frequency

pub mod memory;
mod schemes;

pub use schemes::{SCHEMES, Scheme, Tally};

/// Additions and exclusive-ors in `count` times this number wait for each other in
/// [`dependent_sums`]: each takes one cycle on every CPU with out-of-order execution.
pub const CHAIN: u64 = 32;

/// Runs `count` times [`CHAIN`] dependent one-cycle operations. The result only keeps the
/// compiler from leaving them out.
#[inline(never)]
pub fn dependent_sums(count: u64) -> u64 {
    let step = std::hint::black_box(0x9e37_79b9_7f4a_7c15_u64);
    let mut sum = std::hint::black_box(1_u64);
    for _ in 0..count {
        for _ in 0..CHAIN / 2 {
            sum = sum.wrapping_add(step) ^ step;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_twice_the_length_goes_on_where_the_shorter_ended() {
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut expected = 1_u64;
        for _ in 0..3 * CHAIN / 2 {
            expected = expected.wrapping_add(step) ^ step;
        }
        assert_eq!(dependent_sums(3), expected);
    }
}
