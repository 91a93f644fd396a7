//! Tests: products of tiles by the instruction against the model, and the model
//! against sums written out.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ROW_BYTES, ROWS, STEP_BYTES, TileProduct};
use crate::isa::{Amx, InstructionSet, Isa};

/// Operands of one product: two tiles of rows and columns, `steps` deep.
struct Operands {
    a: Vec<u8>,
    b: Vec<u8>,
    c: Vec<i32>,
    a_row: usize,
    a_step: usize,
    steps: usize,
    ldc: usize,
}

impl Operands {
    fn new(rng: &mut ChaCha8Rng, steps: usize, ldc: usize) -> Self {
        let mut bytes = |len: usize| {
            let mut bytes = vec![0; len];
            rng.fill_bytes(&mut bytes);
            // Ends of the ranges, where sums are largest.
            match rng.random_range(0..3) {
                0 => bytes.iter_mut().for_each(|b| *b |= 0x80),
                1 => bytes
                    .iter_mut()
                    .for_each(|b| *b = [0, 127, 128, 255][usize::from(*b) % 4]),
                _ => {}
            }
            bytes
        };
        let (a, b) = (
            bytes(steps * 2 * ROWS * ROW_BYTES),
            bytes(steps * STEP_BYTES),
        );
        let c = (0..2 * ROWS * ldc).map(|_| rng.next_u32() as i32).collect();
        // Packed: rows of a step adjacent; in place: steps of a row adjacent.
        let (a_row, a_step) = if rng.random() {
            (ROW_BYTES, 2 * ROWS * ROW_BYTES)
        } else {
            (steps * ROW_BYTES, ROW_BYTES)
        };
        Self {
            a,
            b,
            c,
            a_row,
            a_step,
            steps,
            ldc,
        }
    }

    /// What `isa` makes of the sums.
    fn run<I: Isa>(&self, isa: I, two: bool, accumulate: bool) -> Vec<i32> {
        let mut c = self.c.clone();
        isa.ready_tiles();
        // SAFETY: `new` made two tiles of rows and columns for each step and of sums.
        unsafe {
            isa.tile_product(TileProduct {
                a: self.a.as_ptr(),
                a_row: self.a_row,
                a_step: self.a_step,
                b: self.b.as_ptr(),
                b_step: STEP_BYTES,
                steps: self.steps,
                c: c.as_mut_ptr(),
                ldc: self.ldc,
                two,
                accumulate,
            });
        }
        isa.release_tiles();
        c
    }

    /// The sums by their definition.
    fn defined(&self, two: bool, accumulate: bool) -> Vec<i32> {
        let mut c = self.c.clone();
        for row in 0..ROWS * (1 + usize::from(two)) {
            for column in 0..2 * ROWS {
                let sum = &mut c[row * self.ldc + column];
                if !accumulate {
                    *sum = 0;
                }
                for k in 0..self.steps * ROW_BYTES {
                    let (step, depth) = (k / ROW_BYTES, k % ROW_BYTES);
                    let code = self.a[step * self.a_step + row * self.a_row + depth];
                    let group = step * STEP_BYTES + depth / 4 * 2 * ROW_BYTES;
                    let weight = self.b[group + column * 4 + depth % 4] as i8;
                    *sum = sum.wrapping_add(i32::from(code) * i32::from(weight));
                }
            }
        }
        c
    }
}

#[test]
fn products_are_what_they_are_defined_to_be() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let native = Amx::native();
    println!(
        "amx: {}",
        if native.is_some() {
            "compared"
        } else {
            "not on this CPU"
        }
    );
    for round in 0..40 {
        let operands = Operands::new(&mut rng, round % 4, 32 + round % 3 * 16);
        for (two, accumulate) in [(false, false), (false, true), (true, false), (true, true)] {
            let expected = operands.defined(two, accumulate);
            assert_eq!(operands.run(Amx::model(), two, accumulate), expected);
            if let Some(isa) = native {
                assert_eq!(
                    operands.run(isa, two, accumulate),
                    expected,
                    "round {round}"
                );
            }
        }
    }
}
