//! What is wrong is one clear line: usage, files that cannot be read or written, closed pipes.

use std::fs;

use crate::program::{ends_with, one_line_error, program, qassay, text};

#[test]
fn mistakes_are_one_line_each() {
    one_line_error(
        &["conform", "--backend", "fbgem"],
        &["unknown backend 'fbgem'", "fbgemm"],
    );
    one_line_error(
        &["conform", "--backend", "fbgemm/scalar", "--shard", "5/3"],
        &["5/3"],
    );
    one_line_error(
        &["conform", "--backend", "fbgemm/scalar", "--shard", "two"],
        &["two", "K/N"],
    );
    one_line_error(
        &["conform", "--backend", "fbgemm/scalar", "--suite", "linaer"],
        &["linaer", "linear"],
    );
    one_line_error(
        &["conform", "--backend", "fbgemm/scalar", "--data", "reducd"],
        &["reducd", "reduced"],
    );
    one_line_error(
        &[
            "conform",
            "--backend",
            "fbgemm/scalar",
            "--suite",
            "relu",
            "--data",
            "reduced",
        ],
        &["no cases", "reduced"],
    );
    one_line_error(
        &["conform", "--backend", "fbgemm/scalar", "--as", "onedn"],
        &["onedn", "onednn"],
    );
    one_line_error(
        &[
            "conform",
            "--backend",
            "fbgemm/scalar",
            "--case",
            "linear/m1.nX.k2",
        ],
        &["character"],
    );
    one_line_error(&["conform", "--bakend", "x86"], &["--bakend"]);
    one_line_error(&["conform"], &["--backend"]);
    one_line_error(&["show", "nonsense"], &["nonsense"]);
    one_line_error(
        &["golden", "verify", "--dir", "/no/such/folder"],
        &["/no/such/folder"],
    );
    one_line_error(
        &["golden", "captures", "/no/such/folder"],
        &["/no/such/folder"],
    );
}

#[test]
fn a_run_file_that_cannot_be_written_is_said_before_the_run() {
    one_line_error(
        &[
            "conform",
            "--backend",
            "fbgemm/scalar",
            "--level",
            "smoke",
            "--out",
            "/no/such/folder/run.jsonl",
        ],
        &["/no/such/folder"],
    );
}

#[test]
fn a_cause_is_said_once() {
    for args in [
        &["golden", "captures", "/nowhere"][..],
        &["golden", "verify", "--dir", "/nowhere"],
    ] {
        let output = qassay(args);
        let error = text(&output.stderr);
        assert_eq!(error.matches("os error").count(), 1, "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_line() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = program()
        .args(["list", "cases"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr).lines().count(),
        1,
        "{}",
        text(&output.stderr)
    );
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = program()
        .args(["list", "cases"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn completions_and_help_are_there() {
    ends_with(&["completions", "bash"], 0, &["complete"]);
    ends_with(&["--help"], 0, &["Examples"]);
    ends_with(&["conform", "--help"], 0, &["--require-native"]);
}

#[test]
fn a_backend_that_must_be_native_and_is_not_fails() {
    // AVX-VNNI and AVX-512 VNNI are never both missing from the list; at most one of the two answers is 0.
    let listed = text(&qassay(&["list", "backends"]).stdout);
    let modelled = listed
        .lines()
        .find(|line| line.contains(" modelled "))
        .and_then(|line| line.split_whitespace().next());
    if let Some(backend) = modelled {
        one_line_error(
            &[
                "conform",
                "--backend",
                backend,
                "--require-native",
                backend,
                "--level",
                "smoke",
            ],
            &[backend, "native"],
        );
    }
    let native = listed
        .lines()
        .find(|line| line.contains(" native "))
        .and_then(|line| line.split_whitespace().next());
    let native = native.expect("the scalar backends run natively everywhere");
    ends_with(
        &[
            "conform",
            "--backend",
            native,
            "--require-native",
            native,
            "--level",
            "smoke",
            "--suite",
            "requantize",
        ],
        0,
        &[],
    );
}
