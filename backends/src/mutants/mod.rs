//! Seeded faults: backends that are wrong in one known way each, to find out whether the suites
//! notice. `qassay mutants` runs them; `mutant:NAME` opens one wherever a backend is named.
//!
//! A mutant is a kernel family as it is, with one part of it exchanged: an instruction's model
//! ([`faulty`]), an axis of the profile that it is prepared under, or what goes into and comes
//! out of its kernels ([`subject`]). No kernel is written twice.
//!
//! - [`catalogue`]: the table of mutants, one file for each kind of fault
//! - [`instruction`]: what can be wrong with an instruction; [`faulty`]: the instruction set that is
//! - [`subject`]: the backend around a fault; [`parts`]: what may be done to parameters and
//!   weights; [`answer`]: what may be done to inputs and outputs; [`kernels`]: the rest

pub mod answer;
pub mod catalogue;
pub mod faulty;
pub mod instruction;
pub mod kernels;
pub mod parts;
pub mod subject;

use crate::backend::{Backend, Declaration};
use crate::select::{SelectError, nearest};
pub use catalogue::all;
pub use subject::{Fault, Mutant};

/// What a mutant's name begins with.
pub const PREFIX: &str = "mutant:";

/// A name that begins with [`PREFIX`] but is no mutant's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no mutant is named '{name}'{}", or_near(.near))]
pub struct UnknownMutant {
    /// as typed
    pub name: String,
    /// names that are close to it
    pub near: Vec<String>,
}

fn or_near(names: &[String]) -> String {
    match names {
        [] => "; `qassay list mutants` shows all".into(),
        names => format!("; did you mean {}?", names.join(", ")),
    }
}

/// Whether `name` is that of a mutant, whether there is such a one or not.
pub fn is_mutant(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The mutant with this name. Besides those of the [catalogue](all), which are wrong, there
/// are `mutant:identity/PROFILE`, which have no fault and must conform.
///
/// # Errors
/// When there is none, with names that are close to it.
pub fn find(name: &str) -> Result<&'static Mutant, UnknownMutant> {
    let found = |mutants: &'static [Mutant]| mutants.iter().find(|mutant| mutant.name() == name);
    found(all())
        .or_else(|| found(catalogue::identities()))
        .ok_or_else(|| {
            let names: Vec<&str> = all().iter().map(Mutant::name).collect();
            UnknownMutant {
                name: name.to_owned(),
                near: nearest(name, &names),
            }
        })
}

/// The mutants of the catalogue whose names match a glob.
///
/// # Errors
/// When the glob is malformed.
pub fn matching(pattern: &str) -> Result<Vec<&'static Mutant>, SelectError> {
    let glob = glob::Pattern::new(pattern).map_err(|error| SelectError::Malformed {
        pattern: pattern.to_owned(),
        position: error.pos + 1,
        reason: error.msg,
    })?;
    let matches = |mutant: &&Mutant| glob.matches(mutant.name());
    Ok(all().iter().filter(matches).collect())
}

/// Opens the mutant with this name.
///
/// # Errors
/// As [`find`].
pub fn open(name: &str) -> Result<Box<dyn Backend>, UnknownMutant> {
    Ok(find(name)?.open())
}

/// What the mutant with this name declares.
///
/// # Errors
/// As [`find`].
pub fn declaration(name: &str) -> Result<&'static Declaration, UnknownMutant> {
    Ok(find(name)?.declaration())
}

#[cfg(test)]
mod tests;
