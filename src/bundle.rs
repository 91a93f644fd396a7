//! `qassay publish` and `qassay verify-bundle`: submissions.

use std::path::Path;

use anyhow::Result;
use qassay_reports::{bundle, input};

use crate::Outcome;
use crate::cli::PublishArgs;
use crate::output::Output;

/// Runs `qassay publish`.
pub fn publish(args: &PublishArgs, output: &mut Output) -> Result<Outcome> {
    let input = input::read(&args.runs);
    let manifest = bundle::publish(&args.runs, &input, &args.dir)?;
    output.line(format!(
        "{}: {} files, bundle {}",
        args.dir.display(),
        manifest.files.len(),
        manifest.bundle
    ))?;
    Ok(Outcome::Conforms)
}

/// Runs `qassay verify-bundle`.
pub fn verify(dir: &Path, output: &mut Output) -> Result<Outcome> {
    let verified = bundle::verify(dir)?;
    for fault in &verified.faults {
        output.line(format!("{} {fault}", output.paint().bad("fault")))?;
    }
    if verified.faults.is_empty() {
        output.line(format!(
            "{}: {} files are what the manifest says, bundle {}",
            dir.display(),
            verified.manifest.files.len(),
            verified.manifest.bundle
        ))?;
        return Ok(Outcome::Conforms);
    }
    Ok(Outcome::Differs)
}
