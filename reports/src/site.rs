//! `qassay report --out DIR`: a static site. Pages hold their plots and their
//! numbers, ask nothing of any other host, and work from a file.
//!
//! The site is written to a folder beside the target, which then takes its
//! place: there never is half a site.

mod agreement;
mod backend;
mod data;
mod difference;
mod events;
mod golden;
mod mutants;
mod overview;
mod page;
mod place;
mod runs;
mod speed;

use std::path::{Path, PathBuf};

use crate::survey::Survey;
use crate::tidy::TidyError;
pub use golden::Facts;
use page::Page;

/// Why a site cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// a file or folder cannot be written
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// which
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// the target holds something else
    #[error(
        "{} holds other things than a report ({found}); give a new or an empty folder",
        path.display()
    )]
    Foreign {
        /// the target
        path: PathBuf,
        /// one of the things
        found: String,
    },
    /// numbers cannot be written as CSV
    #[error(transparent)]
    Csv(#[from] TidyError),
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// HTML pages
    pub pages: usize,
    /// bytes of all files
    pub bytes: u64,
}

/// Files of the site by name, with `/` between folders.
pub type Files = Vec<(String, Vec<u8>)>;

/// Every file of the site.
///
/// # Errors
/// When numbers cannot be written as CSV.
pub fn files(survey: &Survey<'_>, golden: &Facts) -> Result<Files, TidyError> {
    let mut pages = vec![
        overview::page(survey),
        agreement::page(survey),
        events::page(survey),
        golden::page(survey, golden),
        runs::page(survey),
    ];
    pages.extend(speed::pages(survey));
    pages.extend(mutants::page(survey));
    pages.extend(
        survey
            .backends()
            .iter()
            .map(|name| backend::page(survey, name)),
    );
    let mut files: Files = pages
        .into_iter()
        .map(|page: Page| (page.file.clone(), page.render(survey).into_bytes()))
        .collect();
    files.push((
        "style.css".into(),
        include_bytes!("site/style.css").to_vec(),
    ));
    files.push((
        "script.js".into(),
        include_bytes!("site/script.js").to_vec(),
    ));
    files.extend(data::files(survey)?);
    Ok(files)
}

/// Writes the site to `dir`, in place of a report that stands there.
///
/// # Errors
/// When the folder holds other things, or something cannot be written; what stood there stays.
pub fn write(survey: &Survey<'_>, golden: &Facts, dir: &Path) -> Result<Written, SiteError> {
    let files = files(survey, golden)?;
    place::put(&files, dir)?;
    Ok(Written {
        pages: files
            .iter()
            .filter(|(name, _)| name.ends_with(".html"))
            .count(),
        bytes: files.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
    })
}

#[cfg(test)]
mod tests;
