//! The reference held to the oracle at length: as many random and constructed inputs as asked
//! for, for each op and each named profile whose rule differs. For people with time; what
//! `cargo test` holds to the oracle is in the oracle's own tests.
//!
//! Inputs come in batches: each draws parameters (type, scale, zero point,
//! ...), then values, a third of them at random over all bit patterns, a third over the range
//! of the codes, a third constructed (ties and their neighbours, the ends of types).

mod blocks;
mod draw;
mod element;
mod parameters;
mod products;
mod sum;

use rayon::prelude::*;

use crate::profile::Profile;
use crate::profile::named::{NamedProfile, PROFILES};
use draw::Draw;

/// Inputs that share their parameters.
const BATCH: usize = 512;

/// An op that both compute.
#[derive(Clone, Copy)]
pub struct Checked {
    /// its name
    pub name: &'static str,
    /// what of a profile it reads, in a form that can be compared
    rule: fn(&Profile) -> String,
    /// a batch: how many were compared, and the first on which they differ
    batch: fn(&Profile, &mut Draw) -> Batch,
}

/// What a batch gave: inputs compared, and the first difference in one line.
pub(crate) type Batch = (u64, Option<String>);

/// Every op that is checked.
pub const OPS: &[Checked] = &[
    Checked {
        name: "quantize",
        rule: |profile| format!("{:?}", profile.quantize),
        batch: element::quantize,
    },
    Checked {
        name: "fake_quantize",
        rule: |profile| format!("{:?}", profile.fake_quantize),
        batch: element::fake_quantize,
    },
    Checked {
        name: "requantize",
        rule: |profile| format!("{:?}", profile.requantize),
        batch: sum::requantize,
    },
    Checked {
        name: "epilogue",
        rule: |profile| format!("{:?}", profile.requantize),
        batch: sum::epilogue,
    },
    Checked {
        name: "choose_qparams",
        rule: |profile| format!("{:?}", profile.qparams),
        batch: parameters::choose_qparams,
    },
    Checked {
        name: "choose_real_qparams",
        rule: |profile| format!("{:?}", profile.qparams.reduce_range),
        batch: parameters::choose_real_qparams,
    },
    Checked {
        name: "round_trip",
        rule: |profile| {
            let (quantize, dequantize) = (profile.quantize, profile.dequantize);
            format!("{quantize:?} {dequantize:?} {:?}", profile.qparams)
        },
        batch: blocks::round_trip,
    },
    Checked {
        name: "linear_blocks",
        rule: |profile| {
            let (body, sums) = (profile.dequantize.body, profile.float_output.weight_only);
            format!("{body:?} {sums:?}")
        },
        batch: blocks::linear_blocks,
    },
    Checked {
        name: "linear_blocks_quantized",
        rule: |profile| format!("{:?} {:?}", profile.quantize, profile.qparams),
        batch: blocks::linear_blocks_quantized,
    },
    Checked {
        name: "sums",
        rule: |profile| format!("{:?}", profile.accumulate),
        batch: products::sums,
    },
];

/// What came of one op under one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// the op
    pub op: &'static str,
    /// the first profile with this rule
    pub profile: &'static str,
    /// how many more profiles have the same rule
    pub alike: usize,
    /// inputs compared
    pub compared: u64,
    /// the first difference, in one line
    pub difference: Option<String>,
}

/// The profiles whose rule for an op differs from all before, each with the number of those
/// that follow with the same.
fn distinct(op: &Checked) -> Vec<(&'static NamedProfile, usize)> {
    let mut found: Vec<(&NamedProfile, String, usize)> = Vec::new();
    for named in PROFILES {
        let rule = (op.rule)(&named.profile);
        match found.iter_mut().find(|(_, known, _)| *known == rule) {
            Some((_, _, alike)) => *alike += 1,
            None => found.push((named, rule, 0)),
        }
    }
    (found.into_iter())
        .map(|(named, _, alike)| (named, alike))
        .collect()
}

