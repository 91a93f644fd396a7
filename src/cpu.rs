//! `qassay cpu`: what this CPU is, and what it can do at most.

use anyhow::{Context, Result};
use qassay_reports::bench as shown;
use qassay_suites::host::{self, peaks::Meter};
use qassay_suites::record::{CpuFingerprint, Peaks};

use crate::Outcome;
use crate::cli::{CpuArgs, TableFormat};
use crate::list::{isa_lines, isas};
use crate::output::{Bar, Output};

/// Rounds of measuring.
const ROUNDS: usize = 15;

/// Runs `qassay cpu`.
pub fn run(args: &CpuArgs, output: &mut Output) -> Result<Outcome> {
    let cpu = host::fingerprint();
    let peaks = args.measure.then(|| measure(output));
    match args.format {
        TableFormat::Table => table(&cpu, peaks.as_ref(), output)?,
        TableFormat::Json => {
            let isas: serde_json::Map<String, serde_json::Value> = isa_lines()
                .into_iter()
                .map(|(isa, execution)| (isa, execution.into()))
                .collect();
            let document = serde_json::json!({
                "cpu": cpu,
                "instruction_sets": isas,
                "peaks": peaks,
            });
            output.line(serde_json::to_string_pretty(&document)?)?;
        }
    }
    Ok(Outcome::Conforms)
}

/// Schemes and bandwidths in turn, so that all see the same machine.
fn measure(output: &Output) -> Peaks {
    let bar = Bar::new("rounds", output);
    let mut meter = Meter::default();
    for round in 0..ROUNDS {
        bar.set(round, ROUNDS);
        meter.round();
        if round % 3 == 0 {
            meter.memory_round();
        }
    }
    bar.finish();
    meter.peaks()
}

fn table(cpu: &CpuFingerprint, peaks: Option<&Peaks>, output: &mut Output) -> Result<()> {
    output.line(format!("architecture  {}", cpu.architecture))?;
    output.line(format!("vendor        {}", cpu.vendor))?;
    output.line(format!("model         {}", cpu.model_name))?;
    output.line(format!(
        "family        {} model {} stepping {}",
        cpu.family, cpu.model, cpu.stepping
    ))?;
    output.line(format!("features      {}", cpu.features.join(" ")))?;
    let caches: Vec<String> = cpu
        .caches_kib
        .iter()
        .map(|kib| format!("{kib} KiB"))
        .collect();
    output.line(format!("caches        {}", caches.join(", ")))?;
    output.line("instruction sets")?;
    isas(output).context("cannot list instruction sets")?;
    if let Some(peaks) = peaks {
        output.line("")?;
        output.line(shown::peaks(peaks, output.paint()))?;
    }
    Ok(())
}
