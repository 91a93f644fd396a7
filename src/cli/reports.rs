//! Options of the commands that read run files: `report`, `compare`, `publish`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// run files, as `conform --out` writes them
    #[arg(required = true, value_name = "RUN.jsonl")]
    pub runs: Vec<PathBuf>,
    /// Write a site to this folder; a report that is there is replaced
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write CSV files to this folder (reports/SCHEMA.md says what they hold)
    #[arg(long, value_name = "DIR")]
    pub csv: Option<PathBuf>,
    /// Write JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print in the terminal; so it is where nothing else is asked for
    #[arg(long, conflicts_with_all = ["markdown", "format"])]
    pub term: bool,
    /// Print Markdown, as for a comment on a pull request
    #[arg(long, conflicts_with = "format")]
    pub markdown: bool,
    /// Print in this form
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    /// Where the golden set and captures lie that the site lists
    #[arg(long, value_name = "DIR")]
    pub golden: Option<PathBuf>,
}

/// How to print a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// for people
    Table,
    /// one JSON document: the runs, and what was wrong with the files
    Json,
    /// JUnit XML
    Junit,
    /// Markdown
    Markdown,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// the earlier run
    #[arg(value_name = "BASE.jsonl")]
    pub base: PathBuf,
    /// the later run
    #[arg(value_name = "NEW.jsonl")]
    pub new: PathBuf,
    /// Exit with 1 where something got worse, or where anything changed
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,
    /// Speeds this near to each other are alike
    #[arg(long, default_value = "3%", value_name = "PERCENT")]
    pub threshold: String,
}

/// What makes a comparison fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// a verdict that got worse, a speed that is slower
    Regress,
    /// any change of a verdict, of bits, or of a speed
    Differ,
}

/// Options of `publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// the new folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// whole run files
    #[arg(required = true, value_name = "RUN.jsonl")]
    pub runs: Vec<PathBuf>,
}
