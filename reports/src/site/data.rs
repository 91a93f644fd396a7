//! The CSV files behind the pages.

use super::Files;
use crate::survey::Survey;
use crate::tidy::{self, TidyError};

pub(super) fn files(survey: &Survey<'_>) -> Result<Files, TidyError> {
    tidy::totals(survey)
        .iter()
        .map(|sheet| Ok((format!("data/{}", sheet.file()), sheet.bytes()?)))
        .collect()
}
