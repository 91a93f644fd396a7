//! Runs of conform: explanations, formats, shards.

use crate::program::{ends_with, qassay, text};

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
