//! Options of `mutants`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::LevelChoice;

/// How to print what became of mutants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MutantsFormat {
    /// for people
    Text,
    /// one JSON document
    Json,
}

/// Options of `mutants`.
#[derive(Debug, Args)]
pub struct MutantsArgs {
    /// How much to ask
    #[arg(long, short, value_enum, default_value_t = LevelChoice::Standard)]
    pub level: LevelChoice,
    /// Only mutants whose names match, such as 'fbgemm-exact/ties-*'
    #[arg(long, short, value_name = "GLOB")]
    pub id: Option<String>,
    /// Only cases with these data classes, separated by commas
    #[arg(long, short, value_delimiter = ',', value_name = "D[,D]")]
    pub data: Vec<String>,
    /// Ask a mutant no more once it is killed
    #[arg(long)]
    pub first: bool,
    /// Also print how many mutants each data class kills, and those that no other class kills
    #[arg(long, conflicts_with = "first")]
    pub matrix: bool,
    /// The seed that all cases' data come from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How to print it
    #[arg(long, value_enum, default_value_t = MutantsFormat::Text)]
    pub format: MutantsFormat,
    /// Write the run to this file as JSON lines
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How many worker processes; 0 is one per core
    #[arg(long, short, default_value_t = 0, value_name = "N")]
    pub jobs: usize,
}
