//! Why a backend differs: the axes that explain it, the smallest case, the
//! first wrong element, and the command that repeats it.

use std::fmt::Write as _;

use qassay_suites::record::{Explanation, Mismatch};

use crate::paint::Paint;

/// The first wrong element in one line.
pub fn mismatch(mismatch: &Mismatch) -> String {
    let mut text = format!("output{:?}", mismatch.index);
    if mismatch.output > 0 {
        text = format!("output {} {:?}", mismatch.output, mismatch.index);
    }
    if let Some(accumulator) = mismatch.accumulator {
        let _ = write!(text, "  accumulator {accumulator}");
    }
    if let Some(scaled) = mismatch.scaled {
        let _ = write!(text, "  scaled {scaled}");
    }
    let _ = write!(
        text,
        "  expected {}  got {}",
        mismatch.expected, mismatch.got
    );
    text
}

/// An explanation as a block of lines.
pub fn render(explanation: &Explanation, paint: Paint) -> String {
    let mut text = String::new();
    let title = format!(
        "{} in {}, held to {}",
        explanation.backend, explanation.suite, explanation.held_to
    );
    let _ = writeln!(text, "{}", paint.strong(&title));
    let _ = writeln!(text, "  {}", explanation.sentence);
    for change in &explanation.axes {
        let _ = writeln!(
            text,
            "  axis      {}: {} → {}",
            change.axis,
            change.expected,
            paint.bad(&change.actual)
        );
        let _ = writeln!(text, "            {}", change.meaning);
    }
    if let Some(profile) = &explanation.identified {
        let _ = writeln!(text, "  profile   the bits are those of {profile}");
    }
    for change in &explanation.indistinguishable {
        let _ = writeln!(
            text,
            "  unseen    {}: {} → {} is declared, but this data does not tell them apart",
            change.axis, change.expected, change.actual
        );
    }
    let _ = writeln!(text, "  smallest  {}", explanation.shrunk_case);
    if let Some(first) = &explanation.first {
        let _ = writeln!(text, "            {}", mismatch(first));
    }
    let _ = writeln!(text, "  repeat    {}", explanation.repro);
    text
}
