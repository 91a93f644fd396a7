//! Products and shifts of fixed point against sums written out in wide integers, so that
//! native and model cannot be wrong together.

use super::*;

struct FixedPoint<'a> {
    v: &'a [i32; 16],
    multiplier: &'a [i32; 16],
    shift_62: &'a [i32; 16],
    shift_31: &'a [i32; 16],
}

/// ⌊x / 2^n + 1/2⌋, by division.
fn rounded(x: i128, n: i32) -> i128 {
    let unit = 1i128 << n;
    (2 * x + unit).div_euclid(2 * unit)
}

impl<I: Isa> WithIsa<I> for FixedPoint<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        // SAFETY: 16 i32 are as much as the widest vector.
        let load = |lanes: &[i32; 16]| unsafe { isa.load_bytes(lanes.as_ptr().cast()) };
        let (v, multiplier) = (load(self.v), load(self.multiplier));
        let (shift_62, shift_31) = (load(self.shift_62), load(self.shift_31));
        let check = |what: &str, got: I::V, expected: &dyn Fn(usize) -> i128| {
            let got = isa.to_i32_array(got);
            for (lane, &got) in got[..I::LANES].iter().enumerate() {
                let expected = expected(lane) as i32;
                assert_eq!(
                    got,
                    expected,
                    "{} {what}: lane {lane} of {:?}, {:?}, {:?}, {:?}",
                    <I::Set as InstructionSet>::NAME,
                    self.v,
                    self.multiplier,
                    self.shift_62,
                    self.shift_31
                );
            }
        };
        let product = |i: usize| i128::from(self.v[i]) * i128::from(self.multiplier[i]);
        check(
            "mul_round_shift",
            isa.mul_round_shift(v, multiplier, shift_62),
            &|i| rounded(product(i), self.shift_62[i]),
        );
        check(
            "rounding_doubling_high_mul_i32",
            isa.rounding_doubling_high_mul_i32(v, multiplier),
            &|i| rounded(2 * product(i), 32).min(i128::from(i32::MAX)),
        );
        check("shift_right_i32", isa.shift_right_i32(v, shift_31), &|i| {
            i128::from(self.v[i]).div_euclid(1 << self.shift_31[i])
        });
        check(
            "rounding_shift_right_i32",
            isa.rounding_shift_right_i32(v, shift_31),
            &|i| rounded(i128::from(self.v[i]), self.shift_31[i]),
        );
        check("abs_i32", isa.abs_i32(v), &|i| i128::from(self.v[i]).abs());
        check("gt_i32", isa.gt_i32(v, multiplier), &|i| {
            -i128::from(self.v[i] > self.multiplier[i])
        });
        let words =
            |lanes: &[i32; 16], j: usize| i128::from((lanes[j / 2] >> (16 * (j % 2))) as i16);
        let sums = isa.mul_add_i16([shift_62, shift_31], v, multiplier);
        for (half, (sums, acc)) in sums
            .into_iter()
            .zip([self.shift_62, self.shift_31])
            .enumerate()
        {
            check("mul_add_i16", sums, &|i| {
                let j = half * I::LANES + i;
                i128::from(acc[i]) + words(self.v, j) * words(self.multiplier, j)
            });
        }
        let differences = isa.to_i32_array(isa.sub_i16(v, multiplier));
        let sums = isa.to_i32_array(isa.add_i16(v, multiplier));
        for j in 0..2 * I::LANES {
            let (a, b) = (words(self.v, j), words(self.multiplier, j));
            let wrapped = |exact: i128| i128::from(exact as i16);
            assert_eq!(words(&differences, j), wrapped(a - b), "sub_i16");
            assert_eq!(words(&sums, j), wrapped(a + b), "add_i16");
        }
    }
}

fn ints(rng: &mut ChaCha8Rng) -> [i32; 16] {
    let bytes = bytes(rng);
    std::array::from_fn(|i| i32::from_le_bytes([0, 1, 2, 3].map(|byte: usize| bytes[4 * i + byte])))
}

#[test]
fn fixed_point_is_what_wide_integers_say() {
    fn check<S: InstructionSet>() {
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        for round in 0..4000 {
            let (mut v, mut multiplier) = (ints(&mut rng), ints(&mut rng));
            if round % 4 == 0 {
                // Ties and their neighbours: odd multiples of half a unit.
                let shift = rng.random_range(1..=30);
                multiplier = [1 << rng.random_range(0..=shift.min(29)); 16];
                v = v.map(|x| ((x >> 2) | 1).wrapping_add(i32::from(round % 8 == 0)));
            }
            if round % 16 == 1 {
                (v[0], multiplier[0]) = (i32::MIN, i32::MIN);
            }
            let operands = FixedPoint {
                v: &v,
                multiplier: &multiplier,
                shift_62: &std::array::from_fn(|_| rng.random_range(1..=62)),
                shift_31: &std::array::from_fn(|_| rng.random_range(0..=31)),
            };
            S::model().vectorize(FixedPoint { ..operands });
            if let Some(native) = S::native() {
                native.vectorize(operands);
            }
        }
    }
    every_set!(check());
}
