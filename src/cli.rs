//! The command line's shape: commands, options, help texts. Nothing is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod mutants;
mod profiles;
mod reports;
mod speed;

pub use mutants::*;
pub use profiles::*;
pub use reports::*;
pub use speed::*;

/// Conformance and benchmark suite for quantized kernels.
#[derive(Debug, Parser)]
#[command(
    name = "qassay",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = "Examples:
  qassay conform --backend x86                     hold every x86 backend to its own arithmetic
  qassay conform --backend fbgemm/avx2 --as exact  is it exact? If not, why not?
  qassay list backends                             what there is, and what runs natively here
  qassay golden captures ../shared/upstream        check the reference against real systems

Exit codes: 0 conforms, 1 differs, 2 wrong usage or environment.")]
pub struct Cli {
    /// what to do
    #[command(subcommand)]
    pub command: Command,
    /// When to colour: only on a terminal, always, or never
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// only on a terminal
    Auto,
    /// always
    Always,
    /// never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Hold backends to their declared arithmetic, bit for bit
    #[command(after_help = "Examples:
  qassay conform --backend x86
  qassay conform --backend fbgemm,onednn --suite linear,conv --level smoke
  qassay conform --backend '*/avx512*' --native-only --out run.jsonl
  qassay conform --backend fbgemm/avx2 --as exact
  qassay conform --backend fbgemm/avx2 --as exact --suite linear,conv --data reduced
  qassay conform --backend x86 --shard 2/4 --format junit > part2.xml
  qassay conform --backend plugin:./libmine.so
  qassay conform --backend 'exec:python3 mine.py' --suite linear
  qassay conform --resume run.jsonl                go on with a run that was ended

Ctrl-C keeps what was judged, if there is --out FILE. Exit codes: 0 conforms, 1 differs, 2 wrong
usage or environment, 130 after Ctrl-C.")]
    Conform(ConformArgs),
    /// Time backends beside each other, every output checked in the same run
    #[command(after_help = "Examples:
  qassay bench --backend fbgemm/avx2,fbgemm/avx2-exact --quick
  qassay bench --backend '*/avx2*' --shape 64,768,3072 --base fbgemm/avx2
  qassay bench --backend x86 --shape net:resnet50 --data reduced --out resnet50.jsonl
  qassay bench --backend fbgemm --suite quantize,dequantize --cold

Sets of shapes: gemm, gemm-sums, gemm-dynamic, gemm-weight-only, conv, elements, net:resnet50,
net:mobilenetv2, net:minilm (qassay list shapes).
A backend whose bits are wrong has a verdict and no time. Ctrl-C keeps the cases that were through.
Exit codes: 0 all outputs right, 1 some wrong, 2 wrong usage or environment, 130 after Ctrl-C.")]
    Bench(BenchArgs),
    /// Show runs: a site, CSV, JUnit, Markdown, JSON, or here in the terminal
    #[command(after_help = "Examples:
  qassay report run.jsonl                              in the terminal
  qassay report run.jsonl --out site                   open site/index.html
  qassay report part1.jsonl part2.jsonl --out site     parts of one run become one
  qassay report x86.jsonl arm.jsonl --csv csv --junit junit.xml
  qassay report run.jsonl --markdown > comment.md

What cannot be read is named, one line each, and the rest is shown; the exit code is then 2.")]
    Report(ReportArgs),
    /// Compare a run with an earlier one: verdicts, bits, speeds
    #[command(after_help = "Examples:
  qassay compare base.jsonl new.jsonl
  qassay compare base.jsonl new.jsonl --fail-on regress --threshold 5%

A ratio is new speed ÷ base speed. It is inconclusive where its 95 % interval
reaches across the threshold. Exit code 1 only with --fail-on.")]
    Compare(CompareArgs),
    /// Make a submission of run files: with environment, statement and hashes
    #[command(after_help = "Example:
  qassay publish submission run1.jsonl run2.jsonl")]
    Publish(PublishArgs),
    /// Check every byte of a submission; exit 1 if anything was changed
    VerifyBundle {
        /// the folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// List backends, suites, data classes, cases, profiles, instruction sets, events or mutants
    List(ListArgs),
    /// Show one case: operands, accumulators, scaled values, expected bits
    #[command(after_help = "Example:
  qassay show linear/m1.n1.k2/u8.s8/saturating/seed0 --as fbgemm")]
    Show(ShowArgs),
    /// Profiles × axes, or where two profiles give other bits
    #[command(
        after_help = "Examples:
  qassay profiles --stage requantize
  qassay profiles --format csv > profiles.csv
  qassay profiles diff onnx-reference onnxruntime",
        args_conflicts_with_subcommands = true
    )]
    Profiles(ProfilesArgs),
    /// Find out whose arithmetic captured outputs are
    #[command(after_help = "Examples:
  qassay identify golden/captures/torch-2.15
  qassay identify my-captures --engine mine      (form: golden/SCHEMA.md, Captures)")]
    Identify(IdentifyArgs),
    /// Run a captured network node after node: where do engines part, and is every bit theirs?
    #[command(after_help = "Examples:
  qassay model golden/captures/models/digits-cnn-torch/eager_fbgemm
  qassay model golden/captures/models/digits-cnn-torch/eager_onednn --engine fbgemm,qnnpack")]
    Model(ModelArgs),
    /// Is the suite strong enough? Put seeded faults to it: every one must be noticed
    #[command(after_help = "Examples:
  qassay mutants                                 every mutant, by all cases of its suites
  qassay mutants --level smoke --first           until each is killed
  qassay mutants --id 'fbgemm-exact/ties-*'      some of them
  qassay mutants --matrix                        which data classes are needed
  qassay list mutants                            what there is
  qassay conform --backend mutant:fbgemm-exact/ties-away --suite requantize

