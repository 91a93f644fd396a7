//! What a run has judged so far, in a file beside the run's own: whatever ends
//! the run, this file has it, and a later run goes on from there.
//!
//! A journal is a run file without its end: the header, then records in the order
//! in which they came. Its last line may be cut.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::asked::Asked;
use super::select::Selected;
use super::{ReadError, RunError};
use crate::record::{Header, Line, Record, SCHEMA, Verdict};

/// What is judged within this time may be lost when the process is killed.
const EVERY: Duration = Duration::from_millis(500);

/// The journal of the run that will be written to `out`.
pub fn journal_of(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// A journal that is being written.
pub struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
    written: Instant,
}

impl Journal {
    /// A new journal, which starts with the records that are `kept` of an earlier run.
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub fn create(path: &Path, header: &Header, kept: Option<&Kept>) -> Result<Self, RunError> {
        let wrong = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => RunError::Unfinished(path.to_owned()),
            _ => cannot_write(path, source),
        };
        let file = (OpenOptions::new().write(true).create_new(true))
            .open(path)
            .map_err(wrong)?;
        let mut journal = Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            written: Instant::now(),
        };
        let kept = kept.map_or(&[][..], |kept| &kept.records);
        journal
            .start(header, kept)
            .map_err(|source| cannot_write(path, source))?;
        Ok(journal)
    }

    fn start(&mut self, header: &Header, kept: &[Record]) -> io::Result<()> {
        self.line(&Line::Header(header.clone()))?;
        for record in kept {
            self.line(&Line::Record(record.clone()))?;
        }
        self.file.flush()
    }

    /// Goes on with the journal that `kept` was read from, behind its last whole line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn go_on(path: &Path, kept: &Kept) -> Result<Self, RunError> {
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.set_len(kept.whole)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(open().map_err(|source| cannot_write(path, source))?),
            written: Instant::now(),
        })
    }

    /// Writes down a record.
    ///
    /// # Errors
    /// When that fails, such as on a full disk; what was written before is there.
    pub(super) fn record(&mut self, record: &Record) -> Result<(), RunError> {
        let mut write = || {
            self.line(&Line::Record(record.clone()))?;
            if self.written.elapsed() >= EVERY {
                self.file.flush()?;
                self.written = Instant::now();
            }
            Ok(())
        };
        write().map_err(|source| cannot_write(&self.path, source))
    }

    /// Writes down what is still in memory.
    ///
    /// # Errors
    /// When that fails.
    pub(super) fn flush(&mut self) -> Result<(), RunError> {
        (self.file.flush()).map_err(|source| cannot_write(&self.path, source))
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, line)?;
        self.file.write_all(b"\n")
    }
}

fn cannot_write(path: &Path, source: io::Error) -> RunError {
    RunError::Journal {
        path: path.to_owned(),
        source,
    }
}

/// What is kept of a run that was ended before it was through.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// where it comes from
    pub path: PathBuf,
    /// what it was made with
    pub header: Header,
    /// what was judged, in any order; without vacuous ones, of which the whole run decides
    pub records: Vec<Record>,
    /// bytes of the file up to the end of its last whole line
    whole: u64,
}

