//! `qassay count`: one prepared kernel, run over and over, for tools that count instructions.

use anyhow::{Context, Result};
use qassay_suites::case::CaseId;
use qassay_suites::count::{self, Work};

use crate::Outcome;
use crate::cli::CountArgs;
use crate::output::Output;

/// Runs `qassay count`.
pub fn run(args: &CountArgs, output: &mut Output) -> Result<Outcome> {
    let id: CaseId = args
        .case
        .parse()
        .with_context(|| format!("malformed case '{}'", args.case))?;
    let counted = count::count(&args.backend, &id, args.iterations, !args.unjudged)?;
    let (work, unit) = match counted.work {
        Work::MultiplyAccumulates(number) => (number, "multiply-accumulates"),
        Work::Elements(number) => (number, "elements"),
    };
    output.line(format!("backend       {}", args.backend))?;
    output.line(format!("runs          {}", counted.execution))?;
    output.line(format!("micro-kernel  {}", counted.chosen))?;
    output.line(format!("case          {id}"))?;
    output.line(format!("work          {work} {unit} in each run"))?;
    output.line(format!("iterations    {}", args.iterations))?;
    Ok(Outcome::Conforms)
}
