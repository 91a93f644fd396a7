//! The most multiply-accumulates a second, by the instructions that sum them:
//! a tile of accumulators in registers, operands in registers and L1, nothing
//! else in the loop. Written over [`Isa`], so that kernels and ceilings use the
//! same instructions.
//!
//! All operands are 1: the accumulators' total is then the number of products,
//! which is how tests know that a loop did what it counts.

use std::hint::black_box;

use crate::isa::tiles::{self, TileProduct};
use crate::isa::{
    Amx, Avx2, Avx2Exact, Avx512, Avx512Exact, Avx512Vnni, AvxVnni, InstructionSet, Isa, Neon,
    NeonDot, NeonI8mm, WithIsa,
};

/// One way to multiply and sum.
pub struct Scheme {
    /// instruction set and instructions, e.g. `avx2/vpmaddwd`
    pub name: &'static str,
    /// whether its sums are exact for all u8·s8 operands
    pub exact: bool,
    /// what it does, in one line
    pub meaning: &'static str,
    /// Runs this many steps of a tile; `None` where the CPU lacks the instructions.
    pub run: fn(u64) -> Option<Tally>,
}

/// What a loop did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    /// multiply-accumulates
    pub macs: u64,
    /// the total of all accumulators
    pub total: f64,
}

/// Steps of the tile until accumulators of 16 bits are emptied: a step of ones adds 2. (Kernels must
/// do so much sooner; that is no part of the ceiling.)
const SPILL: u64 = 8192;
/// Products of tile registers between two stores of their sums.
const DEEP: usize = 64;
/// Different blocks of operands that the loop walks through.
const BLOCKS: usize = 8;
/// Bytes between vectors: the widest there are.
const WIDE: usize = 64;
/// The most rows, columns and vectors of a step.
const MOST: usize = 8;

macro_rules! schemes {
    ($($name:literal, $exact:literal, $run:expr, $meaning:literal;)+) => {
        /// Every scheme of every architecture.
        pub const SCHEMES: &[Scheme] = &[$(Scheme {
            name: $name,
            exact: $exact,
            meaning: $meaning,
            run: {
                // No closure: those are compiled into whoever uses them, with that crate's
                // checks of raw loads.
                #[inline(never)]
                fn run(steps: u64) -> Option<Tally> {
                    $run(steps)
                }
                run
            },
        },)+];
    };
}

schemes! {
    "avx2/vpmaddubsw", false, tile::<Avx2, Dot, 6, 2>, "vpmaddubsw, vpmaddwd, vpaddd: pairs saturate to i16";
    "avx2/vpmaddwd", true, tile::<Avx2Exact, Dot, 6, 2>, "vpmaddwd and vpaddd on codes of 16 bits";
    "avx2/vpmaddubsw-2", false, tile::<Avx2, Pairs<2>, 4, 2>, "2 vpmaddubsw summed in i16, then vpmaddwd; exact where weights are small enough";
    "avx2/vpmaddubsw-4", false, tile::<Avx2, Pairs<4>, 4, 2>, "4 vpmaddubsw summed in i16, then vpmaddwd; exact where weights are small enough";
    "avx2/acc16", false, tile::<Avx2, Acc16, 6, 2>, "vpmaddubsw and vpaddsw: sums of 16 bits";
    "avx2/fma-f32", false, tile::<Avx2, Fma, 6, 2>, "vfmadd of f32";
    "avxvnni/vpdpbusd", true, tile::<AvxVnni, Dot, 6, 2>, "vpdpbusd on 256 bits";
    "avx512/vpmaddubsw", false, tile::<Avx512, Dot, 6, 4>, "vpmaddubsw, vpmaddwd, vpaddd on 512 bits: pairs saturate to i16";
    "avx512/vpmaddwd", true, tile::<Avx512Exact, Dot, 6, 4>, "vpmaddwd and vpaddd on codes of 16 bits, 512 bits";
    "avx512/vpmaddubsw-2", false, tile::<Avx512, Pairs<2>, 6, 2>, "as avx2/vpmaddubsw-2 on 512 bits";
    "avx512/vpmaddubsw-4", false, tile::<Avx512, Pairs<4>, 6, 2>, "as avx2/vpmaddubsw-4 on 512 bits";
    "avx512/acc16", false, tile::<Avx512, Acc16, 6, 4>, "vpmaddubsw and vpaddsw on 512 bits";
    "avx512/fma-f32", false, tile::<Avx512, Fma, 6, 4>, "vfmadd of f32 on 512 bits";
    "avx512vnni/vpdpbusd", true, tile::<Avx512Vnni, Dot, 6, 4>, "vpdpbusd on 512 bits";
    "amx/tdpbusd", true, blocks::<Amx>, "tdpbusd: tiles of 16x64 by 64x16";
    "neon/smlal", true, tile::<Neon, Dot, 6, 4>, "smlal and smlal2 on codes of 16 bits";
    "neon/fmla-f32", false, tile::<Neon, Fma, 6, 4>, "fmla of f32";
    "neondot/sdot", true, tile::<NeonDot, Dot, 6, 4>, "sdot on codes shifted to s8";
    "neoni8mm/usdot", true, tile::<NeonI8mm, Dot, 6, 4>, "usdot";
    "neoni8mm/usmmla", true, tile::<NeonI8mm, Mmla, 6, 4>, "usmmla: products of 2x8 by 8x2";
}

