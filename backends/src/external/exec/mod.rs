//! Backends that are programs of their own, in any language, behind the worker
//! protocol of `backends/PROTOCOL.md`: `exec:COMMAND`.
//!
//! One process serves one opened backend. Whatever goes wrong in it is told as
//! the trouble of the kernel that was asked, and the next kernel gets a fresh
//! process.

mod frame;
mod message;
mod process;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qassay_golden::spec::{Constants, OpSpec};

use super::declared::{self, DeclarationError};
use crate::backend::{Backend, Chosen, Declaration, Execution, Kernel, Refusal};
use crate::view::{ValuesMut, View, ViewMut};
pub use frame::FrameError;
use frame::{Incoming, Outgoing};
use message::{Answer, PROTOCOLS, Prepared, Ran, Request};
use process::Process;

/// Why a program is no backend. One line, without the command.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// the command is not one
    #[error("the command is malformed: {0}; quotes and backslashes work as in a shell")]
    Words(#[from] shell_words::ParseError),
    /// it does not start
    #[error("{program} does not start: {source}")]
    Start {
        /// the program
        program: String,
        /// why
        source: std::io::Error,
    },
    /// it said something that is no answer, or nothing
    #[error("{0}")]
    Trouble(String),
    /// it will not be asked
    #[error("it refuses: {0}")]
    Refuses(String),
    /// it speaks another version
    #[error(
        "it speaks protocol {protocol}, which was not offered; this build speaks {}",
        spoken()
    )]
    Protocol {
        /// what it speaks
        protocol: u32,
    },
    /// what it declares is wrong
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
}

/// Reads the next frame of a stream that a worker wrote: its message, and the tensors as the
/// outputs of one case, u8 of shape [2, 2]. For fuzzers; kernels read theirs by what they asked.
///
/// # Errors
/// When it is no frame, holds no answer of the protocol, or other outputs.
pub fn read_answer(from: &mut impl std::io::Read) -> Result<(), FrameError> {
    let incoming = frame::read(from)?;
    let answer: Answer = incoming.message()?;
    if let Answer::Ran { cases } = answer {
        let mut bytes = [0; 4];
        for index in 0..cases.len() {
            let values = ValuesMut::U8(&mut bytes);
            incoming.outputs(index, &mut [ViewMut::new(&[2, 2], 2, values)])?;
        }
    }
    Ok(())
}

fn spoken() -> String {
    let versions: Vec<String> = PROTOCOLS.iter().map(u32::to_string).collect();
    versions.join(", ")
}

/// A program that is a backend.
pub struct Exec {
    declaration: &'static Declaration,
    session: Arc<Mutex<Session>>,
}

/// A process and the numbers of its kernels.
struct Session {
    words: Vec<String>,
    process: Option<Process>,
    /// how many processes were started: a kernel belongs to one of them
    started: u64,
    kernels: u64,
}

/// Starts the program of `command` and asks what it declares; `name` is what was typed.
///
/// # Errors
/// [`ExecError`]: it does not start, does not speak the protocol, or declares what is wrong.
pub fn open(name: &str, command: &str) -> Result<Exec, ExecError> {
    let mut session = Session {
        words: shell_words::split(command)?,
        process: None,
        started: 0,
        kernels: 0,
    };
    let backend = session.start()?;
    Ok(Exec {
        declaration: declared::parse(name, &backend.to_string())?,
        session: Arc::new(Mutex::new(session)),
    })
}

impl Backend for Exec {
    fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    fn execution(&self) -> Execution {
        Execution::Native
    }

    fn prepare(&self, op: &OpSpec, constants: &Constants) -> Result<Box<dyn Kernel>, Refusal> {
        declared::check(self.declaration, op, constants)?;
        let mut chosen = Chosen {
            micro_kernel: self.declaration.family.to_owned(),
            tile: None,
            fallback: None,
        };
        let (mut process, mut trouble) = (0, None);
        // The session is free again before there is a kernel, which asks for it when it is dropped.
        let number = {
            let mut session = lock(&self.session);
            let number = session.kernels;
            session.kernels += 1;
            match session.prepare(number, op, constants) {
                Ok(Prepared::Unsupported(why)) => {
                    return Err(Refusal::Unsupported(one_line(&why)));
                }
                Ok(Prepared::Precondition(why)) => {
                    return Err(Refusal::OwnPrecondition(one_line(&why)));
                }
                Ok(Prepared::Error(text)) => trouble = Some(one_line(&text)),
                Ok(Prepared::Ready { chosen: told }) => {
                    process = session.started;
                    if let Some(told) = told {
                        chosen.micro_kernel = one_line(&told);
                    }
                }
                Err(told) => trouble = Some(told),
            }
            number
        };
        Ok(Box::new(ExecKernel {
            session: Arc::clone(&self.session),
            number,
            process,
            trouble,
            chosen,
        }))
    }
}

/// A kernel inside a worker; what kept it from being made is its trouble.
struct ExecKernel {
    session: Arc<Mutex<Session>>,
    number: u64,
    /// which process has it; 0 where none has
    process: u64,
    trouble: Option<String>,
    chosen: Chosen,
}

