//! Tests of golden vectors: the committed files are what this reference makes,
//! and every way of damaging them is found and named.

use super::*;
use std::path::Path;
use std::sync::LazyLock;

/// A folder with all golden vectors; they are computed once.
fn generated() -> tempfile::TempDir {
    static MADE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        generate(dir.path()).unwrap();
        dir
    });
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("vectors")).unwrap();
    for (name, bytes) in files(MADE.path()) {
        let folder = if name == "MANIFEST.json" {
            ""
        } else {
            "vectors"
        };
        std::fs::write(dir.path().join(folder).join(name), bytes).unwrap();
    }
    dir
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = (std::fs::read_dir(dir.join("vectors")).unwrap())
        .map(|entry| entry.unwrap().path())
        .chain([dir.join("MANIFEST.json")])
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_committed_files_are_what_this_reference_makes() {
    let dir = generated();
    let (fresh, committed) = (files(dir.path()), files(&default_dir()));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&fresh), names(&committed));
    for ((name, fresh), (_, committed)) in fresh.iter().zip(&committed) {
        assert!(
            fresh == committed,
            "golden/vectors/{name} is out of date: see `cargo run -- golden verify`; \
             if the change is meant, run `cargo run -- golden generate`"
        );
    }
    assert_eq!(
        verify(&default_dir()).unwrap().findings,
        Vec::<String>::new()
    );
}

#[test]
fn a_second_generation_changes_nothing() {
    let dir = generated();
    let before = files(dir.path());
    let hash = set_hash(dir.path()).unwrap();
    let summary = generate(dir.path()).unwrap();
    assert_eq!(summary.changed, Vec::<String>::new());
    assert_eq!(files(dir.path()), before);
    assert_eq!(set_hash(dir.path()).unwrap(), hash);
    assert_eq!(summary.files, before.len() - 1);
}

