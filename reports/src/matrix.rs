//! The matrix of a run: a row for each backend, a column for each suite. A cell
//! holds the worst verdict and the counts behind it.

use std::collections::BTreeMap;

use comfy_table::Color;
use qassay_suites::record::{Record, Verdict};

use crate::paint::{Paint, grouped};
use crate::survey::Subject;

/// What happened to one backend in one suite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellCounts {
    /// cases by verdict
    pub verdicts: BTreeMap<Verdict, u64>,
}

impl CellCounts {
    /// The verdict that the cell shows: the worst that occurred; `None` for an empty cell.
    pub fn worst(&self) -> Option<Verdict> {
        self.verdicts
            .keys()
            .copied()
            .filter(|v| v.is_failure())
            .max()
            .or_else(|| {
                [
                    Verdict::Conforms,
                    Verdict::PreconditionNotMet,
                    Verdict::Unsupported,
                ]
                .into_iter()
                .find(|verdict| self.verdicts.contains_key(verdict))
            })
    }

    /// How many cases had this verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    /// How many cases there were.
    pub fn total(&self) -> u64 {
        self.verdicts.values().sum()
    }

    /// The cell as text: a count where everything conforms, else the verdict with its share.
    pub fn text(&self) -> String {
        let Some(worst) = self.worst() else {
            return String::new();
        };
        let judged: u64 = self
            .verdicts
            .iter()
            .filter(|(v, _)| v.is_judged())
            .map(|(_, n)| n)
            .sum();
        match worst {
            Verdict::Conforms => grouped(judged),
            Verdict::Unsupported => "–".into(),
            Verdict::PreconditionNotMet => "precondition".into(),
            worst => format!("{} {}/{}", worst.word(), self.count(worst), self.total()),
        }
    }
}

/// The matrix, ready to print or to serialise.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// suites in the order in which they first occur
    pub suites: Vec<String>,
    /// one row per backend, in the order in which they first occur
    pub rows: Vec<Row>,
}

/// One backend's row.
#[derive(Debug, Clone)]
pub struct Row {
    /// the backend
    pub backend: String,
    /// native or modelled
    pub execution: String,
    /// the profile it was held to; `several` where suites differ in it
    pub profile: String,
    /// counts by suite
    pub cells: BTreeMap<String, CellCounts>,
}