/// Steps of a tile of `R` rows by `C` columns of vectors.
fn tile<I: InstructionSet, S: Step<I::Native>, const R: usize, const C: usize>(
    steps: u64,
) -> Option<Tally> {
    Some(I::native()?.vectorize(Tile::<S, R, C>::new(steps)))
}

/// Steps of two by two tile registers.
fn blocks<I: InstructionSet>(steps: u64) -> Option<Tally> {
    const SUMS: usize = 2 * tiles::ROWS;
    let isa = I::native()?;
    /// On cache lines, as packed operands are.
    #[repr(C, align(64))]
    struct Blocks {
        codes: [[u8; tiles::ROW_BYTES]; SUMS],
        weights: [u8; tiles::STEP_BYTES],
        sums: [[i32; SUMS]; SUMS],
    }
    let mut blocks = black_box(Blocks {
        codes: [[1; tiles::ROW_BYTES]; SUMS],
        weights: [1; tiles::STEP_BYTES],
        sums: [[0; SUMS]; SUMS],
    });
    isa.ready_tiles();
    for step in 0..steps {
        // SAFETY: 32 rows of codes, 16 groups of 32 columns of weights and 32 rows of 32 sums
        // are what one step of two tiles asks for; the registers are ready.
        unsafe {
            isa.tile_product(TileProduct {
                a: blocks.codes.as_ptr().cast(),
                a_row: tiles::ROW_BYTES,
                a_step: 0,
                b: blocks.weights.as_ptr(),
                b_step: 0,
                steps: DEEP,
                c: blocks.sums.as_mut_ptr().cast(),
                ldc: SUMS,
                two: true,
                accumulate: step > 0,
            });
        }
    }
    isa.release_tiles();
    Some(Tally {
        macs: steps * (DEEP * SUMS * SUMS * tiles::ROW_BYTES) as u64,
        total: (blocks.sums.iter())
            .flatten()
            .map(|&sum| f64::from(sum))
            .sum(),
    })
}

/// A way to fill one accumulator of a tile. Everything is `#[inline(always)]`.
trait Step<I: Isa> {
    type Acc: Copy;
    /// multiply-accumulates of one call
    const MACS: u64;
    /// steps until accumulators must be emptied
    const SPILL: u64 = u64::MAX;
    fn zero(isa: I) -> Self::Acc;
    /// # Safety
    /// `a` and `b` must be readable for [`MOST`] vectors of [`WIDE`] bytes.
    unsafe fn step(isa: I, acc: Self::Acc, a: *const u8, b: *const u8) -> Self::Acc;
    fn total(isa: I, acc: Self::Acc) -> f64;
    /// Operands that are 1 throughout.
    fn ones() -> [[u8; WIDE]; 2];
}

/// The instruction set's own product of packed codes and weights.
struct Dot;
/// `P` sums of pairs added in i16 before they are widened.
struct Pairs<const P: usize>;
/// Sums of pairs added in i16.
struct Acc16;
/// f32.
struct Fma;
/// Blocks of 2×8 by 8×2.
struct Mmla;

