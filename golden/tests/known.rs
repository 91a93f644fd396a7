//! Known faults of upstream: what `KNOWN.toml` excuses, and what it must not.

use std::fs::{self, File};

use ndarray::arr1;
use ndarray_npy::NpzWriter;
use qassay_golden::captures::{Change, Checked, Known, check};

/// Two relus of codes by engine `fast` of system `mine` 7, zero point 2; `wrong` of the first
/// one's codes are not what relu gives.
fn captures(wrong: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let spec = r#"{"relu": {"shape": [4], "tensor": {"dtype": "u8", "qparams": {"scale": 1.0, "zero_point": 2}}}}"#;
    let entry = |file: &str| {
        format!(r#"{{"file": "{file}", "engine": "fast", "profile": "exact", "spec": {spec}}}"#)
    };
    let manifest = format!(
        r#"{{"system": "mine", "version": "7", "files": [{}, {}]}}"#,
        entry("a.npz"),
        entry("b.npz")
    );
    fs::write(dir.path().join("manifest.json"), manifest).unwrap();
    for (file, wrong) in [("a.npz", wrong), ("b.npz", 0)] {
        let mut npz = NpzWriter::new(File::create(dir.path().join(file)).unwrap());
        let mut output = [2u8, 2, 2, 9];
        output[..wrong].fill(77);
        npz.add_array("input0", &arr1(&[0u8, 1, 2, 9])).unwrap();
        npz.add_array("output0", &arr1(&output)).unwrap();
        npz.finish().unwrap();
    }
    dir
}

fn entry(system: &str, engine: &str, file: &str, count: u64) -> String {
    format!(
        "[[known]]\nsystem = \"{system}\"\nversion = \"7\"\nop = \"relu\"\nengine = \"{engine}\"\n\
         reason = \"it forgets\"\nsource = \"relu.c, relu\"\nfiles = {{ \"{file}\" = {count} }}\n"
    )
}

fn held(wrong: usize, known: &str) -> Checked {
    let known = Known::parse(known).unwrap_or_else(|e| panic!("{e}"));
    check(captures(wrong).path(), &known, |_| ()).unwrap_or_else(|e| panic!("{e}"))
}

fn lines(checked: &Checked) -> Vec<String> {
    checked.changes.iter().map(Change::to_string).collect()
}

#[test]
fn an_exact_count_explains_the_differences_of_its_file() {
    assert!(
        !held(3, "").is_clean(),
        "without an entry nothing is excused"
    );
    let checked = held(3, &entry("mine", "fast", "a.npz", 3));
    assert!(checked.is_clean(), "{:?}", checked.changes);
    let known = checked.rows.iter().find(|row| row.note.is_some()).unwrap();
    assert_eq!((known.vectors, known.mismatches, known.known), (1, 3, 3));
    assert_eq!(known.note.as_deref(), Some("it forgets"));
    assert_eq!(known.source.as_deref(), Some("relu.c, relu"));
    let other = checked.rows.iter().find(|row| row.note.is_none()).unwrap();
    assert_eq!((other.vectors, other.mismatches), (1, 0), "b.npz");
}

#[test]
fn more_or_fewer_than_known_is_a_change() {
    for (wrong, count) in [(3, 2), (3, 4), (0, 1)] {
        let checked = held(wrong, &entry("mine", "fast", "a.npz", count));
        assert!(!checked.is_clean());
        assert!(checked.rows.iter().any(|row| row.differs()));
        assert_eq!(
            lines(&checked),
            [format!(
                "mine 7 relu fast: a.npz: {count} mismatches are known, {wrong} were found"
            )]
        );
    }
}

#[test]
fn an_entry_of_another_version_excuses_nothing() {
    let other = entry("mine", "fast", "a.npz", 3).replace("\"7\"", "\"8\"");
    assert!(!held(3, &other).is_clean());
}

#[test]
fn a_superfluous_entry_is_a_change() {
    let checked = held(0, &entry("mine", "slow", "a.npz", 1));
    assert!(!checked.is_clean());
    assert_eq!(
        lines(&checked),
        ["mine 7 relu slow: a.npz: superfluous: no such output is compared in this file"]
    );
    let checked = held(0, &entry("mine", "fast", "c.npz", 1));
    assert!(!checked.is_clean());
    assert_eq!(
        lines(&checked),
        ["mine 7 relu fast: superfluous: the captures have none of its files"]
    );
}

#[test]
fn an_unknown_system_is_an_error() {
    let known = Known::parse(&entry("mein", "fast", "a.npz", 1)).unwrap();
    let error = check(captures(0).path(), &known, |_| ()).unwrap_err();
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1);
    assert!(
        line.contains("KNOWN.toml") && line.contains("mein 7 relu fast"),
        "{line}"
    );
}

#[test]
fn a_list_that_excuses_nothing_or_twice_is_refused() {
    let wrong = |text: &str| Known::parse(text).unwrap_err().to_string();
    let one = entry("mine", "fast", "a.npz", 3);
    assert!(wrong(&entry("mine", "fast", "a.npz", 0)).contains("0 differences"));
    assert!(wrong(&format!("{one}{one}")).contains("entry 2 (mine 7 relu fast)"));
    assert!(wrong(&one.replace("it forgets", " ")).contains("reason"));
    assert!(wrong(&one.replace("relu.c, relu", "")).contains("source"));
    assert!(wrong(&one.replace("\"a.npz\" = 3", "")).contains("no file"));
    assert!(wrong(&one.replace("op = ", "ops = ")).contains("line "));
}
