//! Tests: every method of every native instruction set against its model, on
//! whole domains where they are small and on boundaries and samples elsewhere.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::set::every_set;
use super::*;

mod fixed_point;
mod sums;

/// Operands of one comparison, as much as the widest vector holds.
#[derive(Clone)]
struct Operands {
    a: [u8; 64],
    b: [u8; 64],
    c: [u8; 64],
    more: [[u8; 64]; 2],
    x: [f32; 16],
    y: [f32; 16],
    z: [f32; 16],
    /// from 1 to 62
    shift_62: [i32; 16],
    /// from 0 to 31
    shift_31: [i32; 16],
    zero_point: i16,
}

/// Names and bits of what each method gave.
type Results = Vec<(&'static str, Vec<u8>)>;

/// Runs every method on the operands.
struct EveryMethod<'a>(&'a Operands);

impl<I: Isa> WithIsa<I> for EveryMethod<'_> {
    type Output = Results;
    #[inline(always)]
    fn call(self, isa: I) -> Results {
        let o = self.0;
        let lanes = I::LANES;
        let mut results = Results::new();
        // SAFETY: every array holds 64 bytes or 16 f32, as much as the widest vector.
        let (a, b, c, d, e) = unsafe {
            (
                isa.load_bytes(o.a.as_ptr()),
                isa.load_bytes(o.b.as_ptr()),
                isa.load_bytes(o.c.as_ptr()),
                isa.load_bytes(o.more[0].as_ptr()),
                isa.load_bytes(o.more[1].as_ptr()),
            )
        };
        // SAFETY: as above.
        let (x, y, z) = unsafe {
            (
                isa.load_f32(o.x.as_ptr()),
                isa.load_f32(o.y.as_ptr()),
                isa.load_f32(o.z.as_ptr()),
            )
        };
        // SAFETY: `a` has 64 bytes.
        let group = unsafe { isa.broadcast_4(o.a.as_ptr().add(8)) };
        // SAFETY: 16 i32 are as much as the widest vector.
        let (shift_62, shift_31) = unsafe {
            (
                isa.load_bytes(o.shift_62.as_ptr().cast()),
                isa.load_bytes(o.shift_31.as_ptr().cast()),
            )
        };
        let bytes = |v: I::V| -> Vec<u8> {
            isa.to_i32_array(v)
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect()
        };
        let floats = |v: I::F| -> Vec<u8> {
            isa.to_f32_array(v)
                .iter()
                // A NaN's payload is the instruction's own affair.
                .map(|x| if x.is_nan() { f32::NAN } else { *x })
                .flat_map(|x| x.to_le_bytes())
                .collect()
        };
        macro_rules! v { ($($name:literal: $e:expr,)+) => { $(results.push(($name, bytes($e)));)+ } }
        macro_rules! f { ($($name:literal: $e:expr,)+) => { $(results.push(($name, floats($e)));)+ } }
        v! {
            "splat_i32": isa.splat_i32(i32::from(o.zero_point).wrapping_mul(65_537)),
            "splat_i16": isa.splat_i16(o.zero_point),
            "splat_u8": isa.splat_u8(o.a[0]),
            "add_i32": isa.add_i32(a, b),
            "sub_i32": isa.sub_i32(a, b),
            "mul_i32": isa.mul_i32(a, b),
            "min_i32": isa.min_i32(a, b),
            "max_i32": isa.max_i32(a, b),
            "min_u8": isa.min_u8(a, b),
            "max_u8": isa.max_u8(a, b),
            "min_i8": isa.min_i8(a, b),
            "max_i8": isa.max_i8(a, b),
            "and": isa.and(a, b),
            "or": isa.or(a, b),
            "xor": isa.xor(a, b),
            "adds_i16": isa.adds_i16(a, b),
            "mul_i16": isa.mul_i16(a, b),
            "add_i16": isa.add_i16(a, b),
            "sub_i16": isa.sub_i16(a, b),
            "mul_add_i16, first": isa.mul_add_i16([c, d], a, b)[0],
            "mul_add_i16, second": isa.mul_add_i16([c, d], a, b)[1],
            "mul_round_shift": isa.mul_round_shift(a, b, shift_62),
            "rounding_doubling_high_mul_i32": isa.rounding_doubling_high_mul_i32(a, b),
            "shift_right_i32": isa.shift_right_i32(a, shift_31),
            "rounding_shift_right_i32": isa.rounding_shift_right_i32(a, shift_31),
            "gt_i32": isa.gt_i32(a, b),
            "gt_i32, of itself": isa.gt_i32(a, a),
            "abs_i32": isa.abs_i32(a),
            "bits_of_f32": isa.bits_of_f32(x),
            "i16_to_i32, lower": isa.i16_to_i32(a)[0],
            "i16_to_i32, upper": isa.i16_to_i32(a)[1],
            "madd_i16": isa.madd_i16(a, b),
            "maddubs": isa.maddubs(a, b),
            "dot4": isa.dot4(c, a, b),
            "dot": isa.dot(c, group, b),
            "dot_element, 0": isa.dot_element::<0>(c, a, b),
            "dot_element, 1": isa.dot_element::<1>(c, a, b),
            "dot_element, 2": isa.dot_element::<2>(c, a, b),
            "dot_element, 3": isa.dot_element::<3>(c, a, b),
            "u8_to_i16": isa.u8_to_i16(a),
            "interleave_4, first": isa.interleave_4([a, b, c, d])[0],
            "interleave_4, second": isa.interleave_4([a, b, c, d])[1],
            "interleave_4, third": isa.interleave_4([a, b, c, d])[2],
            "interleave_4, fourth": isa.interleave_4([a, b, c, d])[3],
            "zip_halves, lower": isa.zip_halves(a, b)[0],
            "zip_halves, upper": isa.zip_halves(a, b)[1],
            "saturate_to_i16": isa.saturate_to_i16(a),
            "narrow_to_u8": isa.narrow_to_u8([a, b, d, e], o.zero_point),
            "narrow_to_i8": isa.narrow_to_i8([a, b, d, e], o.zero_point),
            "deinterleaved, second": isa.deinterleaved([a, b, d, e])[1],
            "narrow_interleaved_to_u8": isa.narrow_interleaved_to_u8([a, b, d, e], o.zero_point),
            "narrow_interleaved_to_i8": isa.narrow_interleaved_to_i8([a, b, d, e], o.zero_point),
            "nan_mask": isa.nan_mask(x),
            "f32_to_i32_even": isa.f32_to_i32_even(x),
            "f32_to_i32_trunc": isa.f32_to_i32_trunc(x),
        }
        f! {
            "splat_f32": isa.splat_f32(o.x[0]),
            "f32_of_bits": isa.f32_of_bits(a),
            "add_f32": isa.add_f32(x, y),
            "sub_f32": isa.sub_f32(x, y),
            "mul_f32": isa.mul_f32(x, y),
            "div_f32": isa.div_f32(x, y),
            "fma_f32": isa.fma_f32(x, y, z),
            "and_f32": isa.and_f32(x, y),
            "or_f32": isa.or_f32(x, y),
            "min_f32": isa.min_f32(x, y),
            "max_f32": isa.max_f32(x, y),
            "round_even_f32": isa.round_even_f32(x),
            "i32_to_f32": isa.i32_to_f32(a),
        }
        // Each block ends where its memory does, and those that a vector lacks have none.
        let blocks: [Vec<u8>; 4] = std::array::from_fn(|block| {
            let bytes = if block < lanes / 4 { 16 } else { 0 };
            [&o.a, &o.c, &o.b, &o.a][block][7 * block + 5..][..bytes].to_vec()
        });
        // SAFETY: whole vectors of at most 64 bytes, read from and written to arrays of 64, and
        // a vector's blocks of 16.
        unsafe {
            v! {
                "load_blocks": isa.load_blocks(each!(o.a.as_ptr(), |block| blocks[block].as_ptr())),
                "broadcast_4": isa.broadcast_4(o.a.as_ptr().add(3)),
                "broadcast_2": isa.broadcast_2(o.a.as_ptr().add(3)),
                "load_u8_as_i32": isa.load_u8_as_i32(o.a.as_ptr().add(1)),
                "load_i8_as_i32": isa.load_i8_as_i32(o.a.as_ptr().add(1).cast()),
                "load_u8_as_i16": isa.load_u8_as_i16(o.a.as_ptr().add(1)),
                "load_i8_as_i16": isa.load_i8_as_i16(o.a.as_ptr().add(1).cast()),
            }
            let mut out = [0x5a; 64];
            isa.store_bytes(out.as_mut_ptr(), a);
            results.push(("store_bytes", out.to_vec()));
            let mut out = [-7.0f32; 16];
            isa.store_f32(out.as_mut_ptr(), y);
            results.push((
                "store_f32",
                out.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ));
        }
        let mut out = [0x5a5a_5a5a_i32; 64];
        // SAFETY: 64 i32 are four of the widest vectors.
        unsafe { isa.store_deinterleaved(out.as_mut_ptr(), [a, b, c, d]) };
        results.push((
            "store_deinterleaved",
            out.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ));
        if I::MMLA {
            results.push(("mmla", bytes(isa.mmla(c, a, b))));
        }
        for part in 0..=4 * lanes {
            // The memory ends where the part ends, so that a tool that watches memory would
            // tell of a byte too many; what lies after must not show in the result either.
            let memory = o.b[..part].to_vec();
            let mut out = [0x5a; 64];
            // SAFETY: `memory` holds `part` bytes, `out` at least as many.
            unsafe {
                results.push((
                    "load_bytes_partial",
                    bytes(isa.load_bytes_partial(memory.as_ptr(), part)),
                ));
                isa.store_bytes_partial(out.as_mut_ptr(), a, part);
            }
            results.push(("store_bytes_partial", out.to_vec()));
        }
        for part in 0..=lanes {
            let memory = o.y[..part].to_vec();
            let row = o.a[..part].to_vec();
            let mut out = [0x5a; 64];
            let mut out_f32 = [-7.0f32; 16];
            // SAFETY: `memory` and `row` hold `part` values, the outputs at least as many.
            unsafe {
                v! {
                    "load_u8_as_i32_partial": isa.load_u8_as_i32_partial(row.as_ptr(), part),
                    "load_i8_as_i32_partial": isa.load_i8_as_i32_partial(row.as_ptr().cast(), part),
                }
                results.push((
                    "load_f32_partial",
                    floats(isa.load_f32_partial(memory.as_ptr(), part)),
                ));
                isa.store_low_bytes(out.as_mut_ptr(), a, part);
                isa.store_f32_partial(out_f32.as_mut_ptr(), y, part);
            }
            results.push(("store_low_bytes", out.to_vec()));
            results.push((
                "store_f32_partial",
                out_f32.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ));
        }
        for len in [0, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64] {
            let mut out = vec![I::Activation::default(); len];
            // SAFETY: both hold `len` ≤ 64 elements.
            unsafe { isa.widen_activations(o.a.as_ptr(), out.as_mut_ptr(), len) };
            results.push(("widen_activations", format!("{out:?}").into_bytes()));
        }
        results
    }
}

