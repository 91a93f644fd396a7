//! The kill matrix: which data classes noticed each seeded fault, and after how many cases.

use maud::{Markup, html};
use qassay_suites::record::Fate;

use super::page::{self, Page};
use crate::mutants::{alone, classes};
use crate::paint::grouped;
use crate::survey::Survey;

pub(super) fn page(survey: &Survey<'_>) -> Option<Page> {
    let fates = &survey.mutants;
    if fates.is_empty() {
        return None;
    }
    let killed = fates.iter().filter(|fate| fate.is_killed()).count();
    let survivors = fates.len() - killed;
    let body = html! {
        p {
            "A mutant is a kernel family with one part exchanged. A suite is worth the faults that it finds: "
            "a mutant that no case notices shows data that is missing."
        }
        @if survivors == 0 {
            p.answer.ok { strong { "All killed. " } "Each of " (grouped(killed as u64)) " mutants was noticed by some case." }
        } @else {
            p.answer.bad { strong { (grouped(survivors as u64)) " survived. " } (grouped(killed as u64)) " of " (grouped(fates.len() as u64)) " mutants were noticed." }
        }
        h2 id="matrix" { "What noticed them" }
        p {
            "Under each data class stand the cases that noticed the mutant and those that were judged; "
            "a pointer on a cell shows them by suite. “After” counts cases up to the first that noticed it."
        }
        (matrix(fates))
        p.files { a href="data/mutants.csv" { "mutants.csv" } ", " a href="data/mutant_kills.csv" { "mutant_kills.csv" } }
        h2 id="classes" { "What each data class is needed for" }
        p { "Mutants that one class alone notices would survive without it." }
        (needed(fates))
    };
    Some(Page {
        file: "mutants.html".into(),
        title: "Mutants".into(),
        body,
    })
}

fn matrix(fates: &[&Fate]) -> Markup {
    let classes = classes(fates.iter().copied());
    let mut columns = vec![
        ("mutant", false),
        ("fate", false),
        ("after", true),
        ("cases", true),
    ];
    columns.extend(classes.iter().map(|class| (*class, true)));
    columns.extend([("what is wrong", false), ("first noticed by", false)]);
    let rows = html! {
        @for fate in fates {
            tr {
                th scope="row" { (fate.prey.name) }
                @if fate.is_killed() {
                    td.ok { "killed" }
                } @else {
                    td.bad { "✗ survived" }
                }
                @match fate.after {
                    Some(after) => { (page::count(after)) }
                    None => { td.number.none data-sort="0" { "–" } }
                }
                (page::count(fate.asked))
                @for class in &classes {
                    (cell(fate, class))
                }
                td { (fate.prey.sentence) }
                td { (fate.first.as_deref().unwrap_or_default()) }
            }
        }
    };
    page::table("mutants", &columns, rows)
}

fn cell(fate: &Fate, class: &str) -> Markup {
    let of_class = || fate.kills.iter().filter(|kill| kill.class == class);
    let cases: u64 = of_class().map(|kill| kill.cases).sum();
    let judged: u64 = of_class().map(|kill| kill.of).sum();
    let by_suite: Vec<String> = of_class()
        .map(|kill| format!("{} {}/{}", kill.suite, kill.cases, kill.of))
        .collect();
    html! {
        @if cases == 0 {
            td.number.none data-sort="0" { "–" }
        } @else {
            td.number data-sort=(cases) title=(by_suite.join(", ")) { (cases) "/" (judged) }
        }
    }
}

fn needed(fates: &[&Fate]) -> Markup {
    let rows = html! {
        @for class in classes(fates.iter().copied()) {
            @let alone = alone(fates.iter().copied(), class);
            tr {
                th scope="row" { (class) }
                (page::count(fates.iter().filter(|fate| fate.classes().contains(&class)).count() as u64))
                (page::count(alone.len() as u64))
                td { (alone.join(", ")) }
            }
        }
    };
    let columns = [
        ("data class", false),
        ("notices", true),
        ("of them alone", true),
        ("which would survive without it", false),
    ];
    page::table("data classes", &columns, rows)
}
