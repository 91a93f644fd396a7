//! An external worker's process and pipes: started without a shell, ended with
//! this process, its last words on standard error kept.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, BufWriter, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::frame::{self, FrameError, Incoming, Outgoing};

/// Lines of standard error that are kept, and characters of each.
const LINES: usize = 4;
const LINE: usize = 200;

/// How long a worker whose pipes are closed may take to end, and its standard error to be read.
const PARTING: Duration = Duration::from_secs(2);

/// A running worker.
pub struct Process {
    child: Child,
    /// `None` once it was told to end
    stdin: Option<BufWriter<ChildStdin>>,
    stdout: BufReader<ChildStdout>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `words[0]` with the other words as arguments.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(words: &[String]) -> std::io::Result<Self> {
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| std::io::Error::other("no program is named"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tie_to_this_thread(&mut command);
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(std::io::Error::other("a worker without pipes"));
        };
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&last_words);
        let reader = std::thread::spawn(move || keep_last(stderr, &kept));
        Ok(Self {
            child,
            stdin: Some(BufWriter::new(stdin)),
            stdout: BufReader::new(stdout),
            last_words,
            reader: Some(reader),
        })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the worker is gone or the operands are too large.
    pub fn send(
        &mut self,
        message: &impl Serialize,
        tensors: Outgoing<'_>,
    ) -> Result<(), FrameError> {
        match &mut self.stdin {
            Some(stdin) => frame::write(stdin, message, tensors),
            None => Err(FrameError::Ended),
        }
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// When the worker is gone or writes something else.
    pub fn receive(&mut self) -> Result<Incoming, FrameError> {
        frame::read(&mut self.stdout)
    }

    /// Ends the worker, in peace if it goes by itself: how it ended, and its last
    /// lines on standard error.
    pub fn end(&mut self) -> (String, String) {
        drop(self.stdin.take());
        let how = match self.wait() {
            Some(status) => status.to_string(),
            None => {
                // It may have ended in this moment; either way it is gone.
                let _ = self.child.kill();
                let _ = self.child.wait();
                "was ended".to_owned()
            }
        };
        self.finish_reading();
        let words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (how, words.iter().cloned().collect::<Vec<_>>().join(" | "))
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let since = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if since.elapsed() < PARTING => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                _ => return None,
            }
        }
    }

    /// Waits for the end of standard error, but not for a grandchild that holds it open.
    fn finish_reading(&mut self) {
        let Some(reader) = self.reader.take() else {
            return;
        };
        let since = Instant::now();
        while !reader.is_finished() && since.elapsed() < PARTING {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.stdin.is_some() {
            self.end();
        }
    }
}

/// Makes the worker end when the thread that started it does, also when it is killed.
fn tie_to_this_thread(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let parent = std::process::id();
        // SAFETY: between fork and exec only async-signal-safe system calls are made.
        unsafe {
            command.pre_exec(move || {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // The parent may have died before the call above.
                if libc::getppid() as u32 == parent {
                    Ok(())
                } else {
                    Err(std::io::Error::other("the parent is gone"))
                }
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Keeps the last lines that are not empty, shortened.
fn keep_last(stderr: impl Read, kept: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LINES {
            kept.pop_front();
        }
        kept.push_back(line.chars().take(LINE).collect());
    }
}