/// `value` in all `WIDE` bytes' worth of elements.
fn filled<T: Copy>(value: T) -> [u8; WIDE] {
    let mut bytes = [0; WIDE];
    for at in (0..WIDE).step_by(size_of::<T>()) {
        // SAFETY: `at + size_of::<T>() <= WIDE`, since sizes of elements divide it; T is an
        // integer or float without padding.
        unsafe {
            bytes
                .as_mut_ptr()
                .add(at)
                .cast::<T>()
                .write_unaligned(value)
        };
    }
    bytes
}

fn sum_of_lanes<I: Isa>(isa: I, acc: I::V) -> f64 {
    isa.to_i32_array(acc)
        .iter()
        .map(|&lane| f64::from(lane))
        .sum()
}

impl<I: Isa> Step<I> for Dot {
    type Acc = I::V;
    const MACS: u64 = (I::LANES * I::DOT_K) as u64;
    #[inline(always)]
    fn zero(isa: I) -> I::V {
        isa.splat_i32(0)
    }
    #[inline(always)]
    unsafe fn step(isa: I, acc: I::V, a: *const u8, b: *const u8) -> I::V {
        // SAFETY: the caller's contract; a vector is at most `WIDE` bytes.
        unsafe { isa.dot(acc, isa.load_bytes(a), isa.load_bytes(b)) }
    }
    fn total(isa: I, acc: I::V) -> f64 {
        sum_of_lanes(isa, acc)
    }
    fn ones() -> [[u8; WIDE]; 2] {
        let shifted = (1 + I::DOT_SHIFT) as u8;
        [
            filled(I::Activation::from(shifted)),
            filled(I::Weight::from(1)),
        ]
    }
}

impl<I: Isa, const P: usize> Step<I> for Pairs<P> {
    type Acc = I::V;
    const MACS: u64 = (4 * I::LANES * P) as u64;
    #[inline(always)]
    fn zero(isa: I) -> I::V {
        isa.splat_i32(0)
    }
    #[inline(always)]
    unsafe fn step(isa: I, acc: I::V, a: *const u8, b: *const u8) -> I::V {
        // SAFETY: the caller's contract, and `P <= MOST`.
        unsafe {
            let mut sums = isa.maddubs(isa.load_bytes(a), isa.load_bytes(b));
            for p in 1..P {
                let (a, b) = (a.add(p * WIDE), b.add(p * WIDE));
                sums = isa.adds_i16(sums, isa.maddubs(isa.load_bytes(a), isa.load_bytes(b)));
            }
            isa.add_i32(acc, isa.madd_i16(sums, isa.splat_i16(1)))
        }
    }
    fn total(isa: I, acc: I::V) -> f64 {
        sum_of_lanes(isa, acc)
    }
    fn ones() -> [[u8; WIDE]; 2] {
        [[1; WIDE]; 2]
    }
}

impl<I: Isa> Step<I> for Acc16 {
    type Acc = I::V;
    const MACS: u64 = (4 * I::LANES) as u64;
    const SPILL: u64 = SPILL;
    #[inline(always)]
    fn zero(isa: I) -> I::V {
        isa.splat_i32(0)
    }
    #[inline(always)]
    unsafe fn step(isa: I, acc: I::V, a: *const u8, b: *const u8) -> I::V {
        // SAFETY: the caller's contract.
        unsafe { isa.adds_i16(acc, isa.maddubs(isa.load_bytes(a), isa.load_bytes(b))) }
    }
    fn total(isa: I, acc: I::V) -> f64 {
        sum_of_lanes(isa, isa.madd_i16(acc, isa.splat_i16(1)))
    }
    fn ones() -> [[u8; WIDE]; 2] {
        [[1; WIDE]; 2]
    }
}

impl<I: Isa> Step<I> for Fma {
    type Acc = I::F;
    const MACS: u64 = I::LANES as u64;
    #[inline(always)]
    fn zero(isa: I) -> I::F {
        isa.splat_f32(0.0)
    }
    #[inline(always)]
    unsafe fn step(isa: I, acc: I::F, a: *const u8, b: *const u8) -> I::F {
        // SAFETY: the caller's contract; loads need no alignment.
        unsafe { isa.fma_f32(isa.load_f32(a.cast()), isa.load_f32(b.cast()), acc) }
    }
    fn total(isa: I, acc: I::F) -> f64 {
        isa.to_f32_array(acc)
            .iter()
            .map(|&lane| f64::from(lane))
            .sum()
    }
    fn ones() -> [[u8; WIDE]; 2] {
        [filled(1.0f32); 2]
    }
}

