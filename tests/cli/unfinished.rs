//! Runs that are ended before they are through: nothing that was judged is lost.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::{ends_with, one_line_error, program, text};

const ASKED: [&str; 7] = [
    "conform",
    "--backend",
    "fbgemm/scalar,fbgemm/avx2-exact",
    "--suite",
    "relu,requantize",
    "--level",
    "smoke",
];

/// A whole run and the path of its file.
fn whole(folder: &Path) -> (PathBuf, Vec<String>) {
    let path = folder.join("whole.jsonl");
    let mut args = ASKED.to_vec();
    args.extend(["--out", path.to_str().unwrap()]);
    ends_with(&args, 0, &["conforms"]);
    assert!(!folder.join("whole.jsonl.partial").exists());
    let lines = lines(&path);
    (path, lines)
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What a killed run leaves: of the records the odd ones, and half of one more.
fn cut(whole: &[String]) -> String {
    let records = &whole[1..whole.len() - 1];
    let mut text = whole[0].clone() + "\n";
    for record in records.iter().skip(1).step_by(2) {
        text += record;
        text.push('\n');
    }
    text + &records[0][..records[0].len() / 2]
}

#[test]
fn a_killed_run_goes_on_and_becomes_the_whole_run() {
    let folder = tempfile::tempdir().unwrap();
    let (_, expected) = whole(folder.path());
    let left = folder.path().join("run.jsonl.partial");
    std::fs::write(&left, cut(&expected)).unwrap();
    ends_with(
        &["conform", "--resume", left.to_str().unwrap()],
        0,
        &["conforms"],
    );
    assert!(!left.exists(), "the journal of a whole run");
    let got = lines(&folder.path().join("run.jsonl"));
    // The last line has the time that it took.
    assert_eq!(got[..got.len() - 1], expected[..expected.len() - 1]);
}

#[test]
fn what_was_judged_is_not_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_, expected) = whole(folder.path());
    let left = folder.path().join("run.jsonl.partial");
    // A verdict that judging would not give.
    let kept = cut(&expected).replacen("\"verdict\":\"conforms\"", "\"verdict\":\"differs\"", 1);
    std::fs::write(&left, kept).unwrap();
    ends_with(
        &["conform", "--resume", left.to_str().unwrap()],
        1,
        &["differs"],
    );
}

#[test]
fn a_run_does_not_go_on_from_another() {
    let folder = tempfile::tempdir().unwrap();
    let (_, expected) = whole(folder.path());
    let left = folder.path().join("run.jsonl.partial");
    let path = left.to_str().unwrap();
    let resume = ["conform", "--resume", path];
    let golden = expected[0].find("\"golden_hash\":\"").unwrap() + 15;
    let mut other = cut(&expected);
    other.replace_range(golden..golden + 4, "none");
    std::fs::write(&left, &other).unwrap();
    one_line_error(&resume, &["cannot go on from", "golden set was none"]);
    assert_eq!(std::fs::read_to_string(&left).unwrap(), other, "as it was");
    std::fs::write(&left, cut(&expected).replace("relu,requantize", "relu")).unwrap();
    one_line_error(&resume, &["it has requantize/", "does not ask"]);
    std::fs::write(&left, cut(&expected).replace("fbgemm-exact", "onednn")).unwrap();
    one_line_error(&resume, &["was held to onednn"]);
    std::fs::write(&left, "").unwrap();
    one_line_error(&resume, &["line 1", "ends before its header"]);
    std::fs::write(&left, cut(&expected)).unwrap();
    one_line_error(
        &["conform", "--resume", path, "--backend", "x86"],
        &["cannot be used with"],
    );
    let out = folder.path().join("run.jsonl");
    let mut again = ASKED.to_vec();
    again.extend(["--out", out.to_str().unwrap()]);
    one_line_error(&again, &["what an earlier run judged", "--resume"]);
    assert!(!out.exists());
}

#[test]
fn ctrl_c_keeps_what_was_judged() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run.jsonl");
    let mut child = program()
        // Long enough for the signal to arrive in its midst.
        .args([
            "conform",
            "--backend",
            "fbgemm/scalar,onednn/scalar,qnnpack/scalar",
        ])
        .args(["--suite", "linear,conv", "--jobs", "1", "--out"])
        .arg(&out)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let journal = folder.path().join("run.jsonl.partial");
    let has_records = || std::fs::metadata(&journal).is_ok_and(|file| file.len() > 20_000);
    while !has_records() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The shell's own kill: not every machine has a program of that name.
    let kill = format!("kill -INT {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    let ended = child.wait_with_output().unwrap();
    let said = text(&ended.stdout);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted: "), "{said}");
    assert!(
        said.contains("go on with: qassay conform --resume "),
        "{said}"
    );
    assert!(!journal.exists());
    let left = lines(&out);
    assert!(left.last().unwrap().contains("\"interrupted\":true"));
    assert!(left.len() > 20);
    assert!(left.iter().all(|line| !line.contains("\"crashed\"")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_what_was_judged_goes_on() {
    // A limit on the size of files stands in for a full disk; the shell sets it.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run.jsonl");
    let run = program();
    let words = std::iter::once(run.get_program()).chain(run.get_args());
    let words: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
    let ended = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"])
        .args(words)
        .args(ASKED)
        .arg("--out")
        .arg(&out)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let error = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(
        error.contains("run.jsonl.partial: File too large"),
        "{error}"
    );
    assert!(error.contains("--resume goes on"), "{error}");
    assert!(!out.exists());
    let journal = folder.path().join("run.jsonl.partial");
    assert!(lines(&journal).len() > 2);
    let resume = ["conform", "--resume", journal.to_str().unwrap()];
    ends_with(&resume, 0, &["conforms"]);
    let (_, expected) = whole(folder.path());
    let got = lines(&out);
    assert_eq!(got[1..got.len() - 1], expected[1..expected.len() - 1]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_has_no_journal() {
    let mut args = ASKED.to_vec();
    args.extend(["--out", "/dev/full"]);
    one_line_error(&args, &["cannot write /dev/full"]);
    assert!(!Path::new("/dev/full.partial").exists());
}
