//! Runs over programs behind the worker protocol: each fault is one failed case,
//! and the run goes on with a fresh process.

use std::time::{Duration, Instant};

use qassay_suites::record::Verdict;
use qassay_suites::runner::RunError;

use crate::{AT_END, all_cases, plan, processes, run};

fn subject(fault: &str) -> String {
    let own = std::env::current_exe().expect("this program");
    format!("exec:'{}' subject '{fault}'", own.display())
}

/// Whatever a program does instead of answering is the verdict of one case.
pub fn what_a_program_does_is_one_failed_case() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    let hangs = format!("hangs:{}", file.display());
    let crashed = |text: &'static str| (Verdict::Crashed, text);
    let faults: [(&str, (Verdict, &str)); 12] = [
        (
            "ends",
            crashed(
                "answered with an error: the program ended with exit status: 7; it said: first words | no more",
            ),
        ),
        (
            "aborts",
            crashed("answered with an error: the program ended with signal: 6 (SIGABRT)"),
        ),
        ("errs", crashed("answered with an error: cannot: 3 rows")),
        (
            "prints",
            crashed(
                "answered with an error: the program's answer is wrong: the length 8367736964726416744 is over",
            ),
        ),
        (
            "claims",
            crashed(
                "answered with an error: the program's answer is wrong: the length 9223372036854775807 is over the limit",
            ),
        ),
        (
            "stops-short",
            crashed(
                "answered with an error: the program's answer is wrong: the stream ended 2 bytes into a frame of 1000",
            ),
        ),
        (
            "gives-less",
            crashed(
                "answered with an error: the program's answer is wrong: no frame of the protocol: 0.output.0 is U8 [1]; right is u8 [3, 4]",
            ),
        ),
        ("cannot-pack", crashed("answered with an error: no memory")),
        ("flips", (Verdict::Differs, "")),
        ("has-no-3", (Verdict::Unsupported, "unsupported: 3 rows")),
        (
            "wants-no-3",
            (
                Verdict::PreconditionNotMet,
                "precondition not met: rows must not be 3",
            ),
        ),
        (&hangs, (Verdict::TimedOut, "no answer within 5 s")),
    ];
    let names: Vec<String> = faults.iter().map(|(fault, _)| subject(fault)).collect();
    let right = subject("none");
    let mut backends = vec![right.as_str()];
    backends.extend(names.iter().map(String::as_str));
    let run = run(&plan(&backends, &all_cases(), processes(1))).expect("a run");
    assert_eq!(run.records.len(), backends.len() * all_cases().len());
    for record in &run.records {
        let about = format!("{} on {}: {}", record.backend, record.case, record.detail);
        let fault = names.iter().position(|name| *name == record.backend);
        match fault.filter(|_| record.case == AT_END) {
            None => assert_eq!(record.verdict, Verdict::Conforms, "{about}"),
            Some(fault) => {
                let (verdict, detail) = faults[fault].1;
                assert_eq!(record.verdict, verdict, "{about}");
                assert!(record.detail.starts_with(detail), "{about}");
                assert!(record.detail.lines().count() <= 1, "{about}");
            }
        }
        assert_eq!(record.isa, "any", "{about}");
    }
    let pid = std::fs::read_to_string(&file).expect("its number");
    assert!(is_gone(&pid), "a program that hangs ends with its worker");
}

/// Whether a process is gone, or will be in a moment. Only where there is /proc.
fn is_gone(pid: &str) -> bool {
    let since = Instant::now();
    let alive = || {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
    };
    while alive() && since.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }
    !alive()
}

/// What is no backend at all is one line, before anything is judged.
pub fn programs_that_are_no_backends_are_an_error() {
    let told = |name: &str| {
        let error = run(&plan(&[name], &all_cases(), processes(1))).expect_err("no run");
        assert!(matches!(error, RunError::External(_)), "{error}");
        let error = error.to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };
    let missing = told("exec:no-such-program 7");
    assert!(
        missing.contains("no-such-program does not start: "),
        "{missing}"
    );
    let quote = told("exec:python3 'mine.py");
    assert!(
        quote.contains("the command is malformed: missing closing quote"),
        "{quote}"
    );
    for (fault, text) in [
        (
            "ends-at-once",
            "the program ended with exit status: 3; it said: a reason",
        ),
        ("will-not", "it refuses: no such instructions here"),
        (
            "speaks-another",
            "it speaks protocol 7, which was not offered; this build speaks 1",
        ),
        ("mumbles", "unknown profile 'exakt'; did you mean exact"),
    ] {
        let line = told(&subject(fault));
        assert!(line.contains(text), "{line}");
    }
}
