//! Data classes: how operands are made, each with a stated aim. One table;
//! parsing, suites, vacuity and the list in the documentation follow from it.

pub mod captured;
mod codes;
mod floats;
mod products;
mod stream;

use qassay_golden::witness::Event;

use crate::case::Op;

pub(crate) use codes::{codes, second_codes, sums};
pub(crate) use floats::floats;
pub(crate) use products::{activation_codes, bias_steps, float_bias, moments, weights};
pub(crate) use stream::{Role, Stream};

/// How operands are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataClass {
    /// every code equally likely; reals over the range of codes and a tenth beyond
    Uniform,
    /// ends of the range as often as all other codes together; reals over all exponents
    FullRange,
    /// pairs of adjacent u8·s8 products near ±2·255·127
    Saturating,
    /// power-of-two scales and small codes, so that scaled values land on .5 exactly
    Ties,
    /// as ties, but of scales that need 53 bits: scaled values a few units in the last place
    /// from .5, where the order in which a profile rounds decides the code
    NearTies,
    /// lowest and highest codes, −128·−128, NaN, ±inf, subnormals, ends of s32
    Corners,
    /// activations in 7 bits: pair sums of u8·s8 fit i16
    Reduced,
    /// activations in 7 bits, weights from a bell curve: as in quantized networks
    Gaussian,
    /// every code (or pair of codes) in order
    Every,
    /// batches whose range grows
    Growth,
    /// 2^24 consecutive bit patterns: block·2^24 + index. Of linear, 2^24 sums of two products:
    /// activations (block, row) with weights (column / 256, column % 256), counted from the lowest
    Block(u8),
}

/// A row of the table of data classes.
pub struct DataClassEntry {
    /// the class (block 0 stands for all blocks)
    pub class: DataClass,
    /// the name in ids
    pub name: &'static str,
    /// what it aims at, in one sentence
    pub aim: &'static str,
    /// why it stays where every mutant that it notices is noticed by another class, too
    pub stays: &'static str,
}

/// Every data class.
pub const DATA_CLASSES: &[DataClassEntry] = &[
    DataClassEntry {
        class: DataClass::Uniform,
        name: "uniform",
        aim: "every code equally likely; reals over the range of codes and a tenth beyond: wrong indexing, packing and tails",
        stays: "multipliers and parameters without a pattern: where an index or a tail is wrong, most cases show it",
    },
    DataClassEntry {
        class: DataClass::FullRange,
        name: "full-range",
        aim: "the ends of the range half of the time; reals over all exponents: clamping on both sides",
        stays: "clamped codes and all exponents: one axis of a profile may matter there alone, whatever mutants are caught elsewhere too",
    },
    DataClassEntry {
        class: DataClass::Saturating,
        name: "saturating",
        aim: "adjacent u8·s8 products whose sum leaves i16: saturation and its pairing order",
        stays: "sums in 16 bits that saturate, which some profiles declare; mutants are of exact sums",
    },
    DataClassEntry {
        class: DataClass::Ties,
        name: "ties",
        aim: "power-of-two scales and small codes: scaled values exactly on .5, with even and odd zero points",
        stays: "exact ties, without which profiles that differ in rounding alone look the same",
    },
    DataClassEntry {
        class: DataClass::NearTies,
        name: "near-ties",
        aim: "scales of 53 bits whose quotient is half a step: scaled values a few units in the last place from .5, on whose side the order of roundings decides",
        stays: "the order of roundings, without which profiles that differ in it alone look the same",
    },
    DataClassEntry {
        class: DataClass::Corners,
        name: "corners",
        aim: "ends of types, −128·−128, zero points at the ends, NaN, ±inf, subnormals, conversions that overflow",
        stays: "values at which conversions overflow, NaN and infinities",
    },
    DataClassEntry {
        class: DataClass::Reduced,
        name: "reduced",
        aim: "7-bit activations with extreme weights: no pair sum leaves i16, so saturating engines must be exact",
        stays: "7-bit activations, all that some backends take, and no pair sum beyond i16",
    },
    DataClassEntry {
        class: DataClass::Gaussian,
        name: "gaussian",
        aim: "7-bit activations, weights of a bell curve 32 wide: sums that a proof over the weights finds small, for timing",
        stays: "small sums, for which kernels may have a way of their own; and timing",
    },
    DataClassEntry {
        class: DataClass::Every,
        name: "every",
        aim: "every code or pair of codes in order: element-wise ops exhaustively",
        stays: "whole domains of codes, where a table may be wrong in one entry",
    },
    DataClassEntry {
        class: DataClass::Growth,
        name: "growth",
        aim: "batches whose range grows: histograms that must be re-binned",
        stays: "histograms that grow, which no other class reaches",
    },
    DataClassEntry {
        class: DataClass::Block(0),
        name: "block",
        aim: "2^24 consecutive bit patterns (block0 to block255): all of f32 or s32; of linear, all sums of two products of codes",
        stays: "all 2^32 values or sums of pairs, at level exhaustive",
    },
];

