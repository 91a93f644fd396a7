//! An instruction set one of whose instructions is wrong: the models of AVX-VNNI with one
//! [`Instruction`] fault, which the token carries. Kernel families run on it as on any other,
//! and are compiled for it once, whatever the fault.
//!
//! - `memory`, `integers`, `floats`: the methods of which faults are known

mod floats;
mod integers;
mod memory;

use super::instruction::{Float, Instruction, Integer, Memory, N, Tail};
use crate::isa::{AvxVnni, Isa, Modelled, WithIsa};

type Base = Modelled<AvxVnni>;
type V = [i32; N];
type F = [f32; N];

/// The token.
#[derive(Clone, Copy)]
pub struct Faulty {
    base: Base,
    fault: Instruction,
}

impl Faulty {
    /// The instruction set with `fault`.
    pub fn new(fault: Instruction) -> Self {
        let base = <AvxVnni as crate::isa::InstructionSet>::model();
        Self { base, fault }
    }

    #[inline(always)]
    fn has(self, fault: Instruction) -> bool {
        self.fault == fault
    }

    #[inline(always)]
    fn integer(self, fault: Integer) -> bool {
        self.has(Instruction::Integer(fault))
    }

    #[inline(always)]
    fn float(self, fault: Float) -> bool {
        self.has(Instruction::Float(fault))
    }

    #[inline(always)]
    fn memory(self, fault: Memory) -> bool {
        self.has(Instruction::Memory(fault))
    }

    /// How many of `count` values a partial load or store takes.
    #[inline(always)]
    fn part(self, tail: Tail, count: usize) -> usize {
        count - usize::from(count > 0 && self.has(Instruction::Tail(tail, count)))
    }

    /// Reads the bytes of one value, and does nothing with them.
    ///
    /// # Safety
    /// None that can be kept: reading where nothing may be read is the fault.
    #[inline(always)]
    unsafe fn reads(self, fault: Memory, ptr: *const u8, bytes: usize) {
        if self.memory(fault) {
            for at in 0..bytes {
                // SAFETY: what lies there is memory of the buffers around the operand, or a
                // guard that ends this process: then the fault is found.
                unsafe { ptr.add(at).read_volatile() };
            }
        }
    }
}

/// Methods that are right, whatever the fault.
macro_rules! right {
    ($(fn $name:ident($($argument:ident: $t:ty),*) -> $r:ty;)+) => {
        $(#[inline(always)]
        fn $name(self, $($argument: $t),*) -> $r {
            self.base.$name($($argument),*)
        })+
    };
}

/// Loads and stores that are right, whatever the fault.
macro_rules! right_memory {
    ($(fn $name:ident($($argument:ident: $t:ty),*) $(-> $r:ty)?;)+) => {
        $(#[inline(always)]
        unsafe fn $name(self, $($argument: $t),*) $(-> $r)? {
            // SAFETY: the caller's contract, which is the same.
            unsafe { self.base.$name($($argument),*) }
        })+
    };
}

/// Methods of which some fault is known: functions of one of the modules.
macro_rules! by {
    ($kind:ident: $(fn $name:ident($($argument:ident: $t:ty),*) -> $r:ty;)+) => {
        $(#[inline(always)]
        fn $name(self, $($argument: $t),*) -> $r {
            $kind::$name(self, $($argument),*)
        })+
    };
}

/// The same of loads and stores.
macro_rules! unsafe_by {
    ($kind:ident: $(fn $name:ident($($argument:ident: $t:ty),*) $(-> $r:ty)?;)+) => {
        $(#[inline(always)]
        unsafe fn $name(self, $($argument: $t),*) $(-> $r)? {
            // SAFETY: the caller's contract, which is the same.
            unsafe { $kind::$name(self, $($argument),*) }
        })+
    };
}

