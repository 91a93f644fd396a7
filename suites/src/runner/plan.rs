//! What is to be run, and what can be wrong with that.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use qassay_golden::profile::named::NamedProfile;

use super::journal::Kept;
use crate::case::CaseId;
use crate::host;
use crate::record::{Header, SCHEMA};
use crate::suite::Level;

/// Which cases go to which backends, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// backends, by exact name; records stand in this order
    pub backends: Vec<String>,
    /// suites, by name; empty for all
    pub suites: Vec<String>,
    /// data classes, by name; empty for all
    pub data: Vec<String>,
    /// these cases alone; empty for those of the suites
    pub cases: Vec<CaseId>,
    /// how much is asked
    pub level: Level,
    /// where the seeds of all cases come from
    pub seed: u64,
    /// a part of the cases
    pub shard: Option<Shard>,
    /// the profile that all backends are held to, instead of their own
    pub held_to: Option<&'static NamedProfile>,
    /// leave out backends that cannot run natively
    pub native_only: bool,
    /// run models even where the CPU has the instructions
    pub modelled_only: bool,
    /// backends that must run natively, by exact name
    pub require_native: Vec<String>,
    /// who judges
    pub workers: Workers,
    /// for one case on one backend
    pub time_limit: Duration,
    /// what goes into the header
    pub origin: Origin,
    /// what an earlier run judged; it is not judged again
    pub kept: Option<Kept>,
    /// the file that has what was judged so far, while the run goes on
    pub journal: Option<PathBuf>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            backends: Vec::new(),
            suites: Vec::new(),
            data: Vec::new(),
            cases: Vec::new(),
            level: Level::Standard,
            seed: 0,
            shard: None,
            held_to: None,
            native_only: false,
            modelled_only: false,
            require_native: Vec::new(),
            workers: Workers::from_environment(),
            time_limit: Duration::from_secs(60),
            origin: Origin::default(),
            kept: None,
            journal: None,
        }
    }
}

/// What made a run: facts that only the command line knows.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// qassay's version
    pub version: String,
    /// the source revision
    pub revision: Option<String>,
    /// the compiler
    pub toolchain: String,
    /// hash over the golden vectors
    pub golden_hash: String,
    /// the command line, without paths
    pub command: Vec<String>,
}

/// Who judges.
#[derive(Debug, Clone)]
pub enum Workers {
    /// threads of this process; a crash ends the run
    InProcess,
    /// processes of the same binary
    Processes {
        /// how many; `None` for one per core
        count: Option<usize>,
        /// the program and its arguments; `None` for this binary's `worker`
        command: Option<Vec<OsString>>,
    },
}

impl Workers {
    /// Processes, unless `QASSAY_IN_PROCESS` is set (and not 0). A command in
    /// `QASSAY_WORKER_RUNNER`, such as `qemu-aarch64-static -cpu max`, stands
    /// before the worker's own.
    pub fn from_environment() -> Self {
        let in_process = std::env::var_os("QASSAY_IN_PROCESS");
        if in_process.is_some_and(|value| !value.is_empty() && value != *"0") {
            return Self::InProcess;
        }
        Self::Processes {
            count: None,
            command: None,
        }
    }
}

/// Part `k` of `n` (1-based) of the cases, by a hash of the case id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    k: u32,
    n: u32,
}

impl Shard {
    /// Part `k` of `n`.
    ///
    /// # Errors
    /// When `k` is not in 1..=n.
    pub fn new(k: u32, n: u32) -> Result<Self, RunError> {
        if (1..=n).contains(&k) {
            Ok(Self { k, n })
        } else {
            Err(RunError::Shard(format!("{k}/{n}")))
        }
    }

