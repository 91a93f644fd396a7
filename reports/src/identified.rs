//! Whose bits those of backends are that declare no profile: a line a suite.

use qassay_suites::record::Identified;

use crate::paint::{Paint, grouped};

/// The findings as lines; empty if there are none.
pub fn render(found: &[Identified], paint: Paint) -> String {
    found.iter().map(|found| line(found, paint)).collect()
}

fn line(found: &Identified, paint: Paint) -> String {
    let whose = whose(found, paint);
    format!("{} in {}: {whose}\n", found.backend, found.suite)
}

/// Whose bits they are, as part of a sentence.
pub fn whose(found: &Identified, paint: Paint) -> String {
    let (answered, explained) = (grouped(found.answered), grouped(found.explained));
    if found.profiles.is_empty() {
        return format!(
            "{} {}, which gives {explained} of {answered} cases",
            paint.bad("no named profile's bits; nearest is"),
            found.held_to
        );
    }
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
}

/// A backend in short: `the bits of fbgemm in linear, conv; no named profile's in add`.
pub fn in_short<'a>(found: impl IntoIterator<Item = &'a Identified>) -> String {
    let mut parts: Vec<(Option<&str>, Vec<&str>)> = Vec::new();
    for found in found {
        let whose = (!found.profiles.is_empty()).then_some(found.held_to.as_str());
        match parts.iter_mut().find(|(known, _)| *known == whose) {
            Some((_, suites)) => suites.push(&found.suite),
            None => parts.push((whose, vec![&found.suite])),
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(whose, suites)| {
            let suites = suites.join(", ");
            match whose {
                Some(profile) => format!("the bits of {profile} in {suites}"),
                None => format!("no named profile's bits in {suites}"),
            }
        })
        .collect();
    parts.join("; ")
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
        let mut all = [
            found(&["fbgemm"], 64),
            found(&["fbgemm"], 64),
            found(&[], 9),
        ];
        all[1].suite = "conv".into();
        all[2].suite = "add".into();
        assert_eq!(
            in_short(&all),
            "the bits of fbgemm in linear, conv; no named profile's bits in add"
        );
    }
}
