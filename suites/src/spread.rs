//! What an output looks like as a whole: the hash of its bits, and where it is
//! wrong by how much.

use std::collections::BTreeMap;

use qassay_golden::tensor::{DType, Data, Tensor};

use crate::compare::same;
use crate::record::{Spread, Unit};

/// Outputs with more bytes have no hash: it would cost as much as judging them.
const MOST_HASHED: usize = 1 << 22;

/// blake3 of the values of all outputs, first 16 hex digits; any NaN counts as one NaN, as
/// in judging. `None` for large outputs.
pub(crate) fn hash(outputs: &[Tensor]) -> Option<String> {
    let bytes: usize = outputs.iter().map(|t| t.len() * width(t.data())).sum();
    if bytes > MOST_HASHED {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    for output in outputs {
        hasher.update(output.dtype().name().as_bytes());
        hasher.update(&(output.len() as u64).to_le_bytes());
        hasher.update(&canonical(output.data()));
    }
    Some(hasher.finalize().to_hex()[..16].to_owned())
}

/// How many bytes a value takes, at most.
fn width(data: &Data) -> usize {
    data.dtype().bits().div_ceil(8) as usize
}

/// The bytes of the values, with one NaN for all.
fn canonical(data: &Data) -> Vec<u8> {
    match data {
        Data::F32(values) => (values.iter())
            .map(|value| if value.is_nan() { f32::NAN } else { *value })
            .flat_map(f32::to_le_bytes)
            .collect(),
        Data::F64(values) => (values.iter())
            .map(|value| if value.is_nan() { f64::NAN } else { *value })
            .flat_map(f64::to_le_bytes)
            .collect(),
        data if data.dtype().is_bit_pattern() => (0..data.len())
            .flat_map(|index| match data.is_nan(index) {
                true => u16::MAX.to_le_bytes(),
                false => data.bits(index).to_le_bytes(),
            })
            .collect(),
        data => data.to_le_bytes(),
    }
}

/// Where `got` is not `expected`, leaving out the elements in `open` (sorted); of output
/// number `output`. `None` where all is right.
pub(crate) fn spread(
    output: usize,
    expected: &Tensor,
    got: &Tensor,
    open: &[(usize, usize)],
) -> Option<Spread> {
    let shape = expected.shape();
    let columns = shape.last().copied().unwrap_or(1).max(1);
    let rows = expected.len() / columns;
    let grid = [rows, columns].map(|side| side.clamp(1, Spread::SIDE));
    let mut cells: BTreeMap<[u64; 2], u64> = BTreeMap::new();
    let mut sizes: BTreeMap<i64, u64> = BTreeMap::new();
    let mut not_a_number = 0;
    for element in 0..expected.len() {
        if same(expected.data(), got.data(), element)
            || open.binary_search(&(output, element)).is_ok()
        {
            continue;
        }
        let (row, column) = (element / columns, element % columns);
        let cell = [row * grid[0] / rows.max(1), column * grid[1] / columns];
        *cells.entry(cell.map(|at| at as u64)).or_default() += 1;
        match size(expected.data(), got.data(), element) {
            Some(size) => *sizes.entry(Spread::bucket(size)).or_default() += 1,
            None => not_a_number += 1,
        }
    }
    let floats = matches!(expected.dtype(), DType::F32 | DType::F64)
        || expected.data().dtype().is_bit_pattern();
    (!cells.is_empty()).then(|| Spread {
        output,
        shape: shape.to_vec(),
        grid,
        cells: cells.into_iter().map(|([r, c], n)| [r, c, n]).collect(),
        unit: if floats { Unit::Ulps } else { Unit::Codes },
        sizes: sizes.into_iter().collect(),
        not_a_number,
    })
}

/// `got − expected` in codes, or in representable values for floats; `None` where one is NaN.
fn size(expected: &Data, got: &Data, element: usize) -> Option<i64> {
    if expected.is_nan(element) || got.is_nan(element) {
        return None;
    }
    Some(order(got, element).saturating_sub(order(expected, element)))
}

/// The place of a value among all values of its type.
fn order(data: &Data, element: usize) -> i64 {
    let signed = |negative: bool, magnitude: i64| {
        if negative { -1 - magnitude } else { magnitude }
    };
    match data {
        Data::F32(v) => signed(
            v[element].is_sign_negative(),
            i64::from(v[element].to_bits() & (u32::MAX >> 1)),
        ),
        Data::F64(v) => signed(
            v[element].is_sign_negative(),
            (v[element].to_bits() & (u64::MAX >> 1)) as i64,
        ),
        data if data.dtype().is_bit_pattern() => {
            let bits = i64::from(data.bits(element));
            let sign = 1_i64 << (data.dtype().bits() - 1);
            let negative = data.dtype() != DType::F8E8M0 && bits & sign != 0;
            signed(negative, if negative { bits - sign } else { bits })
        }
        codes => codes.code(element),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(shape: [usize; 2], values: Vec<u8>) -> Tensor {
        Tensor::new(shape, Data::U8(values)).unwrap()
    }

    fn floats(values: &[f32]) -> Tensor {
        Tensor::new([values.len()], Data::F32(values.to_vec())).unwrap()
    }

    #[test]
    fn each_mismatch_is_in_one_cell_and_one_size() {
        let right = bytes([40, 3], vec![100; 120]);
        let mut wrong = vec![100; 120];
        wrong[0] = 101; // row 0, column 0
        wrong[119] = 80; // row 39, column 2
        wrong[118] = 98; // row 39, column 1
        let found = spread(0, &right, &bytes([40, 3], wrong), &[(0, 118)]).unwrap();
        assert_eq!(found.grid, [16, 3]);
        assert_eq!(found.cells, [[0, 0, 1], [15, 2, 1]]);
        assert_eq!(found.sizes, [(-16, 1), (1, 1)]);
        assert_eq!((found.unit, found.not_a_number), (Unit::Codes, 0));
        assert_eq!(spread(0, &right, &right, &[]), None);
    }

    #[test]
    fn floats_are_counted_in_representable_values_and_nan_apart() {
        let above = f32::from_bits(1.0f32.to_bits() + 3);
        let found = spread(
            0,
            &floats(&[1.0, 0.0, 2.0]),
            &floats(&[above, -0.0, f32::NAN]),
            &[],
        )
        .unwrap();
        assert_eq!(found.unit, Unit::Ulps);
        assert_eq!(found.sizes, [(-1, 1), (3, 1)]);
        assert_eq!(found.not_a_number, 1);
    }

    #[test]
    fn the_hash_follows_every_bit_but_those_of_nan() {
        let one = hash(&[floats(&[1.0, f32::NAN])]).unwrap();
        let other_nan = f32::from_bits(0xffc0_0001);
        assert_eq!(hash(&[floats(&[1.0, other_nan])]).unwrap(), one);
        assert_ne!(hash(&[floats(&[-1.0, f32::NAN])]).unwrap(), one);
        assert_ne!(hash(&[floats(&[1.0]), floats(&[f32::NAN])]).unwrap(), one);
        let large = bytes([1, MOST_HASHED + 1], vec![0; MOST_HASHED + 1]);
        assert_eq!(hash(&[large]), None);
    }
}
