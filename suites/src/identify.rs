//! Whose arithmetic is it? Outputs of an implementation, captured with their
//! inputs, are held to every named profile; where none gives all of them, to the
//! smallest change of the profiles that come nearest.
//!
//! What a capture says of its engine's profile is not looked at. Vectors that
//! are known to show a fault of upstream are set aside and counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use qassay_golden::captures::{CaptureError, EngineOutput, Solved, solved};
use qassay_golden::ops::reference;
use qassay_golden::profile::named::{NamedProfile, PROFILES};
use qassay_golden::profile::{AxisName, Profile};
use qassay_golden::tensor::Tensor;
use qassay_golden::witness::Witness;
use rayon::prelude::*;

use crate::compare::{display, same};
use crate::explain::{self, Observation, relevant};
use crate::judge::index;
use crate::panics;
use crate::record::{AxisChange, Mismatch};

/// How long the axes may be searched for one op of one engine.
const SEARCHING: Duration = Duration::from_secs(20);
/// The most profiles that one op may be split between.
const MOST_SHARES: usize = 4;
/// The most vectors that a search looks at.
const MOST_OBSERVED: usize = 60;

/// What was found of one engine.
#[derive(Debug)]
pub struct Engine {
    /// the system, as its manifest calls it
    pub system: String,
    /// its version
    pub version: String,
    /// the engine
    pub engine: String,
    /// op by op
    pub ops: Vec<Op>,
}

/// What was found of one op of an engine.
#[derive(Debug)]
pub struct Op {
    /// the op
    pub op: String,
    /// how many problems
    pub vectors: u64,
    /// how many values in all
    pub values: u64,
    /// problems set aside: upstream is known to be at fault there
    pub set_aside: u64,
    /// whose bits they are
    pub finding: Finding,
}

/// Whose bits the outputs are.
#[derive(Debug)]
pub enum Finding {
    /// those of all these profiles; the vectors do not tell them apart
    Named(Vec<&'static str>),
    /// those of a named profile with other choices on these axes
    Changed(&'static NamedProfile, Vec<AxisChange>),
    /// each problem's are those of one of these, most problems first: the
    /// implementation computes one way here and another way there
    Split(Vec<Share>),
    /// nobody's that could be found
    Nobody(Nearest),
}

/// The problems of which one profile gives every value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// the profile
    pub profile: &'static str,
    /// how many problems, those of earlier shares not counted
    pub vectors: u64,
    /// one of them
    pub example: String,
}

/// The named profile that gives most of the values.
#[derive(Debug)]
pub struct Nearest {
    /// the profile
    pub profile: &'static str,
    /// how many values it does not give
    pub mismatches: u64,
    /// where the first of them is
    pub vector: String,
    /// what it is: `expected` is the profile's, `got` the captured one
    pub first: Mismatch,
}

impl Engine {
    /// The profiles that give every value of every op.
    pub fn profiles(&self) -> Vec<&'static str> {
        let whole = |name: &&'static str| {
            self.ops
                .iter()
                .all(|op| matches!(&op.finding, Finding::Named(names) if names.contains(name)))
        };
        PROFILES
            .iter()
            .map(|named| named.name)
            .filter(whole)
            .collect()
    }

    /// The profiles that give every value of most ops, and the ops of which they do not. None
    /// where that is not more than half of the ops.
    pub fn mostly(&self) -> Option<(Vec<&'static str>, Vec<&str>)> {
        let gives = |op: &Op, name: &str| matches!(&op.finding, Finding::Named(names) if names.contains(&name));
        let count = |name: &str| self.ops.iter().filter(|op| gives(op, name)).count();
        let most = PROFILES.iter().map(|named| count(named.name)).max()?;
        if most * 2 <= self.ops.len() {
            return None;
        }
        let names: Vec<&str> = (PROFILES.iter().map(|named| named.name))
            .filter(|name| count(name) == most)
            .collect();
        let others = (self.ops.iter())
            .filter(|op| !names.iter().any(|name| gives(op, name)))
            .map(|op| &*op.op)
            .collect();
        Some((names, others))
    }

    /// Whether every op was identified.
    pub fn is_identified(&self) -> bool {
        !self.ops.is_empty()
            && self
                .ops
                .iter()
                .all(|op| !matches!(op.finding, Finding::Nobody(_)))
    }
}

