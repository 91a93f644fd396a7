//! Starts the program that these tests are about, and says what came of it.

use std::process::{Command, Output};

/// The program, behind the emulator that this test itself runs in, if there is
/// one (`QASSAY_WORKER_RUNNER`, as `scripts/arm.sh test` sets it).
pub fn program() -> Command {
    let runner = std::env::var("QASSAY_WORKER_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let binary = env!("CARGO_BIN_EXE_qassay");
    match words.next() {
        None => Command::new(binary),
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(binary);
            command
        }
    }
}

pub fn qassay(args: &[&str]) -> Output {
    program()
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the binary starts")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code 2, nothing on standard output, exactly one line on standard error, holding every part.
#[track_caller]
pub fn one_line_error(args: &[&str], parts: &[&str]) {
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
pub fn ends_with(args: &[&str], code: i32, parts: &[&str]) -> String {
    let output = qassay(args);
    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {all}");
    for part in parts {
        assert!(all.contains(part), "{args:?}: no '{part}' in: {all}");
    }
    all
}
