//! Event coverage: how often the data reached what tells right from wrong.
//! An event that was never reached is shown, not left out.

use std::collections::{BTreeMap, HashMap};

use qassay_golden::witness::Event;
use qassay_suites::record::Summary;

use crate::paint::{Paint, grouped};
use crate::survey::Survey;

/// Events that no case reached.
pub fn missing(summary: &Summary) -> Vec<Event> {
    Event::ALL
        .iter()
        .copied()
        .filter(|event| summary.events.get(event.key()).is_none_or(|&n| n == 0))
        .collect()
}

/// Events by suite: each case once, the greatest count of all subjects, as in a run's totals.
pub fn by_suite<'a>(survey: &Survey<'a>) -> BTreeMap<(&'a str, &'a str), u64> {
    let mut cases: HashMap<(&str, &str, &str), u64> = HashMap::new();
    for record in survey.subjects.iter().flat_map(|subject| &subject.records) {
        if !record.verdict.is_judged() || record.values == 0 {
            continue;
        }
        for (event, &count) in &record.events {
            let most = cases
                .entry((&record.suite, &record.case, event))
                .or_default();
            *most = count.max(*most);
        }
    }
    let mut totals = BTreeMap::new();
    for ((suite, _, event), count) in cases {
        *totals.entry((suite, event)).or_default() += count;
    }
    totals
}

/// A table of events: key, count, meaning.
pub fn render(summary: &Summary, paint: Paint) -> String {
    let mut table = paint.table();
    table.set_header(["event", "times", "what it is"]);
    for &event in Event::ALL {
        let count = summary.events.get(event.key()).copied().unwrap_or(0);
        let color = (count == 0).then_some(comfy_table::Color::Red);
        table.add_row([
            paint.cell(event.key().into(), color),
            paint.cell(grouped(count), color),
            paint.cell(event.meaning().into(), None),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_not_reached_is_listed() {
        let mut summary = Summary::default();
        for event in Event::ALL {
            summary.events.insert(event.key().into(), 3);
        }
        assert!(missing(&summary).is_empty());
        summary.events.insert(Event::ExactTie.key().into(), 0);
        assert_eq!(missing(&summary), [Event::ExactTie]);
        summary.events.remove(Event::NanInput.key());
        assert_eq!(missing(&summary), [Event::ExactTie, Event::NanInput]);
        assert!(render(&summary, Paint(false)).contains("exact-tie"));
    }
}
