//! A backend's page: what it declares, how it did in each suite, why it
//! differs, what it refused, and its profile axis by axis.

use std::collections::BTreeMap;

use maud::{Markup, html};
use qassay_backends::registry;
use qassay_golden::profile::{Profile, named};
use qassay_suites::record::Verdict;

use super::difference;
use super::overview::anchor;
use super::page::{self, Page};
use crate::identified;
use crate::paint::{Paint, grouped};
use crate::survey::{Subject, Survey};

/// Failing cases that are named; the rest is counted.
const NAMED: usize = 20;

pub(super) fn page(survey: &Survey<'_>, backend: &str) -> Page {
    let subjects: Vec<&Subject<'_>> = survey
        .subjects
        .iter()
        .filter(|subject| subject.backend == backend)
        .collect();
    let body = html! {
        (declaration(backend, &subjects))
        (recognised(survey, backend))
        @for subject in &subjects {
            (subject_part(survey, subject, subjects.len() > 1))
        }
        @if subjects.is_empty() {
            p { "This backend was timed only; see " a href="speed.html" { "Speed" } "." }
        }
        (profiles(&subjects))
    };
    Page {
        file: page::backend_file(backend),
        title: backend.to_owned(),
        body,
    }
}

/// What the registry says of it.
fn declaration(backend: &str, subjects: &[&Subject<'_>]) -> Markup {
    let entries = registry::entries();
    let found = entries
        .iter()
        .find(|entry| entry.declaration.name == backend);
    html! {
        dl.facts {
            @if let Some(entry) = found {
                @let declared = entry.declaration;
                div { dt { "family" } dd { (declared.family) } }
                div { dt { "instruction set" } dd { (declared.isa) " (" (declared.architecture) ")" } }
                div { dt { "declares" } dd { (declared.profile) } }
                div { dt { "preconditions" } dd {
                    @if declared.preconditions.is_empty() { "none" }
                    @for (at, precondition) in declared.preconditions.iter().enumerate() {
                        @if at > 0 { "; " } (precondition)
                    }
                } }
            } @else {
                div { dt { "declares" } dd { "not of this qassay's registry" } }
            }
            @if let Some(subject) = subjects.first() {
                div { dt { "runs" } dd { (page::execution(subject.execution)) } }
            }
        }
    }
}

/// Whose bits its own are, suite by suite, if it declares no profile.
fn recognised(survey: &Survey<'_>, backend: &str) -> Markup {
    let mut found = survey.identified();
    found.retain(|found| found.backend == backend);
    html! {
        @if !found.is_empty() {
            h2 id="recognised" { "Whose bits" }
            p { "It declares no profile. A sample of each suite was held to every named one." }
            ul { @for found in found {
                li { strong { (found.suite) } ": " (identified::whose(found, Paint(false))) "." }
            } }
        }
    }
}

/// One profile on one CPU.
fn subject_part(survey: &Survey<'_>, subject: &Subject<'_>, several: bool) -> Markup {
    let all = subject.all();
    let values: u64 = subject.records.iter().map(|record| record.values).sum();
    html! {
        section {
            @if several {
                h2 id=(page::slug(&survey.name(subject))) { (survey.name(subject)) }
            } @else {
                h2 id="suites" { "Suites" }
            }
            @if all.worst().is_some_and(Verdict::is_failure) {
                p.answer.bad {
                    strong { "Not what " (subject.profile) " says: " }
                    (page::cell_text(&all).trim_start_matches("✗ ")) " cases."
                }
            } @else if all.count(Verdict::Conforms) > 0 {
                p.answer.ok {
                    strong { "Conforms to " (subject.profile) ": " }
                    (grouped(all.count(Verdict::Conforms))) " cases, " (grouped(values)) " output values bit for bit."
                }
            } @else {
                p.answer.bad { strong { "Nothing was compared." } }
            }
            (suites(survey, subject))
            (difference::all(survey, subject))
            (failures(subject))
            (refusals(subject))
        }
    }
}

fn suites(survey: &Survey<'_>, subject: &Subject<'_>) -> Markup {
    let shown: Vec<&str> = survey
        .suites
        .iter()
        .copied()
        .filter(|suite| subject.cells.contains_key(suite))
        .collect();
    let rows = html! {
        @for suite in shown {
            @let cell = &subject.cells[suite];
            @let sum = |of: fn(&qassay_suites::record::Record) -> u64| subject.in_suite(suite).map(of).sum::<u64>();
            tr {
                th scope="row" {
                    @if cell.count(Verdict::Differs) > 0 {
                        a href=(format!("#{}", anchor(survey, subject, suite))) { (suite) }
                    } @else { (suite) }
                }
                td class=(page::class(cell.worst())) {
                    (cell.worst().map_or("", |verdict| verdict.word()))
                }
                (page::count(cell.count(Verdict::Conforms)))
                (page::count(cell.verdicts.iter().filter(|(v, _)| v.is_failure()).map(|(_, n)| n).sum()))
                (page::count(cell.count(Verdict::PreconditionNotMet)))
                (page::count(cell.count(Verdict::Unsupported)))
                (page::count(sum(|record| record.values)))
                (page::count(sum(|record| record.mismatches)))
                (page::count(sum(|record| record.open)))
                td.wide { (kernels(subject, suite)) }
            }
        }
    };
    let columns = [
        ("suite", false),
        ("verdict", false),
        ("conform", true),
        ("fail", true),
        ("precondition", true),
        ("unsupported", true),
        ("values", true),
        ("wrong", true),
        ("open", true),
        ("micro-kernels", false),
    ];
    page::table(
        &format!("suites of {}", survey.name(subject)),
        &columns,
        rows,
    )
}

/// The micro-kernels that it chose, the most frequent first; fall-backs are marked.
fn kernels(subject: &Subject<'_>, suite: &str) -> Markup {
    let mut chosen: BTreeMap<&str, u64> = BTreeMap::new();
    for record in subject
        .in_suite(suite)
        .filter(|record| record.verdict.is_judged())
    {
        // The tile follows the shape; the name is what was chosen.
        let name = record.chosen.split(" (").next().unwrap_or_default();
        *chosen.entry(name).or_default() += 1;
    }
    let mut chosen: Vec<(&str, u64)> = chosen
        .into_iter()
        .filter(|(name, _)| !name.is_empty())
        .collect();
    chosen.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    let more = chosen.len().saturating_sub(4);
    html! {
        @for (at, (name, count)) in chosen.into_iter().take(4).enumerate() {
            @if at > 0 { ", " }
            code { (name) } " " span.faint { "×" (count) }
        }
        @if more > 0 { " and " (more) " more" }
    }
}

/// Cases that failed in another way than by a wrong bit.
fn failures(subject: &Subject<'_>) -> Markup {
    let failing: Vec<_> = subject
        .records
        .iter()
        .filter(|record| record.verdict.is_failure() && record.verdict != Verdict::Differs)
        .collect();
    html! {
        @if !failing.is_empty() {
            h3 { "Failed without an answer" }
            ul { @for record in failing.iter().take(NAMED) {
                li { strong { (record.verdict.word()) } " in " code { (record.case) } ": " (record.detail) }
            } }
            @if failing.len() > NAMED { p { "And " (failing.len() - NAMED) " more; records.csv names all." } }
        }
    }
}

/// Why cases were not run, each reason with its count.
fn refusals(subject: &Subject<'_>) -> Markup {
    let mut reasons: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for record in &subject.records {
        if matches!(
            record.verdict,
            Verdict::Unsupported | Verdict::PreconditionNotMet
        ) {
            *reasons
                .entry((record.detail.as_str(), &record.suite))
                .or_default() += 1;
        }
    }
    let rows = html! {
        @for ((reason, suite), cases) in &reasons {
            tr { td.wide { (reason) } td { (suite) } (page::count(*cases)) }
        }
    };
    html! {
        @if !reasons.is_empty() {
            details {
                summary { "What it refused, and why (" (grouped(reasons.values().sum())) " cases)" }
                (page::table("refused", &[("reason", false), ("suite", false), ("cases", true)], rows))
            }
        }
    }
}

/// The profiles that it was held to, axis by axis.
fn profiles(subjects: &[&Subject<'_>]) -> Markup {
    let mut names: Vec<&str> = subjects.iter().map(|subject| subject.profile).collect();
    names.sort_unstable();
    names.dedup();
    html! {
        @for name in names {
            h2 id=(format!("profile-{}", page::slug(name))) { "Profile " (name) }
            @match named::find(name) {
                None => { p { "This qassay does not know it." } }
                Some(profile) => {
                    p { (profile.summary) "." }
                    p.faint { "Read in or seen at: " (profile.source) "." }
                    details {
                        summary { "All " (Profile::axes().count()) " axes" }
                        (page::table(
                            &format!("axes of {name}"),
                            &[("stage", false), ("axis", false), ("choice", false), ("what it does", false)],
                            html! {
                                @for axis in Profile::axes() {
                                    tr {
                                        td { (axis.stage) }
                                        th scope="row" { (axis.field) }
                                        td { code { (profile.profile.choice(axis)) } }
                                        td.wide { (profile.profile.meaning(axis)) }
                                    }
                                }
                            },
                        ))
                    }
                }
            }
        }
    }
}
