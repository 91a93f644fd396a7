//! The command line as a user meets it: exit codes, one-line errors, what it prints.

mod arithmetic;
mod golden_files;
mod mistakes;
mod mutants;
mod outputs;
mod plugins;
mod program;
mod reports;
mod runs;
mod speed;
mod unfinished;
