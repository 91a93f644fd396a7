//! Known places where profiles part, and that what is shown is true.

use super::*;
use qassay_golden::profile::named;

fn between(from: &str, to: &str, suites: &[&str]) -> Parting {
    let suites: Vec<&'static Suite> = suites
        .iter()
        .map(|name| crate::suite::find(name).unwrap())
        .collect();
    let [from, to] = [from, to].map(|name| named::find(name).unwrap());
    part(from, to, &suites, Level::Standard, 0)
}

fn shown<'a>(parting: &'a Parting, axis: &str) -> &'a Shown {
    let axis = parting
        .axes
        .iter()
        .find(|part| part.change.axis == axis)
        .unwrap_or_else(|| panic!("no axis {axis}: {:?}", parting.axes));
    axis.shown
        .as_ref()
        .unwrap_or_else(|| panic!("nothing shows {axis:?}"))
}

#[test]
fn a_profile_does_not_part_from_itself() {
    let parting = between("fbgemm", "fbgemm", &["linear", "quantize"]);
    assert!(parting.axes.is_empty());
    assert_eq!(parting.suites.len(), 2);
    for suite in &parting.suites {
        assert!(suite.cases > 100 && suite.values > 1000, "{suite:?}");
        assert_eq!((suite.differing_cases, suite.undefined), (0, 0));
    }
}

#[test]
fn a_zero_point_inside_the_rounding_is_shown_by_a_tie() {
    let parting = between("exact", "onednn", &["requantize"]);
    let shown = shown(&parting, "requantize.zero_point");
    let scaled = shown.element.scaled.unwrap();
    assert_eq!(scaled.fract().abs(), 0.5, "{shown:?}");
    assert_eq!(shown.oracle, Oracle::Confirms);
    assert!(shown.case.starts_with("requantize/m1.n1/"), "{shown:?}");
    let suite = &parting.suites[0];
    assert!(suite.differing_cases > 0 && suite.differing_cases < suite.cases);
}

#[test]
fn saturating_pairs_are_shown_by_two_products() {
    let parting = between("fbgemm-exact", "fbgemm", &["linear"]);
    assert_eq!(
        shown(&parting, "accumulate.linear").case.split('/').nth(1),
        Some("m1.n1.k2")
    );
    // Each profile has its own sum, and the oracle scales both.
    assert_eq!(
        shown(&parting, "accumulate.linear").oracle,
        Oracle::Confirms
    );
}

#[test]
fn a_reciprocal_parts_from_a_division_and_the_oracle_agrees() {
    let parting = between("fbgemm", "onnxruntime", &["quantize"]);
    let shown = shown(&parting, "quantize.transform");
    assert_eq!(shown.oracle, Oracle::Confirms, "{shown:?}");
    assert!(shown.case.starts_with("quantize/d1/"), "{shown:?}");
}

#[test]
fn every_value_that_is_shown_is_what_the_reference_says_alone() {
    let parting = between("onnx-reference", "onnxruntime", &["linear", "requantize"]);
    for axis in parting.axes.iter().filter(|axis| axis.shown.is_some()) {
        let shown = axis.shown.as_ref().unwrap();
        assert_ne!(shown.element.expected, shown.element.got, "{axis:?}");
        assert_ne!(shown.oracle, Oracle::Contradicts, "{axis:?}");
    }
    assert!(parting.axes.iter().any(|axis| axis.shown.is_some()));
}
