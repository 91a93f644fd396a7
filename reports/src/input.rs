//! Run files in, as much of them as can be read: what is wrong becomes one
//! [`Note`] each, and the rest is still there to be shown. Parts of one run
//! (`--shard K/N`) become one.

mod parts;

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub use parts::command;
use qassay_suites::record::{Header, Line, Measurement, SCHEMA, Summary};
use qassay_suites::runner::{Run, summary};
use serde_json::Value;

/// Broken lines of a file that are named; the rest is counted.
const NAMED: usize = 3;

/// Everything that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// the runs; parts of one run stand as one
    pub runs: Vec<Source>,
    /// what was wrong
    pub notes: Vec<Note>,
}

/// A run and the files that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// names of the files, without folders
    pub files: Vec<String>,
    /// what they hold
    pub run: Run,
}

/// Something in the input that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// the file's name
    pub file: String,
    /// the line, from 1, if it is about one
    pub line: Option<usize>,
    /// what is wrong and what was done about it
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Reads run files, joins parts of one run, and keeps what can be read.
pub fn read<P: AsRef<Path>>(paths: &[P]) -> Input {
    let (mut sources, mut notes) = (Vec::new(), Vec::new());
    for path in paths {
        let (source, mut found) = read_file(path.as_ref());
        notes.append(&mut found);
        sources.extend(source);
    }
    let runs = parts::join(sources, &mut notes);
    Input { runs, notes }
}

/// Reads one run file as far as it goes.
fn read_file(path: &Path) -> (Option<Source>, Vec<Note>) {
    let name = path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into(),
    );
    let note = |line, what: String| Note {
        file: name.clone(),
        line,
        what,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) if path.is_dir() => {
            drop(file);
            return (None, vec![note(None, "is a folder, no run file".into())]);
        }
        Ok(file) => BufReader::new(file),
        Err(error) => return (None, vec![note(None, format!("cannot be read: {error}"))]),
    };
    let mut reading = Reading::default();
    for (index, bytes) in file.split(b'\n').enumerate() {
        let text = match bytes {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                let note = note(Some(index + 1), format!("cannot be read: {error}"));
                reading.notes.push((note.line.unwrap_or(0), note.what));
                break;
            }
        };
        if let Err(what) = reading.line(index + 1, &text) {
            return (None, vec![note(Some(index + 1), what)]);
        }
    }
    let (run, found) = reading.finish();
    let notes = found
        .into_iter()
        .map(|(line, what)| note((line > 0).then_some(line), what))
        .collect();
    let source = run.map(|run| Source {
        files: vec![name.clone()],
        run,
    });
    (source, notes)
}

/// A file that is being read.
#[derive(Default)]
struct Reading {
    header: Option<Header>,
    run: Vec<Line>,
    summary: Option<Summary>,
    /// broken lines
    broken: Vec<(usize, String)>,
    notes: Vec<(usize, String)>,
    lines: usize,
}

impl Reading {
    /// Takes one line. An error means that nothing of this file can be used.
    fn line(&mut self, number: usize, text: &str) -> Result<(), String> {
        self.lines = number;
        if self.header.is_none() {
            self.header = Some(header(text)?);
            return Ok(());
        }
        if self.summary.is_some() {
            if !text.trim().is_empty() {
                self.broken
                    .push((number, "a line behind the summary".into()));
            }
            return Ok(());
        }
        match serde_json::from_str::<Line>(text) {
            Ok(Line::Summary(summary)) => self.summary = Some(summary),
            Ok(Line::Header(_)) => self.broken.push((number, "a second header".into())),
            Ok(Line::Measurement(measurement)) => {
                let (measurement, wrong) = sound(measurement);
                if let Some(what) = wrong {
                    self.notes.push((number, what));
                }
                self.run.push(Line::Measurement(measurement));
            }
            Ok(line) => self.run.push(line),
            Err(error) => self.broken.push((number, broken(text, &error))),
        }
        Ok(())
    }

