//! What all pages share: head, navigation, tables, figures, names of pages.

use maud::{DOCTYPE, Markup, html};
use qassay_suites::record::Verdict;

use crate::matrix::CellCounts;
use crate::paint::grouped;
use crate::survey::Survey;

/// One page.
pub(super) struct Page {
    /// its file's name
    pub file: String,
    /// its title
    pub title: String,
    /// what stands on it
    pub body: Markup,
}

/// The pages in the navigation: file and word.
const NAVIGATION: [(&str, &str); 7] = [
    ("index.html", "Overview"),
    ("agreement.html", "Agreement"),
    ("speed.html", "Speed"),
    ("events.html", "Events"),
    ("mutants.html", "Mutants"),
    ("golden.html", "Golden set"),
    ("runs.html", "Runs"),
];

impl Page {
    /// The page as HTML.
    pub(super) fn render(&self, survey: &Survey<'_>) -> String {
        // These two stand only where there is something to say on them.
        let is_there = |file: &str| match file {
            "speed.html" => !survey.measurements.is_empty(),
            "mutants.html" => !survey.mutants.is_empty(),
            _ => true,
        };
        let versions = survey.input.runs.iter().map(|source| &source.run.header);
        let mut made: Vec<String> = versions
            .map(|header| match &header.revision {
                Some(revision) => format!("{} ({revision})", header.version),
                None => header.version.clone(),
            })
            .collect();
        made.dedup();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Qassay" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href="style.css";
                    script src="script.js" defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        a.brand href="index.html" { "Qassay" }
                        nav aria-label="Pages" {
                            @for (file, word) in NAVIGATION.iter().filter(|(file, _)| is_there(file)) {
                                a href=(file) aria-current=[(*file == self.file).then_some("page")] { (word) }
                            }
                        }
                    }
                    main id="main" {
                        h1 { (self.title) }
                        (self.body)
                    }
                    footer { "Made by qassay " (made.join(", ")) ". Every number is also in the CSV files beside it." }
                }
            }
        }
        .into_string()
    }
}

/// The page of a backend.
pub(super) fn backend_file(backend: &str) -> String {
    format!("backend-{}.html", slug(backend))
}

/// A name as part of a file name or an id: letters, digits and hyphens.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// The class of a cell by its worst verdict.
pub(super) fn class(worst: Option<Verdict>) -> &'static str {
    match worst {
        Some(Verdict::Conforms) => "ok",
        Some(verdict) if verdict.is_failure() => "bad",
        Some(Verdict::PreconditionNotMet) => "pre",
        _ => "none",
    }
}

/// The text of a cell: a mark where it is bad, so that colour only repeats it.
pub(super) fn cell_text(cell: &CellCounts) -> String {
    match cell.worst() {
        None => String::new(),
        Some(verdict) if verdict.is_failure() => format!("✗ {}", cell.text()),
        Some(_) => cell.text(),
    }
}

/// A small table of figures at the head of a page: what and how much.
pub(super) fn tiles(tiles: &[(&str, String)]) -> Markup {
    html! {
        dl.tiles {
            @for (what, number) in tiles {
                div { dt { (what) } dd { (number) } }
            }
        }
    }
}

/// `native`, or `modelled` with what that means.
pub(super) fn execution(word: &str) -> Markup {
    let meaning = match word {
        "native" => "this CPU executed the instructions",
        "modelled" => "the CPU lacks the instructions; lane-exact models of them ran",
        _ => "",
    };
    html! { span title=(meaning) class=(format!("tag {}", slug(word))) { (word) } }
}

/// A plot with its caption, its numbers as text, and the file that holds them.
pub(super) fn figure(caption: &str, plot: Markup, numbers: Markup, file: &str) -> Markup {
    html! {
        figure {
            figcaption { (caption) }
            div.plot tabindex="0" role="group" aria-label=(caption) { (plot) }
            details {
                summary { "The numbers" }
                (numbers)
                p.files { a href=(format!("data/{file}")) { (file) } }
            }
        }
    }
}

/// A table in a frame that scrolls by itself where the page is narrow. Columns of
/// `true` hold numbers.
pub(super) fn table(name: &str, columns: &[(&str, bool)], rows: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(name) {
            table.sortable data-name=(name) {
                thead { tr { @for (column, number) in columns {
                    th scope="col" class=[number.then_some("number")] { (column) }
                } } }
                tbody { (rows) }
            }
        }
    }
}

/// A count in a cell of a table, sorted by its value.
pub(super) fn count(number: u64) -> Markup {
    // Sorting reads a number through the spaces between its groups.
    html! { td.number { (grouped(number)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_parts_of_file_names() {
        assert_eq!(slug("fbgemm/avx2-exact"), "fbgemm-avx2-exact");
        assert_eq!(slug("plugin:./My Lib.so"), "plugin-my-lib-so");
        assert_eq!(backend_file("onednn/avx2"), "backend-onednn-avx2.html");
    }
}
