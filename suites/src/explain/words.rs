//! An explanation in one sentence, and the command that repeats it.

use super::search::Finding;
use crate::protocol::Subject;
use crate::record::AxisChange;

/// The explanation in one sentence.
pub(super) fn sentence(
    backend: &str,
    held_to: &str,
    axes: &[AxisChange],
    finding: &Finding,
    checked: u64,
    subject: &Subject,
) -> String {
    if checked == 0 {
        return format!(
            "not explained by arithmetic: {backend} differs in {} of {} cases, but not again when the smallest of them ran once more",
            subject.failing_in_all, subject.suite
        );
    }
    if axes.is_empty() {
        let searched = match (finding.searched, finding.out_of_time) {
            (0, _) => "what a search cut short by its time limit tried".to_owned(),
            (searched, cut) => {
                let tried = match searched {
                    1 => "changing any one axis",
                    2 => "changing any two axes",
                    _ => "changing any two axes, nor three to choices of named profiles,",
                };
                let end = if cut {
                    " (the search then ended at its time limit)"
                } else {
                    ""
                };
                format!("{tried}{end}")
            }
        };
        return format!(
            "not explained by any named profile, nor by {searched} of {held_to}: {backend} has arithmetic that no axis describes, or is wrong"
        );
    }
    let list: Vec<String> = axes
        .iter()
        .map(|change| {
            format!(
                "{} is {} instead of {} ({})",
                change.axis, change.actual, change.expected, change.meaning
            )
        })
        .collect();
    let alone = if axes.len() == 1 {
        "by one axis alone"
    } else {
        "together"
    };
    format!(
        "all mismatches in {checked} of {} failing cases are explained {alone}: {}",
        subject.failing_in_all,
        list.join("; ")
    )
}

/// The command that repeats a case.
pub(super) fn repro(backend: &str, held_to: Option<&str>, case: &str) -> String {
    let held_to = held_to
        .map(|name| format!(" --as {name}"))
        .unwrap_or_default();
    let backend = quoted(backend);
    format!("cargo run -- conform --backend {backend}{held_to} --case {case}")
}

/// A name as a shell takes it for one word.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.:_-+=,@%".contains(c);
    if name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_blanks_and_quotes_is_one_word() {
        let text = repro("exec:python3 -c 'x'", None, "relu/d1");
        let word = r"'exec:python3 -c '\''x'\'''";
        assert!(text.contains(&format!("--backend {word} --case")), "{text}");
        let plain = repro("fbgemm/avx2", Some("exact"), "relu/d1");
        assert!(plain.contains("--backend fbgemm/avx2 --as"), "{plain}");
    }
}
