//! Runs of `conform` that are ended before they are through: what they leave, and going on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use qassay_suites::runner::{Kept, Run, RunError, journal_of};

use crate::cli::{Cli, Command, ConformArgs};

/// What the run that left `file` was asked, with how to run and print as asked now; and what
/// it has judged.
pub fn asked(now: &ConformArgs, file: &Path) -> Result<(ConformArgs, Kept)> {
    let kept = Kept::read(file)?;
    let Ok(Cli {
        command: Command::Conform(then),
        ..
    }) = Cli::try_parse_from(&kept.header.command)
    else {
        bail!(
            "cannot go on from {}: its command is none of conform: {}",
            file.display(),
            kept.header.command.join(" ")
        );
    };
    let asked = ConformArgs {
        out: Some(now.out.clone().unwrap_or_else(|| whole(file))),
        format: now.format,
        in_process: now.in_process,
        timings: now.timings,
        jobs: now.jobs,
        resume: None,
        ..then
    };
    Ok((asked, kept))
}

/// The file of the whole run, of which `file` has a part.
fn whole(file: &Path) -> PathBuf {
    match file.extension() {
        Some(extension) if extension == "partial" => file.with_extension(""),
        _ => file.to_owned(),
    }
}

/// Where a run that is written to `out` keeps what it has judged so far. None for what is no
/// file, such as a pipe.
pub fn journal(out: &Path) -> Option<PathBuf> {
    let no_file = std::fs::metadata(out).is_ok_and(|there| !there.is_file());
    (!no_file).then(|| journal_of(out))
}

/// Writes the run; then its journal has nothing that is not there. One that has nothing at
/// all goes in any case.
pub fn write(
    run: Result<Run, RunError>,
    out: Option<&Path>,
    journal: Option<&Path>,
) -> Result<Run> {
    let run = match (run, journal) {
        (Ok(run), _) => run,
        (Err(error @ RunError::Unfinished(_)), _) | (Err(error), None) => bail!(error),
        (Err(error), Some(journal)) => {
            if Kept::read(journal).is_ok_and(|kept| kept.records.is_empty()) {
                let _ = std::fs::remove_file(journal);
            }
            bail!(error)
        }
    };
    let Some(out) = out else { return Ok(run) };
    match journal {
        None => run.write(out)?,
        Some(journal) => {
            if let Err(error) = run.write(out) {
                bail!(
                    "{error}; what was judged is in {0}: go on with --resume {0}",
                    journal.display()
                );
            }
            std::fs::remove_file(journal)
                .with_context(|| format!("cannot remove {}", journal.display()))?;
        }
    }
    Ok(run)
}

/// How to go on with an interrupted run.
pub fn going_on(out: Option<&Path>) -> String {
    match out {
        Some(out) => format!("go on with: qassay conform --resume {}", out.display()),
        None => "nothing of it is kept (--out FILE keeps it)".into(),
    }
}