/// Floats where conversions and comparisons change their minds.
const TELLING: [f32; 40] = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.5,
    -1.5,
    2.5,
    -2.5,
    0.499_999_97,
    -0.499_999_97,
    0.500_000_06,
    1.0,
    -1.0,
    127.5,
    128.5,
    -128.5,
    255.5,
    32_767.5,
    -32_768.5,
    4_194_303.5,
    4_194_304.5,
    8_388_607.5,
    -8_388_607.5,
    8_388_608.0,
    8_388_609.0,
    16_777_216.0,
    2_147_483_520.0,
    2_147_483_648.0,
    -2_147_483_648.0,
    -2_147_483_904.0,
    4_294_967_296.0,
    1e30,
    -1e30,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1e-45,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

fn float(rng: &mut ChaCha8Rng) -> f32 {
    match rng.random_range(0..4) {
        0 => TELLING[rng.random_range(0..TELLING.len())],
        // Any bits: subnormals, NaNs, every exponent.
        1 => f32::from_bits(rng.next_u32()),
        // Halves: ties of the conversion.
        2 => rng.random_range(-70_000i32..70_000) as f32 * 0.5,
        _ => (rng.random::<f32>() - 0.5) * (rng.random_range(0..40) as f32).exp2(),
    }
}

fn bytes(rng: &mut ChaCha8Rng) -> [u8; 64] {
    let mut bytes = [0; 64];
    rng.fill_bytes(&mut bytes);
    match rng.random_range(0..5) {
        // Ends of i32, where products and magnitudes overflow.
        4 => {
            let ends = [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX];
            let mut out = [0; 64];
            for (lane, out) in out.chunks_exact_mut(4).enumerate() {
                let end = ends[usize::from(bytes[lane]) % ends.len()];
                out.copy_from_slice(&end.to_le_bytes());
            }
            out
        }
        // Ends of the byte ranges, where pairs saturate.
        0 => bytes.map(|b| [0, 127, 128, 255][usize::from(b) % 4]),
        // i32 near the ends of the i16 and byte ranges, where packs saturate.
        1 => {
            let ends = [
                -32_769i32, -32_768, -129, -128, -1, 0, 127, 128, 255, 256, 32_767, 32_768,
            ];
            let mut out = [0; 64];
            for (lane, out) in out.chunks_exact_mut(4).enumerate() {
                let end = ends[usize::from(bytes[lane]) % ends.len()];
                out.copy_from_slice(&(end + i32::from(bytes[lane + 16] % 5) - 2).to_le_bytes());
            }
            out
        }
        _ => bytes,
    }
}

