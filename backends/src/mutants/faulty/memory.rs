//! Loads and stores, whole and in part, and the order of bytes. Each function has the contract of
//! the method of [`Isa`] with its name; a fault may break it, as a faulty instruction would.

use super::{F, Faulty, Memory, N, Tail, V};
use crate::isa::Isa;

#[inline(always)]
pub(super) unsafe fn load_bytes_partial(isa: Faulty, ptr: *const u8, bytes: usize) -> V {
    let part = isa.part(Tail::LoadBytes, bytes);
    // SAFETY: the caller's contract, of no more bytes; the byte after them is the fault.
    unsafe {
        isa.reads(Memory::LoadsByteMore, ptr.add(bytes), 1);
        isa.base.load_bytes_partial(ptr, part)
    }
}

#[inline(always)]
pub(super) unsafe fn store_bytes_partial(isa: Faulty, ptr: *mut u8, v: V, bytes: usize) {
    let part = isa.part(Tail::StoreBytes, bytes);
    // SAFETY: the caller's contract, of no more bytes; the byte after them is the fault.
    unsafe {
        isa.base.store_bytes_partial(ptr, v, part);
        if isa.memory(Memory::StoresByteMore) && bytes > 0 {
            ptr.add(bytes).write_volatile(0);
        }
    }
}

#[inline(always)]
pub(super) unsafe fn load_u8_as_i32(isa: Faulty, ptr: *const u8) -> V {
    // SAFETY: the caller's contract: as many bytes.
    unsafe {
        if isa.memory(Memory::CodesWithSign) {
            isa.base.load_i8_as_i32(ptr.cast())
        } else {
            isa.base.load_u8_as_i32(ptr)
        }
    }
}

#[inline(always)]
pub(super) unsafe fn load_i8_as_i32(isa: Faulty, ptr: *const i8) -> V {
    // SAFETY: the caller's contract: as many bytes.
    unsafe {
        if isa.memory(Memory::CodesWithoutSign) {
            isa.base.load_u8_as_i32(ptr.cast())
        } else {
            isa.base.load_i8_as_i32(ptr)
        }
    }
}

#[inline(always)]
pub(super) unsafe fn load_u8_as_i32_partial(isa: Faulty, ptr: *const u8, lanes: usize) -> V {
    let part = isa.part(Tail::LoadCodes, lanes);
    // SAFETY: the caller's contract, of no more codes; the one after them is the fault.
    unsafe {
        isa.reads(Memory::LoadsCodeMore, ptr.add(lanes), 1);
        if isa.memory(Memory::CodesWithSign) {
            isa.base.load_i8_as_i32_partial(ptr.cast(), part)
        } else {
            isa.base.load_u8_as_i32_partial(ptr, part)
        }
    }
}

#[inline(always)]
pub(super) unsafe fn load_i8_as_i32_partial(isa: Faulty, ptr: *const i8, lanes: usize) -> V {
    let part = isa.part(Tail::LoadCodes, lanes);
    // SAFETY: the caller's contract, of no more codes; the one after them is the fault.
    unsafe {
        isa.reads(Memory::LoadsCodeMore, ptr.add(lanes).cast(), 1);
        if isa.memory(Memory::CodesWithoutSign) {
            isa.base.load_u8_as_i32_partial(ptr.cast(), part)
        } else {
            isa.base.load_i8_as_i32_partial(ptr, part)
        }
    }
}

#[inline(always)]
pub(super) unsafe fn store_low_bytes(isa: Faulty, ptr: *mut u8, v: V, lanes: usize) {
    let all = isa.memory(Memory::StoresAllLowBytes);
    let part = if all {
        N
    } else {
        isa.part(Tail::StoreLowBytes, lanes)
    };
    // SAFETY: the caller's contract, of no more lanes; those after them are the fault.
    unsafe { isa.base.store_low_bytes(ptr, v, part) }
}

#[inline(always)]
pub(super) unsafe fn load_f32_partial(isa: Faulty, ptr: *const f32, lanes: usize) -> F {
    let part = isa.part(Tail::LoadFloats, lanes);
    // SAFETY: the caller's contract, of no more values; the one after them is the fault.
    unsafe {
        isa.reads(Memory::LoadsFloatMore, ptr.add(lanes).cast(), 4);
        isa.base.load_f32_partial(ptr, part)
    }
}

#[inline(always)]
pub(super) unsafe fn store_f32_partial(isa: Faulty, ptr: *mut f32, v: F, lanes: usize) {
    let part = isa.part(Tail::StoreFloats, lanes);
    // SAFETY: the caller's contract, of no more values; the one after them is the fault.
    unsafe {
        isa.base.store_f32_partial(ptr, v, part);
        if isa.memory(Memory::StoresFloatMore) && lanes > 0 {
            ptr.add(lanes).write_volatile(0.0);
        }
    }
}

#[inline(always)]
pub(super) fn interleave_4(isa: Faulty, rows: [V; 4]) -> [V; 4] {
    if isa.memory(Memory::InterleavesReversed) {
        let [a, b, c, d] = rows;
        return isa.base.interleave_4([d, c, b, a]);
    }
    isa.base.interleave_4(rows)
}

#[inline(always)]
pub(super) unsafe fn store_deinterleaved(isa: Faulty, ptr: *mut i32, v: [V; 4]) {
    if isa.memory(Memory::KeepsInterleaved) {
        for (at, part) in v.into_iter().enumerate() {
            // SAFETY: the caller's contract: room for four vectors.
            unsafe { isa.base.store_bytes(ptr.add(at * N).cast(), part) };
        }
        return;
    }
    // SAFETY: the caller's contract, which is the same.
    unsafe { isa.base.store_deinterleaved(ptr, v) }
}
