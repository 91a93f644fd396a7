//! `qassay bench`: chooses backends and cases, times them, prints each case as
//! it is through.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use qassay_backends::backend::{Backend, Execution};
use qassay_backends::{external, registry, select};
use qassay_reports::bench as shown;
use qassay_reports::paint::grouped;
use qassay_suites::bench::instructions::{self, InstructionsError};
use qassay_suites::bench::sets::{self, Timed};
use qassay_suites::bench::{Bench, BenchError, Event};
use qassay_suites::case::CaseId;
use qassay_suites::os::interrupt;
use qassay_suites::record::Caches;
use qassay_suites::runner::Run;

use crate::Outcome;
use crate::cli::{BenchArgs, BenchFormat};
use crate::conform::{check_writable, find_profile, origin};
use crate::list::suites;
use crate::output::{Bar, Output};

/// Runs `qassay bench`.
pub fn run(args: &BenchArgs, output: &mut Output) -> Result<Outcome> {
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    if args.count {
        instructions::check()?;
    }
    let held_to = args.held_to.as_deref().map(find_profile).transpose()?;
    let (backends, modelled) = backends(&args.backend)?;
    let peers = match &args.peers {
        Some(_) if args.threads != 1 => {
            bail!("peers run on one thread: give --threads 1 with --peers")
        }
        Some(folder) => peers(folder, &backends)?,
        None => Vec::new(),
    };
    let bench = Bench {
        cases: cases(args)?,
        peers: peers.len(),
        backends: backends.into_iter().chain(peers).collect(),
        held_to,
        threads: args.threads,
        caches: if args.cold {
            Caches::Cold
        } else {
            Caches::Warm
        },
        base: args.base.clone(),
        quick: args.quick,
        peaks: !args.no_peaks,
        seed: args.seed,
        origin: origin(),
    };
    interrupt::watch();
    let mut run = measure(&bench, args.format == BenchFormat::Table, output)?;
    if args.count && !run.summary.interrupted {
        count(&mut run, output)?;
    }
    if let Some(path) = &args.out {
        run.write(path)?;
    }
    match args.format {
        BenchFormat::Table => end(&run, &modelled, output)?,
        BenchFormat::Markdown => {
            let document = shown::markdown::render(&run.header, &run.measurements);
            output.bytes(document.as_bytes())?;
        }
        BenchFormat::Json => {
            let document = serde_json::json!({
                "header": run.header,
                "summary": run.summary,
                "measurements": run.measurements,
            });
            output.line(serde_json::to_string_pretty(&document)?)?;
        }
    }
    if cfg!(debug_assertions) {
        eprintln!("times of a dev build; `cargo run --release -- bench` is what to quote");
    }
    Ok(if run.summary.interrupted {
        Outcome::Interrupted
    } else if run
        .measurements
        .iter()
        .any(|m| !m.peer && m.verdict.is_failure())
    {
        Outcome::Differs
    } else {
        Outcome::Conforms
    })
}

type Backends = Vec<Box<dyn Backend>>;

/// The backends that run natively, and the names of those that do not and were chosen as part
/// of a group.
fn backends(patterns: &[String]) -> Result<(Backends, Vec<&'static str>)> {
    let (mut native, mut modelled) = (Vec::new(), Vec::new());
    let (external, patterns): (Vec<_>, Vec<_>) =
        (patterns.iter().cloned()).partition(|name| external::is_external(name));
    for name in &external {
        native.push(external::open(name)?);
    }
    let registered = match patterns.is_empty() {
        true => Vec::new(),
        false => select::select(registry::entries(), &patterns)?,
    };
    for entry in registered {
        let backend = entry.open();
        let name = entry.declaration.name;
        if backend.execution() == Execution::Native {
            native.push(backend);
        } else if patterns.iter().any(|pattern| pattern.trim() == name) {
            return Err(BenchError::Modelled(name.to_owned()).into());
        } else {
            modelled.push(name);
        }
    }
    if native.is_empty() {
        return Err(BenchError::Modelled(modelled.join(", ")).into());
    }
    Ok((native, modelled))
}

/// The real engines that stand as plugins in `folder` and are not among `chosen`. One that
/// does not open is told and left out.
fn peers(folder: &Path, chosen: &Backends) -> Result<Backends> {
    let right = "`scripts/engines/setup.sh` makes them";
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("no peers in {}; {right}", folder.display()))?;
    let mut libraries: Vec<PathBuf> = (entries.filter_map(Result::ok))
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            name.starts_with("libqassay_") && name.ends_with(std::env::consts::DLL_SUFFIX)
        })
        .collect();
    libraries.sort();
    let mut peers = Vec::new();
    for library in libraries {
        let name = format!("{}{}", external::PLUGIN, library.display());
        if chosen
            .iter()
            .any(|backend| backend.declaration().name == name)
        {
            continue;
        }
        match external::open(&name) {
            Ok(peer) => peers.push(peer),
            Err(error) => eprintln!("qassay: left out: {error}"),
        }
    }
    if peers.is_empty() {
        bail!("no peers in {}; {right}", folder.display());
    }
    Ok(peers)
}

