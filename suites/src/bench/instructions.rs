//! Instructions that one run of a kernel executes, counted by valgrind's
//! callgrind: a figure that neither noise nor other work on the machine touches.
//!
//! This program's own `count` runs under valgrind twice, with few and with more
//! runs of the kernel; what the second executes more is theirs alone.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::record::Work;

/// Why there is no count.
#[derive(Debug, thiserror::Error)]
pub enum InstructionsError {
    /// valgrind is missing
    #[error(
        "counting instructions needs valgrind, which is not installed (Debian: apt-get install valgrind)"
    )]
    NoValgrind,
    /// valgrind does not know the instructions
    #[error("valgrind does not know the instructions of {0}")]
    Unknown(String),
    /// it ended otherwise than well
    #[error("counting {backend} under valgrind: {what}")]
    Failed {
        /// the backend
        backend: String,
        /// what happened
        what: String,
    },
}

/// Whether valgrind is there.
///
/// # Errors
/// [`InstructionsError::NoValgrind`].
pub fn check() -> Result<(), InstructionsError> {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    match found {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(InstructionsError::NoValgrind),
    }
}

/// Instructions of one run of `backend`'s kernel on `case`; `program` is this program.
///
/// # Errors
/// [`InstructionsError`].
pub fn count(
    program: &OsStr,
    backend: &str,
    case: &str,
    work: &Work,
) -> Result<u64, InstructionsError> {
    // Small kernels run more often: a total is exact, but reading it is not free of start-up.
    let more = (4_000_000 / work.macs.max(work.elements).max(1)).clamp(1, 1000);
    let few = counted(program, backend, case, 1)?;
    let many = counted(program, backend, case, 1 + more)?;
    Ok(many.saturating_sub(few) / more)
}

fn counted(
    program: &OsStr,
    backend: &str,
    case: &str,
    iterations: u64,
) -> Result<u64, InstructionsError> {
    let failed = |what: String| InstructionsError::Failed {
        backend: backend.to_owned(),
        what,
    };
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["count", "--unjudged", "--backend", backend, "--case", case])
        .args(["--iterations", &iterations.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => InstructionsError::NoValgrind,
            _ => failed(error.to_string()),
        })?;
    let (said, told) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if !output.status.success() {
        return Err(failed(last_line(&told)));
    }
    if !ran_natively(&said) {
        return Err(InstructionsError::Unknown(backend.to_owned()));
    }
    collected(&told).ok_or_else(|| failed("callgrind told no total".into()))
}

/// `==7==` in front of what valgrind says is no part of it.
fn last_line(told: &str) -> String {
    let line = told.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("no word").trim().to_owned()
}

fn ran_natively(said: &str) -> bool {
    said.lines()
        .filter_map(|line| line.strip_prefix("runs"))
        .any(|rest| rest.trim() == "native")
}

/// The total in callgrind's last words, `==7== Collected : 12345`.
fn collected(told: &str) -> Option<u64> {
    told.lines()
        .filter_map(|line| line.split_once("Collected :"))
        .find_map(|(_, number)| number.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_what_callgrind_says() {
        let told = "==7== Callgrind, a call-graph generating cache profiler\n==7==\n\
                    ==7== Events    : Ir\n==7== Collected : 8123456\n==7==\n\
                    ==7== I   refs:      8,123,456\n";
        assert_eq!(collected(told), Some(8_123_456));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }

    #[test]
    fn a_backend_that_ran_on_models_there_is_not_counted() {
        assert!(ran_natively("backend       x\nruns          native\n"));
        assert!(!ran_natively("backend       x\nruns          modelled\n"));
        assert!(!ran_natively(""));
    }

    #[test]
    fn a_program_that_cannot_be_run_is_one_line() {
        if check().is_err() {
            return;
        }
        let error = count(OsStr::new("/no/such/program"), "b/c", "d", &Work::default());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("b/c") && !error.contains('\n'), "{error}");
    }
}
