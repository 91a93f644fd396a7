//! The oracle's own arithmetic held to the machine's.

use proptest::prelude::*;

use crate::oracle::real::{F32, F64, Real};

fn same(exact: &Real, machine: f64) -> bool {
    let got = exact.to_f64();
    (got.is_nan() && machine.is_nan()) || got == machine
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn f32_arithmetic_is_the_machines(a in any::<u32>(), b in any::<u32>(), c in any::<u32>()) {
        let [a, b, c] = [a, b, c].map(f32::from_bits);
        // A zero of the oracle has no sign, so a quotient by −0 would have another one.
        prop_assume!(b != 0.0 || b.is_sign_positive());
        let [x, y, z] = [a, b, c].map(Real::from);
        prop_assert!(same(&F32.add(&x, &y), f64::from(a + b)));
        prop_assert!(same(&F32.mul(&x, &y), f64::from(a * b)));
        prop_assert!(same(&F32.div(&x, &y), f64::from(a / b)));
        prop_assert!(same(&F32.fma(&x, &y, &z), f64::from(a.mul_add(b, c))));
    }

    #[test]
    fn f64_arithmetic_is_the_machines(a in any::<u64>(), b in any::<u64>()) {
        let [a, b] = [a, b].map(f64::from_bits);
        prop_assume!(b != 0.0 || b.is_sign_positive());
        let [x, y] = [a, b].map(Real::from);
        prop_assert!(same(&x, a));
        prop_assert!(same(&F64.add(&x, &y), a + b));
        prop_assert!(same(&F64.mul(&x, &y), a * b));
        prop_assert!(same(&F64.div(&x, &y), a / b));
        prop_assert!(same(&F32.fit(x), f64::from(a as f32)));
    }
}

#[test]
fn rounding_at_the_ends_of_f32() {
    let round = |value: f64| F32.fit(Real::from(value)).to_f64();
    let greatest = f64::from(f32::MAX);
    let half_unit = 2f64.powi(103);
    assert_eq!(round(greatest + half_unit * 0.5), greatest);
    assert_eq!(round(greatest + half_unit), f64::INFINITY);
    assert_eq!(round(2f64.powi(-150)), 0.0);
    assert_eq!(round(2f64.powi(-150) * 1.5), 2f64.powi(-149));
    assert_eq!(round(2f64.powi(-150) * 3.0), 2f64.powi(-148));
}
