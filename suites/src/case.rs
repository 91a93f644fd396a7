//! Cases: one op with shape, types, quantization parameters, data and seed,
//! named by one string that holds everything needed to repeat it.
//!
//! ```text
//! linear/m7.n13.k17/u8.s8/per-channel/zp:x3,y128/bias:f32/saturating/seed3
//! conv/b1.i9x8.c4.o6.k3x3.p1/u8.s8/per-tensor/relu/uniform/seed0
//! linear/m1.n1.k2/u8.s8/per-tensor/given:x=ffff,w=7f7f
//! captured/ppocr-det/conv2d/001_QLinearConv
//! ```
//!
//! [`CaseId`] is parsed by [`FromStr`](std::str::FromStr) and printed by
//! [`Display`](std::fmt::Display): any order of options and spelled-out defaults
//! are read, one canonical form is written. [`Case::from_id`] makes the operands.

mod build;
mod check;
mod fields;
mod layout;
mod op;
pub(crate) mod parameters;
mod parse;
mod print;
mod shrink;

use qassay_golden::spec::Problem;
use qassay_golden::tensor::Tensor;
use qassay_golden::witness::Event;

pub use fields::{
    CapturedId, Given, ImageShape, Made, Op, Scale, Scales, Shape, Source, Zero, ZeroPoints,
};
pub use layout::{Layout, Place, Placement};

use crate::data::DataClass;

/// The name of a case; equal ids are equal cases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CaseId {
    /// operands made from a data class and seed, or written in the id
    Made(Box<Made>),
    /// a layer captured from a real network
    Captured(CapturedId),
}

/// Why a string names no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// the string is not of the form of an id
    #[error("malformed case id '{}': at character {}: expected {expected}, found {found}", shorten(id), position + 1)]
    Malformed {
        /// the string
        id: String,
        /// where it went wrong: bytes before that place
        position: usize,
        /// what would be right
        expected: String,
        /// what stands there
        found: String,
    },
    /// the parts do not fit each other
    #[error("case '{}': {what}", shorten(id))]
    Invalid {
        /// the id
        id: String,
        /// what does not fit, and what would
        what: String,
    },
    /// a captured layer that cannot be had
    #[error("case '{id}': {what}")]
    Captured {
        /// the id
        id: String,
        /// what is missing
        what: String,
    },
}

fn shorten(id: &str) -> String {
    const SHOWN: usize = 120;
    if id.chars().count() <= SHOWN {
        id.to_owned()
    } else {
        id.chars().take(SHOWN).chain("...".chars()).collect()
    }
}

/// What a captured engine gave for a captured layer.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOutput {
    /// the engine, e.g. `torch fbgemm`
    pub engine: String,
    /// the profile that describes this engine on the CPU it was captured on
    pub profile: &'static str,
    /// its outputs
    pub outputs: Vec<Tensor>,
}

/// A case with its operands.
#[derive(Debug, Clone)]
pub struct Case {
    id: CaseId,
    problem: Problem,
    layout: Layout,
    aim: Vec<Event>,
    engines: Vec<EngineOutput>,
}

impl CaseId {
    /// The suite this case belongs to: one of [`suites`](crate::suite::suites).
    pub fn suite(&self) -> &'static str {
        match self {
            Self::Captured(_) => "captured",
            Self::Made(made) => made.suite(),
        }
    }

    /// The name of the data class, `given`, or `captured`.
    pub fn data_class(&self) -> &'static str {
        match self {
            Self::Captured(_) => "captured",
            Self::Made(made) => match &made.data {
                Source::Class(class) => class.name(),
                Source::Given(_) => "given",
            },
        }
    }

    /// The number of the block of values, where the data are one.
    pub(crate) fn block(&self) -> Option<u8> {
        match self {
            Self::Made(made) => match made.data {
                Source::Class(DataClass::Block(number)) => Some(number),
                _ => None,
            },
            Self::Captured(_) => None,
        }
    }

    /// Candidates for a smaller case that may still show the same difference,
    /// the most promising first: smaller shapes, fewer features, plainer
    /// parameters, and for small cases the operands written out, then parts of
    /// them left out. Each is smaller by a measure that falls with every step, so
    /// that taking the first failing candidate again and again ends.
    pub fn smaller(&self) -> impl Iterator<Item = CaseId> + use<> {
        shrink::smaller(self).into_iter()
    }
}

impl Case {
    /// Makes the operands of a case. The same id gives the same bits everywhere.
    ///
    /// # Errors
    /// When the parts of the id do not fit each other, the case is too large, or
    /// a captured layer is not there.
    pub fn from_id(id: &CaseId) -> Result<Self, CaseError> {
        match id {
            CaseId::Made(made) => {
                check::check(made).map_err(|what| CaseError::Invalid {
                    id: id.to_string(),
                    what,
                })?;
                Ok(Self {
                    id: id.clone(),
                    problem: build::problem(made),
                    layout: made.layout,
                    aim: made.aim(),
                    engines: Vec::new(),
                })
            }
            CaseId::Captured(captured) => {
                let layer =
                    crate::data::captured::load(captured).map_err(|what| CaseError::Captured {
                        id: id.to_string(),
                        what,
                    })?;
                Ok(Self {
                    id: id.clone(),
                    problem: layer.problem,
                    layout: Layout::default(),
                    aim: Vec::new(),
                    engines: layer.engines,
                })
            }
        }
    }

    /// The id.
    pub fn id(&self) -> &CaseId {
        &self.id
    }

    /// The op with its operands.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// How operands lie in memory.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The events that the data class aims at. A small case may miss them; a class
    /// that never reached its aim over a whole suite could not tell right from wrong.
    pub fn aim(&self) -> &[Event] {
        &self.aim
    }

    /// What captured engines gave for this very layer; empty for made cases.
    pub fn engines(&self) -> &[EngineOutput] {
        &self.engines
    }

    /// See [`CaseId::smaller`].
    pub fn smaller(&self) -> impl Iterator<Item = CaseId> + use<> {
        shrink::smaller(&self.id).into_iter()
    }
}

#[cfg(test)]
mod tests;