    /// Whether a case belongs to this part. The same on every machine.
    pub fn holds(self, case: &str) -> bool {
        let hash = blake3::hash(case.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(first) % u64::from(self.n) == u64::from(self.k - 1)
    }
}

impl FromStr for Shard {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let wrong = || RunError::Shard(text.to_owned());
        let (k, n) = text.split_once('/').ok_or_else(wrong)?;
        Self::new(
            k.parse().map_err(|_| wrong())?,
            n.parse().map_err(|_| wrong())?,
        )
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.k, self.n)
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// judging
    Judged {
        /// cases done
        done: usize,
        /// cases in all
        of: usize,
        /// pairs so far that fail
        failures: usize,
    },
    /// explaining
    Explained {
        /// explanations done
        done: usize,
        /// explanations in all
        of: usize,
    },
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// an unknown backend
    #[error("no backend is named '{0}' (see: qassay list backends)")]
    UnknownBackend(String),
    /// an unknown suite
    #[error("no suite is named '{name}'; there are: {known}")]
    UnknownSuite {
        /// as given
        name: String,
        /// all suites
        known: String,
    },
    /// an unknown data class
    #[error("no data class is named '{name}'; there are: {known}")]
    UnknownData {
        /// as given
        name: String,
        /// all classes
        known: String,
    },
    /// a shard that is not K/N
    #[error("shard '{0}' is not K/N with 1 <= K <= N, such as 2/4")]
    Shard(String),
    /// nothing to judge
    #[error("no cases: {0}")]
    NoCases(String),
    /// no backend is left
    #[error("no backends: {0}")]
    NoBackends(String),
    /// a backend that must run natively does not
    #[error("{0} does not run natively: {1}")]
    NotNative(String, String),
    /// a case that cannot be made
    #[error("{0}")]
    Case(String),
    /// an external backend that cannot be opened, in one line
    #[error("{0}")]
    External(String),
    /// a journal that an earlier run left
    #[error(
        "{} has what an earlier run judged before it was ended: go on with --resume {}, or remove it",
        .0.display(), .0.display()
    )]
    Unfinished(PathBuf),
    /// a journal that cannot be written, such as on a full disk
    #[error("cannot write {}: {source}; what was judged before is there, and --resume goes on from it", path.display())]
    Journal {
        /// the file
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// an earlier run that this one cannot go on from
    #[error("cannot go on from {}: {why}", path.display())]
    Resume {
        /// its file
        path: PathBuf,
        /// what is not the same
        why: String,
    },
    /// workers
    #[error("cannot run workers: {0}")]
    Workers(String),
}

impl Plan {
    /// The header of this plan's run file.
    pub fn header(&self) -> Header {
        Header {
            schema: SCHEMA,
            version: self.origin.version.clone(),
            revision: self.origin.revision.clone(),
            toolchain: self.origin.toolchain.clone(),
            cpu: host::fingerprint(),
            golden_hash: self.origin.golden_hash.clone(),
            command: self.origin.command.clone(),
            level: self.level.name().to_owned(),
            seed: self.seed,
            shard: self.shard.map(|shard| shard.to_string()),
            measuring: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_in_exactly_one_shard() {
        for n in [1, 2, 3, 7] {
            let mut sizes = vec![0; n as usize];
            for case in 0..700 {
                let id = format!("linear/m1.n1.k{case}/u8.s8/per-tensor/uniform/seed0");
                let holding: Vec<u32> = (1..=n)
                    .filter(|&k| Shard::new(k, n).unwrap().holds(&id))
                    .collect();
                assert_eq!(holding.len(), 1, "{id}: {holding:?}");
                sizes[holding[0] as usize - 1] += 1;
            }
            let fair = 700 / n as usize;
            assert!(sizes.iter().all(|&size| size * 2 > fair), "{sizes:?}");
        }
    }

    #[test]
    fn shards_outside_are_told() {
        for text in ["5/3", "0/3", "1", "a/b", "1/0", "-1/2", "1/2/3"] {
            let error = text.parse::<Shard>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
        assert_eq!("2/4".parse::<Shard>().unwrap(), Shard { k: 2, n: 4 });
    }
}
