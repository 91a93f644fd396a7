//! `qassay identify DIR`: whose arithmetic captured outputs are.

use anyhow::{Result, bail};
use qassay_reports::identify::render;
use qassay_suites::identify::{Engine, identify};

use crate::Outcome;
use crate::cli::IdentifyArgs;
use crate::output::Output;

/// Runs `qassay identify`. Ends with 1 where an op is nobody's.
pub fn run(args: &IdentifyArgs, output: &mut Output) -> Result<Outcome> {
    let mut engines = identify(&args.dir)?;
    if let Some(name) = &args.engine {
        let known: Vec<String> = engines.iter().map(|e| e.engine.clone()).collect();
        engines.retain(|engine| engine.engine == *name);
        if engines.is_empty() {
            bail!(
                "no engine '{name}' in {}; there are {}",
                args.dir.display(),
                known.join(", ")
            );
        }
    }
    if engines.is_empty() {
        bail!(
            "{}: nothing that a reference op covers (see `qassay golden captures --uncovered`)",
            args.dir.display()
        );
    }
    for engine in &engines {
        output.line(render(engine, output.paint()))?;
    }
    Ok(if engines.iter().all(Engine::is_identified) {
        Outcome::Conforms
    } else {
        Outcome::Differs
    })
}