    /// The run, with what was wrong by line.
    fn finish(mut self) -> (Option<Run>, Vec<(usize, String)>) {
        let Some(header) = self.header else {
            return (
                None,
                vec![(
                    0,
                    "is empty; a run file starts with a header (qassay conform --out FILE)".into(),
                )],
            );
        };
        let count = self.run.len();
        let mut run = Run {
            header,
            records: Vec::new(),
            identified: Vec::new(),
            explanations: Vec::new(),
            measurements: Vec::new(),
            mutants: Vec::new(),
            summary: Summary::default(),
        };
        for line in self.run {
            match line {
                Line::Record(record) => run.records.push(record),
                Line::Identified(found) => run.identified.push(found),
                Line::Explanation(explanation) => run.explanations.push(explanation),
                Line::Measurement(measurement) => run.measurements.push(measurement),
                Line::Mutant(fate) => run.mutants.push(fate),
                Line::Header(_) | Line::Summary(_) => {}
            }
        }
        if self.summary.is_none() {
            let cut = self
                .broken
                .last()
                .is_some_and(|(line, _)| *line == self.lines);
            let (line, how) = if cut {
                self.broken.pop();
                (self.lines, "the file ends in the middle of a line")
            } else {
                (self.lines, "the file ends before its summary")
            };
            self.notes.push((
                line,
                format!("{how}: what stands before is shown ({count} lines)"),
            ));
        }
        let more = self.broken.len().saturating_sub(NAMED);
        for (line, what) in self.broken.into_iter().take(NAMED) {
            self.notes
                .push((line, format!("{what}; the line is left out")));
        }
        if more > 0 {
            self.notes
                .push((0, format!("{more} more lines like these are left out")));
        }
        self.notes.sort();
        run.summary = self.summary.unwrap_or_else(|| summary(&run.records, 0.0));
        (Some(run), self.notes)
    }
}

/// The header, or why this is no run file that can be read.
fn header(text: &str) -> Result<Header, String> {
    let no_header =
        || "is no header; a run file starts with one (qassay conform --out FILE)".to_owned();
    let value: Value = serde_json::from_str(text).map_err(|_| no_header())?;
    if value.get("type").and_then(Value::as_str) != Some("header") {
        return Err(no_header());
    }
    let schema = value.get("schema").and_then(Value::as_u64);
    if schema != Some(u64::from(SCHEMA)) {
        let found = schema.map_or_else(|| "no number".into(), |schema| schema.to_string());
        return Err(format!(
            "the run file's schema is {found}, and this qassay reads schema {SCHEMA}; the file is left out"
        ));
    }
    match serde_json::from_value(value) {
        Ok(Line::Header(header)) => Ok(header),
        Ok(_) => Err(no_header()),
        Err(error) => Err(format!("the header is incomplete: {error}")),
    }
}

/// A measurement whose time can be used; without its time, and why, if it cannot.
fn sound(mut measurement: Measurement) -> (Measurement, Option<String>) {
    let positive = |ns: f64| ns.is_finite() && ns > 0.0;
    let right = measurement.time.as_ref().is_none_or(|time| {
        positive(time.median_ns)
            && !time.samples_ns.is_empty()
            && time
                .samples_ns
                .iter()
                .chain(&time.interval_ns)
                .chain(&time.yardstick_ns)
                .all(|&ns| positive(ns))
    });
    if right {
        return (measurement, None);
    }
    let what = format!(
        "a time of {} on {} is not above 0; it is left out",
        measurement.case, measurement.backend
    );
    measurement.time = None;
    (measurement, Some(what))
}

/// What is wrong with a line.
fn broken(text: &str, error: &serde_json::Error) -> String {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let is_measurement = value
        .as_ref()
        .and_then(|value| value.get("type"))
        .is_some_and(|kind| kind == "measurement");
    // NaN is written as null, or by others as a bare word.
    let bare = value.is_none() && text.contains("NaN") && text.contains("\"measurement\"");
    if bare || (is_measurement && error.to_string().contains("null")) {
        return "a time that is no number (NaN)".into();
    }
    let known = [
        "record",
        "identified",
        "explanation",
        "measurement",
        "mutant",
        "summary",
        "header",
    ];
    if let Some(kind) = value
        .as_ref()
        .and_then(|v| v.get("type"))
        .and_then(Value::as_str)
        && !known.contains(&kind)
    {
        return format!("'{kind}' is no kind of line that this qassay reads");
    }
    let text = error.to_string();
    format!(
        "not of the schema: {}",
        text.split(" at line ").next().unwrap_or(&text)
    )
}

#[cfg(test)]
mod tests;