fn operands(rng: &mut ChaCha8Rng) -> Operands {
    Operands {
        a: bytes(rng),
        b: bytes(rng),
        c: bytes(rng),
        more: [bytes(rng), bytes(rng)],
        x: std::array::from_fn(|_| float(rng)),
        y: std::array::from_fn(|_| float(rng)),
        z: std::array::from_fn(|_| float(rng)),
        shift_62: std::array::from_fn(|_| rng.random_range(1..=62)),
        shift_31: std::array::from_fn(|_| rng.random_range(0..=31)),
        zero_point: [0, 1, 127, 128, 255, -128, -1, i16::MIN, i16::MAX][rng.random_range(0..9)],
    }
}

/// Compares native and modelled on many operands; says whether it could.
fn compare<S: InstructionSet>() -> bool {
    let Some(native) = S::native() else {
        return false;
    };
    let model = S::model();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for round in 0..3000 {
        let operands = operands(&mut rng);
        let real = native.vectorize(EveryMethod(&operands));
        let modelled = model.vectorize(EveryMethod(&operands));
        assert_eq!(real.len(), modelled.len());
        for ((name, real), (_, modelled)) in real.iter().zip(&modelled) {
            assert_eq!(real, modelled, "{}: {name}, round {round}", S::NAME);
        }
    }
    true
}