/// Lane by lane.
#[inline(always)]
fn lanes<A: Copy, B: Copy, R>(a: [A; N], b: [B; N], f: impl Fn(A, B) -> R) -> [R; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Isa for Faulty {
    type Set = AvxVnni;
    const LANES: usize = N;
    type Activation = u8;
    type Weight = i8;
    type V = V;
    type F = F;

    #[inline(always)]
    fn vectorize<B: WithIsa<Self>>(self, body: B) -> B::Output {
        body.call(self)
    }

    right_memory! {
        fn load_bytes(ptr: *const u8) -> V;
        fn store_bytes(ptr: *mut u8, v: V);
        fn broadcast_4(ptr: *const u8) -> V;
        fn broadcast_2(ptr: *const u8) -> V;
        fn load_i8_as_i16(ptr: *const i8) -> V;
        fn load_u8_as_i16(ptr: *const u8) -> V;
        fn load_f32(ptr: *const f32) -> F;
        fn store_f32(ptr: *mut f32, v: F);
    }

    right! {
        fn splat_i32(x: i32) -> V;
        fn splat_i16(x: i16) -> V;
        fn splat_u8(x: u8) -> V;
        fn min_i8(a: V, b: V) -> V;
        fn and(a: V, b: V) -> V;
        fn or(a: V, b: V) -> V;
        fn adds_i16(a: V, b: V) -> V;
        fn mul_i16(a: V, b: V) -> V;
        fn add_i16(a: V, b: V) -> V;
        fn sub_i16(a: V, b: V) -> V;
        fn mul_add_i16(acc: [V; 2], a: V, b: V) -> [V; 2];
        fn i16_to_i32(v: V) -> [V; 2];
        fn madd_i16(a: V, b: V) -> V;
        fn maddubs(a: V, b: V) -> V;
        fn zip_halves(a: V, b: V) -> [V; 2];
        fn u8_to_i16(v: V) -> V;
        fn to_i32_array(v: V) -> [i32; 16];
        fn splat_f32(x: f32) -> F;
        fn sub_f32(a: F, b: F) -> F;
        fn round_even_f32(v: F) -> F;
        fn and_f32(a: F, b: F) -> F;
        fn or_f32(a: F, b: F) -> F;
        fn bits_of_f32(v: F) -> V;
        fn f32_of_bits(v: V) -> F;
        fn to_f32_array(v: F) -> [f32; 16];
    }

    #[inline(always)]
    fn dot(self, acc: V, a: V, b: V) -> V {
        self.dot4(acc, a, b)
    }

    unsafe_by! { memory:
        fn load_bytes_partial(ptr: *const u8, bytes: usize) -> V;
        fn store_bytes_partial(ptr: *mut u8, v: V, bytes: usize);
        fn load_u8_as_i32(ptr: *const u8) -> V;
        fn load_i8_as_i32(ptr: *const i8) -> V;
        fn load_u8_as_i32_partial(ptr: *const u8, lanes: usize) -> V;
        fn load_i8_as_i32_partial(ptr: *const i8, lanes: usize) -> V;
        fn store_low_bytes(ptr: *mut u8, v: V, lanes: usize);
        fn load_f32_partial(ptr: *const f32, lanes: usize) -> F;
        fn store_f32_partial(ptr: *mut f32, v: F, lanes: usize);
        fn store_deinterleaved(ptr: *mut i32, v: [V; 4]);
    }

    by! { memory:
        fn interleave_4(rows: [V; 4]) -> [V; 4];
    }

    by! { integers:
        fn add_i32(a: V, b: V) -> V;
        fn sub_i32(a: V, b: V) -> V;
        fn mul_i32(a: V, b: V) -> V;
        fn min_i32(a: V, b: V) -> V;
        fn max_i32(a: V, b: V) -> V;
        fn min_u8(a: V, b: V) -> V;
        fn max_u8(a: V, b: V) -> V;
        fn max_i8(a: V, b: V) -> V;
        fn xor(a: V, b: V) -> V;
        fn mul_round_shift(v: V, multiplier: V, shift: V) -> V;
        fn rounding_doubling_high_mul_i32(a: V, b: V) -> V;
        fn shift_right_i32(v: V, n: V) -> V;
        fn rounding_shift_right_i32(v: V, n: V) -> V;
        fn gt_i32(a: V, b: V) -> V;
        fn abs_i32(v: V) -> V;
        fn dot4(acc: V, a: V, b: V) -> V;
        fn saturate_to_i16(v: V) -> V;
        fn narrow_to_u8(v: [V; 4], zero_point: i16) -> V;
        fn narrow_to_i8(v: [V; 4], zero_point: i16) -> V;
    }

    by! { floats:
        fn add_f32(a: F, b: F) -> F;
        fn mul_f32(a: F, b: F) -> F;
        fn div_f32(a: F, b: F) -> F;
        fn fma_f32(a: F, b: F, c: F) -> F;
        fn min_f32(a: F, b: F) -> F;
        fn max_f32(a: F, b: F) -> F;
        fn nan_mask(v: F) -> V;
        fn i32_to_f32(v: V) -> F;
        fn f32_to_i32_even(v: F) -> V;
        fn f32_to_i32_trunc(v: F) -> V;
    }
}
