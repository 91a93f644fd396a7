//! The command line as a user meets it: exit codes, one-line errors, corrupt
//! files, a closed pipe, explanations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

mod program;

use program::program;

fn qassay(args: &[&str]) -> Output {
    program()
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code 2, nothing on standard output, exactly one line on standard error, holding every part.
#[track_caller]
fn one_line_error(args: &[&str], parts: &[&str]) {
    let output = qassay(args);
    let error = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{args:?}: {error}{}",
        text(&output.stdout)
    );
    assert_eq!(text(&output.stdout), "", "{args:?}");
    assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
    for part in parts {
        assert!(error.contains(part), "{args:?}: no '{part}' in: {error}");
    }
}

/// The exit code, and every part somewhere in the output.
#[track_caller]
fn ends_with(args: &[&str], code: i32, parts: &[&str]) -> String {
    let output = qassay(args);
    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {all}");
    for part in parts {
        assert!(all.contains(part), "{args:?}: no '{part}' in: {all}");
    }
    all
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A copy of the golden vectors that a test may spoil.
fn golden_copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    copy_tree(&golden.join("vectors"), &dir.path().join("vectors"));
    fs::copy(
        golden.join("MANIFEST.json"),
        dir.path().join("MANIFEST.json"),
    )
    .unwrap();
    dir
}

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
fn a_run_that_compares_nothing_fails() {
    ends_with(
        &[
            "conform",
            "--backend",
            "onednn/scalar",
            "--suite",
            "observers",
            "--level",
            "smoke",
        ],
        1,
        &["fails, nothing was compared", "unsupported"],
    );
}

#[test]
fn profiles_are_listed_and_compared() {
    let parted = ends_with(
        &[
            "profiles",
            "diff",
            "pytorch-observer",
            "pytorch-fused-observer",
            "--suite",
            "choose-qparams",
        ],
        1,
        &[
            "qparams.symmetric: half-range → preserve-sparsity",
            "gives both values too",
        ],
    );
    assert!(!parted.contains("unseen"), "{parted}");
    ends_with(
        &["profiles", "diff", "fbgemm", "fbgemm"],
        0,
        &["the same choice on every axis"],
    );
    ends_with(
        &["profiles", "--stage", "requantize"],
        0,
        &["zero_", "gemm"],
    );
    ends_with(
        &["profiles", "exact", "--format", "csv"],
        0,
        &["profile,", "\nexact,"],
    );
    one_line_error(
        &["profiles", "--stage", "requantise"],
        &["requantise", "requantize"],
    );
    one_line_error(
        &["profiles", "diff", "onedn", "exact"],
        &["onedn", "onednn"],
    );
}

#[test]
fn captured_engines_are_identified() {
    ends_with(
        &[
            "identify",
            "golden/captures/torch-2.15",
            "--engine",
            "onednn",
        ],
        0,
        &[
            "linear",
            "onednn-jit-avx2",
            "one way here, another there",
            "pytorch-contiguous",
        ],
    );
    one_line_error(
        &[
            "identify",
            "golden/captures/torch-2.15",
            "--engine",
            "ondnn",
        ],
        &["ondnn", "onednn"],
    );
    one_line_error(&["identify", "/nowhere"], &["/nowhere"]);
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
fn golden_vectors_are_fresh() {
    ends_with(&["golden", "verify"], 0, &[]);
}

#[test]
fn a_flipped_digit_is_found_and_named() {
    let dir = golden_copy();
    let file = files(&dir.path().join("vectors"), "json")
        .into_iter()
        .find(|path| path.to_string_lossy().contains("requantize"))
        .expect("there are requantize vectors");
    let content = fs::read_to_string(&file).unwrap();
    let start = content
        .find("\"expected\"")
        .expect("a case has an expected output");
    let at = start + content[start..].find(|c: char| c.is_ascii_digit()).unwrap();
    let digit = content.as_bytes()[at];
    let flipped = if digit == b'1' { '2' } else { '1' };
    fs::write(
        &file,
        format!("{}{flipped}{}", &content[..at], &content[at + 1..]),
    )
    .unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    ends_with(
        &["golden", "verify", "--dir", dir.path().to_str().unwrap()],
        1,
        &[name],
    );
}

#[test]
fn a_corrupt_golden_file_is_named_with_its_line() {
    let dir = golden_copy();
    let file = files(&dir.path().join("vectors"), "json").remove(0);
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() / 2]).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    ends_with(
        &["golden", "verify", "--dir", dir.path().to_str().unwrap()],
        2,
        &[&format!("{name}:")],
    );
}

