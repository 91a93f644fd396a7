//! Which cases and backends a plan means.

use qassay_backends::registry::Entry;
use qassay_backends::{external, mutants};

use super::{Plan, RunError};
use crate::data;
use crate::suite::{Suite, suites};

/// What is put to whom.
pub(super) struct Selected {
    /// names of backends
    pub backends: Vec<String>,
    /// case ids with their suites
    pub cases: Vec<(String, String)>,
    /// the data class of each case
    pub classes: Vec<&'static str>,
}

/// The cases of a plan, for the backends that [`backends`] gave.
pub(super) fn select(plan: &Plan, backends: Vec<String>) -> Result<Selected, RunError> {
    check_data(&plan.data)?;
    let ids = if plan.cases.is_empty() {
        chosen_suites(plan)?
            .iter()
            .flat_map(|suite| suite.cases(plan.level, plan.seed))
            .collect()
    } else {
        plan.cases.clone()
    };
    let (mut cases, mut classes) = (Vec::new(), Vec::new());
    for id in ids {
        if !plan.data.is_empty() && !plan.data.iter().any(|name| name == id.data_class()) {
            continue;
        }
        let text = id.to_string();
        if plan.shard.is_none_or(|shard| shard.holds(&text)) {
            cases.push((text, id.suite().to_owned()));
            classes.push(id.data_class());
        }
    }
    if cases.is_empty() {
        let what = match plan.shard {
            Some(shard) => format!("shard {shard} holds none of what was asked"),
            None if !plan.data.is_empty() => format!(
                "the chosen suites have no data of class {} at this level",
                plan.data.join(" or ")
            ),
            None => "the chosen suites ask nothing at this level".into(),
        };
        return Err(RunError::NoCases(what));
    }
    Ok(Selected {
        backends,
        cases,
        classes,
    })
}

fn check_data(names: &[String]) -> Result<(), RunError> {
    let known = || data::classes().map(|(name, _)| name);
    match names.iter().find(|name| known().all(|k| k != *name)) {
        Some(name) => Err(RunError::UnknownData {
            name: name.clone(),
            known: known().collect::<Vec<_>>().join(", "),
        }),
        None => Ok(()),
    }
}

fn chosen_suites(plan: &Plan) -> Result<Vec<&'static Suite>, RunError> {
    if plan.suites.is_empty() {
        return Ok(suites().iter().collect());
    }
    plan.suites
        .iter()
        .map(|name| {
            suites()
                .iter()
                .find(|suite| suite.name == name)
                .ok_or_else(|| RunError::UnknownSuite {
                    name: name.clone(),
                    known: suites()
                        .iter()
                        .map(|suite| suite.name)
                        .collect::<Vec<_>>()
                        .join(", "),
                })
        })
        .collect()
}

/// The names of a plan's backends.
pub(super) fn backends(plan: &Plan, entries: &[Entry]) -> Result<Vec<String>, RunError> {
    let find = |name: &String| {
        entries
            .iter()
            .find(|entry| entry.declaration.name == name)
            .ok_or_else(|| RunError::UnknownBackend(name.clone()))
    };
    let native = |entry: &Entry| !plan.modelled_only && entry.native().is_some();
    for name in &plan.require_native {
        let named = external::is_external(name) || mutants::is_mutant(name);
        if !named && !native(find(name)?) {
            let why = if plan.modelled_only {
                "models were asked for"
            } else {
                "this CPU lacks its instructions"
            };
            return Err(RunError::NotNative(name.clone(), why.into()));
        }
        if !plan.backends.contains(name) {
            let why = "it is not among the chosen backends";
            return Err(RunError::NotNative(name.clone(), why.into()));
        }
    }
    let mut chosen: Vec<String> = Vec::new();
    for name in &plan.backends {
        // What is external runs as it was built: natively. A mutant runs as it can.
        let wanted = external::is_external(name) || mutants::is_mutant(name) || {
            let entry = find(name)?;
            !plan.native_only || native(entry)
        };
        if wanted && !chosen.contains(name) {
            chosen.push(name.clone());
        }
    }
    if chosen.is_empty() {
        let why = if plan.backends.is_empty() {
            "none was chosen"
        } else {
            "this CPU lacks the instructions of all that were chosen, and only native ones were asked for"
        };
        return Err(RunError::NoBackends(why.into()));
    }
    Ok(chosen)
}
