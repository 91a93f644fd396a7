//! Each model against the instruction itself, on whole domains: on an ARM CPU, or under an
//! emulator of one.

use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

use super::super::samples::all_kinds_of_f32;
use super::super::{
    mul_round_shift, smlal, sqrdmulh, srshl, vpackssdw, vpacksswb, vpackuswb, vpaddsw, vpmaddubsw,
    vpmaddwd,
};
use super::*;
use crate::isa::{InstructionSet, Isa, Neon, NeonDot, NeonI8mm, WithIsa};

type Lanes = [i32; 4];

/// What is asked of an instruction set's methods.
#[derive(Clone, Copy)]
enum Ask {
    Dot,
    Dot4,
    Mmla,
    Maddubs,
    Madd,
    MulRoundShift,
    DoublingHigh,
    RoundingShift,
    NarrowUnsigned,
    NarrowSigned,
}

struct One(Ask, Lanes, Lanes, Lanes);

impl<I: Isa> WithIsa<I> for One {
    type Output = Lanes;
    #[inline(always)]
    fn call(self, isa: I) -> Lanes {
        let Self(ask, acc, a, b) = self;
        // SAFETY: 16 bytes are a vector of the 128-bit sets, which alone are asked here.
        let load = |lanes: Lanes| unsafe { isa.load_bytes(lanes.as_ptr().cast()) };
        let (acc, a, b) = (load(acc), load(a), load(b));
        let got = match ask {
            Ask::Dot => isa.dot(acc, a, b),
            Ask::Dot4 => isa.dot4(acc, a, b),
            Ask::Mmla => isa.mmla(acc, a, b),
            Ask::Maddubs => isa.maddubs(a, b),
            Ask::Madd => isa.madd_i16(a, b),
            Ask::MulRoundShift => isa.mul_round_shift(acc, a, b),
            Ask::DoublingHigh => isa.rounding_doubling_high_mul_i32(a, b),
            Ask::RoundingShift => isa.rounding_shift_right_i32(a, b),
            Ask::NarrowUnsigned => isa.narrow_to_u8([a, b, acc, a], 0),
            Ask::NarrowSigned => isa.narrow_to_i8([a, b, acc, a], 0),
        };
        let array = isa.to_i32_array(got);
        std::array::from_fn(|i| array[i])
    }
}

/// The real instruction's answer.
fn real<S: InstructionSet>(ask: Ask, acc: Lanes, a: Lanes, b: Lanes) -> Lanes {
    let isa = S::native().expect("a test asks only for what the CPU has");
    isa.vectorize(One(ask, acc, a, b))
}

fn has<S: InstructionSet>() -> bool {
    let has = S::native().is_some();
    println!(
        "{}: {}",
        S::NAME,
        if has { "compared" } else { "not on this CPU" }
    );
    has
}

/// Every pair of bytes in the first product of a lane, ends beside it, each lane its own weight.
fn every_pair_of_bytes(mut visit: impl FnMut(Lanes, Lanes)) {
    for (other_code, other_weight) in [(0u8, 0i8), (255, 127), (255, -128), (128, -128), (1, -1)] {
        for code in 0..=255u8 {
            for weight in (-128..=127i8).step_by(8) {
                let a: Lanes = std::array::from_fn(|i| {
                    i32::from_le_bytes([
                        code,
                        other_code,
                        code.wrapping_add(i as u8 + 3),
                        other_code,
                    ])
                });
                let b: Lanes = std::array::from_fn(|i| {
                    let first = weight.wrapping_add(2 * i as i8) as u8;
                    let other = other_weight as u8;
                    i32::from_le_bytes([first, other, first.wrapping_add(1), other])
                });
                visit(a, b);
            }
        }
    }
}

const ACCUMULATORS: [Lanes; 2] = [
    [0, 1, -1, 7],
    [i32::MAX, i32::MIN, i32::MAX - 9, i32::MIN + 9],
];

#[test]
fn sdot_on_every_pair_of_bytes() {
    if !has::<NeonDot>() {
        return;
    }
    for acc in ACCUMULATORS {
        every_pair_of_bytes(|a, b| {
            let same = [a[0]; 4];
            assert_eq!(sdot(acc, same, b), real::<NeonDot>(Ask::Dot, acc, same, b));
        });
    }
}

#[test]
fn usdot_on_every_pair_of_bytes() {
    if !has::<NeonI8mm>() {
        return;
    }
    for acc in ACCUMULATORS {
        every_pair_of_bytes(|a, b| {
            let expected = super::super::vpdpbusd(acc, a, b);
            assert_eq!(expected, real::<NeonI8mm>(Ask::Dot4, acc, a, b));
        });
    }
}

#[test]
fn usmmla_on_every_pair_of_bytes() {
    if !has::<NeonI8mm>() {
        return;
    }
    for acc in ACCUMULATORS {
        every_pair_of_bytes(|a, b| {
            // Rows and columns of different lanes.
            let (a, b) = ([a[0], a[3], a[1], a[2]], [b[1], b[0], b[3], b[2]]);
            assert_eq!(usmmla(acc, a, b), real::<NeonI8mm>(Ask::Mmla, acc, a, b));
        });
    }
}

