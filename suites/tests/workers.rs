//! Whole runs over planted backends that crash, hang, panic and lie, in worker
//! processes: each is one failed case, and the run goes on.
//!
//! This program is its own worker (`workers worker` serves the planted
//! backends), which is why it brings its own `main`.

#[path = "../src/planted.rs"]
#[allow(dead_code, reason = "the unit tests of the crate use the rest")]
mod planted;
#[path = "workers/programs.rs"]
mod programs;
#[path = "workers/subject.rs"]
mod subject;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use qassay_backends::backend::{Backend, Declaration, Refusal};
use qassay_backends::registry::Entry;
use qassay_golden::profile::named;
use qassay_golden::spec::OpSpec;
use qassay_suites::record::{Record, Verdict};
use qassay_suites::runner::{Plan, RunError, Workers, run_with};
use qassay_suites::worker;

use planted::{Planted, Run};

/// The case on which faulty backends fail; its operands end at guards.
const AT_END: &str = "linear/m3.n4.k8/u8.s8/per-tensor/uniform/seed0";
/// As AT_END, but operands start behind guards.
const AT_START: &str = "linear/m4.n4.k8/u8.s8/per-tensor/in:start/out:start/uniform/seed0";
/// Cases on which nobody fails, before and after.
const HARMLESS: [&str; 2] = [
    "linear/m1.n4.k8/u8.s8/per-tensor/uniform/seed0",
    "linear/m5.n4.k8/u8.s8/per-tensor/uniform/seed0",
];

fn rows(run: &Run<'_, '_>) -> usize {
    match &run.problem.op {
        OpSpec::Linear(spec) => spec.m,
        _ => 0,
    }
}

/// Does something in the case with `m` rows, and is right everywhere.
fn at(m: usize, fault: fn(&mut Run<'_, '_>)) -> impl Fn(&mut Run<'_, '_>) + Send + Sync {
    move |run| {
        if rows(run) == m {
            fault(run);
        }
    }
}

fn read_input(run: &Run<'_, '_>, offset: impl Fn(usize) -> isize) {
    let (start, len) = run.input_bytes(0);
    let place = start.wrapping_offset(offset(len));
    // SAFETY: a guard page: the process dies of this, which is what the test is for.
    std::hint::black_box(unsafe { place.read_volatile() });
}

/// Writes without reading first, which would be the fault on processors that cannot do both at once.
fn write_output(run: &mut Run<'_, '_>, offset: isize) {
    let place = run.output_start(0).wrapping_offset(offset);
    // SAFETY: a guard page: the process dies of this, which is what the test is for.
    unsafe { place.write_volatile(1) };
}

/// A call deeper than any stack; what each level needs is used after the call.
#[allow(unconditional_recursion, reason = "it is to overflow the stack")]
fn deeper(level: u64) -> u64 {
    let room = std::hint::black_box([level; 512]);
    deeper(level + 1) + room[(level % 512) as usize]
}

macro_rules! planted_entries {
    ($($name:literal: |$planted:ident| $change:expr;)+) => {
        vec![$({
            static DECLARATION: Declaration = Declaration {
                name: $name,
                family: "planted",
                isa: "scalar",
                architecture: "any",
                profile: "exact",
                preconditions: &[],
                ops: &[],
            };
            fn open() -> Box<dyn Backend> {
                let $planted = Planted::declaring(&DECLARATION);
                Box::new($change)
            }
            Entry { declaration: &DECLARATION, native: |_| Some(open()), modelled: |_| open() }
        },)+]
    };
}