/// Replaces the first `from` after `anchor` in a file.
fn edit(dir: &Path, file: &str, anchor: &str, from: &str, to: &str) {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text.find(anchor).expect("the anchor is there");
    let at = start + text[start..].find(from).expect("what is replaced is there");
    let text = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_flipped_digit_is_named_with_file_case_and_element() {
    let dir = generated();
    let hash = set_hash(dir.path()).unwrap();
    // relu of u8 with zero point 128: codes below 128 become 128.
    edit(
        dir.path(),
        "vectors/relu.json",
        "\"name\":\"u8/zp128\"",
        "128,128,128,129,130",
        "128,128,128,129,131",
    );
    assert_ne!(set_hash(dir.path()).unwrap(), hash);
    let report = verify(dir.path()).unwrap();
    let line = "vectors/relu.json: case u8/zp128: output 0, element 130: \
                the file says 131, the reference computes 130 (profile exact and ";
    assert_eq!(report.findings.len(), 1, "{report}");
    assert!(report.findings[0].starts_with(line), "{report}");
    assert!(report.to_string().ends_with("1 thing is wrong"), "{report}");
}

#[test]
fn a_flipped_last_digit_of_a_float_is_found() {
    let dir = generated();
    let tenth = "\"name\":\"u8/tenth/zp255\"";
    let file = "vectors/dequantize.json";
    edit(dir.path(), file, tenth, ",-25.300001,", ",-25.300003,");
    let report = verify(dir.path()).unwrap();
    let line = "element 2: the file says -25.300003, the reference computes -25.300001";
    assert!(
        report.findings.len() == 1 && report.findings[0].contains(line),
        "{report}"
    );
}

#[test]
fn an_edit_that_changes_no_value_breaks_the_hash() {
    let dir = generated();
    edit(dir.path(), "vectors/relu.json", "", "\"op\"", " \"op\"");
    let report = verify(dir.path()).unwrap();
    let line = "vectors/relu.json: the file's BLAKE3 is ";
    assert!(
        report.findings.len() == 1 && report.findings[0].starts_with(line),
        "{report}"
    );
}

#[test]
fn a_changed_input_is_named_too() {
    let dir = generated();
    edit(
        dir.path(),
        "vectors/relu.json",
        "\"name\":\"u8/zp0\"",
        "[0,1,2,",
        "[0,1,3,",
    );
    let findings = verify(dir.path()).unwrap().findings;
    assert_eq!(
        findings,
        ["vectors/relu.json: case u8/zp0: input 0, element 2: \
          the file says 3, `golden generate` makes 2"]
    );
}

#[test]
fn damaged_and_missing_files_are_one_line_each() {
    let dir = generated();
    let path = dir.path().join("vectors/mul.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    std::fs::remove_file(dir.path().join("vectors/add.json")).unwrap();
    std::fs::write(dir.path().join("vectors/extra.json"), "{}").unwrap();
    edit(
        dir.path(),
        "vectors/max_pool.json",
        "\"dtype\":\"u8\"",
        "\"data\":[",
        "\"data\":[999,",
    );
    let Report {
        findings,
        unreadable,
        ..
    } = verify(dir.path()).unwrap();
    let line = text[..text.len() / 2].lines().count();
    assert_eq!(unreadable.len(), 3, "{unreadable:?}");
    let find = |part: &str| findings.iter().any(|finding| finding.contains(part));
    assert!(find(&format!("mul.json:{line}: ")), "{findings:?}");
    assert!(find("add.json: "), "{findings:?}");
    assert!(
        find("vectors/extra.json: MANIFEST.json does not list it"),
        "{findings:?}"
    );
    assert!(find("999 is no u8 code"), "{findings:?}");
    assert!(
        findings.iter().all(|finding| finding.lines().count() == 1),
        "{findings:?}"
    );
}

#[test]
fn a_manifest_that_cannot_be_read_is_an_error_with_its_place() {
    let dir = generated();
    edit(dir.path(), "MANIFEST.json", "\"files\"", "[", "{");
    let error = verify(dir.path()).unwrap_err().to_string();
    assert!(error.contains("MANIFEST.json:4: "), "{error}");
    edit(dir.path(), "MANIFEST.json", "\"files\"", "{", "[");
    edit(
        dir.path(),
        "MANIFEST.json",
        "{",
        "\"schema\": 1",
        "\"schema\": 2",
    );
    let error = verify(dir.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("schema version 2; this version reads 1"),
        "{error}"
    );
    std::fs::remove_file(dir.path().join("MANIFEST.json")).unwrap();
    assert!(
        verify(dir.path())
            .unwrap_err()
            .to_string()
            .contains("MANIFEST.json: ")
    );
}

#[test]
fn what_changed_between_two_sets_is_told_by_profile() {
    let (old, new) = (generated(), generated());
    assert_eq!(
        diff(old.path(), new.path()).unwrap().lines,
        Vec::<String>::new()
    );
    edit(
        new.path(),
        "vectors/relu.json",
        "\"name\":\"u8/zp128\"",
        "128,128,128,129,130",
        "128,128,128,129,131",
    );
    edit(
        new.path(),
        "vectors/relu.json",
        "{",
        "\"name\":\"s8/zp5\"",
        "\"name\":\"s8/other\"",
    );
    let changes = diff(old.path(), new.path()).unwrap();
    let find = |part: &str| changes.lines.iter().any(|line| line.contains(part));
    assert!(find("- vectors/relu.json: s8/zp5: removed"), "{changes:?}");
    assert!(find("+ vectors/relu.json: s8/other: added"), "{changes:?}");
    let changed = "profile fbgemm, output 0: 1 of 256 differ, first element 130: 130 became 131";
    assert!(find(changed), "{changes:?}");
}

/// A golden set that never meets a boundary could not tell much.
#[test]
fn golden_cases_reach_their_boundaries() {
    use crate::ops::reference;
    use crate::profile::named;
    use crate::witness::{Event, Events, Witness};
    let mut events = Events::default();
    for (_, problems) in cases::all() {
        for (name, problem) in problems {
            for named in named::PROFILES {
                let mut witness = Witness::default();
                match reference(&problem, &named.profile, &mut witness) {
                    Err(crate::ops::ReferenceError::Mismatch(reason)) => {
                        panic!("{name}: {reason}")
                    }
                    _ => events.merge(&witness.events),
                }
            }
        }
    }
    for &event in Event::ALL {
        assert!(
            events.count(event) > 0,
            "no golden case reaches {}",
            event.key()
        );
    }
}

#[test]
fn names_are_unique_within_an_op() {
    for (op, problems) in cases::all() {
        let mut names: Vec<_> = problems.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), problems.len(), "{op}");
    }
}
