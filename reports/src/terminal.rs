//! A report in a terminal: the matrix, why backends differ, and bars of speeds.

use std::fmt::Write as _;

use crate::matrix::Matrix;
use crate::paint::{Paint, grouped};
use crate::plot::short;
use crate::speed::{Row, rows};
use crate::survey::Survey;
use crate::{explanation, failure, identified};

/// Columns of the longest bar.
const LONGEST: f64 = 40.0;

/// The whole report: a matrix for each CPU, differences, speeds, one line that sums up.
pub fn render(survey: &Survey<'_>, paint: Paint) -> String {
    let mut text = String::new();
    for (at, cpu) in survey.cpus.iter().enumerate() {
        let of: Vec<_> = survey
            .subjects
            .iter()
            .filter(|subject| subject.cpu == at)
            .collect();
        if of.is_empty() {
            continue;
        }
        let print = &cpu.fingerprint;
        let _ = writeln!(
            text,
            "{}, {} ({} model {})\n",
            cpu.label, print.architecture, print.family, print.model
        );
        // One matrix a profile set: rows of one backend under two profiles stay apart.
        let _ = writeln!(
            text,
            "{}\n",
            Matrix::of_subjects(&of, &survey.suites).render(paint)
        );
        for subject in &of {
            for found in &subject.explanations {
                let _ = writeln!(text, "{}", explanation::render(found, paint));
            }
            text.push_str(&failure::render(subject.records.iter().copied(), paint));
        }
    }
    for found in survey.identified() {
        text.push_str(&identified::render(std::slice::from_ref(found), paint));
    }
    text.push_str(&speeds(survey, paint));
    text.push_str(&mutants(survey, paint));
    text.push_str(&summary(survey, paint));
    text
}

/// A block of bars for each shape.
fn speeds(survey: &Survey<'_>, paint: Paint) -> String {
    let rows = rows(survey);
    let mut shapes: Vec<(usize, &str)> = Vec::new();
    for row in &rows {
        let shape = (row.run, row.measurement.case.as_str());
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    let mut text = String::new();
    for (run, case) in shapes {
        let mut of: Vec<&Row<'_>> = rows
            .iter()
            .filter(|row| row.run == run && row.measurement.case == case)
            .collect();
        let rate = |row: &Row<'_>| -> f64 {
            let work = &row.measurement.work;
            row.measurement
                .time
                .as_ref()
                .map_or(0.0, |time| match work.macs {
                    0 => time.gbytes(work),
                    _ => time.gops(work),
                })
        };
        of.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
        let most = of.first().map_or(0.0, |row| rate(row));
        let width = of
            .iter()
            .map(|row| row.measurement.backend.chars().count())
            .max()
            .unwrap_or(0);
        let title = format!("{} {}", of[0].set, of[0].name);
        let _ = writeln!(text, "{}  {case}", paint.strong(&title));
        for row in of {
            let measurement = row.measurement;
            let Some(time) = &measurement.time else {
                let word = paint.bad(measurement.verdict.word());
                let _ = writeln!(
                    text,
                    "  {:width$}  {word} {}",
                    measurement.backend, measurement.detail
                );
                continue;
            };
            let unit = if measurement.work.macs == 0 {
                "GB/s"
            } else {
                "GOP/s"
            };
            let ratio = row
                .to_best
                .map(|best| {
                    format!(
                        "  {:.2} ({:.2}–{:.2})",
                        best.ratio, best.interval[0], best.interval[1]
                    )
                })
                .unwrap_or_default();
            let unstable = if time.unstable {
                paint.caution("  unstable")
            } else {
                String::new()
            };
            let wrong = if measurement.verdict.is_failure() {
                paint.bad("  wrong")
            } else {
                String::new()
            };
            let _ = writeln!(
                text,
                "  {:width$}  {:<40}  {} {unit}{ratio}{unstable}{wrong}",
                measurement.backend,
                bar(rate(row), most),
                short(rate(row))
            );
        }
        text.push('\n');
    }
    text
}

/// A bar as long as its share of the longest, in eighths of a column.
fn bar(value: f64, most: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if !(value > 0.0 && most > 0.0) {
        return String::new();
    }
    let eighths = (value / most * LONGEST * 8.0).round().max(1.0) as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// One line.
/// Mutants that survived, and how many were killed.
fn mutants(survey: &Survey<'_>, paint: Paint) -> String {
    let mut text = String::new();
    for fate in survey.mutants.iter().filter(|fate| !fate.is_killed()) {
        let (word, name) = (paint.bad("survived"), &fate.prey.name);
        let _ = writeln!(
            text,
            "{word} {name} by {} cases: {}",
            fate.asked, fate.prey.sentence
        );
    }
    if !survey.mutants.is_empty() {
        let killed = survey.mutants.iter().filter(|fate| fate.is_killed());
        let (killed, of) = (killed.count(), survey.mutants.len());
        let _ = writeln!(text, "{killed} of {of} mutants killed");
    }
    text
}

fn summary(survey: &Survey<'_>, paint: Paint) -> String {
    let records = || survey.subjects.iter().flat_map(|subject| &subject.records);
    let judged = records()
        .filter(|record| record.verdict.is_judged())
        .count() as u64;
    let failing = records()
        .filter(|record| record.verdict.is_failure())
        .count() as u64;
    let word = match (survey.conforms(), failing) {
        (true, _) => paint.good("conforms"),
        (false, 0) if survey.mutants.is_empty() => paint.bad("nothing was compared"),
        (false, _) => paint.bad("fails"),
    };
    format!(
        "{word}: {} runs, {} judgements, {} output values compared bit for bit, {} failing, {} timed\n",
        survey.input.runs.len(),
        grouped(judged),
        grouped(records().map(|record| record.values).sum()),
        grouped(failing),
        grouped(survey.measurements.len() as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Input, Source};
    use crate::sample;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(100.0, 100.0).chars().count(), 40);
        assert_eq!(bar(50.0, 100.0), "█".repeat(20));
        assert_eq!(bar(0.001, 100.0), "▏");
        assert_eq!(bar(f64::NAN, 100.0), "");
    }

    #[test]
    fn the_terminal_shows_matrix_reason_and_speed() {
        let input = Input {
            runs: vec![Source {
                files: vec!["run.jsonl".into()],
                run: sample::run(),
            }],
            notes: Vec::new(),
        };
        let text = render(&Survey::new(&input), Paint(false));
        for part in [
            "differs 1/2",
            "accumulate.linear",
            "gemm m8.n8.k32",
            "100 GOP/s",
            "0.50 (0.50–0.50)",
            "fails: 1 runs, 4 judgements",
        ] {
            assert!(text.contains(part), "no '{part}' in {text}");
        }
        let lines: Vec<&str> = text.lines().filter(|line| line.contains('█')).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0].matches('█').count(), 40);
        assert_eq!(lines[1].matches('█').count(), 20);
    }
}