fn entries() -> Vec<Entry> {
    planted_entries! {
        "planted/right": |it| it;
        "planted/reads-past": |it| it.spoiling(at(3, |run| read_input(run, |len| len as isize)));
        "planted/reads-before": |it| it.spoiling(at(4, |run| read_input(run, |_| -2)));
        "planted/writes-past": |it| it.spoiling(at(3, |run| write_output(run, 14)));
        "planted/writes-before": |it| it.spoiling(at(4, |run| write_output(run, -1)));
        "planted/wild": |it| it.spoiling(at(3, |_| {
            // SAFETY: nothing is mapped there: the process dies, as the test wants.
            unsafe { std::ptr::without_provenance_mut::<u8>(64).write_volatile(1) };
        }));
        "planted/illegal": |it| it.spoiling(at(3, |_| {
            // SAFETY: sends this process the signal of an unknown instruction.
            unsafe { libc::raise(libc::SIGILL) };
        }));
        "planted/aborts": |it| it.spoiling(at(3, |_| {
            eprintln!("double free or corruption");
            std::process::abort();
        }));
        "planted/exits": |it| it.spoiling(at(3, |_| std::process::exit(7)));
        "planted/overflows-the-stack": |it| it.spoiling(at(3, |_| {
            std::hint::black_box(deeper(0));
        }));
        "planted/hangs": |it| it.spoiling(at(3, |_| loop {
            std::thread::sleep(Duration::from_secs(1));
        }));
        "planted/panics": |it| it.spoiling(at(3, |_| panic!("no luck")));
        "planted/prints": |it| it.spoiling(at(3, |_| {
            println!("{{\"judged\":");
            println!("a kernel that prints");
        }));
        "planted/wrong": |it| it.spoiling(at(3, |run| {
            if run.outputs[0].u8_mut().len() > 5 {
                run.flip(0, 5, 1);
            }
        }));
        "planted/dies-when-explained": |it| it.spoiling(|run| match rows(run) {
            1 | 4 | 5 => {}
            3 => run.flip(0, 5, 1),
            _ => std::process::abort(),
        });
        "planted/has-nothing": |it| {
            it.refusing(|_, _| Some(Refusal::Unsupported("nothing at all".into())))
        };
    }
}

fn plan(backends: &[&str], cases: &[&str], workers: Workers) -> Plan {
    Plan {
        backends: backends.iter().map(|&name| name.to_owned()).collect(),
        cases: cases.iter().map(|case| case.parse().unwrap()).collect(),
        workers,
        time_limit: Duration::from_secs(5),
        ..Plan::default()
    }
}

fn processes(count: usize) -> Workers {
    Workers::Processes {
        count: Some(count),
        command: None,
    }
}

fn all_cases() -> [&'static str; 4] {
    [HARMLESS[0], AT_END, AT_START, HARMLESS[1]]
}

fn run(plan: &Plan) -> Result<qassay_suites::runner::Run, RunError> {
    run_with(plan, &entries(), &mut |_| {})
}

/// Whatever ends a worker is the verdict of one case on one backend.
fn what_ends_a_worker_is_one_failed_case() {
    // Backend, the case it fails on, the verdict, how its detail begins.
    let faults: [(&str, &str, Verdict, &str); 11] = [
        (
            "reads-past",
            AT_END,
            Verdict::Crashed,
            "SIGSEGV: read 1 byte past the end of input 0",
        ),
        (
            "reads-before",
            AT_START,
            Verdict::Crashed,
            "SIGSEGV: read 2 bytes before the start of input 0",
        ),
        (
            "writes-past",
            AT_END,
            Verdict::WroteOutside,
            "wrote 3 bytes past the end of output 0 (SIGSEGV)",
        ),
        (
            "writes-before",
            AT_START,
            Verdict::WroteOutside,
            "wrote 1 byte before the start of output 0 (SIGSEGV)",
        ),
        ("wild", AT_END, Verdict::Crashed, "SIGSEGV"),
        ("illegal", AT_END, Verdict::Crashed, "SIGILL"),
        (
            "aborts",
            AT_END,
            Verdict::Crashed,
            "SIGABRT: double free or corruption",
        ),
        ("exits", AT_END, Verdict::Crashed, "exit code 7"),
        ("overflows-the-stack", AT_END, Verdict::Crashed, "SIG"),
        ("hangs", AT_END, Verdict::TimedOut, "no answer within 5 s"),
        ("panics", AT_END, Verdict::Crashed, "panicked: no luck at "),
    ];
    let names: Vec<String> = faults
        .iter()
        .map(|fault| format!("planted/{}", fault.0))
        .collect();
    let mut backends = vec!["planted/right"];
    backends.extend(names.iter().map(String::as_str));
    backends.push("planted/prints");
    let cases = all_cases();
    for count in [1, 3] {
        let run = run(&plan(&backends, &cases, processes(count))).unwrap();
        assert!(!run.conforms());
        let asked: Vec<_> = cases
            .iter()
            .flat_map(|case| backends.iter().map(move |backend| (*case, *backend)))
            .collect();
        let answered: Vec<_> = run
            .records
            .iter()
            .map(|record| (record.case.as_str(), record.backend.as_str()))
            .collect();
        assert_eq!(answered, asked, "one record for each pair, in order");
        for record in &run.records {
            let fault = faults
                .iter()
                .find(|fault| record.backend.ends_with(fault.0) && record.case == fault.1);
            let about = format!("{} on {}: {}", record.backend, record.case, record.detail);
            let Some((_, _, verdict, detail)) = fault else {
                assert_eq!(record.verdict, Verdict::Conforms, "{about}");
                assert!(record.values > 0, "{about}");
                continue;
            };
            assert_eq!(record.verdict, *verdict, "{about}");
            assert!(record.detail.starts_with(detail), "{about}");
            assert_eq!(
                (
                    record.suite.as_str(),
                    record.profile.as_str(),
                    record.values
                ),
                ("linear", "exact", 0)
            );
            assert_eq!(record.detail.lines().count(), 1, "{about}");
        }
        assert_eq!(run.explanations, [], "none of these is arithmetic");
        let failed = faults.len() as u64;
        assert_eq!(run.summary.judged, asked.len() as u64 - failed);
        assert_eq!(run.summary.verdicts["timed-out"], 1);
        assert_eq!(run.summary.verdicts["wrote-outside"], 2);
        assert_eq!(run.summary.verdicts["crashed"], failed - 3);
    }
}

