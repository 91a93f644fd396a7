//! `qassay`: the command line. Arguments in, rooms called, text out; exit code
//! 0 conforms, 1 differs, 2 wrong usage or environment, 130 ended by Ctrl-C.

#![forbid(unsafe_code)]

mod bench;
mod bundle;
mod cli;
mod compare;
mod conform;
mod count;
mod cpu;
mod golden;
mod identify;
mod list;
mod model;
mod mutants;
mod output;
mod profiles;
mod report;
mod scaffold;
mod show;
mod unfinished;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use output::Output;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// everything is as it should be
    Conforms,
    /// something differs
    Differs,
    /// Ctrl-C, and what there was is kept
    Interrupted,
    /// what could be done was done, and what could not was said
    Incomplete,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let mut output = Output::new(cli.color);
    let result = match &cli.command {
        Command::Conform(args) => conform::run(args, &mut output),
        Command::Bench(args) => bench::run(args, &mut output),
        Command::Report(args) => report::run(args, &mut output),
        Command::Compare(args) => compare::run(args, &mut output),
        Command::Publish(args) => bundle::publish(args, &mut output),
        Command::VerifyBundle { dir } => bundle::verify(dir, &mut output),
        Command::List(args) => list::run(args, &mut output),
        Command::Show(args) => show::run(args, &mut output),
        Command::Profiles(args) => profiles::run(args, &mut output),
        Command::Identify(args) => identify::run(args, &mut output),
        Command::Model(args) => model::run(args, &mut output),
        Command::Mutants(args) => mutants::run(args, &mut output),
        Command::Count(args) => count::run(args, &mut output),
        Command::Scaffold(args) => scaffold::run(args, &mut output),
        Command::Cpu(args) => cpu::run(args, &mut output),
        Command::Golden(command) => golden::run(command, &mut output),
        Command::Completions { shell } => completions(*shell, &mut output),
        Command::Worker => {
            return match qassay_suites::worker::main() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("qassay worker: {error}");
                    ExitCode::from(2)
                }
            };
        }
    };
    match result.and_then(|outcome| output.finish().map(|()| outcome)) {
        Ok(Outcome::Conforms) => ExitCode::SUCCESS,
        Ok(Outcome::Differs) => ExitCode::from(1),
        // As shells tell a process that SIGINT ended.
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Ok(Outcome::Incomplete) => ExitCode::from(2),
        Err(error) => {
            eprintln!("qassay: {}", one_line(&error));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes; a cause that an outer message already quotes is not said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for message in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = message;
        } else if !line.contains(&message) {
            line += &format!(": {message}");
        }
    }
    line.replace('\n', " ")
}

/// Help and version go to standard output; a mistake is one line on standard error.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            let text = error.render().to_string();
            let mut paragraphs = text.split("\n\n").flat_map(|p| p.split("\nUsage:").next());
            let what = paragraphs
                .next()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            let tip = text
                .lines()
                .find_map(|line| line.trim().strip_prefix("tip: "));
            let mut line = what.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(tip) = tip {
                line = format!("{line}; {tip}");
            }
            eprintln!("qassay: {line} (see qassay --help)");
            ExitCode::from(2)
        }
    }
}

fn completions(shell: clap_complete::Shell, output: &mut Output) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "qassay", &mut script);
    output.bytes(&script)?;
    Ok(Outcome::Conforms)
}
