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
    /// a batch of the reference under the first profile and the oracle under the second: how many
    /// were compared, and the first on which they differ
    batch: fn(&Profile, &Profile, &mut Draw) -> Batch,
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

/// Compares at least `count` inputs for each of `ops` and each distinct rule, on `threads` threads.
/// What is compared does not depend on how many these are: each batch has a stream of its own.
/// `told` is called as each is through, in order.
///
/// # Errors
/// When the threads cannot be started.
pub fn agreement(
    ops: &[Checked],
    (count, seed): (u64, u64),
    threads: usize,
    told: &mut dyn FnMut(Agreement),
) -> Result<(), rayon::ThreadPoolBuildError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    for op in ops {
        for (named, alike) in distinct(op) {
            let (compared, difference) = pool.install(|| compare(op, &named.profile, count, seed));
            told(Agreement {
                op: op.name,
                profile: named.name,
                alike,
                compared,
                difference,
            });
        }
    }
    Ok(())
}

fn compare(op: &Checked, profile: &Profile, count: u64, seed: u64) -> Batch {
    // A batch may have inputs that are not compared: what is asked for is asked for in rounds.
    let (mut compared, mut round) = (0, 0);
    while compared < count {
        let batches = (count - compared).div_ceil(BATCH as u64);
        let (more, difference) = (0..batches)
            .into_par_iter()
            .map(|batch| (op.batch)(profile, profile, &mut Draw::new(seed, round, batch)))
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

    fn told(ops: &[Checked], count: u64, threads: usize) -> Vec<Agreement> {
        let mut told = Vec::new();
        agreement(ops, (count, 1), threads, &mut |found| told.push(found)).unwrap();
        told
    }

    #[test]
    fn every_op_and_every_distinct_rule_agree() {
        let told = told(OPS, 1_000, 2);
        for found in &told {
            assert_eq!(found.difference, None, "{} {}", found.op, found.profile);
            assert!(found.compared >= 1_000, "{} {}", found.op, found.profile);
        }
        assert!(told.len() > 50, "{}", told.len());
    }

    /// Of an op that differs everywhere, too: the same difference comes first.
    #[test]
    fn any_number_of_threads_tells_the_same() {
        let wrong = Checked {
            name: "quantize to the wrong rule",
            rule: |_| String::new(),
            batch: |_, right, draw| {
                let faulty = planted("fbgemm", "quantize.rounding", "toward-zero");
                element::quantize(&faulty, right, draw)
            },
        };
        let ops = [OPS[0], wrong, OPS[OPS.len() - 1]];
        let alone = told(&ops, 3_000, 1);
        assert!(alone.iter().any(|found| found.difference.is_some()));
        for threads in [2, 5] {
            assert_eq!(told(&ops, 3_000, threads), alone, "{threads} threads");
        }
    }

    /// A profile with another choice on one axis.
    fn planted(name: &str, axis: &str, key: &str) -> Profile {
        let axis = Profile::axes().find(|a| a.to_string() == axis).unwrap();
        let named = crate::profile::named::find(name).unwrap();
        named.profile.with(axis, key).unwrap()
    }

    /// Op, profile, and what the reference takes for its choice on an axis.
    const FAULTS: &[(&str, &str, &str, &str)] = &[
        ("quantize", "fbgemm", "quantize.rounding", "ties-away"),
        (
            "quantize",
            "onnxruntime",
            "quantize.transform",
            "mul-recip-f32",
        ),
        (
            "fake_quantize",
            "fbgemm",
            "fake_quantize.rounding",
            "ties-away",
        ),
        (
            "fake_quantize",
            "fbgemm",
            "fake_quantize.transform",
            "div-f32",
        ),
        ("fake_quantize", "fbgemm", "fake_quantize.nan", "kept"),
        (
            "fake_quantize",
            "fbgemm",
            "fake_quantize.zero_point",
            "before-round",
        ),
        ("requantize", "fbgemm", "requantize.rounding", "ties-away"),
        ("epilogue", "onednn", "requantize.rounding", "ties-away"),
        (
            "choose_qparams",
            "pytorch-observer",
            "qparams.precision",
            "f64",
        ),
        (
            "choose_qparams",
            "pytorch-observer",
            "qparams.symmetric",
            "qmax",
        ),
        (
            "choose_qparams",
            "pytorch-observer",
            "qparams.symmetric_zero_point",
            "middle-rounded-up",
        ),
        (
            "choose_qparams",
            "pytorch-observer",
            "qparams.zero_point_from",
            "error-plus",
        ),
        (
            "choose_qparams",
            "pytorch-observer",
            "qparams.zero_point_rounding",
            "ties-away-then-clamp",
        ),
        (
            "choose_qparams",
            "pytorch-dynamic",
            "qparams.small_scale",
            "floor-eps",
        ),
        (
            "choose_qparams",
            "pytorch-dynamic",
            "qparams.reduce_range",
            "ignored",
        ),
        (
            "choose_real_qparams",
            "pytorch-observer",
            "qparams.reduce_range",
            "symmetric-64",
        ),
        ("round_trip", "torchao", "quantize.rounding", "toward-zero"),
        ("linear_blocks", "fbgemm", "float_output.weight_only", "f64"),
        (
            "linear_blocks_quantized",
            "torchao",
            "quantize.rounding",
            "toward-zero",
        ),
        (
            "sums",
            "onednn-3-jit-avx2",
            "accumulate.signed_activation",
            "shifted-128",
        ),
        (
            "sums",
            "onednn-3-jit-avx2",
            "accumulate.signed_linear",
            "same",
        ),
        ("sums", "fbgemm", "accumulate.conv", "i16-pairs-per-tap"),
    ];

    /// The oracle told one rule and the reference another: each op sees it.
    #[test]
    fn a_fault_in_the_reference_is_caught() {
        for op in OPS {
            let mut faults = FAULTS.iter().filter(|fault| fault.0 == op.name).peekable();
            assert!(
                faults.peek().is_some(),
                "no fault is planted in {}",
                op.name
            );
            for (_, profile, axis, key) in faults {
                let right = crate::profile::named::find(profile).unwrap().profile;
                let faulty = planted(profile, axis, key);
                let found = (0..50).any(|batch| {
                    let draw = &mut Draw::new(3, 0, batch);
                    (op.batch)(&faulty, &right, draw).1.is_some()
                });
                assert!(found, "{}: {axis} as {key}", op.name);
            }
        }
    }
}
