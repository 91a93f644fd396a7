//! Profiles side by side: for each stage a table of the distinct rules with the
//! profiles that follow them; as CSV and JSON one row a profile, one column an axis.

use std::collections::BTreeMap;

use qassay_golden::profile::named::NamedProfile;
use qassay_golden::profile::{AxisName, Profile};

use crate::paint::Paint;

/// The stages, in order.
pub fn stages() -> Vec<&'static str> {
    let mut stages: Vec<&'static str> = Profile::axes().map(|axis| axis.stage).collect();
    stages.dedup();
    stages
}

/// One table a stage: a column an axis, a row for each distinct choice of all of them.
pub fn render(profiles: &[&NamedProfile], stage: Option<&str>, paint: Paint) -> String {
    let mut text = String::new();
    for name in stages() {
        if stage.is_some_and(|stage| stage != name) {
            continue;
        }
        if !text.is_empty() {
            text += "\n\n";
        }
        text += &format!("{}\n", paint.strong(name));
        text += &stage_table(profiles, name, paint);
    }
    text
}

fn stage_table(profiles: &[&NamedProfile], stage: &str, paint: Paint) -> String {
    let axes: Vec<AxisName> = Profile::axes().filter(|axis| axis.stage == stage).collect();
    let mut rules: Vec<(Vec<&'static str>, Vec<&'static str>)> = Vec::new();
    for named in profiles {
        let choices: Vec<&'static str> = axes.iter().map(|&a| named.profile.choice(a)).collect();
        match rules.iter_mut().find(|(known, _)| *known == choices) {
            Some((_, names)) => names.push(named.name),
            None => rules.push((choices, vec![named.name])),
        }
    }
    let mut table = paint.table();
    let mut header: Vec<String> = axes.iter().map(|a| a.field.replace('_', "_\n")).collect();
    header.push("profiles".into());
    table.set_header(header);
    for (choices, names) in rules {
        let mut row: Vec<String> = choices.iter().map(|choice| broken(choice)).collect();
        row.push(names.join("\n"));
        table.add_row(row);
    }
    table.to_string()
}

/// A key on several lines, broken after hyphens, so that columns stay narrow.
fn broken(key: &str) -> String {
    const WIDTH: usize = 14;
    let mut lines = vec![String::new()];
    for piece in key.split_inclusive('-') {
        let line = lines.last_mut().expect("there is one line at least");
        if !line.is_empty() && line.len() + piece.len() > WIDTH {
            lines.push(piece.to_owned());
        } else {
            line.push_str(piece);
        }
    }
    lines.join("\n")
}

/// One line a profile: its name, then its choice on every axis (`stage.axis` in the header).
///
/// # Errors
/// When the writer fails; memory does not.
pub fn csv(profiles: &[&NamedProfile], stage: Option<&str>) -> Result<Vec<u8>, csv::Error> {
    let axes = axes(stage);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = axes.iter().map(ToString::to_string);
    writer.write_record(std::iter::once("profile".to_owned()).chain(header))?;
    for named in profiles {
        let choices = axes.iter().map(|&axis| named.profile.choice(axis));
        writer.write_record(std::iter::once(named.name).chain(choices))?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

/// `{profile: {stage.axis: choice}}`.
pub fn json(
    profiles: &[&NamedProfile],
    stage: Option<&str>,
) -> BTreeMap<&'static str, BTreeMap<String, &'static str>> {
    let axes = axes(stage);
    let row = |named: &&NamedProfile| {
        let choices = axes
            .iter()
            .map(|&axis| (axis.to_string(), named.profile.choice(axis)));
        (named.name, choices.collect())
    };
    profiles.iter().map(row).collect()
}

fn axes(stage: Option<&str>) -> Vec<AxisName> {
    Profile::axes()
        .filter(|axis| stage.is_none_or(|stage| axis.stage == stage))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_golden::profile::named::PROFILES;

    fn all() -> Vec<&'static NamedProfile> {
        PROFILES.iter().collect()
    }

    #[test]
    fn every_profile_stands_once_in_every_stage() {
        for stage in stages() {
            let text = render(&all(), Some(stage), Paint(false));
            // Names stand in the last column; a choice's key may look like one.
            let last = |line: &'_ str| line.split_whitespace().last().map(str::to_owned);
            let mut names: Vec<String> = text.lines().filter_map(last).collect();
            names.retain(|word| PROFILES.iter().any(|named| named.name == *word));
            names.sort_unstable();
            let mut known: Vec<&str> = PROFILES.iter().map(|named| named.name).collect();
            known.sort_unstable();
            assert_eq!(names, known, "{stage}");
        }
    }

    #[test]
    fn long_keys_are_broken_after_hyphens_and_lose_nothing() {
        assert_eq!(broken("exact"), "exact");
        assert_eq!(broken("x86-indefinite-i32"), "x86-\nindefinite-i32");
        let long = broken("after-round-i16-saturating");
        assert_eq!(long.replace('\n', ""), "after-round-i16-saturating");
        assert!(long.lines().all(|line| line.len() <= 14), "{long}");
    }

    #[test]
    fn csv_has_a_row_a_profile_and_a_column_an_axis() {
        let bytes = csv(&all(), None).unwrap();
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        assert_eq!(reader.headers().unwrap().len(), 1 + Profile::axes().count());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), PROFILES.len());
        let json = json(&all(), None);
        let first = Profile::axes().next().unwrap().to_string();
        for row in &rows {
            assert_eq!(json[&row[0]][&first], &row[1]);
        }
    }
}