/// Processes and threads judge alike.
fn processes_and_threads_give_the_same_records() {
    let backends = ["planted/right", "planted/wrong", "planted/panics"];
    let cases = all_cases();
    let threads = run(&plan(&backends, &cases, Workers::InProcess)).unwrap();
    let processes = run(&plan(&backends, &cases, processes(2))).unwrap();
    assert_eq!(threads.records, processes.records);
    assert_eq!(threads.explanations, processes.explanations);
    assert_eq!(threads.explanations.len(), 1);
    assert_eq!(threads.summary.events, processes.summary.events);
    let wrong: Vec<&Record> = threads
        .records
        .iter()
        .filter(|record| record.verdict == Verdict::Differs)
        .collect();
    assert_eq!((wrong.len(), wrong[0].case.as_str()), (1, AT_END));
    assert_eq!(wrong[0].first.as_ref().unwrap().index, [1, 1]);
}

/// A worker that dies while it shrinks leaves the failure, and a command.
fn a_worker_that_dies_explaining_is_told() {
    let backends = ["planted/dies-when-explained"];
    let run = run(&plan(&backends, &all_cases(), processes(1))).unwrap();
    let verdicts: Vec<_> = run.records.iter().map(|record| record.verdict).collect();
    let right = Verdict::Conforms;
    assert_eq!(verdicts, [right, Verdict::Differs, right, right]);
    let [explanation] = &run.explanations[..] else {
        panic!("one explanation: {:?}", run.explanations);
    };
    assert_eq!(
        explanation.sentence,
        "not explained: the search ended early (SIGABRT)"
    );
    assert!(explanation.repro.ends_with(AT_END), "{}", explanation.repro);
}

/// Workers that do not start, or end at once, are an error of the run and no verdict.
fn workers_that_cannot_run_are_an_error() {
    let with = |command: &[&str]| {
        let command = Some(command.iter().map(Into::into).collect());
        let workers = Workers::Processes {
            count: Some(2),
            command,
        };
        run(&plan(&["planted/right"], &all_cases(), workers))
            .unwrap_err()
            .to_string()
    };
    let missing = with(&["no-such-program"]);
    // Behind an emulator it is the emulator that starts, and finds no program.
    let expected = if std::env::var_os("QASSAY_WORKER_RUNNER").is_some() {
        "cannot run workers: one ended at once with exit code "
    } else {
        "cannot run workers: no-such-program does not start: "
    };
    assert!(missing.starts_with(expected), "{missing}");
    let own = std::env::current_exe().unwrap();
    let ending = with(&[own.to_str().unwrap(), "end-at-once"]);
    assert_eq!(
        ending,
        "cannot run workers: one ended at once with exit code 3: a reason"
    );
}

