//! An instruction set one of whose instructions is wrong: the models of AVX-VNNI with one
//! [`Instruction`] fault, which the token carries. Kernel families run on it as on any other,
//! and are compiled for it once, whatever the fault.

use super::instruction::{
    Dot, Float, Instruction, Integer, Memory, N, Tail, cut, dot, flushed, narrow, to_integer,
    truncated, up,
};
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

/// Lane by lane.
#[inline(always)]
fn lanes<A: Copy, B: Copy, R>(a: [A; N], b: [B; N], f: impl Fn(A, B) -> R) -> [R; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// Byte by byte.
#[inline(always)]
fn bytes(a: V, b: V, f: impl Fn(u8, u8) -> u8) -> V {
    lanes(a, b, |a, b| {
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        i32::from_le_bytes(std::array::from_fn(|i| f(a[i], b[i])))
    })
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

    #[inline(always)]
    unsafe fn load_bytes_partial(self, ptr: *const u8, bytes: usize) -> V {
        let part = self.part(Tail::LoadBytes, bytes);
        // SAFETY: the caller's contract, of no more bytes; the byte after them is the fault.
        unsafe {
            self.reads(Memory::LoadsByteMore, ptr.add(bytes), 1);
            self.base.load_bytes_partial(ptr, part)
        }
    }
    #[inline(always)]
    unsafe fn store_bytes_partial(self, ptr: *mut u8, v: V, bytes: usize) {
        let part = self.part(Tail::StoreBytes, bytes);
        // SAFETY: the caller's contract, of no more bytes; the byte after them is the fault.
        unsafe {
            self.base.store_bytes_partial(ptr, v, part);
            if self.memory(Memory::StoresByteMore) && bytes > 0 {
                ptr.add(bytes).write_volatile(0);
            }
        }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32(self, ptr: *const u8) -> V {
        // SAFETY: the caller's contract: as many bytes.
        unsafe {
            if self.memory(Memory::CodesWithSign) {
                self.base.load_i8_as_i32(ptr.cast())
            } else {
                self.base.load_u8_as_i32(ptr)
            }
        }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32(self, ptr: *const i8) -> V {
        // SAFETY: the caller's contract: as many bytes.
        unsafe {
            if self.memory(Memory::CodesWithoutSign) {
                self.base.load_u8_as_i32(ptr.cast())
            } else {
                self.base.load_i8_as_i32(ptr)
            }
        }
    }
    #[inline(always)]
    unsafe fn load_u8_as_i32_partial(self, ptr: *const u8, lanes: usize) -> V {
        let part = self.part(Tail::LoadCodes, lanes);
        // SAFETY: the caller's contract, of no more codes; the one after them is the fault.
        unsafe {
            self.reads(Memory::LoadsCodeMore, ptr.add(lanes), 1);
            if self.memory(Memory::CodesWithSign) {
                self.base.load_i8_as_i32_partial(ptr.cast(), part)
            } else {
                self.base.load_u8_as_i32_partial(ptr, part)
            }
        }
    }
    #[inline(always)]
    unsafe fn load_i8_as_i32_partial(self, ptr: *const i8, lanes: usize) -> V {
        let part = self.part(Tail::LoadCodes, lanes);
        // SAFETY: the caller's contract, of no more codes; the one after them is the fault.
        unsafe {
            self.reads(Memory::LoadsCodeMore, ptr.add(lanes).cast(), 1);
            if self.memory(Memory::CodesWithoutSign) {
                self.base.load_u8_as_i32_partial(ptr.cast(), part)
            } else {
                self.base.load_i8_as_i32_partial(ptr, part)
            }
        }
    }
    #[inline(always)]
    unsafe fn store_low_bytes(self, ptr: *mut u8, v: V, lanes: usize) {
        let all = self.memory(Memory::StoresAllLowBytes);
        let part = if all {
            N
        } else {
            self.part(Tail::StoreLowBytes, lanes)
        };
        // SAFETY: the caller's contract, of no more lanes; those after them are the fault.
        unsafe { self.base.store_low_bytes(ptr, v, part) }
    }
    #[inline(always)]
    unsafe fn load_f32_partial(self, ptr: *const f32, lanes: usize) -> F {
        let part = self.part(Tail::LoadFloats, lanes);
        // SAFETY: the caller's contract, of no more values; the one after them is the fault.
        unsafe {
            self.reads(Memory::LoadsFloatMore, ptr.add(lanes).cast(), 4);
            self.base.load_f32_partial(ptr, part)
        }
    }
    #[inline(always)]
    unsafe fn store_f32_partial(self, ptr: *mut f32, v: F, lanes: usize) {
        let part = self.part(Tail::StoreFloats, lanes);
        // SAFETY: the caller's contract, of no more values; the one after them is the fault.
        unsafe {
            self.base.store_f32_partial(ptr, v, part);
            if self.memory(Memory::StoresFloatMore) && lanes > 0 {
                ptr.add(lanes).write_volatile(0.0);
            }
        }
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
    fn add_i32(self, a: V, b: V) -> V {
        if self.integer(Integer::AddSaturates) {
            return lanes(a, b, i32::saturating_add);
        }
        self.base.add_i32(a, b)
    }
    #[inline(always)]
    fn sub_i32(self, a: V, b: V) -> V {
        let right = self.base.sub_i32(a, b);
        match self.fault {
            Instruction::Integer(Integer::Sub8) => right.map(|x| i32::from(x as i8)),
            Instruction::Integer(Integer::Sub16) => right.map(|x| i32::from(x as i16)),
            _ => right,
        }
    }
    #[inline(always)]
    fn mul_i32(self, a: V, b: V) -> V {
        if self.integer(Integer::Mul16) {
            return lanes(a, b, |a, b| i32::from(a as i16) * i32::from(b as i16));
        }
        self.base.mul_i32(a, b)
    }
    #[inline(always)]
    fn min_i32(self, a: V, b: V) -> V {
        if self.integer(Integer::MinUnsigned) {
            return lanes(a, b, |a, b| (a as u32).min(b as u32) as i32);
        }
        self.base.min_i32(a, b)
    }
    #[inline(always)]
    fn max_i32(self, a: V, b: V) -> V {
        if self.integer(Integer::MaxUnsigned) {
            return lanes(a, b, |a, b| (a as u32).max(b as u32) as i32);
        }
        self.base.max_i32(a, b)
    }
    #[inline(always)]
    fn min_u8(self, a: V, b: V) -> V {
        if self.integer(Integer::MinBytesSigned) {
            return self.base.min_i8(a, b);
        }
        self.base.min_u8(a, b)
    }
    #[inline(always)]
    fn max_u8(self, a: V, b: V) -> V {
        if self.integer(Integer::MaxBytesSigned) {
            return bytes(a, b, |a, b| (a as i8).max(b as i8) as u8);
        }
        self.base.max_u8(a, b)
    }
    #[inline(always)]
    fn max_i8(self, a: V, b: V) -> V {
        if self.integer(Integer::MaxBytesUnsigned) {
            return bytes(a, b, u8::max);
        }
        self.base.max_i8(a, b)
    }
    #[inline(always)]
    fn xor(self, a: V, b: V) -> V {
        if self.integer(Integer::XorLost) {
            return a;
        }
        self.base.xor(a, b)
    }
    #[inline(always)]
    fn mul_round_shift(self, v: V, multiplier: V, shift: V) -> V {
        let Instruction::Integer(fault) = self.fault else {
            return self.base.mul_round_shift(v, multiplier, shift);
        };
        let one = |i: usize| {
            let (product, shift) = (i64::from(v[i]) * i64::from(multiplier[i]), shift[i]);
            let half = 1i64 << (shift - 1);
            let rounded = match fault {
                Integer::ProductShiftCuts => product >> shift,
                Integer::ProductTiesDown => (product + half - 1) >> shift,
                Integer::Product32 => (i64::from(product as i32) + half) >> shift,
                _ => (product + half) >> shift,
            };
            rounded as i32
        };
        std::array::from_fn(one)
    }
    #[inline(always)]
    fn rounding_doubling_high_mul_i32(self, a: V, b: V) -> V {
        let Instruction::Integer(fault) = self.fault else {
            return self.base.rounding_doubling_high_mul_i32(a, b);
        };
        let product = |a: i32, b: i32| i64::from(a) * i64::from(b);
        match fault {
            Integer::HighProductCuts => lanes(a, b, |a, b| (product(a, b) >> 31) as i32),
            Integer::HighProductHalf => {
                lanes(a, b, |a, b| ((product(a, b) + (1 << 31)) >> 32) as i32)
            }
            _ => self.base.rounding_doubling_high_mul_i32(a, b),
        }
    }
    #[inline(always)]
    fn shift_right_i32(self, v: V, n: V) -> V {
        if self.integer(Integer::ShiftLogical) {
            return lanes(v, n, |v, n| ((v as u32) >> (n & 31)) as i32);
        }
        self.base.shift_right_i32(v, n)
    }
    #[inline(always)]
    fn rounding_shift_right_i32(self, v: V, n: V) -> V {
        if self.integer(Integer::RoundingShiftCuts) {
            return lanes(v, n, |v, n| v >> (n & 31));
        }
        self.base.rounding_shift_right_i32(v, n)
    }
    #[inline(always)]
    fn gt_i32(self, a: V, b: V) -> V {
        match self.fault {
            Instruction::Integer(Integer::GreaterOrEqual) => lanes(a, b, |a, b| -i32::from(a >= b)),
            Instruction::Integer(Integer::GreaterUnsigned) => {
                lanes(a, b, |a, b| -i32::from(a as u32 > b as u32))
            }
            _ => self.base.gt_i32(a, b),
        }
    }
    #[inline(always)]
    fn abs_i32(self, v: V) -> V {
        if self.integer(Integer::AbsLost) {
            return v;
        }
        self.base.abs_i32(v)
    }
    #[inline(always)]
    fn dot4(self, acc: V, a: V, b: V) -> V {
        match self.fault {
            Instruction::Dot(fault) => faulty_dot(fault, acc, a, b),
            _ => self.base.dot4(acc, a, b),
        }
    }
    #[inline(always)]
    fn dot(self, acc: V, a: V, b: V) -> V {
        self.dot4(acc, a, b)
    }
    #[inline(always)]
    fn interleave_4(self, rows: [V; 4]) -> [V; 4] {
        if self.memory(Memory::InterleavesReversed) {
            let [a, b, c, d] = rows;
            return self.base.interleave_4([d, c, b, a]);
        }
        self.base.interleave_4(rows)
    }
    #[inline(always)]
    unsafe fn store_deinterleaved(self, ptr: *mut i32, v: [V; 4]) {
        if self.memory(Memory::KeepsInterleaved) {
            for (at, part) in v.into_iter().enumerate() {
                // SAFETY: the caller's contract: room for four vectors.
                unsafe { self.base.store_bytes(ptr.add(at * N).cast(), part) };
            }
            return;
        }
        // SAFETY: the caller's contract, which is the same.
        unsafe { self.base.store_deinterleaved(ptr, v) }
    }
    #[inline(always)]
    fn saturate_to_i16(self, v: V) -> V {
        if self.integer(Integer::Saturate16Wraps) {
            return v.map(|x| i32::from(x as i16));
        }
        self.base.saturate_to_i16(v)
    }
    #[inline(always)]
    fn narrow_to_u8(self, v: [V; 4], zero_point: i16) -> V {
        match self.fault {
            Instruction::Narrow(fault) => narrow(fault, v, zero_point, false),
            _ => self.base.narrow_to_u8(v, zero_point),
        }
    }
    #[inline(always)]
    fn narrow_to_i8(self, v: [V; 4], zero_point: i16) -> V {
        match self.fault {
            Instruction::Narrow(fault) => narrow(fault, v, zero_point, true),
            _ => self.base.narrow_to_i8(v, zero_point),
        }
    }

    #[inline(always)]
    fn add_f32(self, a: F, b: F) -> F {
        let right = self.base.add_f32(a, b);
        if self.float(Float::AddCuts) {
            // Two f32 add up exactly in f64 wherever their exponents are not too far apart; there
            // the nearest f64 decides.
            return std::array::from_fn(|i| cut(f64::from(a[i]) + f64::from(b[i]), right[i]));
        }
        right
    }
    #[inline(always)]
    fn mul_f32(self, a: F, b: F) -> F {
        let Instruction::Float(fault) = self.fault else {
            return self.base.mul_f32(a, b);
        };
        let exact = |i: usize| f64::from(a[i]) * f64::from(b[i]);
        let right = self.base.mul_f32(a, b);
        match fault {
            Float::MulDenormalsZero => lanes(a, b, |a, b| flushed(a) * flushed(b)),
            Float::MulCuts => std::array::from_fn(|i| cut(exact(i), right[i])),
            Float::MulUp => std::array::from_fn(|i| up(exact(i), right[i])),
            Float::MulShort => right.map(|x| f32::from_bits(x.to_bits() & !0xff)),
            _ => right,
        }
    }
    #[inline(always)]
    fn div_f32(self, a: F, b: F) -> F {
        match self.fault {
            Instruction::Float(Float::DivReciprocal) => lanes(a, b, |a, b| a * (1.0 / b)),
            Instruction::Float(Float::DivApproximate) => lanes(a, b, |a, b| {
                a * f32::from_bits((1.0 / b).to_bits() & !0x7ff)
            }),
            _ => self.base.div_f32(a, b),
        }
    }
    #[inline(always)]
    fn fma_f32(self, a: F, b: F, c: F) -> F {
        match self.fault {
            Instruction::Float(Float::FmaSplit) => self.base.add_f32(self.base.mul_f32(a, b), c),
            Instruction::Float(Float::FmaDropsAddend) => self.base.mul_f32(a, b),
            _ => self.base.fma_f32(a, b, c),
        }
    }
    #[inline(always)]
    fn min_f32(self, a: F, b: F) -> F {
        match self.fault {
            Instruction::Float(Float::MinOrder) => self.base.min_f32(b, a),
            Instruction::Float(Float::MinLost) => a,
            Instruction::Float(Float::CompareDenormalsZero) => {
                self.base.min_f32(a.map(flushed), b.map(flushed))
            }
            _ => self.base.min_f32(a, b),
        }
    }
    #[inline(always)]
    fn max_f32(self, a: F, b: F) -> F {
        if self.float(Float::CompareDenormalsZero) {
            return self.base.max_f32(a.map(flushed), b.map(flushed));
        }
        self.base.max_f32(a, b)
    }
    #[inline(always)]
    fn nan_mask(self, v: F) -> V {
        if self.float(Float::NanUnseen) {
            return [0; N];
        }
        self.base.nan_mask(v)
    }
    #[inline(always)]
    fn i32_to_f32(self, v: V) -> F {
        match self.fault {
            Instruction::Float(Float::FromIntegerCuts) => v.map(|x| cut(f64::from(x), x as f32)),
            Instruction::Float(Float::FromIntegerUnsigned) => v.map(|x| x as u32 as f32),
            Instruction::Float(Float::FromInteger16) => v.map(|x| f32::from(x as i16)),
            _ => self.base.i32_to_f32(v),
        }
    }
    #[inline(always)]
    fn f32_to_i32_even(self, v: F) -> V {
        let right = self.base.f32_to_i32_even(v);
        match self.fault {
            Instruction::Convert(fault) => lanes(v, right, |x, right| to_integer(fault, x, right)),
            _ => right,
        }
    }
    #[inline(always)]
    fn f32_to_i32_trunc(self, v: F) -> V {
        let right = self.base.f32_to_i32_trunc(v);
        match self.fault {
            Instruction::Convert(fault) => lanes(v, right, |x, right| truncated(fault, x, right)),
            _ => right,
        }
    }
}

/// Apart, so that the loops of kernels hold no more than a jump past it.
#[cold]
#[inline(never)]
fn faulty_dot(fault: Dot, acc: V, a: V, b: V) -> V {
    dot(fault, acc, a, b)
}
