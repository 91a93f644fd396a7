//! Event coverage: what the data reached that tells right from wrong.

use std::collections::BTreeMap;

use maud::{Markup, html};
use qassay_golden::witness::Event;

use super::page::{self, Page};
use crate::coverage::by_suite;
use crate::paint::grouped;
use crate::plot::bars::{Bar, Scale, bars};
use crate::survey::Survey;

pub(super) fn page(survey: &Survey<'_>) -> Page {
    let counts = by_suite(survey);
    let total = |event: Event| -> u64 {
        let of = counts.iter().filter(|((_, key), _)| *key == event.key());
        of.map(|(_, count)| count).sum()
    };
    let missing: Vec<&str> = Event::ALL
        .iter()
        .filter(|&&event| total(event) == 0)
        .map(|event| event.key())
        .collect();
    let body = html! {
        p {
            "Data that never reaches an event cannot tell right arithmetic from wrong there. "
            "Each case counts once, whatever the number of backends that ran it."
        }
        @if missing.is_empty() {
            p.answer.ok { strong { "All reached. " } "Every event that qassay knows occurred in these runs." }
        } @else {
            p.answer.bad { strong { "Not reached: " } (missing.join(", ")) "." }
        }
        (page::figure("How often each event was reached", plot(&total), meanings(&total), "events.csv"))
        h2 id="suites" { "By suite" }
        (table(survey, &counts))
    };
    Page {
        file: "events.html".into(),
        title: "Event coverage".into(),
        body,
    }
}

fn plot(total: &dyn Fn(Event) -> u64) -> Markup {
    let all: Vec<Bar> = Event::ALL
        .iter()
        .map(|&event| Bar {
            name: event.key().into(),
            value: total(event) as f64,
            interval: None,
            text: match total(event) {
                0 => "never".into(),
                times => grouped(times),
            },
            series: 0,
        })
        .collect();
    bars(
        "how often each event was reached",
        "times (logarithmic)",
        &all,
        Scale::Logarithmic,
    )
}

fn meanings(total: &dyn Fn(Event) -> u64) -> Markup {
    let rows = html! {
        @for &event in Event::ALL {
            tr {
                th scope="row" { (event.key()) }
                (page::count(total(event)))
                td { (event.meaning()) }
            }
        }
    };
    page::table(
        "events",
        &[("event", false), ("times", true), ("what it is", false)],
        rows,
    )
}

fn table(survey: &Survey<'_>, counts: &BTreeMap<(&str, &str), u64>) -> Markup {
    let mut columns = vec![("suite", false)];
    columns.extend(Event::ALL.iter().map(|event| (event.key(), true)));
    let rows = html! {
        @for &suite in &survey.suites {
            tr {
                th scope="row" { (suite) }
                @for event in Event::ALL {
                    @match counts.get(&(suite, event.key())) {
                        Some(&times) => { (page::count(times)) }
                        None => { td.number.none data-sort="0" { "–" } }
                    }
                }
            }
        }
    };
    page::table("events by suite", &columns, rows)
}
