//! `qassay profiles`: the named profiles side by side, and where two of them part.

use anyhow::{Result, bail};
use qassay_golden::profile::named::{NamedProfile, PROFILES};
use qassay_reports::{parting, profile_table};
use qassay_suites::parting::part;

use crate::Outcome;
use crate::cli::{ProfilesArgs, ProfilesCommand, ProfilesFormat};
use crate::conform::{find_profile, level};
use crate::list::suites;
use crate::output::Output;

/// Runs `qassay profiles`. A comparison ends with 1 where a case comes out otherwise.
pub fn run(args: &ProfilesArgs, output: &mut Output) -> Result<Outcome> {
    if let Some(ProfilesCommand::Diff {
        from,
        to,
        suite,
        level: choice,
        seed,
    }) = &args.command
    {
        let (from, to) = (find_profile(from)?, find_profile(to)?);
        let parting = part(from, to, &suites(suite)?, level(*choice), *seed);
        output.bytes(parting::render(&parting, output.paint()).as_bytes())?;
        let differs = parting.suites.iter().any(|suite| suite.differing_cases > 0);
        return Ok(if differs {
            Outcome::Differs
        } else {
            Outcome::Conforms
        });
    }
    let profiles: Vec<&NamedProfile> = match &args.names[..] {
        [] => PROFILES.iter().collect(),
        names => names
            .iter()
            .map(|name| find_profile(name))
            .collect::<Result<_>>()?,
    };
    let stage = args.stage.as_deref();
    if let Some(stage) = stage
        && !profile_table::stages().contains(&stage)
    {
        let known = profile_table::stages().join(", ");
        bail!("unknown stage '{stage}'; there are {known}");
    }
    match args.format {
        ProfilesFormat::Table => {
            output.line(profile_table::render(&profiles, stage, output.paint()))?;
        }
        ProfilesFormat::Csv => output.bytes(&profile_table::csv(&profiles, stage)?)?,
        ProfilesFormat::Json => {
            let rows = profile_table::json(&profiles, stage);
            output.line(serde_json::to_string_pretty(&rows)?)?;
        }
    }
    Ok(Outcome::Conforms)
}
