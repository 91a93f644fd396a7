//! What the runner and its workers say to each other: one JSON value per line.
//!
//! The worker announces each pair of case and backend before it starts it, so
//! that whatever ends it is known to belong to that pair.

use serde::{Deserialize, Serialize};

use crate::arena::bytes_in_words;
use crate::record::{Explanation, Record};
use crate::stages::Stages;

/// The first line to a worker: what stays the same for the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// backends, by name
    pub backends: Vec<String>,
    /// the profile to hold them to, if it is not their own
    pub held_to: Option<String>,
    /// run the models also where the CPU has the instructions
    pub modelled: bool,
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
