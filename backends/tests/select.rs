//! Choosing backends by what people type.
//!
//! Outside of the library: whatever names the registry there makes the compiler
//! build every kernel a second time, for the library's own tests.

use qassay_backends::registry;
use qassay_backends::select::{self, SelectError, select};

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

#[test]
fn commas_separate_names_but_not_what_a_command_holds() {
    let split = |values: &[&str]| {
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        select::split(&values)
    };
    assert_eq!(
        split(&["fbgemm, x86,plugin:./a.so,exec:run --list a,b", "all"]),
        [
            "fbgemm",
            "x86",
            "plugin:./a.so",
            "exec:run --list a,b",
            "all"
        ]
    );
}

#[test]
fn external_names_stand_behind_registered_ones_and_are_not_opened() {
    let names = |patterns: &[&str]| {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        select::names(registry::entries(), &patterns)
    };
    assert_eq!(
        names(&["plugin:/no.so", "fbgemm/avx2", "plugin:/no.so", "exec:x"]).unwrap(),
        ["fbgemm/avx2", "plugin:/no.so", "exec:x"]
    );
    assert_eq!(names(&["exec:x"]).unwrap(), ["exec:x"]);
    assert_eq!(names(&[]), Err(SelectError::Nothing));
    assert!(matches!(
        names(&["exec:x", "fbgem"]),
        Err(SelectError::Unknown { .. })
    ));
}
