//! What the runner and its workers say to each other: one JSON value per line.
//!
//! The worker announces each pair of case and backend before it starts it, so
//! that whatever ends it is known to belong to that pair.

use serde::{Deserialize, Serialize};

use crate::arena::bytes_in_words;
use crate::record::{Explanation, Record};
use crate::stages::Stages;

/// The first line to a worker: what stays the same for the whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// backends, by name
    pub backends: Vec<String>,
    /// the profile to hold them to, if it is not their own
    pub held_to: Option<String>,
    /// run the models also where the CPU has the instructions
    pub modelled: bool,
    /// whose bits a backend's are that does not say so itself, suite by suite
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Found>,
    /// leave out of records what wrong elements look like
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub brief: bool,
}

/// The profile that a backend without one of its own is held to in a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// the backend, by index in the session
    pub backend: usize,
    /// the suite
    pub suite: String,
    /// the profile's name
    pub profile: String,
}

impl Session {
    /// The name of the profile that the session, not the backend itself, says
    /// that `backend` is held to in `suite`.
    pub fn held_to(&self, backend: usize, suite: &str) -> Option<&str> {
        let found = || {
            let of = |found: &&Found| found.backend == backend && found.suite == suite;
            self.found.iter().find(of).map(|found| &*found.profile)
        };
        self.held_to.as_deref().or_else(found)
    }
}

/// Runner to worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// judge one case on some of the session's backends
    Judge {
        /// the number of this request
        job: usize,
        /// the case
        case: String,
        /// the session's backends to ask, by index
        backends: Vec<usize>,
    },
    /// say what an external backend declares; it need not be one of the session's
    Describe {
        /// the number of this request
        job: usize,
        /// the backend, by name
        name: String,
    },
    /// find out whose bits the answers to one case are
    Recognise {
        /// the number of this request
        job: usize,
        /// the case
        case: String,
        /// the backend, by index in the session
        backend: usize,
    },
    /// explain why a backend differs in a suite
    Explain {
        /// the number of this request
        job: usize,
        /// what to explain
        subject: Subject,
    },
}

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// the backend, by index in the session
    pub backend: usize,
    /// the suite
    pub suite: String,
    /// cases on which it differs, those with the fewest values first
    pub failing: Vec<String>,
    /// how many there are in all
    pub failing_in_all: u64,
    /// cases on which it conforms
    pub passing: Vec<String>,
}

/// Worker to runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// begins to make the operands of a case
    Posing {
        /// the request
        job: usize,
    },
    /// begins to run a backend
    Running {
        /// the request
        job: usize,
        /// the backend, by index in the session
        backend: usize,
    },
    /// one pair is judged
    Judged {
        /// the request
        job: usize,
        /// the backend, by index in the session
        backend: usize,
        /// the outcome
        record: Box<Record>,
    },
    /// an external backend was opened, or why it was not
    Described {
        /// the request
        job: usize,
        /// its declaration in JSON, or one line that says what is wrong
        declaration: Result<String, String>,
    },
    /// how far each named profile gives what a backend answered
    Recognised {
        /// the request
        job: usize,
        /// the profiles that define the op; none where the backend gave no answer
        likeness: Vec<Likeness>,
    },
    /// a request is done
    Done {
        /// the request
        job: usize,
        /// where its time went
        #[serde(default)]
        stages: Stages,
    },
    /// an explanation
    Explained {
        /// the request
        job: usize,
        /// what was found
        explanation: Box<Explanation>,
    },
    /// the case cannot be made
    Refused {
        /// the request
        job: usize,
        /// why, in one line
        why: String,
    },
    /// a guard page was touched; the process dies of it right after
    Fault(Fault),
}

/// How far a named profile gives what a backend answered to one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// the profile
    pub profile: String,
    /// values that the profile does not leave open
    pub compared: u64,
    /// those that differ
    pub wrong: u64,
}

/// Where a guard page was touched. Written by the signal handler in
/// [`faults`](crate::os::faults).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// an output, or an input
    pub output: bool,
    /// which
    pub number: usize,
    /// before its start, or past its end
    pub before: bool,
    /// bytes
    pub distance: usize,
    /// a write, or a read; unknown on some systems
    pub wrote: Option<bool>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let did = match self.wrote {
            Some(true) => "wrote",
            Some(false) => "read",
            None => "touched",
        };
        let side = if self.before {
            "before the start"
        } else {
            "past the end"
        };
        let operand = if self.output { "output" } else { "input" };
        write!(
            f,
            "{did} {} {side} of {operand} {}",
            bytes_in_words(self.distance),
            self.number
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signal_handlers_line_is_a_reply() {
        let line =
            r#"{"fault":{"output":true,"number":0,"before":false,"distance":1,"wrote":true}}"#;
        let Ok(Reply::Fault(fault)) = serde_json::from_str(line) else {
            panic!("not a fault: {line}");
        };
        assert_eq!(fault.to_string(), "wrote 1 byte past the end of output 0");
    }
}
