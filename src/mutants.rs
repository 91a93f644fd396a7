//! `qassay mutants`: puts seeded faults to the suites and tells which ones they notice.

use std::time::Duration;

use anyhow::{Result, bail};
use qassay_reports::mutants;
use qassay_suites::data;
use qassay_suites::record::Fate;
use qassay_suites::runner::{self, Hunt, Plan, Progress, Workers};

use crate::Outcome;
use crate::cli::{MutantsArgs, MutantsFormat};
use crate::conform::{check_writable, level, origin};
use crate::output::{Bar, Output};

/// Runs `qassay mutants`.
pub fn run(args: &MutantsArgs, output: &mut Output) -> Result<Outcome> {
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    let known: Vec<&str> = data::classes().map(|(name, _)| name).collect();
    if let Some(name) = args
        .data
        .iter()
        .find(|name| !known.contains(&name.as_str()))
    {
        bail!(
            "no data class is named '{name}'; there are: {}",
            known.join(", ")
        );
    }
    // A mutant may end its process: each is asked in a worker.
    let workers = match Workers::from_environment() {
        Workers::InProcess => bail!("mutants need worker processes; QASSAY_IN_PROCESS is set"),
        Workers::Processes { command, count } => Workers::Processes {
            count: if args.jobs > 0 {
                Some(args.jobs)
            } else {
                count
            },
            command,
        },
    };
    let hunt = Hunt {
        plan: Plan {
            level: level(args.level),
            seed: args.seed,
            data: args.data.clone(),
            workers,
            time_limit: Duration::from_secs(60),
            origin: origin(),
            ..Plan::default()
        },
        names: args.id.clone(),
        first: args.first,
    };
    let bar = Bar::new("cases", output);
    let hunted = runner::hunt(&hunt, &mut |progress| {
        if let Progress::Judged { done, of, .. } = progress {
            bar.set(done, of);
        }
    });
    bar.finish();
    let run = hunted?.run;
    if let Some(path) = &args.out {
        run.write(path)?;
    }
    let (fates, summary) = (&run.mutants, &run.summary);
    match args.format {
        MutantsFormat::Text => {
            let paint = output.paint();
            output.bytes(mutants::render(fates, paint).as_bytes())?;
            if args.matrix {
                output.line("")?;
                output.bytes(mutants::matrix(fates).as_bytes())?;
            }
            output.line("")?;
            let total = mutants::totals(fates, summary.cases, summary.seconds, paint);
            output.line(total)?;
        }
        MutantsFormat::Json => {
            let document = serde_json::json!({
                "header": run.header,
                "summary": summary,
                "mutants": fates,
            });
            output.line(serde_json::to_string_pretty(&document)?)?;
        }
    }
    Ok(if fates.iter().all(Fate::is_killed) {
        Outcome::Conforms
    } else {
        Outcome::Differs
    })
}
