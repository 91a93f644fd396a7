//! Suites: which cases are asked, at which level. One table; listing, running
//! and reports follow from it.

mod conv;
mod draw;
mod elements;
mod linear;
mod observers;
mod plain;
mod pointwise;

use std::str::FromStr;

use crate::case::CaseId;
use crate::data::captured;

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// seconds: every suite, op and class once or twice
    Smoke,
    /// the default: all tails, all classes, all features
    Standard,
    /// minutes to hours: standard, and small domains whole (all f32, all s32, all pairs of codes)
    Exhaustive,
}

impl Level {
    /// Every level.
    pub const ALL: &'static [Self] = &[Self::Smoke, Self::Standard, Self::Exhaustive];

    /// The name on the command line and in run files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Standard => "standard",
            Self::Exhaustive => "exhaustive",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("level '{0}' does not exist: smoke, standard or exhaustive")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;
    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .iter()
            .copied()
            .find(|level| level.name() == name)
            .ok_or_else(|| UnknownLevel(name.to_owned()))
    }
}

/// A set of cases around one op.
pub struct Suite {
    /// the name on the command line and in reports
    pub name: &'static str,
    /// what it asks, in one sentence
    pub summary: &'static str,
    make: fn(Level, u64) -> Vec<CaseId>,
}

impl Suite {
    /// The suite's cases: distinct, the same for the same level and seed.
    pub fn cases(&self, level: Level, seed: u64) -> Vec<CaseId> {
        let mut seen = std::collections::HashSet::new();
        let mut cases = (self.make)(level, seed);
        cases.retain(|id| seen.insert(id.clone()));
        cases
    }
}

/// Every suite.
pub fn suites() -> &'static [Suite] {
    SUITES
}

/// The suite with this name.
pub fn find(name: &str) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name)
}

const SUITES: &[Suite] = &[
    Suite {
        name: "quantize",
        summary: "f32 to u8, s8 and s32, per tensor and per channel",
        make: elements::quantize,
    },
    Suite {
        name: "dequantize",
        summary: "u8, s8 and s32 to f32, per tensor and per channel",
        make: elements::dequantize,
    },
    Suite {
        name: "requantize",
        summary: "s32 sums to u8 and s8 by one multiplier or one per column",
        make: elements::requantize,
    },
    Suite {
        name: "choose-qparams",
        summary: "values to scale and zero point: affine, symmetric, reduced range",
        make: observers::choose_qparams,
    },
    Suite {
        name: "observers",
        summary: "min-max, moving average (per tensor and per channel) and histogram over batches",
        make: observers::observers,
    },
    Suite {
        name: "linear",
        summary: "static products of u8 or s8 with s8, to u8, s8, f32 or the s32 sums",
        make: linear::fixed,
    },
    Suite {
        name: "linear-dynamic",
        summary: "f32 activations quantized at run time, times s8, to f32",
        make: linear::dynamic,
    },
    Suite {
        name: "linear-weight-only",
        summary: "f32 activations times dequantized s8 weights",
        make: linear::weight_only,
    },
    Suite {
        name: "conv",
        summary: "convolution in 1, 2 and 3 dimensions with stride, padding, dilation and groups",
        make: conv::conv,
    },
    Suite {
        name: "depthwise",
        summary: "convolution with one channel a group, 3, 5 and other kernels, 2 and 3 dimensions",
        make: conv::depthwise,
    },
    Suite {
        name: "add",
        summary: "sum of two quantized tensors, with and without relu",
        make: pointwise::add,
    },
    Suite {
        name: "mul",
        summary: "product of two quantized tensors, element by element",
        make: pointwise::mul,
    },
    Suite {
        name: "relu",
        summary: "codes below the zero point become it",
        make: plain::relu,
    },
    Suite {
        name: "clamp",
        summary: "codes held between two codes: relu6 and hardtanh on codes",
        make: plain::clamp,
    },
    Suite {
        name: "sigmoid",
        summary: "sigmoid of codes, to 256 steps of its range",
        make: plain::sigmoid,
    },
    Suite {
        name: "tanh",
        summary: "hyperbolic tangent of codes, to 256 steps of its range",
        make: plain::tanh,
    },
    Suite {
        name: "avg-pool",
        summary: "mean of windows in 1, 2 and 3 dimensions, and of whole images",
        make: pointwise::avg_pool,
    },
    Suite {
        name: "max-pool",
        summary: "greatest of windows in 1, 2 and 3 dimensions",
        make: pointwise::max_pool,
    },
    Suite {
        name: "captured",
        summary: "layers of real networks with their real weights and activations",
        make: captured_layers,
    },
];

/// All captured layers at every level but smoke, which takes each eighth.
fn captured_layers(level: Level, _seed: u64) -> Vec<CaseId> {
    let step = if level == Level::Smoke { 8 } else { 1 };
    captured::ids()
        .into_iter()
        .step_by(step)
        .map(CaseId::Captured)
        .collect()
}

#[cfg(test)]
mod tests;
