//! `qassay show CASE`: one case in full.

use anyhow::Result;
use qassay_reports::case_view;
use qassay_suites::case::{Case, CaseId};

use crate::Outcome;
use crate::cli::ShowArgs;
use crate::conform::find_profile;
use crate::output::Output;

/// Runs `qassay show`.
pub fn run(args: &ShowArgs, output: &mut Output) -> Result<Outcome> {
    let profile = find_profile(&args.profile)?;
    let id: CaseId = args.case.parse()?;
    let case = Case::from_id(&id)?;
    let text = case_view::render(&id.to_string(), case.problem(), profile, args.elements)?;
    output.bytes(text.as_bytes())?;
    Ok(Outcome::Conforms)
}
