//! Choosing backends by what people type.
//!
//! Outside of the library: whatever names the registry there makes the compiler
//! build every kernel a second time, for the library's own tests.

use qassay_backends::registry;
use qassay_backends::select::{SelectError, select};

fn names(patterns: &[&str]) -> Result<Vec<&'static str>, SelectError> {
    let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
    select(registry::entries(), &patterns)
        .map(|entries| entries.iter().map(|entry| entry.declaration.name).collect())
}

#[test]
fn a_family_selects_all_its_backends() {
    let all = names(&["all"]).unwrap();
    let expected: Vec<&str> = all
        .iter()
        .copied()
        .filter(|name| name.starts_with("fbgemm/"))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(names(&["fbgemm"]).unwrap(), expected);
    assert_eq!(names(&["fbgemm/*"]).unwrap(), expected);
}

#[test]
fn a_backend_named_twice_is_selected_once() {
    assert_eq!(
        names(&["fbgemm/avx2", "fbgemm/avx2"]).unwrap(),
        ["fbgemm/avx2"]
    );
}

#[test]
fn a_misspelt_name_is_answered_with_near_ones() {
    let message = names(&["fbgem"]).unwrap_err().to_string();
    assert!(
        message.starts_with("unknown backend 'fbgem'; did you mean fbgemm"),
        "{message}"
    );
}

#[test]
fn a_malformed_glob_says_where() {
    let message = names(&["fbgemm/[a"]).unwrap_err().to_string();
    assert!(message.contains("at character 8"), "{message}");
}

#[test]
fn nothing_selects_nothing() {
    assert_eq!(names(&[]), Err(SelectError::Nothing));
    assert_eq!(names(&[" "]), Err(SelectError::Nothing));
}