impl Kept {
    /// Reads a journal, or the file of an interrupted run. A last line that is cut is left out.
    ///
    /// # Errors
    /// When the file cannot be read, has no header, is of another schema, or another line than
    /// the last is broken.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io {
            path: path.to_owned(),
            source,
        };
        let wrong = |line, what: String| ReadError::Line {
            path: path.to_owned(),
            line,
            what,
        };
        let mut bytes = Vec::new();
        (File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))).map_err(io)?;
        let (mut header, mut records, mut whole) = (None, Vec::new(), 0);
        for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let Some(text) = line.strip_suffix(b"\n") else {
                break;
            };
            let line_of = |e: serde_json::Error| wrong(index + 1, e.to_string());
            match (serde_json::from_slice(text).map_err(line_of)?, &header) {
                (Line::Header(read), None) if read.schema == SCHEMA => header = Some(read),
                (Line::Header(read), None) => {
                    let what = format!("schema {}, but this reads schema {SCHEMA}", read.schema);
                    return Err(wrong(index + 1, what));
                }
                (Line::Header(_), Some(_)) | (_, None) => {
                    let what = "the header must be the first line, once";
                    return Err(wrong(index + 1, what.into()));
                }
                (Line::Record(record), Some(_)) if record.verdict == Verdict::Vacuous => {}
                (Line::Record(record), Some(_)) => records.push(record),
                (Line::Measurement(_), Some(_)) => {
                    let what = "a measurement: runs of bench are not gone on with";
                    return Err(wrong(index + 1, what.into()));
                }
                (Line::Mutant(_), Some(_)) => {
                    let what = "a mutant: runs of mutants are not gone on with";
                    return Err(wrong(index + 1, what.into()));
                }
                (Line::Identified(_) | Line::Explanation(_) | Line::Summary(_), Some(_)) => {}
            }
            whole += line.len() as u64;
        }
        Ok(Self {
            path: path.to_owned(),
            header: header.ok_or_else(|| wrong(1, "the file ends before its header".into()))?,
            records,
            whole,
        })
    }

    /// Whether a run with this header may go on from here.
    ///
    /// # Errors
    /// [`RunError::Resume`], which names what is not the same.
    pub(super) fn check_header(&self, now: &Header) -> Result<(), RunError> {
        let then = &self.header;
        let level = |header: &Header| format!("{}, seed {}", header.level, header.seed);
        let part = |header: &Header| header.shard.clone().unwrap_or("all cases".into());
        let build = |header: &Header| {
            let revision = header.revision.as_deref().unwrap_or("no revision");
            format!("qassay {} ({revision})", header.version)
        };
        let cpu = |header: &Header| header.cpu.model_name.clone();
        for (what, then, now) in [
            ("build", build(then), build(now)),
            (
                "golden set",
                then.golden_hash.clone(),
                now.golden_hash.clone(),
            ),
            ("level", level(then), level(now)),
            ("shard", part(then), part(now)),
            ("CPU", cpu(then), cpu(now)),
        ] {
            if then != now {
                let why = format!("its {what} was {then}, and now is {now}");
                return Err(self.refused(why));
            }
        }
        if then.cpu != now.cpu {
            return Err(self.refused("its CPU had other features".into()));
        }
        Ok(())
    }

    /// The kept records by case and backend, as indices into `selected`.
    ///
    /// # Errors
    /// [`RunError::Resume`], when one is not among those or was held to another profile.
    pub(super) fn places(
        &self,
        selected: &Selected,
        asked: &[Asked],
    ) -> Result<BTreeMap<(usize, usize), Record>, RunError> {
        let index = |(index, name): (usize, String)| (name, index);
        let cases: HashMap<String, usize> = (selected.cases.iter())
            .map(|(case, _)| case.clone())
            .enumerate()
            .map(index)
            .collect();
        let backends: HashMap<String, usize> = (selected.backends.iter().cloned().enumerate())
            .map(index)
            .collect();
        let mut places = BTreeMap::new();
        for record in &self.records {
            let place = (cases.get(&record.case)).zip(backends.get(&record.backend));
            let Some((&case, &backend)) = place else {
                let why = format!(
                    "it has {} on {}, which this run does not ask",
                    record.case, record.backend
                );
                return Err(self.refused(why));
            };
            let now = asked[backend].blank(&record.case, &record.suite);
            if (&record.profile, &record.execution) != (&now.profile, &now.execution) {
                let why = format!(
                    "{} was held to {} ({}), and now is held to {} ({})",
                    record.backend, record.profile, record.execution, now.profile, now.execution
                );
                return Err(self.refused(why));
            }
            places.insert((case, backend), record.clone());
        }
        Ok(places)
    }

    fn refused(&self, why: String) -> RunError {
        RunError::Resume {
            path: self.path.clone(),
            why,
        }
    }
}
