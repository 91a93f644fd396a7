//! Tidy CSV: one observation a row, units in the header. What the files and
//! their columns are stands in `reports/SCHEMA.md`.

mod conformance;
mod speed;

use crate::survey::Survey;
pub(crate) use conformance::sizes;

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
    pub columns: &'static [&'static str],
    /// as many values a row as there are columns
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
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
        writer.write_record(self.columns)?;
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
        conformance::differences(survey),
        conformance::mismatch_places(survey),
        conformance::mismatch_sizes(survey),
        conformance::agreement(survey),
        conformance::events(survey),
        speed::speed(survey),
        speed::peaks(survey),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Input, Source};
    use crate::sample;

    fn sheets() -> Vec<Sheet> {
        let input = Input {
            runs: vec![Source {
                files: vec!["run.jsonl".into()],
                run: sample::run(),
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
