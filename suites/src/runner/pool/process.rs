//! One worker process and its pipes.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;

use qassay_backends::external::PLUGIN;

use crate::os::{apart_from_terminal, describe_exit, heap};
use crate::protocol::{Reply, Request, Session};
use crate::runner::RunError;

/// The worker's command line: this binary's `worker`, or `given`; what
/// `QASSAY_WORKER_RUNNER` holds (such as an emulator) stands before it.
pub(in crate::runner) fn command(given: Option<&[OsString]>) -> Result<Vec<OsString>, RunError> {
    let runner = std::env::var("QASSAY_WORKER_RUNNER").unwrap_or_default();
    let mut command: Vec<OsString> = runner.split_whitespace().map(OsString::from).collect();
    match given {
        Some(given) => command.extend_from_slice(given),
        None => {
            let own = std::env::current_exe().map_err(|error| {
                RunError::Workers(format!("this program is not to be found: {error}"))
            })?;
            command.push(own.into());
            command.push("worker".into());
        }
    }
    Ok(command)
}

/// A running worker.
pub(in crate::runner) struct Worker {
    child: Child,
    stdin: ChildStdin,
    /// ends when the worker does
    pub(in crate::runner) replies: Receiver<Reply>,
    last_words: JoinHandle<String>,
}

impl Worker {
    pub(in crate::runner) fn start(
        command: &[OsString],
        session: &Session,
    ) -> Result<Self, RunError> {
        let program = command
            .first()
            .map_or(OsStr::new("worker"), OsString::as_os_str);
        let mut starting = Command::new(program);
        // This process decides what becomes of its workers after Ctrl-C.
        apart_from_terminal(&mut starting);
        if session.backends.iter().any(|name| name.starts_with(PLUGIN)) {
            // Their leaks are looked for.
            let (name, value) = heap::without_caches();
            starting.env(name, value);
        }
        let mut child = starting
            .args(command.iter().skip(1))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                RunError::Workers(format!("{} does not start: {error}", program.display()))
            })?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(RunError::Workers("a worker without pipes".into()));
        };
        let (sender, replies) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                // Anything else is half a line of a worker that died, or a kernel that prints.
                if let Ok(reply) = serde_json::from_str(&line)
                    && sender.send(reply).is_err()
                {
                    break;
                }
            }
        });
        let last_words = std::thread::spawn(move || last_words(stderr));
        let mut worker = Self {
            child,
            stdin,
            replies,
            last_words,
        };
        worker.line(session);
        Ok(worker)
    }

    pub(in crate::runner) fn send(&mut self, request: &Request) {
        self.line(request);
    }

    fn line(&mut self, value: &impl serde::Serialize) {
        if let Ok(mut line) = serde_json::to_vec(value) {
            line.push(b'\n');
            // A worker that is gone is noticed by its replies ending.
            let _ = self.stdin.write_all(&line);
        }
    }

    /// How a worker that ended by itself ended, and what it said last on standard error.
    pub(in crate::runner) fn bury(self) -> (String, String) {
        let Self {
            mut child,
            stdin,
            last_words,
            ..
        } = self;
        drop(stdin);
        let how = child
            .wait()
            .map_or_else(|error| format!("unknown end ({error})"), describe_exit);
        (how, last_words.join().unwrap_or_default())
    }

    /// Ends a worker that has nothing left to do.
    pub(in crate::runner) fn dismiss(self) {
        self.bury();
    }

    /// Ends a worker that does not answer.
    pub(in crate::runner) fn kill(mut self) {
        // It may have ended in this moment; either way it is gone.
        let _ = self.child.kill();
        self.bury();
    }
}

/// The last line of what a worker says on standard error, shortened. What an
/// emulator adds about the signal is left out: the worker's end tells it already.
fn last_words(stderr: impl Read) -> String {
    const MOST: usize = 200;
    const EMULATOR: &str = "qemu: uncaught target signal";
    let mut last = String::new();
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() && !line.starts_with(EMULATOR) {
            last = line.trim().chars().take(MOST).collect();
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_the_workers_own() {
        let said = "first\n  no luck  \n\nqemu: uncaught target signal 6 (Aborted) - core dumped\n";
        assert_eq!(last_words(said.as_bytes()), "no luck");
        assert_eq!(last_words("ä".repeat(300).as_bytes()), "ä".repeat(200));
        assert_eq!(last_words(&b""[..]), "");
    }
}
