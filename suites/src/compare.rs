//! Comparing outputs bit for bit.
//!
//! Floats are compared by their bits, so −0 is not 0. One thing is left open
//! for every profile: which NaN it is. Sign and payload of a NaN that an
//! operation makes differ between instruction sets (x86 makes 0xffc00000, ARM
//! 0x7fc00000) and no upstream defines them, so any NaN equals any NaN.

use qassay_golden::tensor::{Data, Tensor};

/// Where two sets of outputs differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// values compared
    pub compared: u64,
    /// values that differ
    pub count: u64,
    /// output and element of the first
    pub first: Option<(usize, usize)>,
}

/// Compares all outputs but the elements in `open` (sorted).
///
/// # Panics
/// When the outputs are not of the same number, type and length: both sides come from one spec.
pub fn differences(expected: &[Tensor], got: &[Tensor], open: &[(usize, usize)]) -> Differences {
    assert_eq!(expected.len(), got.len(), "outputs");
    let mut found = Differences::default();
    for (output, (expected, got)) in expected.iter().zip(got).enumerate() {
        assert_eq!(expected.len(), got.len(), "values of output {output}");
        found.compared += expected.len() as u64;
        if equal(expected.data(), got.data()) {
            continue;
        }
        for element in 0..expected.len() {
            if !same(expected.data(), got.data(), element)
                && open.binary_search(&(output, element)).is_err()
            {
                found.count += 1;
                found.first.get_or_insert((output, element));
            }
        }
    }
    found.compared -= open.len() as u64;
    found
}

/// Whether the bits at `element` are the same (any NaN equals any NaN).
///
/// # Panics
/// When the types differ: both sides come from one spec.
pub fn same(a: &Data, b: &Data, element: usize) -> bool {
    match (a, b) {
        (Data::U8(a), Data::U8(b)) => a[element] == b[element],
        (Data::I8(a), Data::I8(b)) => a[element] == b[element],
        (Data::I32(a), Data::I32(b)) => a[element] == b[element],
        (Data::F32(a), Data::F32(b)) => {
            let (a, b) = (a[element], b[element]);
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        (Data::F64(a), Data::F64(b)) => {
            let (a, b) = (a[element], b[element]);
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        _ if a.dtype() != b.dtype() => {
            panic!("{} compared with {}", a.dtype().name(), b.dtype().name())
        }
        _ if a.dtype().is_bit_pattern() => {
            a.bits(element) == b.bits(element) || (a.is_nan(element) && b.is_nan(element))
        }
        _ => a.code(element) == b.code(element),
    }
}

/// Whether all bits are the same; false also where only NaNs differ.
fn equal(a: &Data, b: &Data) -> bool {
    match (a, b) {
        (Data::U8(a), Data::U8(b)) => a == b,
        (Data::I8(a), Data::I8(b)) => a == b,
        (Data::I32(a), Data::I32(b)) => a == b,
        (Data::F32(a), Data::F32(b)) => all(a, b, |a, b| a.to_bits() == b.to_bits()),
        (Data::F64(a), Data::F64(b)) => all(a, b, |a, b| a.to_bits() == b.to_bits()),
        _ if a.dtype() == b.dtype() => a == b,
        _ => panic!("{} compared with {}", a.dtype().name(), b.dtype().name()),
    }
}

/// Whether `same` holds for all pairs; in blocks without a branch inside, which vectorise.
fn all<T: Copy>(a: &[T], b: &[T], same: impl Fn(T, T) -> bool) -> bool {
    const BLOCK: usize = 256;
    a.chunks(BLOCK).zip(b.chunks(BLOCK)).all(|(a, b)| {
        a.iter()
            .zip(b)
            .fold(true, |so_far, (&a, &b)| so_far & same(a, b))
    })
}

/// A value in decimal, floats with their bits.
pub fn display(data: &Data, element: usize) -> String {
    match data {
        Data::F32(v) => format!("{:?} (0x{:08x})", v[element], v[element].to_bits()),
        Data::F64(v) => format!("{:?} (0x{:016x})", v[element], v[element].to_bits()),
        _ if data.dtype().is_bit_pattern() => {
            format!("{:?} (0x{:02x})", data.real(element), data.bits(element))
        }
        _ => data.code(element).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(values: &[f32]) -> Vec<Tensor> {
        vec![Tensor::new([values.len()], Data::F32(values.to_vec())).unwrap()]
    }

    #[test]
    fn zeros_of_other_sign_differ_and_nans_do_not() {
        let minus = differences(&f32s(&[1.0, 0.0]), &f32s(&[1.0, -0.0]), &[]);
        assert_eq!((minus.count, minus.first), (1, Some((0, 1))));
        let nan = f32::from_bits(0xffc0_0001);
        let nans = differences(&f32s(&[f32::NAN, 1.0]), &f32s(&[nan, 1.0]), &[]);
        assert_eq!((nans.count, nans.compared), (0, 2));
        assert_eq!(differences(&f32s(&[1.0]), &f32s(&[nan]), &[]).count, 1);
        let ulp = f32::from_bits(1.0f32.to_bits() + 1);
        assert_eq!(differences(&f32s(&[1.0]), &f32s(&[ulp]), &[]).count, 1);
    }

    #[test]
    fn open_elements_are_not_compared() {
        let (a, b) = (f32s(&[1.0, 2.0, 3.0]), f32s(&[9.0, 2.0, 9.0]));
        let found = differences(&a, &b, &[(0, 0)]);
        assert_eq!((found.compared, found.count), (2, 1));
        assert_eq!(found.first, Some((0, 2)));
        assert_eq!(differences(&a, &b, &[(0, 0), (0, 2)]).count, 0);
    }

    #[test]
    fn a_difference_in_any_place_of_a_long_tensor_is_found() {
        let long = vec![0.5f32; 1000];
        for at in [0, 255, 256, 511, 999] {
            let mut other = long.clone();
            other[at] = 0.25;
            let found = differences(&f32s(&long), &f32s(&other), &[]);
            assert_eq!((found.count, found.first), (1, Some((0, at))));
        }
    }

    #[test]
    fn floats_show_their_bits() {
        assert_eq!(display(&Data::F32(vec![1.5]), 0), "1.5 (0x3fc00000)");
        assert_eq!(display(&Data::I8(vec![-3]), 0), "-3");
        assert_eq!(display(&Data::F16(vec![0x3e00]), 0), "1.5 (0x3e00)");
    }
}
