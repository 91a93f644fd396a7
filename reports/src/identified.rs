//! Whose bits those of backends are that declare no profile: a line a suite.

use qassay_suites::record::Identified;

use crate::paint::{Paint, grouped};

/// The findings as lines; empty if there are none.
pub fn render(found: &[Identified], paint: Paint) -> String {
    found.iter().map(|found| line(found, paint)).collect()
}

fn line(found: &Identified, paint: Paint) -> String {
    let (answered, explained) = (grouped(found.answered), grouped(found.explained));
    let whose = if found.profiles.is_empty() {
        format!(
            "{} {}, which gives {explained} of {answered} cases",
            paint.bad("no named profile's bits; nearest is"),
            found.held_to
        )
    } else {
        let others: Vec<&str> = (found.profiles.iter())
            .map(String::as_str)
            .filter(|profile| *profile != found.held_to)
            .collect();
        let others = if others.is_empty() {
            String::new()
        } else {
            format!("; these cases do not tell it from {}", others.join(", "))
        };
        format!(
            "the bits of {} in {answered} cases{others}",
            paint.good(&found.held_to)
        )
    };
    format!("{} in {}: {whose}\n", found.backend, found.suite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_several_and_none_read_apart() {
        let found = |profiles: &[&str], explained| Identified {
            backend: "plugin:x.so".into(),
            suite: "linear".into(),
            profiles: profiles.iter().map(|&name| name.to_owned()).collect(),
            held_to: "fbgemm".into(),
            answered: 64,
            explained,
        };
        let text =
            |profiles: &[&str], explained| render(&[found(profiles, explained)], Paint(false));
        assert_eq!(
            text(&["fbgemm"], 64),
            "plugin:x.so in linear: the bits of fbgemm in 64 cases\n"
        );
        assert_eq!(
            text(&["exact", "fbgemm"], 64),
            "plugin:x.so in linear: the bits of fbgemm in 64 cases; these cases do not tell it from exact\n"
        );
        assert_eq!(
            text(&[], 9),
            "plugin:x.so in linear: no named profile's bits; nearest is fbgemm, which gives 9 of 64 cases\n"
        );
    }
}
