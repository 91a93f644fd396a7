//! Markdown: a comment for a pull request, and the statement of a bundle.

use std::fmt::Write as _;

use qassay_suites::record::Verdict;

use crate::identified;
use crate::paint::{Paint, grouped};
use crate::survey::{Subject, Survey};

/// Differences that are told in full; the rest is counted.
const TOLD: usize = 10;

/// The runs as a comment: the answer first, then what fails, then the matrix.
pub fn comment(survey: &Survey<'_>) -> String {
    let mut text = answer(survey);
    let notes: Vec<String> = survey
        .all_notes()
        .map(|note| format!("- {}\n", escape(&note.to_string())))
        .collect();
    if !notes.is_empty() {
        let _ = write!(text, "\nNot as it should be:\n\n{}", notes.concat());
    }
    differences(survey, &mut text);
    for found in survey.identified() {
        let whose = identified::whose(found, Paint(false));
        let _ = writeln!(
            text,
            "\n**{}** in {}: {}.",
            escape(&found.backend),
            found.suite,
            escape(&whose)
        );
    }
    if !survey.subjects.is_empty() {
        let _ = write!(
            text,
            "\n<details><summary>{} backends × {} suites</summary>\n\n{}\n</details>\n",
            survey.subjects.len(),
            survey.suites.len(),
            matrix(survey)
        );
    }
    text
}

/// One line.
fn answer(survey: &Survey<'_>) -> String {
    let records = || survey.subjects.iter().flat_map(|subject| &subject.records);
    let judged = records()
        .filter(|record| record.verdict.is_judged())
        .count() as u64;
    let failing = records()
        .filter(|record| record.verdict.is_failure())
        .count() as u64;
    let values: u64 = records().map(|record| record.values).sum();
    let counts = format!(
        "{} judgements, {} output values compared bit for bit",
        grouped(judged),
        grouped(values)
    );
    if failing > 0 {
        format!("**Qassay: ✗ {} fail** of {counts}.\n", grouped(failing))
    } else if survey.conforms() {
        format!("**Qassay: ✓ conforms.** {counts}.\n")
    } else {
        "**Qassay: ✗ nothing was compared.**\n".into()
    }
}

fn differences(survey: &Survey<'_>, text: &mut String) {
    let all: Vec<(&Subject<'_>, &qassay_suites::record::Explanation)> = survey
        .subjects
        .iter()
        .flat_map(|subject| {
            subject
                .explanations
                .iter()
                .map(move |found| (subject, *found))
        })
        .collect();
    for (subject, found) in all.iter().take(TOLD) {
        let _ = write!(
            text,
            "\n**{}** in {}, held to {}: {}.\n\n```\n{}\n```\n",
            escape(&survey.name(subject)),
            found.suite,
            found.held_to,
            escape(&found.sentence),
            found.repro
        );
    }
    if all.len() > TOLD {
        let _ = writeln!(text, "\nAnd {} more differences.", all.len() - TOLD);
    }
    for subject in &survey.subjects {
        let failing = subject
            .records
            .iter()
            .filter(|record| record.verdict.is_failure() && record.verdict != Verdict::Differs);
        for record in failing.take(TOLD) {
            let _ = writeln!(
                text,
                "\n**{}** {} in `{}`: {}",
                escape(subject.backend),
                record.verdict.word(),
                record.case,
                escape(&record.detail)
            );
        }
    }
}

/// The matrix as a table.
fn matrix(survey: &Survey<'_>) -> String {
    let asked = |suite: &&str| {
        let cells = survey
            .subjects
            .iter()
            .filter_map(|subject| subject.cells.get(*suite));
        cells
            .clone()
            .any(|cell| cell.worst() != Some(Verdict::Unsupported))
    };
    let suites: Vec<&str> = survey.suites.iter().copied().filter(asked).collect();
    let mut text = format!("| backend | runs | profile | {} |\n", suites.join(" | "));
    let _ = writeln!(text, "|---|---|---|{}", "---:|".repeat(suites.len()));
    for subject in &survey.subjects {
        let cells: Vec<String> = suites
            .iter()
            .map(|suite| {
                let cell = subject.cells.get(*suite).cloned().unwrap_or_default();
                match cell.worst().is_some_and(Verdict::is_failure) {
                    true => format!("✗ {}", cell.text()),
                    false => cell.text(),
                }
            })
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            escape(subject.backend),
            subject.execution,
            subject.profile,
            cells.join(" | ")
        );
    }
    text
}

/// What was run, and what of it natively: part of a bundle.
pub fn statement(survey: &Survey<'_>) -> String {
    let mut text = String::from("# What was run\n\n");
    text += &answer(survey);
    for (at, cpu) in survey.cpus.iter().enumerate() {
        let print = &cpu.fingerprint;
        let _ = write!(
            text,
            "\n## {}\n\n{}, {} family {} model {} stepping {}; features: {}.\n",
            escape(&cpu.label),
            print.architecture,
            print.vendor,
            print.family,
            print.model,
            print.stepping,
            print.features.join(" ")
        );
        for (execution, meaning) in [
            ("native", "Ran natively, on this CPU's own instructions"),
            (
                "modelled",
                "Ran as models of instructions that this CPU lacks",
            ),
        ] {
            let mut names: Vec<String> = survey
                .subjects
                .iter()
                .filter(|subject| subject.cpu == at && subject.execution == execution)
                .map(|subject| format!("{} as {}", escape(subject.backend), subject.profile))
                .collect();
            names.dedup();
            if !names.is_empty() {
                let _ = write!(text, "\n{meaning}: {}.\n", names.join(", "));
            }
        }
        let mut timed: Vec<&str> = survey
            .measurements
            .iter()
            .filter(|(cpu, _, _)| *cpu == at)
            .map(|(_, _, measurement)| measurement.backend.as_str())
            .collect();
        timed.sort_unstable();
        timed.dedup();
        if !timed.is_empty() {
            let _ = write!(text, "\nTimed, natively: {}.\n", timed.join(", "));
        }
    }
    text += "\n## Runs\n";
    for source in &survey.input.runs {
        let header = &source.run.header;
        let _ = write!(
            text,
            "\n- `{}`: qassay {}{}, {}, level {}, seed {}, golden set {}: `{}`\n",
            source.files.join("`, `"),
            header.version,
            header
                .revision
                .as_ref()
                .map(|r| format!(" ({r})"))
                .unwrap_or_default(),
            header.toolchain,
            header.level,
            header.seed,
            header.golden_hash,
            crate::input::command(header).join(" ")
        );
    }
    text
}

/// Text in which Markdown finds no marks.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '*' | '_' | '`' | '|' | '<' | '>' | '[' | ']' | '\\' | '#'
        ) {
            escaped.push('\\');
        }
        escaped.push(if c == '\n' { ' ' } else { c });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Input, Source};
    use crate::sample;

    fn input() -> Input {
        Input {
            runs: vec![Source {
                files: vec!["run.jsonl".into()],
                run: sample::run(),
            }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_comment_says_the_answer_first() {
        let input = input();
        insta::assert_snapshot!("comment", comment(&Survey::new(&input)));
        assert!(comment(&Survey::new(&Input::default())).contains("nothing was compared"));
    }

    #[test]
    fn marks_of_markdown_are_taken_from_them() {
        assert_eq!(escape("a|b_<c>"), "a\\|b\\_\\<c\\>");
    }
}