impl Kernel for ExecKernel {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        if self.process == 0 {
            return;
        }
        let mut session = lock(&self.session);
        self.trouble = if session.process.is_some() && session.started == self.process {
            session.run(self.number, inputs, outputs).err()
        } else {
            Some("the process that had prepared it is gone".to_owned())
        };
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

impl Drop for ExecKernel {
    fn drop(&mut self) {
        if self.process != 0 {
            let mut session = lock(&self.session);
            if session.started == self.process {
                session.release(self.number);
            }
        }
    }
}

impl Session {
    /// Starts the process and gives what it declares.
    fn start(&mut self) -> Result<serde_json::Value, ExecError> {
        let process = Process::start(&self.words).map_err(|source| ExecError::Start {
            program: self.words.first().cloned().unwrap_or_default(),
            source,
        })?;
        self.process = Some(process);
        self.started += 1;
        let hello = Request::Hello {
            protocols: PROTOCOLS.to_vec(),
            qassay: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (_, answer) = self
            .ask(&hello, Outgoing::default())
            .map_err(ExecError::Trouble)?;
        match answer {
            Answer::Declare { protocol, backend } if PROTOCOLS.contains(&protocol) => Ok(backend),
            Answer::Declare { protocol, .. } => Err(ExecError::Protocol { protocol }),
            Answer::Refuse { why } => Err(ExecError::Refuses(one_line(&why))),
            other => Err(ExecError::Trouble(self.unasked("hello", &other))),
        }
    }

    fn prepare(
        &mut self,
        kernel: u64,
        op: &OpSpec,
        constants: &Constants,
    ) -> Result<Prepared, String> {
        if self.process.is_none() {
            self.start().map_err(|error| error.to_string())?;
        }
        let request = Request::Prepare {
            cases: vec![message::Prepare {
                kernel,
                op: Cow::Borrowed(op),
            }],
        };
        let mut tensors = Outgoing::default();
        tensors.constants(0, constants);
        match self.ask(&request, tensors)? {
            (_, Answer::Prepared { mut cases }) if cases.len() == 1 => Ok(cases.remove(0)),
            (_, other) => Err(self.unasked("prepare of one case", &other)),
        }
    }

    fn run(
        &mut self,
        kernel: u64,
        inputs: &[View<'_>],
        outputs: &mut [ViewMut<'_>],
    ) -> Result<(), String> {
        let request = Request::Run {
            cases: vec![message::Kernel { kernel }],
        };
        let mut tensors = Outgoing::default();
        tensors.inputs(0, inputs);
        let (frame, answer) = self.ask(&request, tensors)?;
        match answer {
            Answer::Ran { cases } => match cases.as_slice() {
                [Ran::Done {}] => frame
                    .outputs(0, outputs)
                    .map_err(|error| self.give_up(&error)),
                [Ran::Error(text)] => Err(one_line(text)),
                other => Err(self.unasked("run of one case", &other)),
            },
            other => Err(self.unasked("run", &other)),
        }
    }

    fn release(&mut self, kernel: u64) {
        let request = Request::Release {
            kernels: vec![kernel],
        };
        if let Some(process) = &mut self.process {
            // A worker that is gone is noticed when it is asked the next time.
            let _ = process.send(&request, Outgoing::default());
        }
    }

    /// One request and its answer. Trouble ends the process; it is told in one line.
    fn ask(
        &mut self,
        request: &Request<'_>,
        tensors: Outgoing<'_>,
    ) -> Result<(Incoming, Answer), String> {
        let Some(process) = &mut self.process else {
            return Err("there is no process to ask".to_owned());
        };
        let asked = process.send(request, tensors);
        if let Err(error @ FrameError::TooLarge(_)) = asked {
            // Nothing was sent: the process is as it was.
            return Err(error.to_string());
        }
        // A worker that does not read may still have said why.
        let answered = process.receive().and_then(|frame| {
            let answer = frame.message()?;
            Ok((frame, answer))
        });
        answered.map_err(|error| self.give_up(&error))
    }

    /// Ends the process: what went wrong, how it ended, and its last words.
    fn give_up(&mut self, error: &FrameError) -> String {
        let Some(mut process) = self.process.take() else {
            return error.to_string();
        };
        let (how, words) = process.end();
        let mut text = match error {
            FrameError::Ended => format!("the program ended with {how}"),
            _ => format!("the program's answer is wrong: {error}"),
        };
        if !words.is_empty() {
            text += &format!("; it said: {words}");
        }
        one_line(&text)
    }

    fn unasked(&mut self, what: &str, answer: &dyn std::fmt::Debug) -> String {
        let answer: String = format!("{answer:?}").chars().take(120).collect();
        self.give_up(&FrameError::Malformed(format!(
            "{answer} is no answer to {what}"
        )))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // A worker that is gone needs no farewell.
            let _ = process.send(&Request::Bye {}, Outgoing::default());
        }
    }
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    // A panic while it was held left at worst a request without its answer; the
    // next answer then does not fit, and the process is replaced.
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
