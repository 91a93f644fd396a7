//! Parts of one run (`--shard K/N`) become one run; what is missing or there
//! twice is named.

use std::collections::BTreeMap;

use qassay_suites::record::Header;
use qassay_suites::runner::{Shard, summary};

use super::{Note, Source};

/// Joins parts that belong together, and leaves out files that hold the same run.
pub(super) fn join(sources: Vec<Source>, notes: &mut Vec<Note>) -> Vec<Source> {
    let mut whole: Vec<Source> = Vec::new();
    // In the order in which the first part of each run was given.
    let mut parted: Vec<(String, Vec<Source>)> = Vec::new();
    for source in sources {
        if let Some(header) = part_key(&source.run.header) {
            match parted.iter_mut().find(|(key, _)| *key == header) {
                Some((_, parts)) => parts.push(source),
                None => parted.push((header, vec![source])),
            }
            continue;
        }
        match whole.iter().find(|known| known.run == source.run) {
            Some(known) => notes.push(Note {
                file: source.files.join(", "),
                line: None,
                what: format!(
                    "holds the same run as {}; it is left out",
                    known.files.join(", ")
                ),
            }),
            None => whole.push(source),
        }
    }
    for (_, parts) in parted {
        whole.extend(merge(parts, notes));
    }
    whole
}

/// What parts of one run have in common; `None` for a whole run.
fn part_key(header: &Header) -> Option<String> {
    let (_, of) = header.shard.as_deref()?.split_once('/')?;
    let same = Header {
        shard: Some(of.to_owned()),
        command: command(header),
        ..header.clone()
    };
    serde_json::to_string(&same).ok()
}

/// The command line without what differs between parts: the part and the files written.
pub fn command(header: &Header) -> Vec<String> {
    const WITH_VALUE: [&str; 5] = ["--shard", "--out", "-o", "--jobs", "-j"];
    let mut kept = Vec::new();
    let mut words = header.command.iter();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word.as_str()) {
            words.next();
            continue;
        }
        let joined = WITH_VALUE
            .iter()
            .any(|option| word.starts_with(&format!("{option}=")));
        if !joined {
            kept.push(word.clone());
        }
    }
    kept
}

/// One run from its parts.
fn merge(parts: Vec<Source>, notes: &mut Vec<Note>) -> Option<Source> {
    let number = |source: &Source| -> Option<(u32, u32)> {
        let shard = source.run.header.shard.as_deref()?;
        shard.parse::<Shard>().ok()?;
        let (k, n) = shard.split_once('/')?;
        Some((k.parse().ok()?, n.parse().ok()?))
    };
    let mut by_number: BTreeMap<u32, Source> = BTreeMap::new();
    let mut of = 0;
    for part in parts {
        let Some((k, n)) = number(&part) else {
            notes.push(Note {
                file: part.files.join(", "),
                line: Some(1),
                what: format!(
                    "shard '{}' is not K/N with 1 <= K <= N; the file is left out",
                    part.run.header.shard.unwrap_or_default()
                ),
            });
            continue;
        };
        of = n;
        match by_number.get(&k) {
            Some(known) => notes.push(Note {
                file: part.files.join(", "),
                line: None,
                what: format!(
                    "shard {k}/{n} is there twice, also in {}; this one is left out",
                    known.files.join(", ")
                ),
            }),
            None => {
                by_number.insert(k, part);
            }
        }
    }
    let missing: Vec<String> = (1..=of)
        .filter(|k| !by_number.contains_key(k))
        .map(|k| format!("{k}/{of}"))
        .collect();
    let mut parts = by_number.into_values();
    let mut whole = parts.next()?;
    let mut seconds = whole.run.summary.seconds;
    for part in parts {
        whole.files.extend(part.files);
        whole.run.records.extend(part.run.records);
        whole.run.identified.extend(part.run.identified);
        whole.run.measurements.extend(part.run.measurements);
        whole.run.mutants.extend(part.run.mutants);
        seconds += part.run.summary.seconds;
        for explanation in part.run.explanations {
            let known = whole.run.explanations.iter().any(|known| {
                (&known.backend, &known.suite, &known.axes)
                    == (&explanation.backend, &explanation.suite, &explanation.axes)
            });
            if !known {
                whole.run.explanations.push(explanation);
            }
        }
    }
    if missing.is_empty() {
        whole.run.header.shard = None;
    } else {
        notes.push(Note {
            file: whole.files.join(", "),
            line: None,
            what: format!("shards are missing: {}", missing.join(", ")),
        });
        whole.run.header.shard = Some(format!("without {}", missing.join(", ")));
    }
    whole.run.header.command = command(&whole.run.header);
    whole.run.summary = summary(&whole.run.records, seconds);
    Some(whole)
}