/// The cases that were asked for, each once.
fn cases(args: &BenchArgs) -> Result<Vec<Timed>> {
    let class = args.data.as_deref().map(sets::data_class).transpose()?;
    let mut cases: Vec<Timed> = Vec::new();
    for text in &args.case {
        let id: CaseId = text.parse()?;
        cases.push(Timed { id, place: None });
    }
    let shapes: Vec<&str> = match (&args.shape[..], &args.case[..]) {
        // A suite may have its cases in any set.
        ([], []) if args.suite.is_empty() => sets::DEFAULT_SETS.to_vec(),
        ([], []) => (sets::SETS.iter().map(|set| set.name))
            .filter(|name| !name.starts_with("net:"))
            .collect(),
        (shapes, _) => shapes.iter().map(String::as_str).collect(),
    };
    for shape in shapes {
        cases.extend(sets::timed(shape, class, args.seed)?);
    }
    if !args.suite.is_empty() {
        let chosen = suites(&args.suite)?;
        cases.retain(|case| chosen.iter().any(|suite| suite.name == case.id.suite()));
    }
    let mut seen = std::collections::HashSet::new();
    cases.retain(|case| seen.insert(case.id.clone()));
    if cases.is_empty() {
        let suites = match &args.suite[..] {
            [] => String::new(),
            suites => format!(" of {}", suites.join(", ")),
        };
        let data = args.data.as_deref().unwrap_or("any");
        bail!(
            "no cases{suites} with data of class {data} in the shapes chosen; `qassay list shapes` shows all sets"
        );
    }
    Ok(cases)
}

fn measure(bench: &Bench, print: bool, output: &mut Output) -> Result<Run> {
    let bar = Bar::new("cases", output);
    let paint = output.paint();
    let mut printed = Ok(());
    let run = bench.run(&interrupt::asked, &mut |event| match event {
        Event::Peaks => bar.say("measuring this CPU's peaks"),
        Event::Begun { done, of } => {
            bar.say("");
            bar.set(done, of);
        }
        Event::Measured(measurements) => {
            if print && printed.is_ok() {
                printed = bar.aside(|| {
                    output.line(shown::case(measurements, paint))?;
                    output.flush()
                });
            }
        }
    });
    bar.finish();
    printed?;
    Ok(run?)
}

/// Counts instructions of all that have a time.
fn count(run: &mut Run, output: &mut Output) -> Result<()> {
    let program = std::env::current_exe().context("this program is not to be found")?;
    let bar = Bar::new("counted", output);
    let of = run.measurements.len();
    let mut unknown: Vec<String> = Vec::new();
    for (done, m) in run.measurements.iter_mut().enumerate() {
        bar.set(done, of);
        if m.time.is_none() || m.peer || unknown.contains(&m.backend) {
            continue;
        }
        if interrupt::asked() {
            run.summary.interrupted = true;
            break;
        }
        match instructions::count(program.as_os_str(), &m.backend, &m.case, &m.work) {
            Ok(count) => m.instructions = Some(count),
            Err(InstructionsError::Unknown(backend)) => unknown.push(backend),
            // The signal reaches valgrind too: what it then says is no fault.
            Err(_) if interrupt::asked() => {}
            Err(error) => return Err(error.into()),
        }
    }
    bar.finish();
    if !unknown.is_empty() {
        eprintln!(
            "qassay: no instructions counted of {}: valgrind does not know theirs",
            unknown.join(", ")
        );
    }
    Ok(())
}

/// The sets in short, and what came out.
fn end(run: &Run, modelled: &[&str], output: &mut Output) -> Result<()> {
    let paint = output.paint();
    if run.measurements.iter().any(|m| m.instructions.is_some()) {
        output.line(shown::instructions(&run.measurements, paint))?;
        output.line("")?;
    }
    output.line(shown::sets(&run.measurements, paint))?;
    output.line("")?;
    if !modelled.is_empty() {
        output.line(format!(
            "not timed, since they run on models here: {}",
            modelled.join(", ")
        ))?;
    }
    let summary = &run.summary;
    let timed = run.measurements.iter().filter(|m| m.time.is_some()).count();
    let mut text = format!(
        "{} cases, {timed} timed on backends, {} output values compared bit for bit before and after every sample, {:.1} s",
        grouped(summary.cases),
        grouped(summary.values),
        summary.seconds
    );
    for (word, &number) in &summary.verdicts {
        if number > 0 && word != "conforms" {
            text.push_str(&format!(", {} {word}", grouped(number)));
        }
    }
    if summary.interrupted {
        text.push_str("; ended by Ctrl-C, what was through is kept");
    }
    output.line(text)
}
