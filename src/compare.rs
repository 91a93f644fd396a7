//! `qassay compare`: one run against an earlier one.

use std::path::Path;

use anyhow::{Result, bail};
use qassay_reports::comparison::{self, Threshold};
use qassay_reports::input;
use qassay_suites::runner::Run;

use crate::Outcome;
use crate::cli::{CompareArgs, FailOn};
use crate::output::Output;

/// Runs `qassay compare`.
pub fn run(args: &CompareArgs, output: &mut Output) -> Result<Outcome> {
    let threshold: Threshold = args.threshold.parse()?;
    let [base, new] = [read(&args.base)?, read(&args.new)?];
    let found = comparison::compare(&base, &new, threshold.0)?;
    output.bytes(found.render(output.paint()).as_bytes())?;
    let on = args.fail_on.map(|on| match on {
        FailOn::Regress => comparison::FailOn::Regress,
        FailOn::Differ => comparison::FailOn::Differ,
    });
    Ok(match on.is_some_and(|on| found.fails(on)) {
        true => Outcome::Differs,
        false => Outcome::Conforms,
    })
}

/// A run that is whole: half a run would hide what changed.
fn read(path: &Path) -> Result<Run> {
    let mut input = input::read(&[path]);
    if let Some(note) = input.notes.first_mut() {
        // Two runs to compare may well have the same name, in two folders.
        note.file = path.display().to_string();
        bail!("cannot compare: {note}");
    }
    match input.runs.pop() {
        Some(source) => Ok(source.run),
        None => bail!("cannot compare: {} holds no run", path.display()),
    }
}
