//! `bench` and `cpu`: what they print and write, what they refuse. No test looks at how long
//! anything took.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::program::{ends_with, one_line_error, program, qassay, text};

/// A small case that every family has.
const SMALL: &str = "linear/m3.n5.k7/u8.s8/per-tensor/uniform/seed0";

fn bench(more: &[&str]) -> Vec<String> {
    let common = ["bench", "--quick", "--no-peaks"];
    common.iter().chain(more).map(ToString::to_string).collect()
}

fn refs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[test]
fn a_bench_run_times_judges_and_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let out = path.to_str().unwrap();
    let args = bench(&[
        "--backend",
        "fbgemm/scalar,qnnpack/scalar",
        "--case",
        SMALL,
        "--shape",
        "2,3,4",
        "--out",
        out,
    ]);
    let printed = ends_with(
        &refs(&args),
        0,
        &[
            "fbgemm/scalar",
            "qnnpack/scalar",
            "GOP/s",
            "base",
            "3 cases, 6 timed",
        ],
    );
    assert!(printed.contains(SMALL), "{printed}");
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["measuring"]["base"], "fbgemm/scalar");
    let measured: Vec<_> = lines
        .iter()
        .filter(|l| l["type"] == "measurement")
        .collect();
    assert_eq!(measured.len(), 6);
    for line in measured {
        assert_eq!(line["verdict"], "conforms");
        assert!(line["time"]["samples_ns"].as_array().unwrap().len() >= 5);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_wrong_backend_has_no_time_and_fails_the_run() {
    // Saturating sums held to exact ones, on operands that saturate.
    let case = "linear/m2.n2.k64/u8.s8.s32/per-tensor/saturating/seed0";
    let args = bench(&[
        "--backend",
        "fbgemm/scalar",
        "--case",
        case,
        "--as",
        "fbgemm",
        "--format",
        "json",
    ]);
    let output = qassay(&refs(&args));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let only = &run["measurements"][0];
    assert_eq!(only["verdict"], "differs");
    assert!(only.get("time").is_none(), "{only}");
    assert!(
        only["detail"].as_str().unwrap().contains("expected"),
        "{only}"
    );
}

#[test]
fn mistakes_are_one_line_each() {
    let wrong = |more: &[&str], parts: &[&str]| {
        let mut args = vec!["--backend", "fbgemm/scalar"];
        args.extend(more);
        one_line_error(&refs(&bench(&args)), parts);
    };
    wrong(&["--shape", "1,2"], &["'1,2'", "net:resnet50"]);
    wrong(
        &["--shape", "net:alexnet"],
        &["'net:alexnet'", "net:resnet50"],
    );
    wrong(&["--shape", "0,0,0"], &["n and k"]);
    wrong(&["--shape", "100000,100000,100000"], &["too many"]);
    wrong(&["--data", "gausian"], &["'gausian'", "full-range"]);
    wrong(&["--case", "linear/m1.nX"], &["character"]);
    wrong(&["--suite", "linaer"], &["linaer", "linear"]);
    wrong(
        &["--shape", "gemm", "--suite", "conv"],
        &["no cases of conv"],
    );
    wrong(&["--threads", "0", "--case", SMALL], &["0 threads"]);
    wrong(
        &["--base", "x/y", "--case", SMALL],
        &["'x/y'", "fbgemm/scalar"],
    );
    wrong(&["--as", "onedn", "--case", SMALL], &["onedn", "onednn"]);
    wrong(
        &["--case", SMALL, "--out", "/no/such/folder/x"],
        &["/no/such/folder"],
    );
    one_line_error(
        &["bench", "--backend", "fbgem"],
        &["unknown backend 'fbgem'"],
    );
    one_line_error(&["bench"], &["--backend"]);
}

#[test]
fn what_runs_on_models_is_not_timed() {
    let listed = text(&qassay(&["list", "backends"]).stdout);
    let modelled = listed
        .lines()
        .find(|line| line.contains(" modelled "))
        .and_then(|line| line.split_whitespace().next())
        .expect("no CPU has the instructions of both x86 and ARM");
    let args = bench(&["--backend", modelled, "--case", SMALL]);
    one_line_error(&refs(&args), &[modelled, "models"]);
    let pattern = format!("fbgemm/scalar,{}*", &modelled[..modelled.len() - 1]);
    let args = bench(&["--backend", &pattern, "--case", SMALL]);
    ends_with(
        &refs(&args),
        0,
        &["not timed, since they run on models here", modelled],
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut child = program()
        .args(bench(&[
            "--backend",
            "fbgemm/scalar",
            "--shape",
            "256,768,768",
        ]))
        // The second case takes a while on plain code in each pass: the signal arrives during the
        // last one, or later.
        .args(["--case", SMALL, "--out"])
        .arg(&path)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The first case is printed once it is through.
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains(SMALL), "{first}");
    // The shell's own kill: not every machine has a program of that name.
    let signalled = std::process::Command::new("sh")
        .args(["-c", &format!("kill -INT {}", child.id())])
        .status()
        .unwrap();
    assert!(signalled.success());
    let rest: Vec<String> = lines.map(|line| line.unwrap()).collect();
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(130), "{rest:?}");
    assert!(rest.last().unwrap().contains("ended by Ctrl-C"), "{rest:?}");
    let run = std::fs::read_to_string(&path).unwrap();
    let last: serde_json::Value = serde_json::from_str(run.lines().last().unwrap()).unwrap();
    assert_eq!(last["interrupted"], true);
    assert!(
        run.lines()
            .any(|line| line.contains(SMALL) && line.contains("median_ns"))
    );
}

#[test]
fn a_cpu_is_shown_as_a_table_and_as_json() {
    ends_with(&["cpu"], 0, &["features", "instruction sets", "scalar"]);
    let shown = qassay(&["cpu", "--format", "json"]);
    let cpu: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(cpu["instruction_sets"]["scalar"], "native");
    assert_eq!(cpu["peaks"], serde_json::Value::Null);
    assert_eq!(cpu["cpu"]["architecture"], std::env::consts::ARCH);
}

#[test]
fn shapes_are_listed() {
    ends_with(
        &["list", "shapes"],
        0,
        &["gemm", "net:resnet50", "elements"],
    );
}

#[test]
fn stages_of_a_run_are_told() {
    let conform = [
        "conform",
        "--backend",
        "fbgemm/scalar",
        "--suite",
        "requantize",
        "--level",
        "smoke",
    ];
    let mut args = conform.to_vec();
    args.push("--timings");
    ends_with(
        &args,
        0,
        &["reference", "kernels", "compare", "of all workers together"],
    );
    let mut args = conform.to_vec();
    args.extend(["--format", "json"]);
    let run: serde_json::Value = serde_json::from_slice(&qassay(&args).stdout).unwrap();
    for stage in ["data", "reference", "kernels", "compare"] {
        let seconds = run["summary"]["stages"][stage].as_f64().unwrap();
        assert!(seconds > 0.0, "{stage}");
    }
}
