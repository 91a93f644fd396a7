//! `dot4`, `dot`, `mmla` and the conversions against plain computations written out here, so
//! that native and model cannot be wrong together.

use super::*;

struct Dots<'a>(&'a [u8; 64], &'a [u8; 64]);

impl<I: Isa> WithIsa<I> for Dots<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let (codes, weights) = (self.0, self.1.map(|w| w as i8));
        // SAFETY: 64 bytes hold the widest vector.
        let (a, b) = unsafe {
            (
                isa.load_bytes(codes.as_ptr()),
                isa.load_bytes(weights.as_ptr().cast()),
            )
        };
        let got = isa.to_i32_array(isa.dot4(isa.splat_i32(1000), a, b));
        let product = |i: usize, j: usize| i32::from(codes[i]) * i32::from(weights[j]);
        let pair = |sum: i32| match I::DOT4 {
            Dot4::Exact => sum,
            Dot4::SaturatingPairs => sum.clamp(-32_768, 32_767),
        };
        for (lane, got) in got.into_iter().enumerate().take(I::LANES) {
            let at = |i: usize| pair(product(i, i) + product(i + 1, i + 1));
            let expected = 1000 + at(4 * lane) + at(4 * lane + 2);
            assert_eq!(got, expected, "dot4, lane {lane}");
        }
        if I::DOT4 == Dot4::Exact {
            let got = isa.to_i32_array(isa.mmla(isa.splat_i32(7), a, b));
            for (lane, got) in got.into_iter().enumerate().take(I::LANES) {
                let (row, column) = (
                    lane / 4 * 16 + lane % 4 / 2 * 8,
                    lane / 4 * 16 + lane % 2 * 8,
                );
                let sum: i32 = (0..8).map(|k| product(row + k, column + k)).sum();
                assert_eq!(got, 7 + sum, "mmla, lane {lane}");
            }
        }
        self.dot(isa);
    }
}

impl Dots<'_> {
    /// Every group of four of the first vector of codes meets a vector of weights.
    #[inline(always)]
    fn dot<I: Isa>(&self, isa: I) {
        let (codes, weights) = (self.0, self.1.map(|w| w as i8));
        let activations: Vec<_> = codes.iter().map(|&x| I::Activation::from(x)).collect();
        // Weight of column `lane` at depth `i`: number lane·DOT_K + i.
        let mut packed = vec![I::Weight::default(); I::LANES * I::DOT_K];
        for lane in 0..I::LANES {
            for i in 0..I::DOT_K {
                let place = match I::DOT_GROUPING {
                    Grouping::ByColumn => lane * I::DOT_K + i,
                    Grouping::ByDepth => i * I::LANES + lane,
                };
                packed[place] = I::Weight::from(weights[lane * I::DOT_K + i]);
            }
        }
        // SAFETY: `LANES·DOT_K` elements are one vector, and 64 elements are at least that.
        let (a, b) = unsafe {
            (
                isa.load_bytes(activations.as_ptr().cast()),
                isa.load_bytes(packed.as_ptr().cast()),
            )
        };
        let acc = isa.splat_i32(-3);
        for group in 0..4 {
            // SAFETY: a group is 4 bytes of a vector.
            let same = unsafe { isa.broadcast_4(activations[group * I::DOT_K..].as_ptr().cast()) };
            let element = match group {
                0 => isa.dot_element::<0>(acc, a, b),
                1 => isa.dot_element::<1>(acc, a, b),
                2 => isa.dot_element::<2>(acc, a, b),
                _ => isa.dot_element::<3>(acc, a, b),
            };
            let got = isa.to_i32_array(isa.dot(acc, same, b));
            assert_eq!(got, isa.to_i32_array(element), "dot_element {group}");
            for (lane, got) in got.into_iter().enumerate().take(I::LANES) {
                let product = |i: usize| {
                    let code = i32::from(codes[group * I::DOT_K + i]) - I::DOT_SHIFT;
                    code * i32::from(weights[lane * I::DOT_K + i])
                };
                let pairs = (0..I::DOT_K).step_by(2).map(|i| {
                    let sum = product(i) + product(i + 1);
                    match I::DOT4 {
                        Dot4::Exact => sum,
                        Dot4::SaturatingPairs => sum.clamp(-32_768, 32_767),
                    }
                });
                let expected = -3 + pairs.sum::<i32>();
                assert_eq!(got, expected, "dot, group {group}, lane {lane}");
            }
        }
    }
}

#[test]
fn dots_sum_as_declared() {
    fn check<S: InstructionSet>() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        for _ in 0..2000 {
            let (codes, weights) = (bytes(&mut rng), bytes(&mut rng));
            S::model().vectorize(Dots(&codes, &weights));
            if let Some(native) = S::native() {
                native.vectorize(Dots(&codes, &weights));
            }
        }
    }
    every_set!(check());
}

struct Conversions<'a>(&'a [f32; 16]);

impl<I: Isa> WithIsa<I> for Conversions<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        // SAFETY: 16 f32 are as much as the widest vector.
        let values = unsafe { isa.load_f32(self.0.as_ptr()) };
        let even = isa.to_i32_array(isa.f32_to_i32_even(values));
        let trunc = isa.to_i32_array(isa.f32_to_i32_trunc(values));
        let integer = |integral: f64| {
            let range = f64::from(i32::MIN)..=f64::from(i32::MAX);
            match I::CONVERSION {
                Conversion::Indefinite if !range.contains(&integral) => i32::MIN,
                Conversion::Saturating if integral.is_nan() => 0,
                Conversion::Saturating if integral < *range.start() => i32::MIN,
                Conversion::Saturating if integral > *range.end() => i32::MAX,
                _ => integral as i32,
            }
        };
        for lane in 0..I::LANES {
            let x = f64::from(self.0[lane]);
            assert_eq!(even[lane], integer(x.round_ties_even()), "even of {x:e}");
            assert_eq!(trunc[lane], integer(x.trunc()), "trunc of {x:e}");
        }
    }
}

#[test]
fn conversions_are_of_the_declared_kind() {
    fn check<S: InstructionSet>() {
        let mut rng = ChaCha8Rng::seed_from_u64(17);
        for _ in 0..2000 {
            let values = std::array::from_fn(|_| float(&mut rng));
            S::model().vectorize(Conversions(&values));
            if let Some(native) = S::native() {
                native.vectorize(Conversions(&values));
            }
        }
    }
    every_set!(check());
}
