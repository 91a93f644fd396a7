//! Choosing backends by what people type: names, families, architectures,
//! `all`, and globs; and names of external backends.

use crate::external::{self, EXEC};
use crate::mutants;
use crate::registry::Entry;

/// A pattern that selects no backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// no backend, family or group has this name
    #[error("unknown backend '{pattern}'{}", near_names(.near))]
    Unknown {
        /// what was typed
        pattern: String,
        /// names that are close to it
        near: Vec<String>,
    },
    /// the group exists but has no backend yet
    #[error(
        "no backend belongs to '{0}' in this build; `qassay list backends` shows what there is"
    )]
    Empty(String),
    /// not a valid glob
    #[error("malformed pattern '{pattern}' at character {position}: {reason}")]
    Malformed {
        /// what was typed
        pattern: String,
        /// counted from 1
        position: usize,
        /// what is wrong
        reason: &'static str,
    },
    /// nothing was asked for
    #[error("no backend named; give a name such as fbgemm/avx2, a family, x86, arm or all")]
    Nothing,
}

fn near_names(near: &[String]) -> String {
    match near {
        [] => "; `qassay list backends` shows all".into(),
        names => format!("; did you mean {}?", names.join(", ")),
    }
}

/// The groups that are not names of backends or families.
pub const GROUPS: &[(&str, &str)] = &[
    ("all", "every backend"),
    ("x86", "scalar backends and those on x86 instruction sets"),
    ("arm", "scalar backends and those on ARM instruction sets"),
];

/// The entries that `patterns` select, each once, in registry order.
/// A pattern is a backend's name, a family, one of [`GROUPS`], or a glob over names.
///
/// # Errors
/// When a pattern selects nothing, with names that are close to it.
pub fn select(entries: Vec<Entry>, patterns: &[String]) -> Result<Vec<Entry>, SelectError> {
    let mut chosen = vec![false; entries.len()];
    for pattern in patterns {
        let pattern = pattern.trim();
        let matcher = matcher(pattern)?;
        let mut any = false;
        for (entry, chosen) in entries.iter().zip(&mut chosen) {
            if matcher(entry) {
                *chosen = true;
                any = true;
            }
        }
        if !any {
            return Err(if GROUPS.iter().any(|(group, _)| *group == pattern) {
                SelectError::Empty(pattern.into())
            } else {
                SelectError::Unknown {
                    pattern: pattern.into(),
                    near: near(&entries, pattern),
                }
            });
        }
    }
    if !chosen.contains(&true) {
        return Err(SelectError::Nothing);
    }
    Ok(entries
        .into_iter()
        .zip(chosen)
        .filter_map(|(entry, chosen)| chosen.then_some(entry))
        .collect())
}

/// What the values of `--backend` name, separated by commas. A command behind
/// `exec:` may hold commas itself and takes the rest of its value.
pub fn split(values: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for value in values {
        let mut rest = value.as_str();
        loop {
            let end = if rest.trim_start().starts_with(EXEC) {
                None
            } else {
                rest.find(',')
            };
            names.push(rest[..end.unwrap_or(rest.len())].trim().to_owned());
            match end {
                Some(end) => rest = &rest[end + 1..],
                None => break,
            }
        }
    }
    names
}

/// The names of all backends that `patterns` select, each once: registered ones
/// in registry order, then external ones and mutants as they were typed. External
/// ones are not opened.
///
/// # Errors
/// As [`select`].
pub fn names(entries: Vec<Entry>, patterns: &[String]) -> Result<Vec<String>, SelectError> {
    let named = |pattern: &str| external::is_external(pattern) || mutants::is_mutant(pattern);
    let (external, registered): (Vec<_>, Vec<_>) =
        (patterns.iter().cloned()).partition(|pattern| named(pattern));
    let mut names = Vec::new();
    for name in external.iter().filter(|name| mutants::is_mutant(name)) {
        mutants::find(name).map_err(|unknown| SelectError::Unknown {
            pattern: unknown.name,
            near: unknown.near,
        })?;
    }
    if !registered.is_empty() || external.is_empty() {
        let chosen = select(entries, &registered)?;
        names.extend(chosen.iter().map(|entry| entry.declaration.name.to_owned()));
    }
    for name in external {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

type Matcher = Box<dyn Fn(&Entry) -> bool>;

fn matcher(pattern: &str) -> Result<Matcher, SelectError> {
    Ok(match pattern {
        "" => return Err(SelectError::Nothing),
        "all" => Box::new(|_| true),
        "x86" | "arm" => {
            let group = pattern.to_owned();
            Box::new(move |entry| {
                entry.declaration.architecture == group || entry.declaration.architecture == "any"
            })
        }
        _ if pattern.contains(['*', '?', '[']) => {
            let glob = glob::Pattern::new(pattern).map_err(|error| SelectError::Malformed {
                pattern: pattern.into(),
                position: error.pos + 1,
                reason: error.msg,
            })?;
            Box::new(move |entry| glob.matches(entry.declaration.name))
        }
        _ => {
            let name = pattern.to_owned();
            Box::new(move |entry| {
                entry.declaration.name == name || entry.declaration.family == name
            })
        }
    })
}

/// Up to three names within a small edit distance, nearest first.
fn near(entries: &[Entry], pattern: &str) -> Vec<String> {
    let mut names: Vec<&str> = GROUPS.iter().map(|(group, _)| *group).collect();
    for entry in entries {
        names.push(entry.declaration.name);
        if !names.contains(&entry.declaration.family) {
            names.push(entry.declaration.family);
        }
    }
    nearest(pattern, &names)
}

/// The names most like `word`, nearest first, at most three, none if nothing is like it.
pub fn nearest(word: &str, names: &[&str]) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = names
        .iter()
        .map(|name| (strsim::jaro_winkler(word, name), *name))
        .filter(|(score, _)| *score >= 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
        .into_iter()
        .take(3)
        .map(|(_, name)| name.to_owned())
        .collect()
}
