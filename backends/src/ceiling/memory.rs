//! Reading and writing whole arrays with the widest vectors that this CPU has.

use crate::isa::{Avx2, Avx512, InstructionSet, Isa, Neon, Scalar, WithIsa};

/// Reads all of `bytes` once; the result only keeps the compiler from leaving that out.
#[inline(never)]
pub fn read(bytes: &[u8]) -> u64 {
    widest(Read(bytes))
}

/// Writes all of `bytes` once.
#[inline(never)]
pub fn write(bytes: &mut [u8]) {
    widest(Write(bytes));
}

/// Writes all of `bytes` past the caches; `false` where this CPU has no such stores (nothing
/// is written then).
#[inline(never)]
pub fn write_non_temporal(bytes: &mut [u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m128i, _mm_set1_epi8, _mm_sfence, _mm_stream_si128};
        // SAFETY: every x86-64 CPU has SSE2.
        let value = unsafe { _mm_set1_epi8(MARK as i8) };
        // SAFETY: any bytes are a vector and any vector is bytes.
        let (head, vectors, tail) = unsafe { bytes.align_to_mut::<__m128i>() };
        head.fill(MARK);
        tail.fill(MARK);
        for vector in vectors {
            // SAFETY: an aligned vector of this slice; every x86-64 CPU has SSE2.
            unsafe { _mm_stream_si128(vector, value) };
        }
        // Before anyone else may look, as the instruction asks for.
        // SAFETY: every x86-64 CPU has SSE.
        unsafe { _mm_sfence() };
        true
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = bytes;
        false
    }
}

/// What is written.
pub const MARK: u8 = 0x3c;

/// Vectors in flight.
const UNROLL: usize = 8;

struct Read<'a>(&'a [u8]);
struct Write<'a>(&'a mut [u8]);

/// Something to run on whichever instruction set is the widest here.
trait OnAny: Sized {
    type Output;
    fn on<I: Isa>(self, isa: I) -> Self::Output;
}

fn widest<B: OnAny>(body: B) -> B::Output {
    if let Some(isa) = Avx512::native() {
        body.on(isa)
    } else if let Some(isa) = Avx2::native() {
        body.on(isa)
    } else if let Some(isa) = Neon::native() {
        body.on(isa)
    } else {
        body.on(Scalar::model())
    }
}

impl OnAny for Read<'_> {
    type Output = u64;
    fn on<I: Isa>(self, isa: I) -> u64 {
        isa.vectorize(self)
    }
}

impl OnAny for Write<'_> {
    type Output = ();
    fn on<I: Isa>(self, isa: I) {
        isa.vectorize(self);
    }
}

impl<I: Isa> WithIsa<I> for Read<'_> {
    type Output = u64;
    #[inline(always)]
    fn call(self, isa: I) -> u64 {
        let mut sums = [isa.splat_i32(0); UNROLL];
        let chunks = self.0.chunks_exact(UNROLL * 4 * I::LANES);
        let rest: u64 = chunks.remainder().iter().map(|&byte| u64::from(byte)).sum();
        for chunk in chunks {
            for (at, sum) in sums.iter_mut().enumerate() {
                // SAFETY: a chunk is UNROLL vectors.
                let vector = unsafe { isa.load_bytes(chunk.as_ptr().add(at * 4 * I::LANES)) };
                *sum = isa.add_i32(*sum, vector);
            }
        }
        sums.into_iter()
            .flat_map(|sum| isa.to_i32_array(sum))
            .fold(rest, |all, lane| all.wrapping_add(u64::from(lane as u32)))
    }
}

impl<I: Isa> WithIsa<I> for Write<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        let value = isa.splat_u8(MARK);
        let mut chunks = self.0.chunks_exact_mut(UNROLL * 4 * I::LANES);
        for chunk in &mut chunks {
            for at in 0..UNROLL {
                // SAFETY: a chunk is UNROLL vectors.
                unsafe { isa.store_bytes(chunk.as_mut_ptr().add(at * 4 * I::LANES), value) };
            }
        }
        chunks.into_remainder().fill(MARK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_and_read() {
        for len in [0, 1, 63, 512, 513, 4096 + 77] {
            // One byte beyond on each side must stay.
            let mut bytes = vec![0u8; len + 2];
            write(&mut bytes[1..=len]);
            assert!(bytes[1..=len].iter().all(|&byte| byte == MARK), "{len}");
            assert_eq!((bytes[0], bytes[len + 1]), (0, 0));
            let mut bytes = vec![0u8; len + 2];
            if write_non_temporal(&mut bytes[1..=len]) {
                assert!(bytes[1..=len].iter().all(|&byte| byte == MARK), "{len}");
                assert_eq!((bytes[0], bytes[len + 1]), (0, 0));
            }
        }
        // A change of any byte changes the sum.
        let mut bytes = vec![0u8; 1111];
        for at in [0, 500, 1023, 1024, 1110] {
            let before = read(&bytes);
            bytes[at] = 1;
            assert_ne!(read(&bytes), before, "{at}");
        }
    }
}
