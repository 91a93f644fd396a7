//! Cases that failed in another way than by a wrong bit: crashed, hung, wrote
//! outside their output, or proved nothing. One line each, the first few.

use qassay_suites::record::{Record, Verdict};

use crate::paint::Paint;

/// How many lines are shown before the rest is only counted.
const SHOWN: usize = 20;

/// The failures as lines; empty if there are none.
pub fn render<'a>(records: impl IntoIterator<Item = &'a Record>, paint: Paint) -> String {
    let failures: Vec<&Record> = records
        .into_iter()
        .filter(|record| record.verdict.is_failure() && record.verdict != Verdict::Differs)
        .collect();
    let mut text = String::new();
    for record in failures.iter().take(SHOWN) {
        let detail = if record.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", record.detail)
        };
        text.push_str(&format!(
            "{} {} in {}{detail}\n",
            paint.bad(record.verdict.word()),
            record.backend,
            record.case
        ));
    }
    if failures.len() > SHOWN {
        text.push_str(&format!(
            "and {} more of this kind (see the run file)\n",
            failures.len() - SHOWN
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::record;

    #[test]
    fn a_crash_names_its_case_and_differences_are_left_to_explanations() {
        let mut crash = record("fbgemm/avx2", "linear", Verdict::Crashed);
        crash.detail = "SIGSEGV".into();
        let text = render(
            &[crash, record("a", "linear", Verdict::Differs)],
            Paint(false),
        );
        assert_eq!(
            text,
            "crashed fbgemm/avx2 in linear/m1.n1.k2/u8.s8/uniform/seed0: SIGSEGV\n"
        );
    }
}
