//! `qassay scaffold`: a starting point for a backend of one's own. It builds,
//! and says that it supports nothing until it is filled in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::Outcome;
use crate::cli::{Language, ScaffoldArgs};
use crate::output::Output;

/// A file's path below the folder, and its text.
type Files = &'static [(&'static str, &'static str)];

const C: Files = &[
    ("README.md", include_str!("scaffold/c/README.md")),
    ("Makefile", include_str!("scaffold/c/Makefile")),
    ("mine.c", include_str!("scaffold/c/mine.c")),
    ("qassay.h", include_str!("../backends/include/qassay.h")),
];

const RUST: Files = &[
    ("README.md", include_str!("scaffold/rust/README.md")),
    ("Cargo.toml", include_str!("scaffold/rust/Cargo.toml.in")),
    ("src/lib.rs", include_str!("scaffold/rust/lib.rs")),
    (
        "src/abi.rs",
        include_str!("../backends/src/external/plugin/abi.rs"),
    ),
    ("qassay.h", include_str!("../backends/include/qassay.h")),
];

const PYTHON: Files = &[
    ("README.md", include_str!("scaffold/python/README.md")),
    ("mine.py", include_str!("scaffold/python/mine.py")),
    (
        "qassay_worker.py",
        include_str!("../scripts/engines/qassay_worker.py"),
    ),
];

/// Runs `qassay scaffold`.
pub fn run(args: &ScaffoldArgs, output: &mut Output) -> Result<Outcome> {
    let files = match args.language {
        Language::C => C,
        Language::Rust => RUST,
        Language::Python => PYTHON,
    };
    let dir = &args.dir;
    check_empty(dir)?;
    for (name, text) in files {
        write(&dir.join(name), text)?;
        output.line(dir.join(name).display().to_string())?;
    }
    output.line(format!("next: see {}", dir.join("README.md").display()))?;
    Ok(Outcome::Conforms)
}

fn check_empty(dir: &Path) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    if !dir.is_dir() {
        bail!(
            "{} is no folder; name one that is empty or not there yet",
            dir.display()
        );
    }
    let mut there = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    if there.next().is_some() {
        bail!(
            "{} is not empty; name a folder that is empty or not there yet",
            dir.display()
        );
    }
    Ok(())
}

/// To a temporary file beside `path` first, so that there never is half a file.
fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, text).with_context(cannot)?;
    fs::rename(&part, path).with_context(cannot)
}