/// The architecture that this test was not compiled for.
const OTHER_ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "x86"
} else {
    "arm"
};

/// Whether the CPU's own list has a feature; asked otherwise than tokens ask.
#[cfg(all(target_os = "linux", not(target_arch = "aarch64")))]
fn cpu_lists(features: &[&str]) -> bool {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info
        .lines()
        .find(|line| line.starts_with("flags"))
        .unwrap_or_default();
    features
        .iter()
        .all(|feature| flags.split_whitespace().any(|flag| flag == *feature))
}

/// As above. An emulator of this architecture shows its host's `/proc/cpuinfo`,
/// but gives every process the bits of the CPU that it emulates.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn cpu_lists(features: &[&str]) -> bool {
    // Kinds of entries and bits: the kernel's uapi/linux/auxvec.h and asm/hwcap.h.
    const CAPABILITIES: u64 = 16;
    const CAPABILITIES_2: u64 = 26;
    let vector = std::fs::read("/proc/self/auxv").unwrap_or_default();
    let has = |kind: u64, bit: u32| {
        vector.chunks_exact(16).any(|entry| {
            let word = |at| u64::from_le_bytes(std::array::from_fn(|i| entry[at + i]));
            word(0) == kind && word(8) >> bit & 1 == 1
        })
    };
    features.iter().all(|feature| match *feature {
        "asimd" => has(CAPABILITIES, 1),
        "asimddp" => has(CAPABILITIES, 20),
        "i8mm" => has(CAPABILITIES_2, 13),
        other => panic!("no bit is known for {other}"),
    })
}

#[cfg(not(target_os = "linux"))]
fn cpu_lists(_: &[&str]) -> bool {
    false
}

macro_rules! native_agrees_with_model {
    ($($test:ident: $set:ty, $features:expr;)+) => {
        $(
            #[test]
            fn $test() {
                let ran = compare::<$set>();
                println!("{}: {}", <$set>::NAME, if ran { "compared" } else { "not on this CPU" });
                // An emulator of another architecture may show the list of its host.
                let listed = <$set>::ARCHITECTURE != OTHER_ARCHITECTURE && cpu_lists(&$features);
                assert!(
                    ran || !listed,
                    "the CPU has {:?}, but nothing was compared", $features
                );
            }
        )+
    };
}

native_agrees_with_model! {
    scalar: Scalar, [] as [&str; 0];
    avx2: Avx2, ["avx2", "fma"];
    avx2_exact: Avx2Exact, ["avx2", "fma"];
    avxvnni: AvxVnni, ["avx2", "fma", "avx_vnni"];
    avx512: Avx512, ["avx512f", "avx512bw", "avx512vl"];
    avx512_exact: Avx512Exact, ["avx512f", "avx512bw", "avx512vl"];
    avx512vnni: Avx512Vnni, ["avx512f", "avx512bw", "avx512vl", "avx512_vnni"];
    amx: Amx, ["avx512f", "avx512bw", "avx512vl", "avx512_vnni", "amx_tile", "amx_int8"];
    neon: Neon, ["asimd"];
    neondot: NeonDot, ["asimd", "asimddp"];
    neoni8mm: NeonI8mm, ["asimd", "i8mm"];
}
