//! The first page: is everything right, and the matrix of who was asked what.

use maud::{Markup, html};
use qassay_suites::record::Verdict;
use qassay_suites::suite;

use super::page::{self, Page};
use crate::identified;
use crate::name;
use crate::paint::grouped;
use crate::survey::{Subject, Survey};

pub(super) fn page(survey: &Survey<'_>) -> Page {
    let records = || survey.subjects.iter().flat_map(|subject| &subject.records);
    let count = |test: fn(Verdict) -> bool| records().filter(|r| test(r.verdict)).count() as u64;
    let failing = count(Verdict::is_failure);
    let mut cases: Vec<&str> = records().map(|record| record.case.as_str()).collect();
    cases.sort_unstable();
    cases.dedup();
    let body = html! {
        (verdict(survey, failing))
        (page::tiles(&[
            ("backends", grouped(survey.backends().len() as u64)),
            ("CPUs", grouped(survey.cpus.len() as u64)),
            ("cases", grouped(cases.len() as u64)),
            ("judged", grouped(count(Verdict::is_judged))),
            ("values compared", grouped(records().map(|r| r.values).sum())),
            ("failing", grouped(failing)),
        ]))
        (notes(survey))
        @if !survey.mutants.is_empty() {
            @let killed = survey.mutants.iter().filter(|fate| fate.is_killed()).count();
            p {
                "Of " (grouped(survey.mutants.len() as u64)) " seeded faults, " (grouped(killed as u64)) " were noticed: "
                a href="mutants.html" { "the kill matrix" } "."
            }
        }
        @if survey.subjects.is_empty() {
            p { "No backend was judged in these runs." }
        } @else {
            h2 id="matrix" { "Backends and suites" }
            p {
                "A number counts cases whose every output bit is what the profile says. "
                "A dash: the backend has no such op. Anything else names the worst verdict and its share. "
                "A row or a cell leads to the details."
            }
            (matrix(survey))
            p.files { a href="data/matrix.csv" { "matrix.csv" } }
            (recognised(survey))
            @if survey.cpus.len() > 1 {
                h2 id="cpus" { "Backends and CPUs" }
                p { "The worst verdict of each backend on each CPU, and whether its instructions ran or models of them." }
                (by_cpu(survey))
            }
        }
    };
    Page {
        file: "index.html".into(),
        title: "Overview".into(),
        body,
    }
}

/// One sentence that answers the question.
fn verdict(survey: &Survey<'_>, failing: u64) -> Markup {
    let differing: Vec<&Subject<'_>> = survey
        .subjects
        .iter()
        .filter(|subject| subject.all().worst().is_some_and(Verdict::is_failure))
        .collect();
    html! {
        @if failing > 0 {
            p.answer.bad {
                strong { "Differs. " }
                (grouped(failing)) " judgements in " (differing.len()) " of " (survey.subjects.len())
                " rows are not what the profile says: "
                @for (at, subject) in differing.iter().enumerate().take(6) {
                    @if at > 0 { ", " }
                    a href=(page::backend_file(subject.backend)) { (name::short(subject.backend)) }
                }
                @if differing.len() > 6 { " and " (differing.len() - 6) " more" }
                "."
            }
        } @else if survey.mutants.iter().any(|fate| !fate.is_killed()) {
            p.answer.bad { strong { "Too weak. " } "Seeded faults were not noticed: " a href="mutants.html" { "which" } "." }
        } @else if survey.conforms() && survey.subjects.is_empty() && survey.measurements.is_empty() {
            p.answer.ok { strong { "Strong enough. " } "Every seeded fault was noticed." }
        } @else if survey.conforms() {
            p.answer.ok { strong { "Conforms. " } "Every output bit that was compared is what the profiles say." }
        } @else {
            p.answer.bad { strong { "Nothing was compared. " } "These runs prove nothing." }
        }
    }
}

/// What was wrong with the input.
fn notes(survey: &Survey<'_>) -> Markup {
    let notes: Vec<String> = survey.all_notes().map(ToString::to_string).collect();
    html! {
        @if !notes.is_empty() {
            section.notes aria-label="Notes on the input" {
                h2 id="notes" { "Not as it should be" }
                ul { @for note in &notes { li { (note) } } }
            }
        }
    }
}

