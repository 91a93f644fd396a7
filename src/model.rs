//! `qassay model GRAPH`: a captured network on every engine and backend, node after node.

use anyhow::{Context, Result, bail};
use qassay_backends::{external, registry, select};
use qassay_golden::captures::graph;
use qassay_golden::profile::named;
use qassay_reports::model as report;
use qassay_suites::model::{Answer, engine_of, run_backend, run_engine, unmet};

use crate::Outcome;
use crate::cli::ModelArgs;
use crate::output::Output;

/// Runs `qassay model`. Ends with 1 where a bit is not the engine's.
pub fn run(args: &ModelArgs, output: &mut Output) -> Result<Outcome> {
    let graph = graph(&args.graph)?;
    if let Some(name) = args.backend.iter().find(|name| external::is_external(name)) {
        bail!(
            "{name}: `qassay model` runs backends of this build alone; `qassay list backends` shows them"
        );
    }
    let backends = select::select(registry::entries(), &args.backend)?;
    let mut engines = Vec::new();
    for &(engine, profile) in &graph.engines {
        let profile = named::find(profile).with_context(|| format!("no profile '{profile}'"))?;
        engines.push((engine, profile));
    }
    if let Some(unknown) = args
        .engine
        .iter()
        .find(|e| engines.iter().all(|(known, _)| known != e))
    {
        let known: Vec<&str> = engines.iter().map(|(engine, _)| *engine).collect();
        bail!(
            "no engine '{unknown}' in {}; there are {}",
            graph.name,
            known.join(", ")
        );
    }
    if !args.engine.is_empty() {
        engines.retain(|(engine, _)| args.engine.iter().any(|chosen| chosen == engine));
    }
    let paint = output.paint();
    output.line(report::title(&graph, paint))?;
    let profiles: Vec<_> = engines
        .iter()
        .map(|(e, named)| (*e, &named.profile))
        .collect();
    for unmet in unmet(&graph, &profiles) {
        output.line(report::unmet(&unmet, paint))?;
    }
    let runs = (engines.iter())
        .map(|(engine, profile)| run_engine(&graph, engine, profile))
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| args.graph.display().to_string())?;
    output.line("")?;
    output.line(report::engines(&graph, &runs, paint))?;
    output.line("")?;
    for run in &runs {
        output.line(report::summary(&graph, run, paint))?;
    }
    output.line("")?;
    let mut conforms = runs
        .iter()
        .all(|run| run.nodes.iter().all(|node| node.upstream == 0));
    for entry in &backends {
        let declared = entry.declaration.profile;
        let declared = named::find(declared).with_context(|| format!("no profile '{declared}'"))?;
        let is_declared =
            |name: &str| (registry::entries().iter()).any(|e| e.declaration.profile == name);
        let Some(engine) = engine_of(&graph, &engines, declared, is_declared) else {
            continue;
        };
        let run = run_backend(&graph, engine, declared, &*entry.open());
        let bad = |answer: &Answer| {
            matches!(
                answer,
                Answer::Differs(_) | Answer::Precondition(_) | Answer::Failed(_)
            )
        };
        conforms &= !run.nodes.iter().any(bad);
        output.line(report::backend(&graph, &run, paint))?;
    }
    Ok(if conforms {
        Outcome::Conforms
    } else {
        Outcome::Differs
    })
}
