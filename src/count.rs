//! `qassay count`: one prepared kernel, run over and over, for tools that count instructions.

use anyhow::{Context, Result};
use qassay_reports::paint::grouped;
use qassay_suites::case::CaseId;
use qassay_suites::count::{self, Work};
use qassay_suites::executed::executed;
use qassay_suites::os::steps;

use crate::Outcome;
use crate::cli::CountArgs;
use crate::output::Output;

/// Runs `qassay count`.
pub fn run(args: &CountArgs, output: &mut Output) -> Result<Outcome> {
    let id: CaseId = args
        .case
        .parse()
        .with_context(|| format!("malformed case '{}'", args.case))?;
    let mark = if args.marked { steps::mark } else { || {} };
    let counted = count::count(&args.backend, &id, args.iterations, !args.unjudged, mark)?;
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
    match (args.executed, counted.execution) {
        (false, _) => Ok(Outcome::Conforms),
        (true, "native") => of_isa(args, counted.isa, output),
        (true, _) => anyhow::bail!("{} runs on models of its instructions here", args.backend),
    }
}

/// What one run executes, and whether it is of the instruction set that the backend declares.
fn of_isa(args: &CountArgs, isa: &str, output: &mut Output) -> Result<Outcome> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let found = executed(program.as_os_str(), &args.backend, &args.case)?;
    output.line(format!(
        "executed      {} instructions in one run: {} VEX, {} EVEX, {} VNNI, {} AMX",
        grouped(found.all),
        grouped(found.vex),
        grouped(found.evex),
        grouped(found.vex_vnni + found.evex_vnni),
        grouped(found.tiles)
    ))?;
    let (told, outcome) = match found.has(isa) {
        Some(true) => ("and executed it", Outcome::Conforms),
        Some(false) => ("and executed none of its instructions", Outcome::Differs),
        None => ("which cannot be told", Outcome::Conforms),
    };
    output.line(format!("declares      {isa}, {told}"))?;
    Ok(outcome)
}
