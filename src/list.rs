//! `qassay list`: what there is, straight from the registries.

use anyhow::{Context, Result};
use qassay_backends::select::nearest;
use qassay_backends::{mutants, registry};
use qassay_golden::profile::{Profile, named};
use qassay_golden::witness::Event;
use qassay_suites::suite::{self, Suite};
use qassay_suites::{bench, data};

use crate::Outcome;
use crate::cli::{ListArgs, Listing};
use crate::conform::{find_profile, level};
use crate::output::Output;

/// Runs `qassay list`.
pub fn run(args: &ListArgs, output: &mut Output) -> Result<Outcome> {
    match args.what {
        Listing::Backends => backends(output)?,
        Listing::Suites => {
            for suite in suite::suites() {
                output.line(format!("{:<20} {}", suite.name, suite.summary))?;
            }
        }
        Listing::Data => {
            for (name, aim) in data::classes() {
                output.line(format!("{name:<20} {aim}"))?;
            }
        }
        Listing::Cases => {
            for suite in suites(&args.suite)? {
                for id in suite.cases(level(args.level), args.seed) {
                    if output.is_closed() {
                        return Ok(Outcome::Conforms);
                    }
                    output.line(id.to_string())?;
                }
            }
        }
        Listing::Profiles => match &args.axes {
            Some(name) => axes(name, output)?,
            None => {
                for profile in named::PROFILES {
                    output.line(format!("{:<18} {}", profile.name, profile.summary))?;
                }
            }
        },
        Listing::Isas => isas(output)?,
        Listing::Shapes => {
            for set in bench::sets::SETS {
                output.line(format!("{:<18} {}", set.name, set.summary))?;
            }
        }
        Listing::Events => {
            for event in Event::ALL {
                output.line(format!("{:<20} {}", event.key(), event.meaning()))?;
            }
        }
        Listing::Mutants => {
            for mutant in mutants::all() {
                let source = mutant.source().map(|url| format!(" ({url})"));
                output.line(format!(
                    "{:<52} {}{}",
                    mutant.name(),
                    mutant.sentence(),
                    source.unwrap_or_default()
                ))?;
            }
        }
    }
    Ok(Outcome::Conforms)
}

/// The suites with these names, or all.
pub fn suites(names: &[String]) -> Result<Vec<&'static Suite>> {
    if names.is_empty() {
        return Ok(suite::suites().iter().collect());
    }
    let known: Vec<&str> = suite::suites().iter().map(|suite| suite.name).collect();
    (names.iter())
        .map(|name| {
            suite::find(name).with_context(|| match &nearest(name, &known)[..] {
                [] => format!("unknown suite '{name}'; there are {}", known.join(", ")),
                near => format!("unknown suite '{name}'; did you mean {}?", near.join(", ")),
            })
        })
        .collect()
}

fn backends(output: &mut Output) -> Result<()> {
    output.line(format!(
        "{:<24} {:<9} {:<18} asks of operands",
        "backend", "runs", "profile"
    ))?;
    for entry in registry::entries() {
        let declaration = entry.declaration;
        let preconditions: Vec<String> = declaration
            .preconditions
            .iter()
            .map(ToString::to_string)
            .collect();
        output.line(
            format!(
                "{:<24} {:<9} {:<18} {}",
                declaration.name,
                entry.open().execution().name(),
                declaration.profile,
                preconditions.join("; ")
            )
            .trim_end(),
        )?;
    }
    output.line("")?;
    output.line("and backends of your own (see qassay scaffold --help):")?;
    output.line("plugin:PATH      a shared library with the functions of qassay.h")?;
    output.line("exec:COMMAND     a program that speaks the worker protocol")
}

fn axes(name: &str, output: &mut Output) -> Result<()> {
    let named = find_profile(name)?;
    output.line(format!("{}: {}", named.name, named.summary))?;
    output.line(format!("source: {}", named.source))?;
    for axis in Profile::axes() {
        let choice = named.profile.choice(axis);
        output.line(format!(
            "{axis:<38} {choice:<28} {}",
            named.profile.meaning(axis),
            axis = axis.to_string()
        ))?;
    }
    Ok(())
}

/// Instruction sets with the way each runs here, once each, in registry order.
pub fn isa_lines() -> Vec<(String, &'static str)> {
    let mut lines: Vec<(String, &'static str)> = Vec::new();
    for entry in registry::entries() {
        let isa = entry.declaration.isa;
        if !lines.iter().any(|(known, _)| known == isa) {
            lines.push((isa.to_owned(), entry.open().execution().name()));
        }
    }
    lines
}

/// Prints [`isa_lines`].
pub fn isas(output: &mut Output) -> Result<()> {
    for (isa, execution) in isa_lines() {
        output.line(format!("{isa:<14} {execution}"))?;
    }
    Ok(())
}
