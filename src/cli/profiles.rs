//! Options of the commands about arithmetic: `profiles`, `identify`, `model`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::LevelChoice;

/// Options of `identify`.
#[derive(Debug, Args)]
pub struct IdentifyArgs {
    /// a folder of captures, or a folder of such folders
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Only this engine
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<String>,
}

/// Options of `model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// a folder with a graph.json among captures
    #[arg(value_name = "GRAPH")]
    pub graph: PathBuf,
    /// Only these engines; all that the capture has if none is given
    #[arg(long, value_delimiter = ',', value_name = "E[,E]")]
    pub engine: Vec<String>,
    /// Backends that run the nodes too, each as the engines that have its profile
    #[arg(
        long,
        short,
        value_delimiter = ',',
        value_name = "B[,B]",
        default_value = "all"
    )]
    pub backend: Vec<String>,
}

/// Options of `profiles`.
#[derive(Debug, Args)]
pub struct ProfilesArgs {
    /// compare two profiles instead
    #[command(subcommand)]
    pub command: Option<ProfilesCommand>,
    /// only these profiles
    #[arg(value_name = "PROFILE")]
    pub names: Vec<String>,
    /// Only the axes of this stage, such as requantize
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = ProfilesFormat::Table)]
    pub format: ProfilesFormat,
}

/// How to print profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfilesFormat {
    /// a table a stage, profiles that agree in one row
    Table,
    /// a row a profile, a column an axis
    Csv,
    /// an object a profile
    Json,
}

/// What to do with two profiles.
#[derive(Debug, Subcommand)]
pub enum ProfilesCommand {
    /// Where two profiles differ, and for each axis the smallest input that shows it
    Diff {
        /// one profile
        #[arg(value_name = "A")]
        from: String,
        /// the other
        #[arg(value_name = "B")]
        to: String,
        /// Only these suites, separated by commas
        #[arg(long, short, value_delimiter = ',', value_name = "S[,S]")]
        suite: Vec<String>,
        /// How many cases to compare on
        #[arg(long, short, value_enum, default_value_t = LevelChoice::Standard)]
        level: LevelChoice,
        /// The seed that all cases' data come from
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}