fn matrix(survey: &Survey<'_>) -> Markup {
    let supported = |name: &&str| {
        let cells = survey
            .subjects
            .iter()
            .filter_map(|subject| subject.cells.get(*name));
        cells
            .clone()
            .any(|cell| cell.worst() != Some(Verdict::Unsupported))
    };
    let (shown, without): (Vec<&str>, Vec<&str>) =
        survey.suites.iter().copied().partition(supported);
    let several = survey.cpus.len() > 1;
    html! {
        div.scroll tabindex="0" role="group" aria-label="Backends and suites" {
            table.sortable.matrix data-name="backends" {
                thead { tr {
                    th scope="col" { "backend" }
                    th scope="col" { "runs" }
                    th scope="col" { "profile" }
                    @if several { th scope="col" { "CPU" } }
                    @for name in &shown {
                        th.number scope="col" title=[suite::find(name).map(|s| s.summary)] { (name) }
                    }
                } }
                tbody {
                    @for subject in &survey.subjects {
                        @let file = page::backend_file(subject.backend);
                        tr {
                            th scope="row" title=[name::whole(subject.backend)] { a href=(file) { (name::short(subject.backend)) } }
                            td { (page::execution(subject.execution)) }
                            td { (subject.profile) }
                            @if several { td { (survey.cpus[subject.cpu].label) } }
                            @for name in &shown {
                                @let cell = subject.cells.get(*name).cloned().unwrap_or_default();
                                @let text = page::cell_text(&cell);
                                td class=(format!("number {}", page::class(cell.worst()))) data-sort=(cell.count(Verdict::Conforms)) {
                                    @if cell.worst().is_some_and(Verdict::is_failure) {
                                        a href=(format!("{file}#{}", anchor(survey, subject, name))) { (text) }
                                    } @else {
                                        (text)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !without.is_empty() {
            p { "No backend above has: " (without.join(", ")) "." }
        }
    }
}

/// Backends that declare no profile, and whose bits theirs are.
fn recognised(survey: &Survey<'_>) -> Markup {
    let found = survey.identified();
    let mut backends: Vec<&str> = found.iter().map(|found| found.backend.as_str()).collect();
    backends.dedup();
    html! {
        @if !found.is_empty() {
            h2 id="recognised" { "Whose bits, where none are declared" }
            p { "These backends declare no profile. A sample of each suite was held to every named one; the whole suite was then held to the one that gave its bits." }
            ul { @for backend in backends {
                li {
                    a href=(page::backend_file(backend)) { (name::short(backend)) } ": "
                    (identified::in_short(found.iter().copied().filter(|found| found.backend == backend))) "."
                }
            } }
        }
    }
}

/// The id of a suite's part on a backend's page.
pub(super) fn anchor(survey: &Survey<'_>, subject: &Subject<'_>, suite: &str) -> String {
    format!("{}-{suite}", page::slug(&survey.name(subject)))
}

fn by_cpu(survey: &Survey<'_>) -> Markup {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for subject in &survey.subjects {
        if !rows.contains(&(subject.backend, subject.profile)) {
            rows.push((subject.backend, subject.profile));
        }
    }
    let rows = html! {
        @for (backend, profile) in rows {
            tr {
                th scope="row" title=[name::whole(backend)] { a href=(page::backend_file(backend)) { (name::short(backend)) } }
                td { (profile) }
                @for cpu in 0..survey.cpus.len() {
                    @let subject = survey.subjects.iter().find(|subject| {
                        subject.cpu == cpu && subject.backend == backend && subject.profile == profile
                    });
                    @match subject {
                        None => { td.none { "not run" } }
                        Some(subject) => {
                            @let all = subject.all();
                            td class=(page::class(all.worst())) {
                                (page::cell_text(&all)) " " (page::execution(subject.execution))
                            }
                        }
                    }
                }
            }
        }
    };
    let mut columns = vec![("backend", false), ("profile", false)];
    columns.extend(survey.cpus.iter().map(|cpu| (cpu.label.as_str(), false)));
    page::table("backends on CPUs", &columns, rows)
}
