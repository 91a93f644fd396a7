//! What became of mutants: which cases noticed each of the seeded faults.

use serde::{Deserialize, Serialize};

/// What became of one mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// who
    #[serde(flatten)]
    pub prey: Prey,
    /// cases that were put to it
    pub asked: u64,
    /// cases that noticed it, by suite and data class
    pub kills: Vec<Kills>,
    /// the first case, in the order of its suites, that noticed it
    pub first: Option<String>,
    /// how many cases were put to it up to that one
    pub after: Option<u64>,
}

/// A mutant by what the catalogue says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prey {
    /// the name that opens it
    pub name: String,
    /// what is wrong, in one sentence
    pub sentence: String,
    /// the public issue about such a fault, where one is known
    pub source: Option<String>,
}

/// The cases of one data class in one suite that noticed a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kills {
    /// the suite
    pub suite: String,
    /// the data class
    pub class: String,
    /// cases that noticed it
    pub cases: u64,
    /// cases that were judged
    pub of: u64,
}

impl Fate {
    /// Whether some case noticed it.
    pub fn is_killed(&self) -> bool {
        !self.kills.is_empty()
    }

    /// The data classes that noticed it, each once.
    pub fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = self.kills.iter().map(|kill| &*kill.class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }
}
