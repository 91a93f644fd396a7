//! Tidy CSV: one observation a row, units in the header. What the files and
//! their columns are stands in `reports/SCHEMA.md`.

mod agreement;
mod conformance;
mod mismatch;
mod mutants;
mod speed;

use crate::survey::{Subject, Survey};
pub(crate) use mismatch::sizes;

/// Why CSV cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot write CSV: {0}")]
pub struct TidyError(#[from] csv::Error);

/// One CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// the file's name without `.csv`
    pub name: &'static str,
    /// names of columns
    pub columns: Vec<&'static str>,
    /// as many values a row as there are columns
    pub rows: Vec<Vec<String>>,
}

/// The columns that say which subject a row is about.
const SUBJECT: [&str; 4] = ["backend", "execution", "profile", "cpu"];

impl Sheet {
    /// Rows about subjects: their columns first, then `columns`.
    fn by_subject<'a>(
        survey: &Survey<'a>,
        name: &'static str,
        columns: &[&'static str],
        rows: impl Fn(&Subject<'a>) -> Vec<Vec<String>>,
    ) -> Self {
        let mut sheet = Self {
            name,
            columns: SUBJECT.iter().chain(columns).copied().collect(),
            rows: Vec::new(),
        };
        for of in &survey.subjects {
            let subject = [
                of.backend,
                of.execution,
                of.profile,
                &survey.cpus[of.cpu].label,
            ];
            for rest in rows(of) {
                let mut row: Vec<String> = subject.map(str::to_owned).into();
                row.extend(rest);
                sheet.rows.push(row);
            }
        }
        sheet
    }

    /// The file's name.
    pub fn file(&self) -> String {
        format!("{}.csv", self.name)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// When the writer fails; memory does not.
    pub fn bytes(&self) -> Result<Vec<u8>, TidyError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| csv::Error::from(error.into_error()))?;
        Ok(bytes)
    }
}

/// Sheets of totals: what a page shows.
pub fn totals(survey: &Survey<'_>) -> Vec<Sheet> {
    vec![
        conformance::matrix(survey),
        mismatch::differences(survey),
        mismatch::maps(survey),
        mismatch::places(survey),
        mismatch::by_size(survey),
        agreement::pairs(survey),
        agreement::members(survey),
        conformance::events(survey),
        speed::speed(survey),
        speed::peaks(survey),
        mutants::fates(survey),
        mutants::kills(survey),
    ]
}

/// Every sheet: totals, and one row for each case, sample and run.
pub fn all(survey: &Survey<'_>) -> Vec<Sheet> {
    let mut sheets = totals(survey);
    sheets.push(conformance::runs(survey));
    sheets.push(conformance::records(survey));
    sheets.push(speed::samples(survey));
    sheets
}

/// A value that may be missing; missing is empty.
fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Values in one cell.
fn joined<T: ToString>(values: &[T], between: &str) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    values.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Input, Source};
    use crate::sample;

    fn sheets() -> Vec<Sheet> {
        let mut run = sample::run();
        run.mutants = vec![sample::fate("mutant:a/x", &["ties"])];
        let input = Input {
            runs: vec![Source {
                files: vec!["run.jsonl".into()],
                run,
            }],
            notes: Vec::new(),
        };
        all(&Survey::new(&input))
    }

    #[test]
    fn every_row_has_every_column_and_reads_back() {
        for sheet in sheets() {
            assert!(
                !sheet.rows.is_empty(),
                "{} is empty for the sample",
                sheet.name
            );
            let bytes = sheet.bytes().unwrap();
            let mut reader = csv::Reader::from_reader(&bytes[..]);
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            assert_eq!(rows.len(), sheet.rows.len(), "{}", sheet.name);
        }
    }

    #[test]
    fn the_schema_names_every_file_and_every_column_and_no_other() {
        let schema = include_str!("../SCHEMA.md");
        let mut sections: Vec<&str> = schema.split("\n## ").skip(1).collect();
        sections.retain(|section| section.lines().next().is_some_and(|t| t.ends_with(".csv")));
        let sheets = sheets();
        assert_eq!(sections.len(), sheets.len());
        for sheet in sheets {
            let section = sections
                .iter()
                .find(|s| s.lines().next() == Some(&sheet.file()));
            let section = section.unwrap_or_else(|| panic!("{} has no section", sheet.file()));
            let documented: Vec<&str> = section
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
                .collect();
            assert_eq!(documented, sheet.columns, "{}", sheet.name);
        }
    }
}