#[test]
fn smlal_and_pairs_on_every_pair_of_bytes() {
    assert!(has::<Neon>(), "every aarch64 CPU has NEON");
    for acc in ACCUMULATORS {
        every_pair_of_bytes(|a, b| {
            assert_eq!(vpmaddubsw(a, b), real::<Neon>(Ask::Maddubs, acc, a, b));
            let sums = super::super::vpdpbusd(acc, a, b);
            assert_eq!(sums, real::<Neon>(Ask::Dot4, acc, a, b));
            // The bytes as i16 of large magnitude.
            assert_eq!(vpmaddwd(a, b), real::<Neon>(Ask::Madd, acc, a, b));
            let by_element = smlal_by_element(acc, a, 0, b);
            assert_eq!(by_element, real::<Neon>(Ask::Dot, acc, a, b));
            // SAFETY: every aarch64 CPU has NEON; both types are 16 bytes of integers.
            let (low, high) = unsafe {
                let words = |v: Lanes| std::mem::transmute::<Lanes, int16x8_t>(v);
                let v = std::mem::transmute::<Lanes, int32x4_t>(acc);
                let low = vmlal_s16(v, vget_low_s16(words(a)), vget_low_s16(words(b)));
                let high = vmlal_high_s16(v, words(a), words(b));
                (
                    std::mem::transmute::<int32x4_t, Lanes>(low),
                    std::mem::transmute::<int32x4_t, Lanes>(high),
                )
            };
            assert_eq!(smlal([acc; 2], a, b), [low, high]);
        });
    }
}

/// i32 at every end and power of two, and spread out between.
fn telling_i32() -> Vec<i32> {
    let mut values: Vec<i32> = (0..31)
        .flat_map(|bit| [-2, -1, 0, 1, 2].map(|d| (1i32 << bit).wrapping_add(d)))
        .flat_map(|x| [x, x.wrapping_neg()])
        .chain([i32::MIN, i32::MIN + 1, i32::MAX])
        .collect();
    values.extend((0..200u32).map(|i| i.wrapping_mul(0x9e37_79b1) as i32));
    values
}

#[test]
fn fixed_point_on_ends_and_powers_of_two() {
    assert!(has::<Neon>(), "every aarch64 CPU has NEON");
    let values = telling_i32();
    for (i, &x) in values.iter().enumerate() {
        for (j, &y) in values.iter().enumerate() {
            let (a, b) = ([x, y, x, x.wrapping_add(1)], [y, y, x, y]);
            let doubled = real::<Neon>(Ask::DoublingHigh, a, a, b);
            assert_eq!(sqrdmulh(a, b), doubled, "{a:?} {b:?}");
            let shift = [0, 1, 2, 3].map(|lane| ((i * 7 + j * 3 + lane * 17) % 62 + 1) as i32);
            let rounded = real::<Neon>(Ask::MulRoundShift, a, b, shift);
            assert_eq!(
                mul_round_shift(a, b, shift),
                rounded,
                "{a:?} {b:?} {shift:?}"
            );
        }
        for n in 0..32 {
            let (a, n) = ([x, !x, x ^ 1, x / 3], [n, 31 - n, n ^ 1, n]);
            let shifted = real::<Neon>(Ask::RoundingShift, a, a, n);
            assert_eq!(srshl(a, n.map(|n| -n)), shifted, "{a:?} {n:?}");
        }
    }
}

#[test]
fn narrowing_on_all_of_i16_and_beyond() {
    assert!(has::<Neon>(), "every aarch64 CPU has NEON");
    let values: Vec<i32> = (-65_600..=65_600).chain(telling_i32()).collect();
    for lanes in values.chunks_exact(8) {
        let a: Lanes = lanes[..4].try_into().expect("4 of 8");
        let b: Lanes = lanes[4..].try_into().expect("4 of 8");
        let zero = [0; 4];
        let (low, high) = (vpackssdw(a, b), vpackssdw(zero, a));
        let (low, high) = (vpaddsw(low, zero), vpaddsw(high, zero));
        let unsigned = real::<Neon>(Ask::NarrowUnsigned, zero, a, b);
        assert_eq!(vpackuswb(low, high), unsigned, "{a:?} {b:?}");
        let signed = real::<Neon>(Ask::NarrowSigned, zero, a, b);
        assert_eq!(vpacksswb(low, high), signed, "{a:?} {b:?}");
    }
}

#[test]
fn conversions_on_all_kinds_of_f32() {
    assert!(is_aarch64_feature_detected!("neon"));
    let halves = (-140_000i32..=140_000).map(|x| x as f32 * 0.5);
    let values: Vec<f32> = all_kinds_of_f32().chain(halves).collect();
    for chunk in values.chunks_exact(4) {
        let v: [f32; 4] = chunk.try_into().expect("4");
        // SAFETY: NEON was found; `v` holds 4 f32, and both types are 16 bytes of integers.
        let (even, trunc) = unsafe {
            let x = vld1q_f32(v.as_ptr());
            (
                std::mem::transmute::<int32x4_t, Lanes>(vcvtnq_s32_f32(x)),
                std::mem::transmute::<int32x4_t, Lanes>(vcvtq_s32_f32(x)),
            )
        };
        assert_eq!(fcvtns(v), even, "{v:?}");
        assert_eq!(fcvtzs(v), trunc, "{v:?}");
    }
}