/// Compares at least `count` inputs for each of `ops` and each distinct rule. `told` is called
/// as each is through, in order.
pub fn agreement(ops: &[Checked], count: u64, seed: u64, told: &mut dyn FnMut(Agreement)) {
    for op in ops {
        for (named, alike) in distinct(op) {
            let (compared, difference) = compare(op, &named.profile, count, seed);
            told(Agreement {
                op: op.name,
                profile: named.name,
                alike,
                compared,
                difference,
            });
        }
    }
}

fn compare(op: &Checked, profile: &Profile, count: u64, seed: u64) -> Batch {
    // A batch may have inputs that are not compared: what is asked for is asked for in rounds.
    let (mut compared, mut round) = (0, 0);
    while compared < count {
        let batches = (count - compared).div_ceil(BATCH as u64);
        let (more, difference) = (0..batches)
            .into_par_iter()
            .map(|batch| (op.batch)(profile, &mut Draw::new(seed, round, batch)))
            .reduce(
                || (0, None),
                |(a, first), (b, second)| (a + b, first.or(second)),
            );
        compared += more;
        round += 1;
        if difference.is_some() || more == 0 {
            return (compared, difference);
        }
    }
    (compared, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_op_and_every_distinct_rule_agree() {
        let mut told = 0;
        agreement(OPS, 1_000, 1, &mut |found| {
            assert_eq!(found.difference, None, "{} {}", found.op, found.profile);
            assert!(found.compared >= 1_000, "{} {}", found.op, found.profile);
            told += 1;
        });
        assert!(told > 50, "{told}");
    }

    /// The oracle told one rule and the reference another: each op sees it.
    #[test]
    fn a_fault_in_the_reference_is_caught() {
        let profile = |name: &str| crate::profile::named::find(name).unwrap().profile;
        let change = |name: &str, axis: &str, key: &str| {
            let axis = Profile::axes().find(|a| a.to_string() == axis).unwrap();
            profile(name).with(axis, key).unwrap()
        };
        for (op, right, faulty) in [
            (
                "quantize",
                "fbgemm",
                change("fbgemm", "quantize.rounding", "ties-away"),
            ),
            (
                "requantize",
                "fbgemm",
                change("fbgemm", "requantize.rounding", "ties-away"),
            ),
            (
                "epilogue",
                "onednn",
                change("onednn", "requantize.rounding", "ties-away"),
            ),
            (
                "round_trip",
                "torchao",
                change("torchao", "quantize.rounding", "toward-zero"),
            ),
            (
                "linear_blocks",
                "fbgemm",
                change("fbgemm", "float_output.weight_only", "f64"),
            ),
            (
                "linear_blocks_quantized",
                "torchao",
                change("torchao", "quantize.rounding", "toward-zero"),
            ),
            (
                "sums",
                "onednn-3-jit-avx2",
                change(
                    "onednn-3-jit-avx2",
                    "accumulate.signed_activation",
                    "shifted-128",
                ),
            ),
            (
                "sums",
                "onednn-3-jit-avx2",
                change("onednn-3-jit-avx2", "accumulate.signed_linear", "same"),
            ),
            (
                "sums",
                "fbgemm",
                change("fbgemm", "accumulate.conv", "i16-pairs-per-tap"),
            ),
        ] {
            let right = profile(right);
            let found = (0..50).any(|batch| {
                let draw = &mut Draw::new(3, 0, batch);
                let (_, difference) = match op {
                    "quantize" => element::quantize_by(&faulty, &right, draw),
                    "requantize" => sum::requantize_by(&faulty, &right, draw),
                    "round_trip" => blocks::round_trip_by(&faulty, &right, draw),
                    "linear_blocks" => blocks::linear_blocks_by(&faulty, &right, draw),
                    "linear_blocks_quantized" => blocks::quantized_by(&faulty, &right, draw),
                    "sums" => products::sums_by(&faulty, &right, draw),
                    _ => sum::epilogue_by(&faulty, &right, draw),
                };
                difference.is_some()
            });
            assert!(found, "{op}");
        }
    }
}