Exit codes: 0 all killed, 1 some survived, 2 wrong usage or environment.")]
    Mutants(MutantsArgs),
    /// Run one prepared kernel over and over, for tools that count instructions
    #[command(hide = true)]
    #[command(
        after_help = "Prints what ran and how much work one run is; takes no time. The kernel is
judged first, so count twice and subtract:
  valgrind --tool=callgrind qassay count --backend B --case ID --iterations 10
  valgrind --tool=callgrind qassay count --backend B --case ID --iterations 110
The difference is 100 runs of the kernel and nothing else."
    )]
    Count(CountArgs),
    /// Write a starting point for a backend of your own: builds, and supports nothing yet
    #[command(after_help = "Examples:
  qassay scaffold c mine          a shared library: mine.c, qassay.h, Makefile
  qassay scaffold rust mine       the same in Rust: Cargo.toml, src/
  qassay scaffold python mine     a program: mine.py, qassay_worker.py (needs numpy)")]
    Scaffold(ScaffoldArgs),
    /// Show this CPU: what it is, which instruction sets run natively, and what it can do at most
    Cpu(CpuArgs),
    /// Golden vectors and captures: what right means, as files
    #[command(subcommand)]
    Golden(GoldenCommand),
    /// Print a shell completion script
    #[command(after_help = "Example:
  qassay completions bash > /etc/bash_completion.d/qassay")]
    Completions {
        /// the shell
        shell: clap_complete::Shell,
    },
    /// Judge the cases that arrive on standard input (started by conform itself)
    #[command(hide = true)]
    Worker,
}

/// How much to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelChoice {
    /// seconds
    Smoke,
    /// the default: under a minute on two cores for all x86 backends
    Standard,
    /// whole input spaces: all 2^32 f32, all i32
    Exhaustive,
}

/// How to print a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// a matrix for people
    Table,
    /// one JSON document
    Json,
    /// JUnit XML
    Junit,
}

/// Options of `conform`.
#[derive(Debug, Clone, Args)]
pub struct ConformArgs {
    /// Backends: names, families, x86, arm, all, or globs such as 'fbgemm/*'; separated by commas.
    /// plugin:PATH is a shared library of your own, exec:COMMAND (to the end of the value) a program
    #[arg(long, short, required_unless_present = "resume", value_name = "B[,B]")]
    pub backend: Vec<String>,
    /// Only these suites, separated by commas
    #[arg(long, short, value_delimiter = ',', value_name = "S[,S]")]
    pub suite: Vec<String>,
    /// Only cases with these data classes, separated by commas
    #[arg(long, short, value_delimiter = ',', value_name = "D[,D]")]
    pub data: Vec<String>,
    /// Only this case; may be given several times
    #[arg(long, short, value_name = "ID", conflicts_with_all = ["suite", "data", "shard"])]
    pub case: Vec<String>,
    /// How much to ask
    #[arg(long, short, value_enum, default_value_t = LevelChoice::Standard)]
    pub level: LevelChoice,
    /// Hold the backends to this profile instead of the one they declare; PROFILE+AXIS=CHOICE
    /// changes it
    #[arg(long = "as", value_name = "PROFILE")]
    pub held_to: Option<String>,
    /// Leave out backends whose instructions this CPU does not have
    #[arg(long)]
    pub native_only: bool,
    /// Fail if one of these backends did not run natively
    #[arg(long, value_name = "B[,B]")]
    pub require_native: Vec<String>,
    /// The seed that all cases' data come from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Run part K of N of the cases
    #[arg(long, value_name = "K/N")]
    pub shard: Option<String>,
    /// Write the run to this file as JSON lines
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How to print the run
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Judge in this process instead of worker processes (for emulators; a crash then ends the run)
    #[arg(long)]
    pub in_process: bool,
    /// Also print where the time went, by stage
    #[arg(long)]
    pub timings: bool,
    /// Seconds that one case may take on one backend; opening an external one too
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: u64,
    /// How many worker processes; 0 is one per core
    #[arg(long, short, default_value_t = 0, value_name = "N")]
    pub jobs: usize,
    /// Go on with a run that was ended: FILE is what it left, run.jsonl or run.jsonl.partial. What
    /// is asked stands in that file; what it has judged is not judged again
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "backend", "suite", "data", "case", "level", "held_to", "native_only", "require_native",
        "seed", "shard", "time_limit",
    ])]
    pub resume: Option<PathBuf>,
}