#[test]
fn a_truncated_npz_is_one_line() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/captures");
    let victim = files(&captures, "npz").remove(0);
    let system = victim
        .strip_prefix(&captures)
        .unwrap()
        .components()
        .next()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    copy_tree(&captures.join(system), dir.path());
    let victim = dir
        .path()
        .join(victim.strip_prefix(captures.join(system)).unwrap());
    let content = fs::read(&victim).unwrap();
    fs::write(&victim, &content[..content.len() / 2]).unwrap();
    let name = victim.file_name().unwrap().to_str().unwrap();
    one_line_error(
        &["golden", "captures", dir.path().to_str().unwrap()],
        &[name],
    );
}

#[test]
fn saturation_is_explained_and_its_smallest_case_repeats() {
    let out = ends_with(
        &[
            "conform",
            "--backend",
            "fbgemm/avx2",
            "--as",
            "exact",
            "--suite",
            "linear",
            "--level",
            "smoke",
        ],
        1,
        &["accumulate.linear", "i16-pairs"],
    );
    let repeat = out
        .lines()
        .find_map(|line| line.trim().strip_prefix("repeat"))
        .expect("a command that repeats it");
    let case = repeat.split_whitespace().last().unwrap().trim_matches('\'');
    let k: usize = case
        .split(['/', '.'])
        .find_map(|part| part.strip_prefix('k').and_then(|k| k.parse().ok()))
        .expect("a linear case has a k");
    assert!(k <= 4, "{case}");
    ends_with(
        &[
            "conform",
            "--backend",
            "fbgemm/avx2",
            "--as",
            "exact",
            "--case",
            case,
        ],
        1,
        &["i16-pairs"],
    );
    ends_with(
        &["conform", "--backend", "fbgemm/avx2", "--case", case],
        0,
        &[],
    );
}

#[test]
fn another_zero_point_placement_is_explained() {
    ends_with(
        &[
            "conform",
            "--backend",
            "fbgemm/avx2-exact",
            "--as",
            "onednn",
            "--suite",
            "linear",
            "--level",
            "smoke",
        ],
        1,
        &["requantize.zero_point"],
    );
}

#[test]
fn formats_agree_on_what_was_judged() {
    let json = qassay(&[
        "conform",
        "--backend",
        "fbgemm/scalar",
        "--suite",
        "requantize",
        "--level",
        "smoke",
        "--format",
        "json",
    ]);
    assert_eq!(json.status.code(), Some(0), "{}", text(&json.stderr));
    let run: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let records = run["records"].as_array().unwrap().len();
    assert!(records > 0);
    let junit = qassay(&[
        "conform",
        "--backend",
        "fbgemm/scalar",
        "--suite",
        "requantize",
        "--level",
        "smoke",
        "--format",
        "junit",
    ]);
    assert_eq!(text(&junit.stdout).matches("<testcase ").count(), records);
}

#[test]
fn shards_make_the_whole() {
    let cases = |shard: Option<&str>| -> Vec<String> {
        let mut args = vec![
            "conform",
            "--backend",
            "fbgemm/scalar",
            "--suite",
            "requantize",
            "--level",
            "smoke",
            "--format",
            "json",
        ];
        if let Some(shard) = shard {
            args.extend(["--shard", shard]);
        }
        let run: serde_json::Value = serde_json::from_slice(&qassay(&args).stdout).unwrap();
        run["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["case"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut parts: Vec<String> = ["1/3", "2/3", "3/3"]
        .into_iter()
        .flat_map(|shard| cases(Some(shard)))
        .collect();
    let mut whole = cases(None);
    parts.sort();
    whole.sort();
    assert_eq!(parts, whole);
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
