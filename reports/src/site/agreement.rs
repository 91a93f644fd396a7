//! Which backends give identical bits: over all suites as a matrix, and the
//! groups of each suite.

use maud::{Markup, html};

use super::page::{self, Page};
use crate::agreement::{Agreement, agreement};
use crate::paint::grouped;
use crate::survey::Survey;

pub(super) fn page(survey: &Survey<'_>) -> Page {
    let all = agreement(survey, None);
    let body = html! {
        p {
            "Two backends agree in a case if all their output bits are the same, whatever profile they are held to. "
            "A row holds all backends with the same bits in the same cases. "
            "Rows stand in groups within which every two agree in every case that both answered."
        }
        @if all.classes.is_empty() {
            p.answer.bad { "These runs hold no hashes of outputs; runs of this version of qassay do." }
        } @else {
            (page::tiles(&[
                ("backends", grouped(all.subjects() as u64)),
                ("groups with the same bits", grouped(all.groups.len() as u64)),
            ]))
            (matrix(survey, &all))
            p.files {
                a href="data/agreement.csv" { "agreement.csv" } " "
                a href="data/agreement_members.csv" { "agreement_members.csv" }
            }
            h2 id="suites" { "Groups by suite" }
            p { "Each box is a group: these give identical bits in all cases of the suite that they have in common." }
            (by_suite(survey))
        }
    };
    Page {
        file: "agreement.html".into(),
        title: "Who gives the same bits".into(),
        body,
    }
}

fn matrix(survey: &Survey<'_>, all: &Agreement) -> Markup {
    let group = |at: usize| {
        all.groups
            .iter()
            .position(|group| group.contains(&at))
            .unwrap_or(0)
    };
    html! {
        div.scroll tabindex="0" role="group" aria-label="Share of cases with identical bits" {
            table.agreement {
                caption { "Percentage of common cases with identical bits" }
                thead { tr {
                    th scope="col" { "backend" }
                    th scope="col" { "group" }
                    @for at in 1..=all.classes.len() {
                        th scope="col" { (at) }
                    }
                } }
                tbody {
                    @for (a, class) in all.classes.iter().enumerate() {
                        tr class=[(a > 0 && group(a) != group(a - 1)).then_some("first")] {
                            th scope="row" { (a + 1) ". " (members(survey, class, true)) }
                            td.number { (letter(group(a))) }
                            @for (b, pair) in all.pairs[a].iter().enumerate() {
                                @match pair.share() {
                                    None => { td.none title=(format!("{} and {}: no case in common", a + 1, b + 1)) { "·" } }
                                    Some(share) => {
                                        td class=(shade(share))
                                            title=(format!("{} and {}: {} of {} cases", a + 1, b + 1, pair.identical, pair.common))
                                        { (percent(share)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The subjects of a class, with links to their pages or without.
fn members(survey: &Survey<'_>, class: &[usize], links: bool) -> Markup {
    html! {
        @for (at, &member) in class.iter().enumerate() {
            @let subject = &survey.subjects[member];
            @if at > 0 { ", " }
            @if links {
                a href=(page::backend_file(subject.backend)) { (survey.name(subject)) }
            } @else {
                span { (survey.name(subject)) }
            }
        }
    }
}

/// A group's name: A, B, …, Z, AA, ….
fn letter(number: usize) -> String {
    let last = char::from(b'A' + (number % 26) as u8);
    match number / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", letter(more - 1)),
    }
}

/// The class of a cell: nine steps.
fn shade(share: f64) -> String {
    if share >= 1.0 {
        return "same".into();
    }
    format!("a{}", ((share * 8.0).floor() as u32).min(7))
}

/// A percentage that says 100 only of what is whole, and 0 only of nothing.
fn percent(share: f64) -> String {
    match share {
        s if s >= 1.0 => "100".into(),
        s if s <= 0.0 => "0".into(),
        s => format!("{}", (s * 100.0).round().clamp(1.0, 99.0)),
    }
}

fn by_suite(survey: &Survey<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label="Groups by suite" {
            table {
                thead { tr { th scope="col" { "suite" } th.number scope="col" { "groups" } th scope="col" { "who is in them" } } }
                tbody {
                    @for suite in &survey.suites {
                        @let found = agreement(survey, Some(suite));
                        @if !found.classes.is_empty() {
                            tr {
                                th scope="row" { (suite) }
                                td.number { (found.groups.len()) }
                                td.members { @for group in &found.groups {
                                    span.group {
                                        @for (at, &class) in group.iter().enumerate() {
                                            @if at > 0 { ", " }
                                            (members(survey, &found.classes[class], false))
                                        }
                                    }
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_is_said_of_what_is_whole_alone() {
        assert_eq!(percent(1.0), "100");
        assert_eq!(percent(0.9999), "99");
        assert_eq!(percent(0.0001), "1");
        assert_eq!(percent(0.0), "0");
        assert_eq!(
            (
                shade(1.0).as_str(),
                shade(0.99).as_str(),
                shade(0.0).as_str()
            ),
            ("same", "a7", "a0")
        );
    }

    #[test]
    fn groups_have_letters() {
        let letters: Vec<String> = [0, 25, 26, 27, 52].into_iter().map(letter).collect();
        assert_eq!(letters, ["A", "Z", "AA", "AB", "BA"]);
    }
}
