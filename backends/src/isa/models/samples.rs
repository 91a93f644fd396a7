//! Values that the tests of models share.

/// Samples of all f32: every exponent and sign, with mantissas at both ends, in the middle
/// and spread out.
pub fn all_kinds_of_f32() -> impl Iterator<Item = f32> {
    (0..512u32).flat_map(|top| {
        let spread = (0..512u32).map(|i| i.wrapping_mul(0x9e37_79b1) & 0x7f_ffff);
        let ends = (0..4).flat_map(|d| [d, 0x7f_ffff - d, 0x40_0000 + d, 0x3f_ffff - d]);
        spread
            .chain(ends)
            .map(move |mantissa| f32::from_bits(top << 23 | mantissa))
    })
}