/// Identifies every engine that is captured at `dir`.
///
/// # Errors
/// When captures cannot be read.
pub fn identify(dir: &Path) -> Result<Vec<Engine>, CaptureError> {
    let solved = solved(dir)?;
    let mut groups: BTreeMap<(&str, &str, &str), Vec<Vector<'_>>> = BTreeMap::new();
    for problem in &solved {
        for output in &problem.outputs {
            let key = (&*problem.system, &*output.engine, &*problem.op);
            groups.entry(key).or_default().push(Vector {
                solved: problem,
                output,
            });
        }
    }
    let mut engines: Vec<Engine> = Vec::new();
    for ((system, engine, op), vectors) in groups {
        let found = identify_op(op, vectors.iter().collect());
        match engines.last_mut() {
            Some(last) if last.system == system && last.engine == engine => last.ops.push(found),
            _ => engines.push(Engine {
                system: system.to_owned(),
                version: vectors[0].solved.version.clone(),
                engine: engine.to_owned(),
                ops: vec![found],
            }),
        }
    }
    Ok(engines)
}

/// One problem with the outputs of one engine.
struct Vector<'a> {
    solved: &'a Solved,
    output: &'a EngineOutput,
}

fn identify_op(op: &str, mut vectors: Vec<&Vector<'_>>) -> Op {
    let all = vectors.len();
    vectors.retain(|vector| vector.output.known.is_none());
    let of_values = |vector: &&Vector<'_>| -> u64 {
        vector
            .output
            .expected
            .iter()
            .map(|(_, t)| t.len() as u64)
            .sum()
    };
    let finding = if vectors.is_empty() {
        Finding::Named(Vec::new())
    } else {
        find(&vectors)
    };
    Op {
        op: op.to_owned(),
        vectors: vectors.len() as u64,
        values: vectors.iter().map(of_values).sum(),
        set_aside: (all - vectors.len()) as u64,
        finding,
    }
}