/// A case that cannot be made ends the run with one line.
fn a_case_that_cannot_be_made_is_an_error() {
    for workers in [processes(2), Workers::InProcess] {
        let cases = [HARMLESS[0], "captured/nowhere/nothing"];
        let error = run(&plan(&["planted/right"], &cases, workers)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("case 'captured/nowhere/nothing': "),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1);
    }
}

/// Nothing asked is an error; asked but nothing compared does not conform.
fn a_run_that_compares_nothing_does_not_conform() {
    let none = Plan {
        shard: Some("1/4096".parse().unwrap()),
        suites: vec!["max-pool".into()],
        cases: Vec::new(),
        level: qassay_suites::suite::Level::Smoke,
        ..plan(&["planted/right"], &[], processes(1))
    };
    let error = run(&none).unwrap_err();
    assert!(matches!(error, RunError::NoCases(_)), "{error}");

    let backends = ["planted/has-nothing"];
    let nothing = run(&plan(&backends, &all_cases(), processes(1))).unwrap();
    assert_eq!(nothing.summary.judged, 0);
    assert_eq!(nothing.summary.verdicts["unsupported"], 4);
    assert!(!nothing.conforms(), "0 of 0 is no proof");

    let backends = ["planted/has-nothing", "planted/right"];
    let some = run(&plan(&backends, &all_cases(), processes(1))).unwrap();
    assert!(some.conforms());

    // Only values that the profile leaves open.
    let open = ["quantize/d1/u8/per-tensor/given:x=7fc00000"];
    let vacuous = run(&plan(&["planted/right"], &open, processes(1))).unwrap();
    assert_eq!(vacuous.records[0].verdict, Verdict::Vacuous);
    assert!(!vacuous.conforms());
}

/// The profile asked for reaches the workers.
fn workers_hold_to_the_profile_that_was_asked_for() {
    let saturating = ["linear/m1.n1.k2/u8.s8.s32/per-tensor/given:x=ffff,w=7f7f"];
    let asked = Plan {
        held_to: named::find("fbgemm"),
        ..plan(&["planted/right"], &saturating, processes(1))
    };
    let run = run(&asked).unwrap();
    let record = &run.records[0];
    assert_eq!(
        (record.profile.as_str(), record.verdict),
        ("fbgemm", Verdict::Differs)
    );
    let [explanation] = &run.explanations[..] else {
        panic!("one explanation: {:?}", run.explanations);
    };
    assert_eq!(explanation.identified.as_deref(), Some("exact"));
}

const TESTS: [(&str, fn()); 9] = [
    (
        "what_ends_a_worker_is_one_failed_case",
        what_ends_a_worker_is_one_failed_case,
    ),
    (
        "processes_and_threads_give_the_same_records",
        processes_and_threads_give_the_same_records,
    ),
    (
        "a_worker_that_dies_explaining_is_told",
        a_worker_that_dies_explaining_is_told,
    ),
    (
        "workers_that_cannot_run_are_an_error",
        workers_that_cannot_run_are_an_error,
    ),
    (
        "a_case_that_cannot_be_made_is_an_error",
        a_case_that_cannot_be_made_is_an_error,
    ),
    (
        "a_run_that_compares_nothing_does_not_conform",
        a_run_that_compares_nothing_does_not_conform,
    ),
    (
        "workers_hold_to_the_profile_that_was_asked_for",
        workers_hold_to_the_profile_that_was_asked_for,
    ),
    (
        "what_a_program_does_is_one_failed_case",
        programs::what_a_program_does_is_one_failed_case,
    ),
    (
        "programs_that_are_no_backends_are_an_error",
        programs::programs_that_are_no_backends_are_an_error,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("worker") => {
            return match worker::main_with(entries()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{error}");
                    ExitCode::from(2)
                }
            };
        }
        Some("subject") => {
            return subject::main(arguments.get(1).map_or("", String::as_str));
        }
        Some("end-at-once") => {
            eprintln!("a reason");
            return ExitCode::from(3);
        }
        _ => {}
    }
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let mut outcomes = BTreeMap::new();
    for (name, test) in TESTS {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(*filter)) {
            let passed = std::panic::catch_unwind(test).is_ok();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            outcomes.insert(name, passed);
        }
    }
    let failed = outcomes.values().filter(|passed| !**passed).count();
    println!("{} passed; {failed} failed", outcomes.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}
