//! Run files out again: report, compare, publish, verify-bundle.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{ends_with, one_line_error, qassay, text};

/// A small run, written to `folder`.
fn run(folder: &Path, more: &[&str]) -> PathBuf {
    let path = folder.join("run.jsonl");
    let mut args = vec![
        "conform",
        "--backend",
        "fbgemm/scalar,onednn/scalar",
        "--suite",
        "requantize",
        "--level",
        "smoke",
        "--out",
        path.to_str().unwrap(),
    ];
    args.extend(more);
    qassay(&args);
    assert!(path.exists());
    path
}

#[test]
fn a_run_becomes_a_site_and_a_broken_file_does_not_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), &["--as", "onednn"]);
    let whole = path.to_str().unwrap();
    let site = folder.path().join("site");
    let made = ["report", whole, "--out", site.to_str().unwrap()];
    ends_with(&made, 0, &["index.html", "pages"]);
    let page = fs::read_to_string(site.join("backend-fbgemm-scalar.html")).unwrap();
    assert!(page.contains("requantize.") && page.contains("--as onednn"));
    // Cut in the middle: one line, and the rest is there.
    let cut = folder.path().join("cut.jsonl");
    let all = fs::read_to_string(&path).unwrap();
    fs::write(&cut, &all[..all.len() / 2]).unwrap();
    let both = [
        "report",
        cut.to_str().unwrap(),
        "--out",
        site.to_str().unwrap(),
    ];
    let output = qassay(&both);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(
        error.contains("cut.jsonl, line ") && error.contains("middle"),
        "{error}"
    );
    let index = fs::read_to_string(site.join("index.html")).unwrap();
    assert!(index.contains("the file ends in the middle of a line"));
    // Other forms.
    ends_with(&["report", whole], 0, &["fails: 1 runs", "requantize"]);
    ends_with(&["report", whole, "--markdown"], 0, &["**Qassay: ✗"]);
    ends_with(
        &["report", whole, "--format", "json"],
        0,
        &["\"notes\": []"],
    );
    let csv = folder.path().join("csv");
    ends_with(&["report", whole, "--csv", csv.to_str().unwrap()], 0, &[]);
    assert!(
        fs::read_to_string(csv.join("records.csv"))
            .unwrap()
            .contains("fbgemm/scalar")
    );
    let own = folder.path().to_str().unwrap();
    one_line_error(
        &["report", whole, "--out", own],
        &["holds other things", "empty folder"],
    );
    one_line_error(&["report", "/no/run.jsonl"], &["run.jsonl: cannot be read"]);
}

#[test]
fn compare_finds_a_changed_bit_and_refuses_another_reference() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), &[]);
    let base = path.to_str().unwrap();
    ends_with(
        &["compare", base, base, "--fail-on", "differ"],
        0,
        &["equal: "],
    );
    let all = fs::read_to_string(&path).unwrap();
    let changed = folder.path().join("changed.jsonl");
    let new = changed.to_str().unwrap();
    let start = all.find("\"output_hash\":\"").unwrap() + "\"output_hash\":\"".len();
    let other = if all[start..].starts_with('0') {
        "1"
    } else {
        "0"
    };
    fs::write(
        &changed,
        format!("{}{other}{}", &all[..start], &all[start + 1..]),
    )
    .unwrap();
    ends_with(
        &["compare", base, new],
        0,
        &["other output bits in requantize/"],
    );
    ends_with(&["compare", base, new, "--fail-on", "regress"], 0, &[]);
    ends_with(&["compare", base, new, "--fail-on", "differ"], 1, &[]);
    fs::write(
        &changed,
        all.replacen("\"golden_hash\":\"", "\"golden_hash\":\"x", 1),
    )
    .unwrap();
    one_line_error(&["compare", base, new], &["golden sets"]);
    one_line_error(
        &["compare", base, base, "--threshold", "3"],
        &["'3' is no threshold"],
    );
    // Files of one name in two folders are told apart.
    let missing = folder.path().join("other").join("run.jsonl");
    let missing = missing.to_str().unwrap();
    one_line_error(&["compare", base, missing], &[missing]);
    one_line_error(&["report", missing], &[missing]);
}

#[test]
fn a_submission_is_checked_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), &[]);
    let bundle = folder.path().join("bundle");
    let dir = bundle.to_str().unwrap();
    ends_with(&["publish", dir, path.to_str().unwrap()], 0, &["3 files"]);
    ends_with(
        &["verify-bundle", dir],
        0,
        &["3 files are what the manifest says"],
    );
    let inside = bundle.join("runs/run.jsonl");
    let mut bytes = fs::read(&inside).unwrap();
    bytes[100] ^= 1;
    fs::write(&inside, bytes).unwrap();
    ends_with(
        &["verify-bundle", dir],
        1,
        &["fault runs/run.jsonl was changed"],
    );
    one_line_error(&["verify-bundle", "/no/bundle"], &["/no/bundle"]);
    one_line_error(
        &["publish", dir, path.to_str().unwrap()],
        &["there already"],
    );
}
