//! `qassay conform`: makes a plan from the options, runs it, prints the run.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use qassay_backends::{profile_name, registry, select};
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::vectors;
use qassay_reports::paint::grouped;
use qassay_reports::{coverage, explanation, failure, identified, junit, matrix, stages};
use qassay_suites::case::CaseId;
use qassay_suites::os::interrupt;
use qassay_suites::runner::{self, Kept, Origin, Plan, Progress, Run, Workers};
use qassay_suites::suite::Level;

use crate::Outcome;
use crate::cli::{ConformArgs, Format, LevelChoice};
use crate::output::{Bar, Output};
use crate::unfinished;

/// Runs `qassay conform`.
pub fn run(args: &ConformArgs, output: &mut Output) -> Result<Outcome> {
    match &args.resume {
        Some(file) => {
            let (args, kept) = unfinished::asked(args, file)?;
            conform(&args, Some(kept), output)
        }
        None => conform(args, None, output),
    }
}

fn conform(args: &ConformArgs, kept: Option<Kept>, output: &mut Output) -> Result<Outcome> {
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    let mut plan = plan(args)?;
    if let Some(kept) = &kept {
        plan.origin.command = kept.header.command.clone();
    }
    plan.kept = kept;
    plan.journal = args.out.as_deref().and_then(unfinished::journal);
    interrupt::watch();
    let bar = Bar::new("cases", output);
    let run = runner::run(&plan, &mut |progress| match progress {
        Progress::Judged { done, of, .. } => bar.set(done, of),
        Progress::Explained { done, of } => {
            bar.say("explaining");
            bar.set(done, of);
        }
    });
    bar.finish();
    let run = unfinished::write(run, args.out.as_deref(), plan.journal.as_deref())?;
    match args.format {
        Format::Table => {
            table(&run, output)?;
            if args.timings {
                output.line("")?;
                output.line(stages::render(&run.summary, output.paint()))?;
            }
        }
        Format::Json => json(&run, output)?,
        Format::Junit => output.bytes(junit::render(&run.records)?.as_bytes())?,
    }
    Ok(if run.summary.interrupted {
        if args.format == Format::Table {
            output.line(unfinished::going_on(args.out.as_deref()))?;
        }
        Outcome::Interrupted
    } else if run.conforms() {
        Outcome::Conforms
    } else {
        Outcome::Differs
    })
}

/// The profile with this name, or a named one with other choices: `NAME+AXIS=CHOICE`.
pub fn find_profile(name: &str) -> Result<&'static NamedProfile> {
    Ok(profile_name::resolve(name)?)
}

/// The level that was chosen.
pub fn level(choice: LevelChoice) -> Level {
    match choice {
        LevelChoice::Smoke => Level::Smoke,
        LevelChoice::Standard => Level::Standard,
        LevelChoice::Exhaustive => Level::Exhaustive,
    }
}

fn plan(args: &ConformArgs) -> Result<Plan> {
    let names = |patterns: &[String]| -> Result<Vec<String>> {
        Ok(select::names(
            registry::entries(),
            &select::split(patterns),
        )?)
    };
    let cases = (args.case.iter())
        .map(|text| text.parse::<CaseId>())
        .collect::<Result<Vec<_>, _>>()?;
    let workers = match (args.in_process, Workers::from_environment()) {
        (true, _) => Workers::InProcess,
        (false, Workers::Processes { command, .. }) if args.jobs > 0 => Workers::Processes {
            count: Some(args.jobs),
            command,
        },
        (false, workers) => workers,
    };
    Ok(Plan {
        backends: names(&args.backend)?,
        suites: args.suite.clone(),
        data: args.data.clone(),
        cases,
        level: level(args.level),
        seed: args.seed,
        shard: args.shard.as_deref().map(str::parse).transpose()?,
        held_to: args.held_to.as_deref().map(find_profile).transpose()?,
        native_only: args.native_only,
        require_native: if args.require_native.is_empty() {
            Vec::new()
        } else {
            names(&args.require_native)?
        },
        workers,
        time_limit: Duration::from_secs(args.time_limit),
        origin: origin(),
        ..Plan::default()
    })
}

/// What made a run.
pub fn origin() -> Origin {
    Origin {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: option_env!("QASSAY_REVISION").map(Into::into),
        toolchain: env!("QASSAY_TOOLCHAIN").into(),
        golden_hash: vectors::set_hash(&vectors::default_dir()).unwrap_or_else(|_| "none".into()),
        command: command(),
    }
}

/// The command line without the program's path.
fn command() -> Vec<String> {
    std::iter::once("qassay".to_owned())
        .chain(std::env::args().skip(1))
        .collect()
}

/// A run takes its time: find out first whether its file can be written.
pub fn check_writable(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        bail!(
            "cannot write {}: {} is no folder",
            path.display(),
            folder.display()
        );
    }
    if path.is_dir() {
        bail!(
            "cannot write {}: it is a folder; give a file such as run.jsonl",
            path.display()
        );
    }
    Ok(())
}

fn table(run: &Run, output: &mut Output) -> Result<()> {
    let paint = output.paint();
    let cpu = &run.header.cpu;
    output.line(format!(
        "{}, {} ({} model {}), level {}, seed {}",
        cpu.model_name, cpu.architecture, cpu.family, cpu.model, run.header.level, run.header.seed
    ))?;
    output.line("")?;
    output.line(matrix::Matrix::new(&run.records).render(paint))?;
    output.line("")?;
    output.bytes(identified::render(&run.identified, paint).as_bytes())?;
    let failures = failure::render(&run.records, paint);
    output.bytes(failures.as_bytes())?;
    for found in &run.explanations {
        output.line(explanation::render(found, paint))?;
    }
    output.line(coverage::render(&run.summary, paint))?;
    output.line("")?;
    output.line(verdict(run, output))
}

/// The last line: what came out, in one sentence.
fn verdict(run: &Run, output: &Output) -> String {
    let summary = &run.summary;
    let count = |word: &str| summary.verdicts.get(word).copied().unwrap_or(0);
    let mut text = format!(
        "{} cases, {} judged on backends, {} output values compared bit for bit in {:.1} s",
        grouped(summary.cases),
        grouped(summary.judged),
        grouped(summary.values),
        summary.seconds
    );
    for (word, &number) in &summary.verdicts {
        if number > 0 && word != "conforms" {
            text.push_str(&format!(", {} {word}", grouped(number)));
        }
    }
    let paint = output.paint();
    let result = if summary.interrupted {
        paint.bad("interrupted")
    } else if run.conforms() {
        paint.good("conforms")
    } else if summary.judged == 0 {
        paint.bad("fails, nothing was compared")
    } else if count("differs") > 0 {
        paint.bad("differs")
    } else {
        paint.bad("fails")
    };
    format!("{result}: {text}")
}

fn json(run: &Run, output: &mut Output) -> Result<()> {
    let document = serde_json::json!({
        "header": run.header,
        "summary": run.summary,
        "identified": run.identified,
        "explanations": run.explanations,
        "records": run.records,
    });
    output.line(serde_json::to_string_pretty(&document)?)
}
