//! `qassay mutants`: what is noticed, what survives, run files, and what is wrong with options.

use std::fs;

use crate::program::{ends_with, one_line_error};

const TIES: &[&str] = &["mutants", "--level", "smoke", "--id", "qnnpack-sse2/ties-*"];

#[test]
fn mutants_are_noticed_and_the_run_file_becomes_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let (run, site) = (folder.path().join("run.jsonl"), folder.path().join("site"));
    let (run, site) = (run.to_str().unwrap(), site.to_str().unwrap());
    let args = [TIES, &["--matrix", "--out", run]].concat();
    let text = ends_with(&args, 0, &["4 of 4 mutants killed (100.0 %)"]);
    assert!(
        text.contains("killed   mutant:qnnpack-sse2/ties-away after "),
        "{text}"
    );
    assert!(text.contains("ties: kills 4, "), "{text}");

    ends_with(
        &["report", run, "--out", site, "--term"],
        0,
        &["4 of 4 mutants killed", "conforms: "],
    );
    let page = fs::read_to_string(folder.path().join("site/mutants.html")).unwrap();
    assert!(page.contains("mutant:qnnpack-sse2/ties-down"), "{page}");
    let kills = fs::read_to_string(folder.path().join("site/data/mutant_kills.csv")).unwrap();
    let ties = "mutant:qnnpack-sse2/ties-away,quantize,ties,";
    assert!(kills.lines().any(|line| line.starts_with(ties)), "{kills}");
}

/// Data without ties cannot tell how ties are rounded.
#[test]
fn what_survives_is_named_and_fails() {
    let args = [TIES, &["--data", "reduced"]].concat();
    ends_with(
        &args,
        1,
        &[
            "survived mutant:qnnpack-sse2/ties-away by ",
            "ties are rounded away from zero",
            "0 of 4 mutants killed",
        ],
    );
}

#[test]
fn mistakes_are_one_line_each() {
    one_line_error(
        &["mutants", "--id", "fbgemm-exact/no-such"],
        &["no-such", "qassay list mutants"],
    );
    one_line_error(&["mutants", "--id", "fbgemm[/x"], &["fbgemm[/x"]);
    one_line_error(&["mutants", "--data", "tyes"], &["tyes", "near-ties"]);
    one_line_error(&["mutants", "--level", "most"], &["most", "standard"]);
    one_line_error(
        &["mutants", "--out", "/no/such/folder/run.jsonl"],
        &["/no/such/folder"],
    );
    one_line_error(&["mutants", "--matrix", "--first"], &["--matrix"]);
}
