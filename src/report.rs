//! `qassay report`: run files in, and out as a site, CSV, JUnit, Markdown, JSON or text.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use qassay_golden::vectors;
use qassay_reports::input::{self, Input};
use qassay_reports::paint::grouped;
use qassay_reports::survey::Survey;
use qassay_reports::{junit, markdown, site, terminal, tidy};

use crate::Outcome;
use crate::cli::{ReportArgs, ReportFormat};
use crate::output::Output;

/// Runs `qassay report`.
pub fn run(args: &ReportArgs, output: &mut Output) -> Result<Outcome> {
    let input = input::read(&args.runs);
    if input.runs.is_empty() {
        let notes: Vec<String> = input.notes.iter().map(ToString::to_string).collect();
        let paths: Vec<String> = args.runs.iter().map(|p| p.display().to_string()).collect();
        bail!(
            "nothing to report in {}: {}",
            paths.join(", "),
            notes.join("; ")
        );
    }
    for note in &input.notes {
        eprintln!("qassay: {note}");
    }
    let survey = Survey::new(&input);
    if let Some(dir) = &args.csv {
        csv(&survey, dir)?;
    }
    if let Some(path) = &args.junit {
        write(path, junit(&survey)?.as_bytes())?;
    }
    let printed = format(args);
    if let Some(dir) = &args.out {
        let golden = args.golden.clone().unwrap_or_else(vectors::default_dir);
        let written = site::write(&survey, &site::Facts::read(&golden), dir)?;
        if printed.is_none() {
            output.line(format!(
                "{}: {} pages, {} KiB",
                dir.join("index.html").display(),
                written.pages,
                grouped(written.bytes.div_ceil(1024))
            ))?;
        }
    }
    match printed {
        Some(ReportFormat::Table) => {
            let text = terminal::render(&survey, output.paint());
            output.bytes(text.as_bytes())?;
        }
        Some(ReportFormat::Json) => json(&input, output)?,
        Some(ReportFormat::Junit) => output.bytes(junit(&survey)?.as_bytes())?,
        Some(ReportFormat::Markdown) => output.bytes(markdown::comment(&survey).as_bytes())?,
        None => {}
    }
    Ok(match input.notes.is_empty() {
        true => Outcome::Conforms,
        false => Outcome::Incomplete,
    })
}

/// What is printed; nothing where files were asked for and no form was.
fn format(args: &ReportArgs) -> Option<ReportFormat> {
    let files = args.out.is_some() || args.csv.is_some() || args.junit.is_some();
    match (args.term, args.markdown) {
        (true, _) => Some(ReportFormat::Table),
        (_, true) => Some(ReportFormat::Markdown),
        _ => args.format.or((!files).then_some(ReportFormat::Table)),
    }
}

fn junit(survey: &Survey<'_>) -> Result<String> {
    let records = survey.subjects.iter().flat_map(|subject| &subject.records);
    Ok(junit::render(records.copied())?)
}

fn csv(survey: &Survey<'_>, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot write {}", dir.display()))?;
    for sheet in tidy::all(survey) {
        write(&dir.join(sheet.file()), &sheet.bytes()?)?;
    }
    Ok(())
}

fn json(input: &Input, output: &mut Output) -> Result<()> {
    let runs: Vec<serde_json::Value> = (input.runs.iter())
        .map(|source| {
            let run = &source.run;
            serde_json::json!({
                "files": source.files,
                "header": run.header,
                "summary": run.summary,
                "identified": run.identified,
                "explanations": run.explanations,
                "records": run.records,
                "measurements": run.measurements,
                "mutants": run.mutants,
            })
        })
        .collect();
    let notes: Vec<String> = input.notes.iter().map(ToString::to_string).collect();
    let document = serde_json::json!({ "runs": runs, "notes": notes });
    output.line(serde_json::to_string_pretty(&document)?)
}

/// Writes a file whole or not at all: to a temporary name beside it, which then takes its
/// name. What is there and is no file (a pipe, a device) is written to as it is.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return fs::write(path, bytes).with_context(failed);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let fresh: PathBuf = path.with_file_name(name);
    let result = fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, path));
    if result.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    result.with_context(failed)
}