/// Names and aims of all classes that cases of suites have: the table's, and captured layers.
pub fn classes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let made = DATA_CLASSES.iter().map(|entry| (entry.name, entry.aim));
    made.chain([(
        "captured",
        "layers of real networks with their own weights and activations",
    )])
}

/// Why the class with this name stays where no mutant needs it alone.
pub fn stays(name: &str) -> Option<&'static str> {
    let mut entries = DATA_CLASSES.iter();
    let entry = entries.find(|entry| entry.name == name)?;
    Some(entry.stays)
}

impl DataClass {
    /// The name in ids, without a block's number.
    pub fn name(self) -> &'static str {
        DATA_CLASSES
            .iter()
            .find(|entry| std::mem::discriminant(&entry.class) == std::mem::discriminant(&self))
            .map(|entry| entry.name)
            .expect("every class is in the table; a test checks it")
    }

    /// Whether `op` can have this data.
    pub fn fits(self, op: Op) -> bool {
        match self {
            Self::Uniform | Self::FullRange | Self::Corners => true,
            Self::Saturating | Self::Reduced | Self::Gaussian => {
                op.is_product() && op != Op::LinearWeightOnly
            }
            Self::Ties => {
                !matches!(
                    op,
                    Op::Dequantize
                        | Op::Relu
                        | Op::Clamp
                        | Op::Sigmoid
                        | Op::Tanh
                        | Op::MaxPool
                        | Op::LinearWeightOnly
                ) && !op.is_observer()
            }
            Self::NearTies => {
                matches!(
                    op,
                    Op::Quantize | Op::Requantize | Op::Linear | Op::Conv | Op::AvgPool
                ) || op.is_binary()
            }
            Self::Every => {
                op.is_binary()
                    || op.is_function()
                    || matches!(op, Op::Dequantize | Op::Relu | Op::Clamp | Op::Linear)
            }
            Self::Growth => op.is_observer(),
            Self::Block(_) => matches!(op, Op::Quantize | Op::Requantize | Op::Linear),
        }
    }

    /// The events that a suite must reach with this class on `op`; a suite that
    /// ran the class and never reached one of them was vacuous.
    /// `signed` says whether the activations are s8.
    pub fn aim(self, op: Op, signed: bool) -> &'static [Event] {
        use Event::*;
        match (self, op) {
            (Self::FullRange, Op::Quantize | Op::Requantize | Op::Linear | Op::Conv) => {
                &[ClampedLow, ClampedHigh]
            }
            (Self::Saturating, Op::Linear | Op::LinearDynamic | Op::Conv) if !signed => {
                &[PairSaturated]
            }
            (Self::Ties, Op::Quantize | Op::Requantize | Op::Linear | Op::Conv) => &[ExactTie],
            (Self::NearTies, Op::Quantize | Op::Requantize | Op::Linear | Op::Conv) => &[NearTie],
            (Self::Corners, Op::Quantize) => &[NanInput, InfiniteInput, SubnormalInput],
            (Self::Corners, Op::Linear | Op::Conv) if signed => &[MinTimesMin],
            (Self::Ties, Op::Add | Op::Mul | Op::AvgPool) => &[ExactTie],
            (Self::Every, Op::Relu) => &[ReluClamped],
            (Self::Every, Op::Clamp) => &[ClampedLow, ClampedHigh],
            (Self::Every, Op::Sigmoid | Op::Tanh) => &[ClampedHigh],
            (Self::Growth, Op::ObserveHistogram) => &[HistogramGrew],
            _ => &[],
        }
    }
}

impl std::fmt::Display for DataClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Block(block) => write!(f, "block{block}"),
            class => f.write_str(class.name()),
        }
    }
}
