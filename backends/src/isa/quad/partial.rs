//! Parts of a vector: loads and stores of fewer than 16 bytes.

use std::arch::aarch64::*;

/// The first `count` ≤ 8 bytes at `ptr`, then zeros, as a word.
///
/// # Safety
/// `ptr` must be readable for `count` bytes.
#[inline(always)]
pub unsafe fn read_word(ptr: *const u8, count: usize) -> u64 {
    // SAFETY: the caller's contract; where two reads overlap, they do so within `count` bytes.
    unsafe {
        match count {
            8.. => ptr.cast::<u64>().read_unaligned(),
            4.. => {
                let low = u64::from(ptr.cast::<u32>().read_unaligned());
                let high = u64::from(ptr.add(count - 4).cast::<u32>().read_unaligned());
                low | high << (8 * (count - 4))
            }
            0 => 0,
            _ => {
                // The first, the middle and the last of one to three bytes.
                let middle = count / 2;
                let (first, last) = (*ptr, *ptr.add(count - 1));
                u64::from(first)
                    | u64::from(*ptr.add(middle)) << (8 * middle)
                    | u64::from(last) << (8 * (count - 1))
            }
        }
    }
}

/// The first `count` ≤ 16 bytes at `ptr`, then zeros.
///
/// # Safety
/// The CPU must have NEON; `ptr` must be readable for `count` bytes.
#[inline(always)]
pub unsafe fn load(ptr: *const u8, count: usize) -> int32x4_t {
    // SAFETY: the caller's contract; the second word starts at byte 8, if there is one.
    unsafe {
        let (low, high) = if count <= 8 {
            (read_word(ptr, count), 0)
        } else {
            (read_word(ptr, 8), read_word(ptr.add(8), count - 8))
        };
        vreinterpretq_s32_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)))
    }
}

/// Writes the first `count` ≤ 16 bytes of `v`.
///
/// # Safety
/// The CPU must have NEON; `ptr` must be writable for `count` bytes.
#[inline(always)]
pub unsafe fn store(mut ptr: *mut u8, v: int32x4_t, count: usize) {
    // SAFETY: the caller's contract: every write is of bytes counted by `count`.
    unsafe {
        let v = vreinterpretq_u64_s32(v);
        let mut word = vgetq_lane_u64::<0>(v);
        if count >= 8 {
            ptr.cast::<u64>().write_unaligned(word);
            ptr = ptr.add(8);
            word = vgetq_lane_u64::<1>(v);
            if count == 16 {
                ptr.cast::<u64>().write_unaligned(word);
                return;
            }
        }
        write_word(ptr, word, count % 8);
    }
}

/// Writes the first `count` < 8 bytes of `word`.
///
/// # Safety
/// `ptr` must be writable for `count` bytes.
#[inline(always)]
pub unsafe fn write_word(mut ptr: *mut u8, mut word: u64, count: usize) {
    // SAFETY: the caller's contract: the set bits of `count` add up to it.
    unsafe {
        if count & 4 != 0 {
            ptr.cast::<u32>().write_unaligned(word as u32);
            ptr = ptr.add(4);
            word >>= 32;
        }
        if count & 2 != 0 {
            ptr.cast::<u16>().write_unaligned(word as u16);
            ptr = ptr.add(2);
            word >>= 16;
        }
        if count & 1 != 0 {
            *ptr = word as u8;
        }
    }
}
