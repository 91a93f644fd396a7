//! Options of the commands that measure: `bench` and `cpu`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How to print a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// for people
    Table,
    /// one JSON document
    Json,
}

/// How to print a bench run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchFormat {
    /// each case as it is through
    Table,
    /// one JSON document
    Json,
    /// a document with a table for each set
    Markdown,
}

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Backends: names, families, x86, arm, all, or globs such as 'fbgemm/*'; separated by commas
    #[arg(
        long,
        short,
        required = true,
        value_delimiter = ',',
        value_name = "B[,B]"
    )]
    pub backend: Vec<String>,
    /// A shape M,N,K or a set of shapes; may be given several times
    #[arg(long, value_name = "M,N,K|SET")]
    pub shape: Vec<String>,
    /// This case; may be given several times
    #[arg(long, short, value_name = "ID")]
    pub case: Vec<String>,
    /// Only cases of these suites, separated by commas
    #[arg(long, short, value_delimiter = ',', value_name = "S[,S]")]
    pub suite: Vec<String>,
    /// Operands of this data class (products: full-range, others: uniform)
    #[arg(long, short, value_name = "D")]
    pub data: Option<String>,
    /// Also time the real engines that scripts/engines/setup.sh made plugins of, wrong ones too
    #[arg(
        long,
        value_name = "FOLDER",
        num_args = 0..=1,
        default_missing_value = "scripts/engines/.plugins"
    )]
    pub peers: Option<PathBuf>,
    /// Threads that kernels may use; times are CPU time with one, wall time with more
    #[arg(long, short, default_value_t = 1, value_name = "N")]
    pub threads: usize,
    /// Fewer and shorter samples
    #[arg(long)]
    pub quick: bool,
    /// The backend that others are held against; the first if none is named
    #[arg(long, value_name = "B")]
    pub base: Option<String>,
    /// Walk through a large buffer before each run, so that operands are in no cache
    #[arg(long)]
    pub cold: bool,
    /// Hold the backends to this profile instead of the one they declare
    #[arg(long = "as", value_name = "PROFILE")]
    pub held_to: Option<String>,
    /// Do not measure what this CPU can do at most; there are no shares of it then
    #[arg(long)]
    pub no_peaks: bool,
    /// Also count instructions, with valgrind
    #[arg(long)]
    pub count: bool,
    /// The seed that all cases' data come from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Write the run to this file as JSON lines
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How to print the run
    #[arg(long, value_enum, default_value_t = BenchFormat::Table)]
    pub format: BenchFormat,
}

/// Options of `cpu`.
#[derive(Debug, Args)]
pub struct CpuArgs {
    /// Measure what it can do: multiply-accumulates by scheme, bandwidths by cache (some seconds)
    #[arg(long)]
    pub measure: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
}
