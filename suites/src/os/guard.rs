//! Buffers between two guards. Made once and reused: no system call per case.

use region::{Allocation, Protection};

/// What stands before and behind a [`GuardedBuffer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// pages that cannot be touched: any access is a fault
    Pages,
    /// bytes that are compared afterwards: writes are seen, reads are not
    Sentinels,
}

/// Bytes between two guards, aligned to a page at both ends.
pub struct GuardedBuffer {
    memory: Memory,
    len: usize,
}

enum Memory {
    /// guard page, `len` bytes, guard page
    Pages { pages: Allocation, page: usize },
    /// sentinel, `len` bytes, sentinel; `u128` for alignment
    Heap(Vec<u128>),
}

// SAFETY: the pages belong to this value alone, and nothing about them is tied to a thread;
// `Allocation` is not `Send` only because it holds a raw pointer.
unsafe impl Send for GuardedBuffer {}

/// Bytes of sentinel on each side where there are no guard pages.
const SENTINEL: usize = 4096;

impl GuardedBuffer {
    /// At least `len` bytes between guard pages, or between sentinels where this
    /// system gives no guard pages.
    pub fn new(len: usize) -> Self {
        Self::with_pages(len).unwrap_or_else(|| Self::with_sentinels(len))
    }

    fn with_pages(len: usize) -> Option<Self> {
        let page = region::page::size();
        let len = len.max(1).next_multiple_of(page);
        let mut pages = region::alloc(len + 2 * page, Protection::READ_WRITE).ok()?;
        let start = pages.as_mut_ptr::<u8>();
        for guard in [start, start.wrapping_add(page + len)] {
            // SAFETY: both guards are whole pages inside the allocation just made (len is a
            // multiple of the page), and nothing else knows them yet.
            unsafe { region::protect(guard, page, Protection::NONE) }.ok()?;
        }
        Some(Self {
            memory: Memory::Pages { pages, page },
            len,
        })
    }

    /// At least `len` bytes between sentinels.
    pub fn with_sentinels(len: usize) -> Self {
        let len = len.max(1).next_multiple_of(SENTINEL);
        let mut words = vec![0u128; (len + 2 * SENTINEL) / 16];
        let bytes = bytes_of(&mut words);
        bytes[..SENTINEL].fill(MARK);
        bytes[SENTINEL + len..].fill(MARK);
        Self {
            memory: Memory::Heap(words),
            len,
        }
    }

    /// What guards it.
    pub fn guard(&self) -> Guard {
        match self.memory {
            Memory::Pages { .. } => Guard::Pages,
            Memory::Heap(_) => Guard::Sentinels,
        }
    }

    /// How many bytes lie between the guards.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing between the guards; never.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes between the guards.
    pub fn bytes(&self) -> &[u8] {
        let start = match &self.memory {
            Memory::Pages { pages, page } => pages.as_ptr::<u8>().wrapping_add(*page),
            Memory::Heap(words) => words.as_ptr().cast::<u8>().wrapping_add(SENTINEL),
        };
        // SAFETY: `len` bytes from `start` lie between the guards of an allocation that this
        // value owns; they were zeroed when it was made, and `&self` forbids writing.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }

    /// The bytes between the guards.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let start = match &mut self.memory {
            Memory::Pages { pages, page } => pages.as_mut_ptr::<u8>().wrapping_add(*page),
            Memory::Heap(words) => words.as_mut_ptr().cast::<u8>().wrapping_add(SENTINEL),
        };
        // SAFETY: as in `bytes`, and `&mut self` makes this the only way to them.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }

    /// Whether the sentinels are untouched, mending them for the next case.
    /// Guard pages always are: touching them is a fault.
    pub fn sentinels_intact(&mut self) -> bool {
        let len = self.len;
        match &mut self.memory {
            Memory::Pages { .. } => true,
            Memory::Heap(words) => {
                let bytes = bytes_of(words);
                let mut intact = true;
                for side in [0..SENTINEL, SENTINEL + len..2 * SENTINEL + len] {
                    let side = &mut bytes[side];
                    if side.iter().any(|&byte| byte != MARK) {
                        intact = false;
                        side.fill(MARK);
                    }
                }
                intact
            }
        }
    }
}

/// The byte that sentinels are made of.
const MARK: u8 = 0xc3;

fn bytes_of(words: &mut [u128]) -> &mut [u8] {
    // SAFETY: the same memory, seen as bytes, which have no alignment and no invalid values.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_writable_to_both_ends_and_page_aligned() {
        for mut buffer in [
            GuardedBuffer::new(5000),
            GuardedBuffer::with_sentinels(5000),
        ] {
            assert!(buffer.len() >= 5000);
            let len = buffer.len();
            let bytes = buffer.bytes_mut();
            bytes[0] = 1;
            bytes[len - 1] = 2;
            assert_eq!((buffer.bytes()[0], buffer.bytes()[len - 1]), (1, 2));
            assert_eq!(buffer.bytes().as_ptr() as usize % 16, 0);
            assert!(buffer.sentinels_intact());
        }
    }

    #[test]
    fn a_write_past_the_end_is_seen_by_sentinels_once() {
        for (at, beyond) in [(0isize, -1isize), (4096, 0)] {
            let mut buffer = GuardedBuffer::with_sentinels(4096);
            let start = buffer.bytes_mut().as_mut_ptr();
            // SAFETY: one byte into the sentinel, which lies in the same allocation.
            unsafe { start.offset(at + beyond).write(7) };
            assert!(!buffer.sentinels_intact());
            assert!(buffer.sentinels_intact(), "mended");
        }
    }

    #[cfg(unix)]
    #[test]
    fn this_system_has_guard_pages() {
        assert_eq!(GuardedBuffer::new(1).guard(), Guard::Pages);
        let page = region::page::size();
        assert_eq!(GuardedBuffer::new(page + 1).len(), 2 * page);
    }
}
