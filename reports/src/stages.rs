//! Where the time of a run went: making data, reference, kernels, comparing, explaining.

use comfy_table::CellAlignment;
use qassay_suites::record::Summary;
use qassay_suites::stages::Stage;

use crate::paint::Paint;

/// A table of stages: seconds over all workers, share, what the stage does.
pub fn render(summary: &Summary, paint: Paint) -> String {
    let all: f64 = summary.stages.values().sum();
    let mut table = paint.table();
    table.set_header(["stage", "seconds", "share", "what it is"]);
    for stage in Stage::ALL {
        let seconds = summary.stages.get(stage.word()).copied().unwrap_or(0.0);
        let share = if all > 0.0 {
            100.0 * seconds / all
        } else {
            0.0
        };
        let number = |text| paint.cell(text, None).set_alignment(CellAlignment::Right);
        table.add_row([
            paint.cell(stage.word().into(), None),
            number(format!("{seconds:.2}")),
            number(format!("{share:.0} %")),
            paint.cell(stage.meaning().into(), None),
        ]);
    }
    format!("{table}\n{all:.1} s of all workers together")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_stages_together() {
        let mut summary = Summary::default();
        summary.stages.insert("reference".into(), 3.0);
        summary.stages.insert("kernels".into(), 1.0);
        let text = render(&summary, Paint(false));
        let row = |word: &str| {
            text.lines()
                .find(|l| l.trim_start().starts_with(word))
                .unwrap()
        };
        assert!(
            row("reference").contains("3.00") && row("reference").contains("75 %"),
            "{text}"
        );
        assert!(row("explain").contains("0 %"), "{text}");
        assert!(text.ends_with("4.0 s of all workers together"), "{text}");
        assert!(render(&Summary::default(), Paint(false)).contains("0 %"));
    }
}
