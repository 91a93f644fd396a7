//! Sheets of who gives the same bits. Subjects with the same outputs in the same
//! cases are one class: pairs of classes say what pairs of subjects would, in a
//! small part of the rows.

use super::Sheet;
use crate::agreement::{Agreement, agreement};
use crate::survey::Survey;

/// Who agrees in each suite, and in all together.
fn by_suite<'a>(survey: &'a Survey<'a>) -> impl Iterator<Item = (&'a str, Agreement)> {
    let suites = survey.suites.iter().map(|suite| (*suite, Some(*suite)));
    suites
        .chain([("all", None)])
        .map(|(name, suite)| (name, agreement(survey, suite)))
}

/// One row for each suite and subject that answered in it.
pub(super) fn members(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for (suite, found) in by_suite(survey) {
        for (number, class) in found.classes.iter().enumerate() {
            let group = (found.groups.iter()).position(|group| group.contains(&number));
            for &member in class {
                rows.push(vec![
                    suite.to_owned(),
                    (number + 1).to_string(),
                    (group.unwrap_or(0) + 1).to_string(),
                    survey.name(&survey.subjects[member]),
                ]);
            }
        }
    }
    Sheet {
        name: "agreement_members",
        columns: vec!["suite", "class", "group", "subject"],
        rows,
    }
}

/// One row for each pair of classes in each suite, a class with itself included.
pub(super) fn pairs(survey: &Survey<'_>) -> Sheet {
    let mut rows = Vec::new();
    for (suite, found) in by_suite(survey) {
        for (a, row) in found.pairs.iter().enumerate() {
            for (b, pair) in row.iter().enumerate().skip(a) {
                let numbers = [a as u64 + 1, b as u64 + 1, pair.common, pair.identical];
                let mut row = vec![suite.to_owned()];
                row.extend(numbers.map(|number| number.to_string()));
                rows.push(row);
            }
        }
    }
    Sheet {
        name: "agreement",
        columns: vec!["suite", "a", "b", "common_cases", "identical_cases"],
        rows,
    }
}
