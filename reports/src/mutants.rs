//! What became of mutants: a line for each, the suites and data classes that noticed it, and
//! which data classes are needed: those without which a mutant would survive.

use std::collections::BTreeMap;

use qassay_suites::data::{DATA_CLASSES, stays};
use qassay_suites::record::Fate;

use crate::paint::{Paint, grouped};

/// One line for each mutant, and what killed it.
pub fn render(fates: &[Fate], paint: Paint) -> String {
    let mut text = String::new();
    for fate in fates {
        let name = &fate.prey.name;
        match (&fate.first, fate.after) {
            (Some(case), Some(after)) => {
                let by: Vec<String> = (by_suite(fate).into_iter())
                    .map(|(suite, classes)| format!("{suite} ({})", classes.join(", ")))
                    .collect();
                text += &format!(
                    "{} {name} after {after} of {} cases: {}\n       {case}\n",
                    paint.good("killed  "),
                    fate.asked,
                    by.join("; ")
                );
            }
            _ => {
                text += &format!(
                    "{} {name} by {} cases: {}\n",
                    paint.bad("survived"),
                    fate.asked,
                    fate.prey.sentence
                );
            }
        }
    }
    text
}

fn by_suite(fate: &Fate) -> BTreeMap<&str, Vec<&str>> {
    let mut suites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kill in &fate.kills {
        suites.entry(&kill.suite).or_default().push(&kill.class);
    }
    suites
}

/// How many there are and how many were killed, in one line.
pub fn totals(fates: &[Fate], cases: u64, seconds: f64, paint: Paint) -> String {
    let killed = fates.iter().filter(|fate| fate.is_killed()).count();
    let share = 100.0 * killed as f64 / (fates.len().max(1)) as f64;
    let text = format!(
        "{killed} of {} mutants killed ({share:.1} %), {} cases, {seconds:.1} s",
        fates.len(),
        grouped(cases)
    );
    if killed == fates.len() {
        paint.good(&text)
    } else {
        paint.bad(&text)
    }
}

/// For each data class: how many mutants it kills, and those that no other class kills.
pub fn matrix(fates: &[Fate]) -> String {
    let mut text = String::new();
    for class in classes(fates) {
        let kills = fates.iter().filter(|fate| fate.classes().contains(&class));
        let alone = alone(fates, class);
        text += &format!(
            "{class}: kills {}, {} of them alone\n",
            kills.count(),
            alone.len()
        );
        for fate in fates
            .iter()
            .filter(|fate| alone.contains(&&*fate.prey.name))
        {
            text += &format!("  {}: {}\n", fate.prey.name, fate.prey.sentence);
        }
        if alone.is_empty()
            && let Some(why) = stays(class)
        {
            text += &format!("  nothing survives without it; it stays for {why}\n");
        }
    }
    for entry in DATA_CLASSES {
        if !classes(fates).contains(&entry.name) {
            text += &format!("{}: kills none; it stays for {}\n", entry.name, entry.stays);
        }
    }
    text
}

/// The data classes that kill some mutant, in order.
pub fn classes<'a>(fates: impl IntoIterator<Item = &'a Fate>) -> Vec<&'a str> {
    let mut all: Vec<&str> = fates.into_iter().flat_map(Fate::classes).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The names of mutants that no other data class kills: they survive where it is deleted.
pub fn alone<'a>(fates: impl IntoIterator<Item = &'a Fate>, class: &str) -> Vec<&'a str> {
    (fates.into_iter())
        .filter(|fate| fate.classes() == [class])
        .map(|fate| &*fate.prey.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::fate;

    #[test]
    fn survivors_and_what_kills_alone_are_told() {
        let fates = [
            fate("mutant:a/x", &["ties", "uniform"]),
            fate("mutant:a/y", &["ties"]),
            fate("mutant:a/z", &[]),
        ];
        let text = render(&fates, Paint(false));
        assert!(
            text.contains("killed   mutant:a/x after 4 of 9 cases: linear (ties, uniform)"),
            "{text}"
        );
        assert!(
            text.contains("survived mutant:a/z by 9 cases: mutant:a/z is wrong"),
            "{text}"
        );
        let total = totals(&fates, 12, 1.0, Paint(false));
        assert!(
            total.starts_with("2 of 3 mutants killed (66.7 %), 12 cases"),
            "{total}"
        );
        let matrix = matrix(&fates);
        assert!(
            matrix.contains("ties: kills 2, 1 of them alone\n  mutant:a/y"),
            "{matrix}"
        );
        assert!(
            matrix.contains(
                "uniform: kills 1, 0 of them alone\n  nothing survives without it; it stays for "
            ),
            "{matrix}"
        );
    }
}
