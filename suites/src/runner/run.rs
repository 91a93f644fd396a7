//! What a run gave, and its file.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::record::{
    Explanation, Fate, Header, Identified, Line, Measurement, Record, SCHEMA, Summary, Verdict,
};

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// what it was made with
    pub header: Header,
    /// one per case and backend, in the order of the cases, then the backends
    pub records: Vec<Record>,
    /// whose bits those of backends without a profile are
    pub identified: Vec<Identified>,
    /// why backends differ
    pub explanations: Vec<Explanation>,
    /// one per case and backend, in the order of the cases, then the backends; of `bench`
    pub measurements: Vec<Measurement>,
    /// one per mutant, in the order of the catalogue; of `mutants`
    pub mutants: Vec<Fate>,
    /// totals
    pub summary: Summary,
}

/// Why a run file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// the file cannot be opened or read
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// the file
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// a line is not of the schema
    #[error("{}, line {line}: {what}", path.display())]
    Line {
        /// the file
        path: PathBuf,
        /// counted from 1
        line: usize,
        /// what is wrong
        what: String,
    },
}

/// Why a run file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

impl Run {
    /// Whether something was compared and nothing failed. Peers may: they are there to be timed.
    pub fn conforms(&self) -> bool {
        self.summary.judged > 0
            && !self
                .records
                .iter()
                .map(|record| record.verdict)
                .chain(
                    (self.measurements.iter())
                        .filter(|m| !m.peer)
                        .map(|m| m.verdict),
                )
                .any(Verdict::is_failure)
    }

    /// The lines of the run's file, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        std::iter::once(Line::Header(self.header.clone()))
            .chain(self.records.iter().cloned().map(Line::Record))
            .chain(self.identified.iter().cloned().map(Line::Identified))
            .chain(self.explanations.iter().cloned().map(Line::Explanation))
            .chain(self.measurements.iter().cloned().map(Line::Measurement))
            .chain(self.mutants.iter().cloned().map(Line::Mutant))
            .chain(std::iter::once(Line::Summary(self.summary.clone())))
    }

    /// Writes the run as JSON lines: to a temporary file beside `path`, which
    /// then takes its name, so that there never is half a file. What is there and is no
    /// file (a pipe, a device) is written to as it is; a link is followed.
    ///
    /// # Errors
    /// When that fails, such as on a full disk; the temporary file is removed.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        self.write_whole(path).map_err(|source| WriteError {
            path: path.to_owned(),
            source,
        })
    }

    fn write_whole(&self, path: &Path) -> std::io::Result<()> {
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let mut file = BufWriter::new(std::fs::OpenOptions::new().write(true).open(path)?);
            self.write_lines(&mut file)?;
            return file.flush();
        }
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(name);
        self.write_and_rename(&part, &target).inspect_err(|_| {
            // Best effort: what failed before is what the user must hear of.
            let _ = std::fs::remove_file(&part);
        })
    }

    fn write_lines(&self, file: &mut impl Write) -> std::io::Result<()> {
        for line in self.lines() {
            serde_json::to_writer(&mut *file, &line)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    fn write_and_rename(&self, part: &Path, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(std::fs::File::create(part)?);
        self.write_lines(&mut file)?;
        // Data that could not be written is told here, not lost when the file closes.
        file.into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        std::fs::rename(part, path)
    }

    /// Reads a run's file.
    ///
    /// # Errors
    /// When it cannot be read, a line is not of the schema, or lines are missing.
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
        let file = BufReader::new(std::fs::File::open(path).map_err(io)?);
        let (mut header, mut summary) = (None, None);
        let (mut records, mut identified, mut explanations) = (Vec::new(), Vec::new(), Vec::new());
        let (mut measurements, mut mutants) = (Vec::new(), Vec::new());
        let mut count = 0;
        for (index, text) in file.lines().enumerate() {
            count = index + 1;
            let text = text.map_err(io)?;
            if summary.is_some() {
                return Err(wrong(count, "a line behind the summary".into()));
            }
            let line = serde_json::from_str(&text).map_err(|e| wrong(count, e.to_string()))?;
            if header.is_none() != matches!(line, Line::Header(_)) {
                return Err(wrong(
                    count,
                    "the header must be the first line, once".into(),
                ));
            }
            match line {
                Line::Header(read) if read.schema == SCHEMA => header = Some(read),
                Line::Header(read) => {
                    let what = format!("schema {}, but this reads schema {SCHEMA}", read.schema);
                    return Err(wrong(count, what));
                }
                Line::Record(record) => records.push(record),
                Line::Identified(found) => identified.push(found),
                Line::Explanation(explanation) => explanations.push(explanation),
                Line::Measurement(measurement) => measurements.push(measurement),
                Line::Mutant(fate) => mutants.push(fate),
                Line::Summary(read) => summary = Some(read),
            }
        }
        let (Some(header), Some(summary)) = (header, summary) else {
            return Err(wrong(count + 1, "the file ends before its summary".into()));
        };
        Ok(Self {
            header,
            records,
            identified,
            explanations,
            measurements,
            mutants,
            summary,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Plan;

    fn empty() -> Run {
        Run {
            header: Plan::default().header(),
            records: Vec::new(),
            identified: Vec::new(),
            explanations: Vec::new(),
            measurements: Vec::new(),
            mutants: Vec::new(),
            summary: Summary::default(),
        }
    }

    #[test]
    fn a_run_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        empty().write(&path).unwrap();
        assert_eq!(Run::read(&path).unwrap(), empty());
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "no temporary file is left");
    }

    #[test]
    fn a_truncated_or_broken_file_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        empty().write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        std::fs::write(&path, format!("{first}\n")).unwrap();
        let error = Run::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2: the file ends before"), "{error}");
        std::fs::write(&path, format!("{first}\n{{\"type\":\"rec")).unwrap();
        let error = Run::read(&path).unwrap_err().to_string();
        assert!(error.contains("run.jsonl, line 2"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("run.jsonl"), folder.path().join("last"));
        std::fs::write(&file, "older").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        empty().write(&link).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(Run::read(&file).unwrap(), empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_written_to_and_stays_one() {
        let full = Path::new("/dev/full");
        let error = empty().write(full).unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: "), "{error}");
        empty().write(Path::new("/dev/null")).unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
        assert!(!std::fs::metadata(full).unwrap().is_file());
    }

    #[test]
    fn a_run_that_compared_nothing_does_not_conform() {
        let mut run = empty();
        assert!(!run.conforms());
        run.summary.judged = 1;
        assert!(run.conforms());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_cannot_be_written_is_one_line() {
        let missing = Path::new("/nowhere/run.jsonl");
        let error = empty().write(missing).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write /nowhere/run.jsonl: "),
            "{error}"
        );
    }
}
