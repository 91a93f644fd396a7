//! `qassay golden`: golden vectors and captures.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use qassay_golden::agreement::{self, Checked};
use qassay_golden::captures::{self, Known};
use qassay_golden::vectors;
use qassay_reports::captures as table;
use qassay_reports::paint::grouped;

use crate::Outcome;
use crate::cli::GoldenCommand;
use crate::output::{Bar, Output};

/// Runs `qassay golden ...`.
pub fn run(command: &GoldenCommand, output: &mut Output) -> Result<Outcome> {
    match command {
        GoldenCommand::Generate { dir } => {
            let summary = vectors::generate(dir)?;
            for file in &summary.changed {
                output.line(format!("rewrote {file}"))?;
            }
            output.line(format!(
                "{} files, {} cases, {} bytes, {} changed in {}",
                summary.files,
                summary.cases,
                summary.bytes,
                summary.changed.len(),
                dir.display()
            ))?;
            Ok(Outcome::Conforms)
        }
        GoldenCommand::Verify { dir } => {
            let report = vectors::verify(dir)
                .with_context(|| format!("no golden vectors to verify in {}", dir.display()))?;
            if let Some(damage) = report.unreadable.first() {
                anyhow::bail!("{damage}");
            }
            findings(&report.findings, output)?;
            output.line(format!(
                "{} files, {} cases, {} output values recomputed, {} findings",
                report.files,
                report.cases,
                report.values,
                report.findings.len()
            ))?;
            Ok(outcome(report.is_clean() && report.values > 0))
        }
        GoldenCommand::Diff { old, new } => {
            let changes = vectors::diff(old, new)?;
            findings(&changes.lines, output)?;
            output.line(format!(
                "{} cases in both, {} changes",
                changes.cases,
                changes.lines.len()
            ))?;
            Ok(outcome(changes.lines.is_empty()))
        }
        GoldenCommand::Oracle {
            count,
            op,
            seed,
            threads,
        } => oracle((*count, *seed), op, *threads, output),
        GoldenCommand::Captures {
            dir,
            uncovered,
            known,
        } => {
            let own = known.as_deref().map(Known::read).transpose()?;
            let known = match &own {
                Some(own) => own,
                None => Known::built_in()?,
            };
            let progress = Bar::new("files", output);
            let checked = captures::check(dir, known, |at| progress.set(at.done, at.total))?;
            progress.finish();
            let rows = &checked.rows;
            output.bytes(table::render(rows, output.paint()).as_bytes())?;
            output.bytes(table::changes(&checked.changes, output.paint()).as_bytes())?;
            if *uncovered {
                output.bytes(table::uncovered(rows).as_bytes())?;
            }
            output.line(table::summary(&checked))?;
            if !rows.iter().any(|row| row.covered() && row.values > 0) {
                anyhow::bail!("{}: no captured value could be checked", dir.display());
            }
            Ok(outcome(checked.is_clean()))
        }
    }
}

fn findings(lines: &[String], output: &mut Output) -> Result<()> {
    for line in lines {
        output.line(line)?;
    }
    Ok(())
}

fn outcome(clean: bool) -> Outcome {
    if clean {
        Outcome::Conforms
    } else {
        Outcome::Differs
    }
}

/// The reference held to the oracle.
fn oracle(
    asked: (u64, u64),
    names: &[String],
    threads: usize,
    output: &mut Output,
) -> Result<Outcome> {
    let known = || agreement::OPS.iter().map(|op| op.name);
    if let Some(name) = names.iter().find(|name| known().all(|op| op != *name)) {
        let known: Vec<&str> = known().collect();
        bail!(
            "no op of the oracle is named '{name}'; there are: {}",
            known.join(", ")
        );
    }
    let ops: Vec<Checked> = (agreement::OPS.iter().copied())
        .filter(|op| names.is_empty() || names.iter().any(|name| name == op.name))
        .collect();
    let (mut compared, mut pairs, mut differences, mut printed) = (0, 0, 0, Ok(()));
    let started = Instant::now();
    agreement::agreement(&ops, asked, threads, &mut |found| {
        compared += found.compared;
        pairs += 1;
        let others = match found.alike {
            0 => String::new(),
            n => format!(" and {n} more with the same rule"),
        };
        let what = found
            .difference
            .as_deref()
            .map_or("agree".to_owned(), |difference| {
                differences += 1;
                format!("DIFFER: {difference}")
            });
        let line = format!(
            "{:15} {}{others}: {} inputs, {what}",
            found.op,
            found.profile,
            grouped(found.compared)
        );
        if printed.is_ok() {
            printed = output.line(line).and_then(|()| output.flush());
        }
    })
    .context("cannot start threads")?;
    printed?;
    output.line(format!(
        "{} inputs of {pairs} pairs of op and rule in {:.1} s, {differences} differences",
        grouped(compared),
        started.elapsed().as_secs_f64()
    ))?;
    Ok(outcome(differences == 0 && compared > 0))
}