impl Matrix {
    /// Counts records.
    pub fn new<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut matrix = Self::default();
        for record in records {
            if !matrix.suites.contains(&record.suite) {
                matrix.suites.push(record.suite.clone());
            }
            let position = matrix
                .rows
                .iter()
                .position(|row| row.backend == record.backend);
            let position = position.unwrap_or_else(|| {
                matrix.rows.push(Row {
                    backend: record.backend.clone(),
                    execution: record.execution.clone(),
                    profile: record.profile.clone(),
                    cells: BTreeMap::new(),
                });
                matrix.rows.len() - 1
            });
            let row = &mut matrix.rows[position];
            if row.profile != record.profile {
                row.profile = "several".into();
            }
            let cell = row.cells.entry(record.suite.clone()).or_default();
            *cell.verdicts.entry(record.verdict).or_default() += 1;
        }
        matrix
    }

    /// A row for each subject; suites in this order.
    pub fn of_subjects(subjects: &[&Subject<'_>], suites: &[&str]) -> Self {
        let asked = |suite: &&&str| subjects.iter().any(|of| of.cells.contains_key(**suite));
        let row = |of: &&Subject<'_>| Row {
            backend: of.backend.to_owned(),
            execution: of.execution.to_owned(),
            profile: of.profile.to_owned(),
            cells: (of.cells.iter())
                .map(|(suite, cell)| ((*suite).to_owned(), cell.clone()))
                .collect(),
        };
        Self {
            suites: (suites.iter().filter(asked))
                .map(|suite| (*suite).to_owned())
                .collect(),
            rows: subjects.iter().map(row).collect(),
        }
    }

    /// The matrix as text. Counts are cases whose every output bit was judged right;
    /// a dash is a suite that the backend does not support. Suites that no backend
    /// supports have no column; a line below names them.
    pub fn render(&self, paint: Paint) -> String {
        let (shown, without): (Vec<&String>, Vec<&String>) = self
            .suites
            .iter()
            .partition(|suite| self.is_supported(suite));
        let mut table = paint.table();
        let mut header = vec!["backend".to_owned(), "runs".into(), "profile".into()];
        // A narrow column a suite: its name broken after each hyphen.
        header.extend(shown.iter().map(|suite| suite.replace('-', "-\n")));
        table.set_header(header);
        for row in &self.rows {
            let execution = (row.execution == "modelled").then_some(Color::Yellow);
            let mut cells = vec![
                paint.cell(row.backend.clone(), None),
                paint.cell(row.execution.clone(), execution),
                paint.cell(row.profile.clone(), None),
            ];
            for &suite in &shown {
                let counts = row.cells.get(suite).cloned().unwrap_or_default();
                let color = match counts.worst() {
                    Some(Verdict::Conforms) => Some(Color::Green),
                    Some(verdict) if verdict.is_failure() => Some(Color::Red),
                    _ => None,
                };
                cells.push(paint.cell(counts.text(), color));
            }
            table.add_row(cells);
        }
        let mut text = table.to_string();
        if !without.is_empty() {
            let names: Vec<&str> = without.iter().map(|suite| suite.as_str()).collect();
            text += &format!("\n\n no backend above has: {}", names.join(", "));
        }
        text
    }

    /// Whether any backend was asked something in `suite` that it supports.
    fn is_supported(&self, suite: &str) -> bool {
        self.rows
            .iter()
            .filter_map(|row| row.cells.get(suite))
            .any(|cell| cell.worst() != Some(Verdict::Unsupported))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(backend: &str, suite: &str, verdict: Verdict) -> Record {
        Record {
            case: format!("{suite}/m1.n1.k2/u8.s8/uniform/seed0"),
            suite: suite.into(),
            backend: backend.into(),
            isa: "avx2".into(),
            execution: "native".into(),
            profile: "fbgemm".into(),
            verdict,
            values: 10,
            open: 0,
            mismatches: 0,
            first: None,
            chosen: "u8s8".into(),
            data_hash: "00".into(),
            output_hash: None,
            spread: None,
            events: BTreeMap::new(),
            detail: String::new(),
        }
    }

    #[test]
    fn one_failure_among_many_is_what_the_cell_shows() {
        let mut records = vec![record("a", "linear", Verdict::Conforms); 1200];
        records.push(record("a", "linear", Verdict::Differs));
        let matrix = Matrix::new(&records);
        assert_eq!(matrix.rows[0].cells["linear"].text(), "differs 1/1201");
    }

    #[test]
    fn a_crash_is_worse_than_a_difference() {
        let records = [
            record("a", "linear", Verdict::Crashed),
            record("a", "linear", Verdict::Differs),
        ];
        assert_eq!(
            Matrix::new(&records).rows[0].cells["linear"].worst(),
            Some(Verdict::Crashed)
        );
    }

    #[test]
    fn a_row_of_several_profiles_says_so() {
        let other = Record {
            profile: "onednn".into(),
            ..record("a", "conv", Verdict::Conforms)
        };
        let matrix = Matrix::new(&[record("a", "linear", Verdict::Conforms), other]);
        assert_eq!(matrix.rows[0].profile, "several");
    }

    #[test]
    fn unsupported_is_a_dash_and_never_a_count() {
        let records = [
            record("a", "add", Verdict::Unsupported),
            record("a", "linear", Verdict::Conforms),
            record("b", "add", Verdict::Conforms),
        ];
        let text = Matrix::new(&records).render(Paint(false));
        let row = text.lines().find(|line| line.starts_with(" a ")).unwrap();
        assert!(row.contains('–') && row.contains('1'), "{text}");
    }

    #[test]
    fn what_no_backend_supports_is_named_below_and_takes_no_column() {
        let records = [
            record("a", "linear", Verdict::Conforms),
            record("a", "max-pool", Verdict::Unsupported),
            record("a", "relu", Verdict::PreconditionNotMet),
        ];
        let text = Matrix::new(&records).render(Paint(false));
        let (table, below) = text.split_once("\n\n").unwrap();
        assert!(!table.contains("pool") && table.contains("relu"), "{text}");
        assert_eq!(below, " no backend above has: max-pool");
    }
}
