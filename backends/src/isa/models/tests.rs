//! Each model against the instruction itself, on whole domains.

use std::arch::x86_64::*;

use super::samples::all_kinds_of_f32;
use super::*;

type Lanes = [i32; 8];

fn vector(lanes: Lanes) -> __m256i {
    // SAFETY: both types are 32 bytes of integers; every bit pattern is valid in both.
    unsafe { std::mem::transmute(lanes) }
}

fn lanes_of(vector: __m256i) -> Lanes {
    // SAFETY: as in `vector`.
    unsafe { std::mem::transmute(vector) }
}

fn have_avx2() -> bool {
    let have = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    println!(
        "AVX2 and FMA: {}",
        if have { "compared" } else { "not on this CPU" }
    );
    have
}

/// i16 values at and around every end that a pack or a sum knows.
fn i16_ends() -> Vec<i16> {
    let mut ends: Vec<i16> = [
        i16::MIN,
        -16_384,
        -256,
        -128,
        0,
        127,
        255,
        256,
        16_383,
        i16::MAX,
    ]
    .into_iter()
    .flat_map(|end| (-2..=2).map(move |d: i16| end.saturating_add(d)))
    .collect();
    ends.sort_unstable();
    ends.dedup();
    ends
}

#[test]
fn vpmaddubsw_on_every_pair_of_bytes() {
    if !have_avx2() {
        return;
    }
    let others = [
        (0u8, 0i8),
        (255, 127),
        (255, -128),
        (1, -1),
        (128, 127),
        (254, -127),
        (129, -128),
    ];
    let mut compared = 0u64;
    for (other_code, other_weight) in others {
        for code in 0..=255u8 {
            for weight in (-128..=127i8).step_by(16) {
                // 16 weights at a time, one in each i16 lane, the other product beside it.
                let a: Lanes = [i32::from_le_bytes([code, other_code, code, other_code]); 8];
                let b: Lanes = std::array::from_fn(|i| {
                    let first = weight.wrapping_add(2 * i as i8);
                    i32::from_le_bytes([
                        first as u8,
                        other_weight as u8,
                        first.wrapping_add(1) as u8,
                        other_weight as u8,
                    ])
                });
                // SAFETY: AVX2 was found.
                let real = unsafe { _mm256_maddubs_epi16(vector(a), vector(b)) };
                assert_eq!(vpmaddubsw(a, b), lanes_of(real), "{code} · {weight}..");
                compared += 16;
            }
        }
    }
    assert_eq!(compared, 7 * 65_536);
}

#[test]
fn vpdpbusd_on_every_pair_of_bytes() {
    if !(is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl")) {
        println!("AVX-512 VNNI: not on this CPU");
        return;
    }
    println!("AVX-512 VNNI: compared");
    for acc in [0, 1, i32::MAX, i32::MIN, i32::MAX - 4 * 32_640] {
        for code in 0..=255u8 {
            for weight in (-128..=127i8).step_by(8) {
                let a: Lanes = [i32::from_le_bytes([code; 4]); 8];
                let b: Lanes = std::array::from_fn(|i| {
                    let w = weight.wrapping_add(i as i8);
                    i32::from_le_bytes([w as u8, 127, (-128i8) as u8, w as u8])
                });
                // SAFETY: AVX-512 VNNI and VL were found.
                let real = unsafe { _mm256_dpbusd_epi32(vector([acc; 8]), vector(a), vector(b)) };
                assert_eq!(vpdpbusd([acc; 8], a, b), lanes_of(real));
            }
        }
    }
}

#[test]
fn packs_on_every_i16_and_every_i32_end() {
    if !have_avx2() {
        return;
    }
    for start in (0..=u16::MAX).step_by(16) {
        let at = |i: usize| i32::from(start) + i as i32;
        let a: Lanes = std::array::from_fn(|i| at(2 * i) | at(2 * i + 1) << 16);
        let b: Lanes = a.map(|x| !x);
        // SAFETY: AVX2 was found.
        unsafe {
            let (va, vb) = (vector(a), vector(b));
            assert_eq!(vpackuswb(a, b), lanes_of(_mm256_packus_epi16(va, vb)));
            assert_eq!(vpacksswb(a, b), lanes_of(_mm256_packs_epi16(va, vb)));
        }
    }
    let mut ends: Vec<i32> = [i32::MIN, -65_536, -32_768, -1, 0, 32_767, 65_535, i32::MAX]
        .into_iter()
        .flat_map(|end| (-3..=3).map(move |d: i32| end.saturating_add(d)))
        .collect();
    // Every i32 that narrows without saturating, and as many on either side.
    ends.extend(-65_536..=65_536);
    for window in ends.windows(16).step_by(8) {
        let a: Lanes = window[..8].try_into().expect("8 of 16");
        let b: Lanes = window[8..].try_into().expect("8 of 16");
        // SAFETY: AVX2 was found.
        let real = unsafe { _mm256_packs_epi32(vector(a), vector(b)) };
        assert_eq!(vpackssdw(a, b), lanes_of(real));
    }
}

