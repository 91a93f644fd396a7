//! Zeroed buffers that start on a cache line, so that no vector load of a
//! packed panel crosses one.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Bytes in a cache line, and in the widest vector.
pub const LINE: usize = 64;

/// A fixed-length buffer of plain numbers on a cache-line boundary.
pub struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    values: PhantomData<T>,
}

/// Numbers for which every bit pattern, all zeros among them, is a value.
pub trait Plain: Copy + sealed::Sealed {}
impl Plain for u8 {}
impl Plain for i32 {}
impl Plain for f32 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for i32 {}
    impl Sealed for f32 {}
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

impl<T: Plain> Aligned<T> {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        Self {
            lines: vec![Line([0; LINE]); (len * size_of::<T>()).div_ceil(LINE)],
            len,
            values: PhantomData,
        }
    }

    /// The values of `values`, then `padding` zeros.
    pub fn padded(values: impl ExactSizeIterator<Item = T>, padding: usize) -> Self {
        let mut buffer = Self::zeroed(values.len() + padding);
        for (slot, value) in buffer.iter_mut().zip(values) {
            *slot = value;
        }
        buffer
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `zeroed` made lines enough for `len` values of T; they are initialised, T is
        // `Plain` (any bits are a value) and needs no more alignment than a line has.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_zeroed_padded_and_on_a_line() {
        for len in [0, 1, 15, 16, 17, 63, 64, 65] {
            let buffer = Aligned::<i32>::padded((0..len).map(|i| i as i32 - 7), 9);
            assert_eq!(buffer.len(), len + 9);
            assert_eq!(buffer.as_ptr() as usize % LINE, 0);
            assert!(buffer[..len].iter().zip(-7..).all(|(&a, b)| a == b));
            assert!(buffer[len..].iter().all(|&x| x == 0));
        }
    }
}
