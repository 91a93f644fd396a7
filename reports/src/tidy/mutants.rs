//! Sheets of what became of mutants.

use super::{Sheet, optional};
use crate::survey::Survey;

/// One row for each mutant.
pub(super) fn fates(survey: &Survey<'_>) -> Sheet {
    let rows = (survey.mutants.iter())
        .map(|fate| {
            vec![
                fate.prey.name.clone(),
                fate.prey.sentence.clone(),
                optional(fate.prey.source.as_ref()),
                fate.is_killed().to_string(),
                fate.asked.to_string(),
                optional(fate.after),
                optional(fate.first.as_ref()),
            ]
        })
        .collect();
    Sheet {
        name: "mutants",
        columns: vec![
            "mutant",
            "sentence",
            "source",
            "killed",
            "cases",
            "after_cases",
            "first_case",
        ],
        rows,
    }
}

/// One row for each mutant and each suite and data class that noticed it.
pub(super) fn kills(survey: &Survey<'_>) -> Sheet {
    let of_fates = survey.mutants.iter();
    let rows = of_fates
        .flat_map(|fate| fate.kills.iter().map(move |kills| (fate, kills)))
        .map(|(fate, kills)| {
            vec![
                fate.prey.name.clone(),
                kills.suite.clone(),
                kills.class.clone(),
                kills.cases.to_string(),
                kills.of.to_string(),
            ]
        })
        .collect();
    Sheet {
        name: "mutant_kills",
        columns: vec![
            "mutant",
            "suite",
            "data_class",
            "killing_cases",
            "judged_cases",
        ],
        rows,
    }
}