fn find(vectors: &[&Vector<'_>]) -> Finding {
    // Profiles that agree on every axis that matters here give the same bits.
    let axes: Vec<AxisName> = Profile::axes()
        .filter(|&axis| {
            let matters = |vector: &&Vector<'_>| relevant(&vector.solved.problem.op, axis);
            vectors.iter().any(matters)
        })
        .collect();
    let mut classes: Vec<(Vec<&str>, Vec<&'static NamedProfile>)> = Vec::new();
    for named in PROFILES {
        let choices: Vec<&str> = axes
            .iter()
            .map(|&axis| named.profile.choice(axis))
            .collect();
        match classes.iter_mut().find(|(known, _)| *known == choices) {
            Some((_, class)) => class.push(named),
            None => classes.push((choices, vec![named])),
        }
    }
    let wrong = |class: &(Vec<&str>, Vec<&'static NamedProfile>), most: u64| {
        let mut sum = 0;
        for vector in vectors {
            sum += vector.wrong(&class.1[0].profile)?.0;
            if sum > most {
                break;
            }
        }
        Some(sum)
    };
    let right: Vec<&'static str> = classes
        .par_iter()
        .filter(|class| wrong(class, 0) == Some(0))
        .flat_map_iter(|class| class.1.iter().map(|named| named.name))
        .collect();
    if !right.is_empty() {
        let order = |name: &&str| PROFILES.iter().position(|named| named.name == *name);
        let mut right = right;
        right.sort_by_key(order);
        return Finding::Named(right);
    }
    let mut counts: Vec<(u64, &'static NamedProfile)> = classes
        .par_iter()
        .filter_map(|class| Some((wrong(class, u64::MAX)?, class.1[0])))
        .collect();
    counts.sort_by_key(|(count, _)| *count);
    let until = Instant::now() + SEARCHING;
    let mut changed: Option<(&'static NamedProfile, Vec<AxisChange>)> = None;
    for &(_, named) in &counts {
        // The profile that gives most values need not be the one that lacks least.
        if let Some(changes) = change_of(named, vectors, until)
            && (changed.as_ref()).is_none_or(|(_, fewest)| changes.len() < fewest.len())
        {
            changed = Some((named, changes));
        }
        if changed
            .as_ref()
            .is_some_and(|(_, fewest)| fewest.len() == 1)
        {
            break;
        }
    }
    if let Some((named, changes)) = changed {
        return Finding::Changed(named, changes);
    }
    let classes: Vec<&'static NamedProfile> = classes.iter().map(|class| class.1[0]).collect();
    if let Some(shares) = split(&classes, vectors) {
        return Finding::Split(shares);
    }
    let nearest = counts.first().and_then(|&(mismatches, named)| {
        let (vector, first) = vectors
            .iter()
            .find_map(|vector| Some((vector, vector.wrong(&named.profile)?.1?)))?;
        Some(Nearest {
            profile: named.name,
            mismatches,
            vector: vector.solved.name.clone(),
            first,
        })
    });
    nearest.map_or(Finding::Named(Vec::new()), Finding::Nobody)
}

/// The fewest profiles, found greedily, of which each problem has one that gives all its
/// values; `None` where more than [`MOST_SHARES`] would be needed.
fn split(profiles: &[&'static NamedProfile], vectors: &[&Vector<'_>]) -> Option<Vec<Share>> {
    let gives = |vector: &&Vector<'_>| -> Vec<bool> {
        let all = |named: &&NamedProfile| vector.wrong(&named.profile).is_some_and(|w| w.0 == 0);
        profiles.iter().map(all).collect()
    };
    let mut left: Vec<(&&Vector<'_>, Vec<bool>)> = vectors
        .par_iter()
        .map(|vector| (vector, gives(vector)))
        .collect();
    let mut shares = Vec::new();
    while !left.is_empty() {
        let count = |at: usize| left.iter().filter(|(_, gives)| gives[at]).count();
        // Of several that give as many, the first.
        let best = (0..profiles.len()).rev().max_by_key(|&at| count(at))?;
        let (given, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, g)| g[best]);
        let example = given.first()?.0.solved.name.clone();
        shares.push(Share {
            profile: profiles[best].name,
            vectors: given.len() as u64,
            example,
        });
        if shares.len() > MOST_SHARES {
            return None;
        }
        left = rest;
    }
    Some(shares)
}

/// The fewest axes of `named` whose change gives every value.
fn change_of(
    named: &'static NamedProfile,
    vectors: &[&Vector<'_>],
    until: Instant,
) -> Option<Vec<AxisChange>> {
    // Wrong vectors tell most; right ones keep a change from breaking what was right.
    let is_wrong = |vector: &Vector<'_>| {
        vector
            .wrong(&named.profile)
            .is_none_or(|(count, _)| count > 0)
    };
    let (wrong, right): (Vec<&Vector<'_>>, Vec<&Vector<'_>>) =
        vectors.iter().copied().partition(|vector| is_wrong(vector));
    let half = MOST_OBSERVED / 2;
    let sample = wrong.iter().take(half).chain(right.iter().take(half));
    let mut observations: Vec<Observation> = sample
        .filter_map(|vector| vector.observe(&named.profile))
        .collect();
    let explained = explain::explained(&mut observations, &named.profile, until)?;
    let all_right = |vector: &&Vector<'_>| {
        vector
            .wrong(&explained)
            .is_some_and(|(count, _)| count == 0)
    };
    vectors.iter().all(all_right).then(|| {
        let axes = named.profile.differences(&explained);
        axes.into_iter()
            .map(|axis| explain::change(axis, &named.profile, &explained))
            .collect()
    })
}

impl Vector<'_> {
    fn computed(&self, profile: &Profile) -> Option<(Vec<Tensor>, Witness)> {
        let mut witness = Witness::default();
        let problem = &self.solved.problem;
        let outputs = panics::caught(|| reference(problem, profile, &mut witness));
        Some((outputs.ok()?.ok()?, witness))
    }

    /// How many values `profile` does not give, and the first; `None` where it does not define the op.
    fn wrong(&self, profile: &Profile) -> Option<(u64, Option<Mismatch>)> {
        let (outputs, witness) = self.computed(profile)?;
        let (mut count, mut first) = (0, None);
        for (output, captured) in &self.output.expected {
            let own = &outputs[*output];
            for element in 0..captured.len() {
                if same(own.data(), captured.data(), element)
                    || witness.open.binary_search(&(*output, element)).is_ok()
                {
                    continue;
                }
                count += 1;
                first.get_or_insert_with(|| Mismatch {
                    output: *output,
                    index: index(own.shape(), element),
                    accumulator: None,
                    scaled: None,
                    expected: display(own.data(), element),
                    got: display(captured.data(), element),
                });
            }
        }
        Some((count, first))
    }

    /// What was captured, for the search; outputs that were not captured count as left open.
    fn observe(&self, profile: &Profile) -> Option<Observation> {
        let (expected, witness) = self.computed(profile)?;
        let (mut got, mut open) = (expected.clone(), witness.open);
        for (output, whole) in got.iter_mut().enumerate() {
            match self
                .output
                .expected
                .iter()
                .find(|(given, _)| *given == output)
            {
                Some((_, captured)) => *whole = captured.clone(),
                None => open.extend((0..whole.len()).map(|element| (output, element))),
            }
        }
        open.sort_unstable();
        open.dedup();
        Some(Observation::new(
            self.solved.name.clone(),
            self.solved.problem.clone(),
            got,
            expected,
            open,
        ))
    }
}

#[cfg(test)]
mod tests;