impl<I: Isa> Step<I> for Mmla {
    type Acc = I::V;
    // Each of 4 lanes of a block sums 8 products.
    const MACS: u64 = (8 * I::LANES) as u64;
    #[inline(always)]
    fn zero(isa: I) -> I::V {
        isa.splat_i32(0)
    }
    #[inline(always)]
    unsafe fn step(isa: I, acc: I::V, a: *const u8, b: *const u8) -> I::V {
        // SAFETY: the caller's contract.
        unsafe { isa.mmla(acc, isa.load_bytes(a), isa.load_bytes(b)) }
    }
    fn total(isa: I, acc: I::V) -> f64 {
        sum_of_lanes(isa, acc)
    }
    fn ones() -> [[u8; WIDE]; 2] {
        [[1; WIDE]; 2]
    }
}

/// `R` rows by `C` columns of accumulators.
struct Tile<S, const R: usize, const C: usize> {
    steps: u64,
    step: std::marker::PhantomData<S>,
}

impl<S, const R: usize, const C: usize> Tile<S, R, C> {
    fn new(steps: u64) -> Self {
        Self {
            steps,
            step: std::marker::PhantomData,
        }
    }
}

/// Operands on cache lines of their own.
#[repr(C, align(64))]
struct Operands {
    a: [[u8; WIDE]; BLOCKS + 2 * MOST],
    b: [[u8; WIDE]; BLOCKS + 2 * MOST],
}

impl<I: Isa, S: Step<I>, const R: usize, const C: usize> WithIsa<I> for Tile<S, R, C> {
    type Output = Tally;

    #[inline(always)]
    fn call(self, isa: I) -> Tally {
        let [a, b] = S::ones();
        let operands = black_box(Operands {
            a: [a; BLOCKS + 2 * MOST],
            b: [b; BLOCKS + 2 * MOST],
        });
        let (a, b) = (
            operands.a.as_ptr().cast::<u8>(),
            operands.b.as_ptr().cast::<u8>(),
        );
        let mut total = 0.0;
        let mut left = self.steps;
        while left > 0 {
            let steps = left.min(S::SPILL);
            left -= steps;
            let mut acc = [[S::zero(isa); C]; R];
            for step in 0..steps as usize {
                // The next block, so that no product is that of the step before and no operand
                // takes a register for good.
                // SAFETY: rows and columns are at most MOST each and a step reads at most MOST
                // vectors from there: within both arrays.
                unsafe {
                    let block = step % BLOCKS * WIDE;
                    let (a, b) = (a.add(block), b.add(block));
                    for (r, row) in acc.iter_mut().enumerate() {
                        for (c, acc) in row.iter_mut().enumerate() {
                            *acc = S::step(isa, *acc, a.add(r * WIDE), b.add(c * WIDE));
                        }
                    }
                }
            }
            // A copy: what is taken apart element by element would not stay in registers above.
            for acc in black_box(acc).into_iter().flatten() {
                total += S::total(isa, acc);
            }
        }
        Tally {
            macs: self.steps * (R * C) as u64 * S::MACS,
            total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accumulators_hold_as_many_products_as_are_counted() {
        let mut ran = 0;
        for scheme in SCHEMES {
            for steps in [1, 7, 300, 9000] {
                let Some(tally) = (scheme.run)(steps) else {
                    continue;
                };
                assert_eq!(
                    tally.total, tally.macs as f64,
                    "{}, {steps} steps",
                    scheme.name
                );
                ran += 1;
            }
        }
        assert!(ran > 0 || !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")));
    }

    #[test]
    fn names_are_distinct_and_begin_with_an_instruction_set() {
        let sets = [
            "avx2",
            "avxvnni",
            "avx512",
            "avx512vnni",
            "amx",
            "neon",
            "neondot",
            "neoni8mm",
        ];
        for (index, scheme) in SCHEMES.iter().enumerate() {
            let (set, _) = scheme.name.split_once('/').unwrap();
            assert!(sets.contains(&set), "{}", scheme.name);
            assert!(SCHEMES[..index].iter().all(|s| s.name != scheme.name));
        }
    }
}
