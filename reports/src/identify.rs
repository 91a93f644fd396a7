//! Whose arithmetic captured outputs are, as text: a block for each engine.

use std::fmt::Write as _;

use qassay_suites::identify::{Engine, Finding, Op};

use crate::explanation::mismatch;
use crate::paint::{Paint, grouped};

/// How many names are listed before the rest is only counted.
const NAMES: usize = 4;

/// One engine.
pub fn render(engine: &Engine, paint: Paint) -> String {
    let vectors = engine.ops.iter().map(|op| op.vectors).sum();
    let values = engine.ops.iter().map(|op| op.values).sum();
    let title = format!("{} {}, {}", engine.system, engine.version, engine.engine);
    let mut text = format!(
        "{}: {} vectors, {} values\n",
        paint.strong(&title),
        grouped(vectors),
        grouped(values)
    );
    let mostly = || {
        let (names, others) = engine.mostly()?;
        let except = match others[..] {
            [] => "no one of them".to_owned(),
            _ => format!("not {}", others.join(", ")),
        };
        Some(format!("; mostly {} ({except})", list(&names)))
    };
    let whole = match (&engine.profiles()[..], engine.is_identified()) {
        _ if engine.ops.iter().all(|op| op.vectors == 0) => "nothing to identify".to_owned(),
        ([], true) => "no single profile".to_owned() + &mostly().unwrap_or("; op by op".into()),
        ([], false) => {
            paint.bad("not all of it is known arithmetic") + &mostly().unwrap_or_default()
        }
        (names, _) => paint.good(&list(names)),
    };
    let _ = writeln!(text, "  profile  {whole}");
    let width = engine.ops.iter().map(|op| op.op.len()).max().unwrap_or(0);
    for op in &engine.ops {
        text += &line(op, width, paint);
    }
    text
}

fn line(op: &Op, width: usize, paint: Paint) -> String {
    let mut text = format!("  {:width$}  ", op.op);
    match &op.finding {
        Finding::Named(names) if names.is_empty() => text += "nothing to identify\n",
        Finding::Named(names) => {
            let _ = writeln!(text, "{}", list(names));
        }
        Finding::Changed(named, changes) => {
            let _ = writeln!(text, "{} but for", paint.caution(named.name));
            for change in changes {
                let _ = writeln!(
                    text,
                    "  {:width$}    {}: {} → {} ({})",
                    "", change.axis, change.expected, change.actual, change.meaning
                );
            }
        }
        Finding::Split(shares) => {
            let _ = writeln!(text, "{}", paint.caution("one way here, another there"));
            for share in shares {
                let _ = writeln!(
                    text,
                    "  {:width$}    {}: {} vectors, such as {}",
                    "",
                    share.profile,
                    grouped(share.vectors),
                    share.example
                );
            }
        }
        Finding::Nobody(nearest) => {
            let _ = writeln!(
                text,
                "{}: nearest is {}, which does not give {} of {} values; the first is in {}",
                paint.bad("nobody's"),
                nearest.profile,
                grouped(nearest.mismatches),
                grouped(op.values),
                nearest.vector
            );
            let _ = writeln!(text, "  {:width$}    {}", "", mismatch(&nearest.first));
        }
    }
    if op.set_aside > 0 {
        let _ = writeln!(
            text,
            "  {:width$}    {} vectors set aside: upstream is known to be at fault there",
            "",
            grouped(op.set_aside)
        );
    }
    text
}

/// `a, b and 3 more`.
fn list(names: &[&str]) -> String {
    if names.len() <= NAMES + 1 {
        return names.join(", ");
    }
    let shown = names[..NAMES].join(", ");
    format!("{shown} and {} more", names.len() - NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_suites::identify::Nearest;
    use qassay_suites::record::Mismatch;

    fn engine(finding: Finding) -> Engine {
        Engine {
            system: "mine".into(),
            version: "1.2".into(),
            engine: "fast".into(),
            ops: vec![Op {
                op: "linear".into(),
                vectors: 3,
                values: 1200,
                set_aside: 0,
                finding,
            }],
        }
    }

    #[test]
    fn a_profile_is_named_for_the_engine_and_the_op() {
        let text = render(&engine(Finding::Named(vec!["fbgemm"])), Paint(false));
        assert!(
            text.contains("mine 1.2, fast: 3 vectors, 1 200 values"),
            "{text}"
        );
        assert_eq!(text.matches("fbgemm").count(), 2, "{text}");
    }

    #[test]
    fn the_profile_of_most_ops_is_named_with_the_others() {
        let mut split = engine(Finding::Named(vec!["fbgemm", "onednn"]));
        for (op, finding) in [
            ("add", Finding::Named(vec!["fbgemm"])),
            ("avg_pool", Finding::Split(Vec::new())),
        ] {
            split.ops.push(Op {
                op: op.into(),
                ..engine(finding).ops.remove(0)
            });
        }
        let text = render(&split, Paint(false));
        let line = "profile  no single profile; mostly fbgemm (not avg_pool)\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn what_is_nobodys_shows_its_first_value() {
        let nearest = Nearest {
            profile: "exact",
            mismatches: 7,
            vector: "a.npz".into(),
            first: Mismatch {
                output: 0,
                index: vec![0, 3],
                accumulator: None,
                scaled: None,
                expected: "5".into(),
                got: "9".into(),
            },
        };
        let text = render(&engine(Finding::Nobody(nearest)), Paint(false));
        assert!(text.contains("7 of 1 200 values"), "{text}");
        assert!(text.contains("output[0, 3]  expected 5  got 9"), "{text}");
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c, d, e");
        assert_eq!(
            list(&["a", "b", "c", "d", "e", "f"]),
            "a, b, c, d and 2 more"
        );
    }
}
