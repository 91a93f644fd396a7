//! JUnit XML: a test suite for each backend and suite, a test case for each case.

use qassay_suites::record::{Record, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::explanation::mismatch;

/// Why XML could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot write JUnit XML: {0}")]
pub struct JunitError(#[from] quick_junit::SerializeError);

/// The records as one JUnit document.
///
/// # Errors
/// When a text cannot be written as XML.
pub fn render<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<String, JunitError> {
    let mut report = Report::new("qassay");
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    for record in records {
        let name = format!("{} {}", record.backend, record.suite);
        let position = suites
            .iter()
            .position(|(known, _)| *known == name)
            .unwrap_or_else(|| {
                suites.push((name.clone(), TestSuite::new(name.clone())));
                suites.len() - 1
            });
        let mut case = TestCase::new(record.case.clone(), status(record));
        case.set_classname(format!("{}.{}", record.backend, record.execution));
        suites[position].1.add_test_case(case);
    }
    report.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    Ok(report.to_string()?)
}

fn status(record: &Record) -> TestCaseStatus {
    let mut status = match record.verdict {
        Verdict::Conforms => TestCaseStatus::success(),
        Verdict::Unsupported | Verdict::PreconditionNotMet => TestCaseStatus::skipped(),
        Verdict::Differs | Verdict::Leaked | Verdict::WroteOutside | Verdict::Vacuous => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Verdict::Crashed | Verdict::TimedOut => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if record.verdict != Verdict::Conforms {
        let first = record.first.as_ref().map(mismatch).unwrap_or_default();
        status.set_message(
            format!("{} {}{}", record.verdict.word(), record.detail, first)
                .trim()
                .to_owned(),
        );
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::record;

    #[test]
    fn failures_errors_and_skips_are_counted_apart() {
        let records = [
            record("a", "linear", Verdict::Conforms),
            record("a", "linear", Verdict::Differs),
            record("a", "linear", Verdict::Crashed),
            record("a", "linear", Verdict::Unsupported),
        ];
        let xml = render(&records).unwrap();
        for count in [r#"tests="4""#, r#"errors="1""#, r#"failures="1""#] {
            assert!(xml.contains(count), "{count} in {xml}");
        }
        assert_eq!(xml.matches("<skipped").count(), 1);
        assert!(xml.contains("linear/m1.n1.k2/u8.s8/uniform/seed0"));
    }
}