/// Options of `scaffold`.
#[derive(Debug, Args)]
pub struct ScaffoldArgs {
    /// the language
    #[arg(value_enum)]
    pub language: Language,
    /// a folder that is empty or not there yet
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// What a backend of one's own is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// a shared library in C
    C,
    /// a shared library in Rust
    Rust,
    /// a program in Python
    Python,
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// kernel families on instruction sets
    Backends,
    /// what is asked
    Suites,
    /// how operands are made, each class with its aim
    Data,
    /// case ids (see --suite and --level)
    Cases,
    /// named arithmetic
    Profiles,
    /// instruction sets
    Isas,
    /// sets of shapes that bench times
    Shapes,
    /// what the data must reach
    Events,
    /// seeded faults, for qassay mutants
    Mutants,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// what to list
    #[arg(value_enum)]
    pub what: Listing,
    /// With cases: only these suites
    #[arg(long, short, value_delimiter = ',', value_name = "S[,S]")]
    pub suite: Vec<String>,
    /// With cases: of which level
    #[arg(long, short, value_enum, default_value_t = LevelChoice::Standard)]
    pub level: LevelChoice,
    /// With cases: the seed
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// With profiles: show every axis of this profile
    #[arg(long, value_name = "PROFILE")]
    pub axes: Option<String>,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// the case
    #[arg(value_name = "CASE")]
    pub case: String,
    /// The profile whose bits are expected
    #[arg(long = "as", value_name = "PROFILE", default_value = "exact")]
    pub profile: String,
    /// Show at most this many elements of a tensor
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub elements: usize,
}

/// Options of `count`.
#[derive(Debug, Args)]
pub struct CountArgs {
    /// The backend, by its name
    #[arg(long, short, value_name = "B")]
    pub backend: String,
    /// The case
    #[arg(long, short, value_name = "ID")]
    pub case: String,
    /// Leave judging to whoever calls
    #[arg(long, hide = true)]
    pub unjudged: bool,
    /// Also tell of which instruction sets the instructions are that one run executes, and whether
    /// the declared one is among them; exit 1 if not (Linux on x86-64)
    #[arg(long)]
    pub executed: bool,
    /// Stop before and behind the runs, for whoever follows
    #[arg(long, hide = true)]
    pub marked: bool,
    /// How often its kernel runs after it was judged
    #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
    pub iterations: u64,
}

/// What to do with golden vectors and captures.
#[derive(Debug, Subcommand)]
pub enum GoldenCommand {
    /// Rewrite the golden vectors from the reference; the same bytes on every machine
    Generate {
        /// where they stand
        #[arg(long, value_name = "DIR", default_value = "golden")]
        dir: PathBuf,
    },
    /// Recompute the golden vectors and compare; exit 1 at a difference
    Verify {
        /// where they stand
        #[arg(long, value_name = "DIR", default_value = "golden")]
        dir: PathBuf,
    },
    /// Show what changed between two sets of golden vectors; exit 1 if anything did
    Diff {
        /// the older set
        old: PathBuf,
        /// the newer set
        new: PathBuf,
    },
    /// Check the reference against vectors captured from real systems
    Captures {
        /// a folder of captures, or a folder of such folders
        #[arg(value_name = "DIR", default_value = "golden/captures")]
        dir: PathBuf,
        /// Also list what is not covered yet, with the reason
        #[arg(long)]
        uncovered: bool,
        /// Another list of known faults of upstream than golden/captures/KNOWN.toml
        #[arg(long, value_name = "FILE")]
        known: Option<PathBuf>,
    },
    /// Hold the reference to the oracle, in exact rationals; exit 1 at a difference
    Oracle {
        /// Inputs for each op and each profile whose rule differs
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
        count: u64,
        /// Only these ops, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "OP[,OP]")]
        op: Vec<String>,
        /// The seed that all inputs come from
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Threads; 0 is one per core. What is compared is the same with any number
        #[arg(long, default_value_t = 0, value_name = "N")]
        threads: usize,
    },
}