#[test]
fn i16_arithmetic_on_every_pair_of_ends() {
    if !have_avx2() {
        return;
    }
    let ends = i16_ends();
    for &p in &ends {
        for &q in &ends {
            let a: Lanes = std::array::from_fn(|i| of_i16s([p, q.wrapping_add(i as i16)]));
            let b: Lanes = std::array::from_fn(|i| of_i16s([q, p.wrapping_sub(i as i16)]));
            // SAFETY: AVX2 was found.
            unsafe {
                let (va, vb) = (vector(a), vector(b));
                assert_eq!(vpmaddwd(a, b), lanes_of(_mm256_madd_epi16(va, vb)));
                assert_eq!(vpaddsw(a, b), lanes_of(_mm256_adds_epi16(va, vb)));
                assert_eq!(vpmullw(a, b), lanes_of(_mm256_mullo_epi16(va, vb)));
            }
        }
    }
}

#[test]
fn byte_extremes_on_every_pair_of_bytes() {
    if !have_avx2() {
        return;
    }
    for p in 0..=255u8 {
        for q in (0..=255u8).step_by(32) {
            let a: Lanes = [i32::from_le_bytes([p; 4]); 8];
            let b: Lanes = std::array::from_fn(|i| {
                i32::from_le_bytes(std::array::from_fn(|j| q + (4 * i + j) as u8))
            });
            // SAFETY: AVX2 was found.
            unsafe {
                let (va, vb) = (vector(a), vector(b));
                assert_eq!(vpminub(a, b), lanes_of(_mm256_min_epu8(va, vb)));
                assert_eq!(vpmaxub(a, b), lanes_of(_mm256_max_epu8(va, vb)));
                assert_eq!(vpminsb(a, b), lanes_of(_mm256_min_epi8(va, vb)));
                assert_eq!(vpmaxsb(a, b), lanes_of(_mm256_max_epi8(va, vb)));
            }
        }
    }
}

#[test]
fn conversions_on_all_kinds_of_f32() {
    if !have_avx2() {
        return;
    }
    let halves = (-140_000i32..=140_000).map(|x| x as f32 * 0.5);
    let high_ties = (0..4096).map(|x| (4_194_304 - 2048 + x) as f32 + 0.5);
    let values: Vec<f32> = all_kinds_of_f32().chain(halves).chain(high_ties).collect();
    for chunk in values.chunks_exact(8) {
        let v: [f32; 8] = chunk.try_into().expect("8");
        // SAFETY: AVX2 was found; `v` holds 8 f32.
        unsafe {
            let real = _mm256_loadu_ps(v.as_ptr());
            assert_eq!(vcvtps2dq(v), lanes_of(_mm256_cvtps_epi32(real)), "{v:?}");
            assert_eq!(vcvttps2dq(v), lanes_of(_mm256_cvttps_epi32(real)), "{v:?}");
            let rounded =
                _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(real);
            let rounded = lanes_of(_mm256_castps_si256(rounded));
            for (i, modelled) in vroundps(v).into_iter().enumerate() {
                // A signalling NaN comes back quiet.
                if !v[i].is_nan() {
                    assert_eq!(modelled.to_bits() as i32, rounded[i], "{:?}", v[i]);
                }
            }
        }
    }
}

#[test]
fn integer_to_float_on_ends_and_steps() {
    if !have_avx2() {
        return;
    }
    for start in (i32::MIN..=i32::MAX - 8).step_by(100_003) {
        let v: Lanes = std::array::from_fn(|i| start + i as i32);
        // SAFETY: AVX2 was found.
        let real = unsafe { lanes_of(_mm256_castps_si256(_mm256_cvtepi32_ps(vector(v)))) };
        assert_eq!(vcvtdq2ps(v).map(|x| x.to_bits() as i32), real);
    }
}

#[test]
fn fused_multiply_add_rounds_once() {
    // Against the language's own fused operation, which may be a library's.
    let kinds: Vec<f32> = all_kinds_of_f32().collect();
    let pick = |i: usize, by: usize| kinds[i.wrapping_mul(by) % kinds.len()];
    let mut differ_from_two_roundings = 0;
    for i in 0..400_000 {
        let (a, b) = (pick(i, 7_919), pick(i, 104_729));
        // Half of the addends nearly cancel the product, where a second rounding would show.
        let c = if i % 2 == 0 {
            pick(i, 1_299_709)
        } else {
            -(a * b) * (1.0 + (i % 5) as f32 * f32::EPSILON)
        };
        let [got] = vfmaddps([a], [b], [c]);
        let expected = a.mul_add(b, c);
        assert!(
            got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
            "{a:e} · {b:e} + {c:e}: {got:e}, not {expected:e}"
        );
        differ_from_two_roundings += usize::from((a * b + c).to_bits() != got.to_bits());
    }
    assert!(differ_from_two_roundings > 1000, "the data would not tell");
}
