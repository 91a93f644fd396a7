//! Names of profiles as people type them and backends declare them: a named
//! profile (`fbgemm`), or one with other choices on some axes
//! (`fbgemm+requantize.rounding=ties-away`).

use std::sync::{Mutex, PoisonError};

use qassay_golden::profile::named::{self, NamedProfile, PROFILES};
use qassay_golden::profile::{AxisName, Profile};

use crate::select::nearest;

/// Why a text names no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileNameError {
    /// no profile has this name
    #[error("unknown profile '{name}'{}", or_list(.near, "`qassay list profiles` shows all"))]
    Profile {
        /// as given
        name: String,
        /// names that are close to it
        near: Vec<String>,
    },
    /// no axis has this name
    #[error("unknown axis '{axis}' of a profile{}", or_list(.near, "`qassay list profiles --axes exact` shows all"))]
    Axis {
        /// as given
        axis: String,
        /// names that are close to it
        near: Vec<String>,
    },
    /// the axis has no such choice
    #[error("axis {axis} has no choice '{choice}'; there are {known}")]
    Choice {
        /// the axis
        axis: String,
        /// as given
        choice: String,
        /// all choices
        known: String,
    },
    /// a change without `=`
    #[error("'{0}' is not AXIS=CHOICE, such as requantize.rounding=ties-away")]
    Form(String),
}

fn or_list(near: &[String], otherwise: &str) -> String {
    match near {
        [] => format!("; {otherwise}"),
        near => format!("; did you mean {}?", near.join(", ")),
    }
}

/// The profile that `text` names: a named one, or `BASE+AXIS=CHOICE` with as
/// many changes as wanted.
///
/// # Errors
/// [`ProfileNameError`], with what is close to an unknown name.
pub fn resolve(text: &str) -> Result<&'static NamedProfile, ProfileNameError> {
    let mut parts = text.split('+');
    let base = parts.next().unwrap_or_default();
    let changes = parts
        .map(|part| {
            part.split_once('=')
                .ok_or_else(|| ProfileNameError::Form(part.to_owned()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    compose(base, &changes)
}

/// The named profile `base` with other choices on some axes.
///
/// The same profile is the same reference every time: it is made once and kept
/// for as long as the process lives. A composition that is a named profile's
/// arithmetic is that profile.
///
/// # Errors
/// [`ProfileNameError`], with what is close to an unknown name.
pub fn compose(
    base: &str,
    changes: &[(&str, &str)],
) -> Result<&'static NamedProfile, ProfileNameError> {
    let base = named(base)?;
    let mut profile = base.profile;
    for &(axis, choice) in changes {
        let axis = find_axis(axis)?;
        profile = (profile.with(axis, choice)).ok_or_else(|| ProfileNameError::Choice {
            axis: axis.to_string(),
            choice: choice.to_owned(),
            known: Profile::choices(axis).join(", "),
        })?;
    }
    let mut changed = base.profile.differences(&profile);
    changed.sort_unstable();
    if changed.is_empty() {
        return Ok(base);
    }
    if let Some(known) = PROFILES.iter().find(|known| known.profile == profile) {
        return Ok(known);
    }
    let mut name = base.name.to_owned();
    for axis in changed {
        name += &format!("+{axis}={}", profile.choice(axis));
    }
    Ok(kept(name, base, profile))
}

fn named(name: &str) -> Result<&'static NamedProfile, ProfileNameError> {
    named::find(name).ok_or_else(|| {
        let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
        ProfileNameError::Profile {
            name: name.to_owned(),
            near: nearest(name, &names),
        }
    })
}

fn find_axis(name: &str) -> Result<AxisName, ProfileNameError> {
    let found = Profile::axes().find(|axis| axis.to_string() == name);
    found.ok_or_else(|| {
        let names: Vec<String> = Profile::axes().map(|axis| axis.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        ProfileNameError::Axis {
            axis: name.to_owned(),
            near: nearest(name, &names),
        }
    })
}

/// Composed profiles live as long as the process, each once.
fn kept(name: String, base: &NamedProfile, profile: Profile) -> &'static NamedProfile {
    static KEPT: Mutex<Vec<&'static NamedProfile>> = Mutex::new(Vec::new());
    let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.iter().find(|known| known.name == name) {
        return known;
    }
    let new: &'static NamedProfile = Box::leak(Box::new(NamedProfile {
        name: Box::leak(name.into_boxed_str()),
        summary: Box::leak(format!("{} with other choices", base.name).into_boxed_str()),
        source: "declared",
        profile,
    }));
    all.push(new);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_on_an_axis_is_that_change_alone_and_made_once() {
        let one = resolve("fbgemm+requantize.rounding=ties-away").unwrap();
        assert_eq!(one.name, "fbgemm+requantize.rounding=ties-away");
        let fbgemm = named("fbgemm").unwrap();
        let axes = fbgemm.profile.differences(&one.profile);
        assert_eq!(
            axes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["requantize.rounding"]
        );
        let two = compose("fbgemm", &[("requantize.rounding", "ties-away")]).unwrap();
        assert!(std::ptr::eq(one, two));
    }

    #[test]
    fn what_is_a_named_profile_is_called_by_its_name() {
        let own = named("fbgemm").unwrap().profile;
        let axis = find_axis("requantize.rounding").unwrap();
        let same = format!("fbgemm+{axis}={}", own.choice(axis));
        assert_eq!(resolve(&same).unwrap().name, "fbgemm");
        let exact = named("fbgemm-exact").unwrap().profile;
        let mut text = "fbgemm".to_owned();
        for axis in own.differences(&exact) {
            text += &format!("+{axis}={}", exact.choice(axis));
        }
        assert_eq!(resolve(&text).unwrap().name, "fbgemm-exact");
    }

    #[test]
    fn mistakes_are_told_with_what_is_near() {
        let told = |text: &str| resolve(text).unwrap_err().to_string();
        assert!(told("fbgem").contains("did you mean fbgemm"));
        assert!(told("zzz").contains("list profiles"));
        let axis = told("fbgemm+requantise.rounding=ties-away");
        assert!(axis.contains("requantize.rounding"), "{axis}");
        let choice = told("fbgemm+requantize.rounding=half");
        assert!(choice.contains("ties-away"), "{choice}");
        assert!(told("fbgemm+requantize.rounding").contains("AXIS=CHOICE"));
    }
}
