//! Drawing a suite's cases: shapes are listed, the other features are drawn per
//! case from the run's seed, so that all pairs of features meet soon.

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;

use super::Level;
use crate::case::{CaseId, Layout, Made, Op, Place, Placement, Shape, Zero};
use crate::data::{DataClass, Role, Stream};

/// Draws features.
pub(super) struct Draw {
    stream: Stream,
    seed: u64,
    drawn: u64,
}

impl Draw {
    /// Draws for the suite of `op`.
    pub(super) fn new(seed: u64, op: Op) -> Self {
        let row = Op::ALL.iter().position(|&o| o == op).unwrap_or(0) as u64;
        Self {
            stream: Stream::new(seed, None, Role::X, row),
            seed,
            drawn: 0,
        }
    }

    /// A case with a layout of its own and a seed of its own.
    pub(super) fn case(&mut self, op: Op, shape: Shape, class: DataClass) -> Made {
        let seed = self.seed.wrapping_mul(1000).wrapping_add(self.drawn % 1000);
        self.drawn += 1;
        let mut made = Made::new(op, shape, class, seed);
        made.layout = self.layout();
        made
    }

    /// Half of the cases lie dense at the guard behind; the others vary.
    fn layout(&mut self) -> Layout {
        if self.stream.once_in(2) {
            return Layout::default();
        }
        Layout {
            inputs: self.placement(),
            outputs: self.placement(),
        }
    }

    fn placement(&mut self) -> Placement {
        Placement {
            row_gap: self.pick(&[0, 0, 1, 3, 16, 29]),
            offset: self.pick(&[0, 0, 1, 2, 7, 33]),
            place: self.pick(&[Place::Start, Place::End]),
        }
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        self.stream.pick(choices)
    }

    /// True once in `n` draws.
    pub(super) fn once_in(&mut self, n: u32) -> bool {
        self.stream.once_in(n)
    }

    /// `low` to `high`.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        self.stream.between(low as i64, high as i64) as usize
    }

    /// A zero point of `dtype`: its ends, its middle, even and odd ones.
    pub(super) fn zero(&mut self, dtype: DType) -> Zero {
        Zero::One(match dtype {
            DType::U8 => match self.stream.below(8) {
                0 | 1 => 0,
                2 => 255,
                3 => 128,
                _ => self.stream.between(1, 254) as i32,
            },
            DType::I8 => match self.stream.below(8) {
                0 | 1 => 0,
                2 => -128,
                3 => 127,
                _ => self.stream.between(-127, 126) as i32,
            },
            _ => self.pick(&[0, 0, 1, -100, 77777]),
        })
    }

    /// A bias that goes with the output.
    pub(super) fn bias(&mut self, output: DType) -> BiasKind {
        match output {
            DType::I32 => self.pick(&[BiasKind::None, BiasKind::I32]),
            _ => self.pick(&[BiasKind::None, BiasKind::F32, BiasKind::F32, BiasKind::I32]),
        }
    }

    /// Zero points, relu, bias and granularity of a product whose types are chosen; the weights
    /// have zero points once in `weight_zero_once_in` draws.
    pub(super) fn parameters(
        &mut self,
        made: &mut Made,
        class: DataClass,
        weight_zero_once_in: u32,
    ) {
        made.zero_points.0[0] = match class {
            DataClass::Reduced => self.reduced_zero(made.dtype),
            DataClass::Ties | DataClass::NearTies => self.middle_zero(made.dtype),
            _ => self.zero(made.dtype),
        };
        if made.output.size() == 1 {
            made.zero_points.0[2] = match class {
                DataClass::Corners => self.zero(made.output),
                _ => self.middle_zero(made.output),
            };
            made.relu = self.once_in(4);
        }
        made.bias = self.bias(made.output);
        if self.once_in(2) {
            made.per_channel = Some(0);
        }
        if self.once_in(weight_zero_once_in) {
            made.zero_points.0[1] = match made.per_channel {
                Some(_) if self.once_in(2) => Zero::Vary,
                _ => Zero::One(self.pick(&[1, -3, 10])),
            };
        }
    }

    /// A zero point that leaves room on both sides, even or odd.
    pub(super) fn middle_zero(&mut self, dtype: DType) -> Zero {
        let zero = self.stream.between(100, 155) as i32;
        Zero::One(match dtype {
            DType::U8 => zero,
            _ => zero - 128,
        })
    }

    /// A zero point of 7-bit activations.
    pub(super) fn reduced_zero(&mut self, dtype: DType) -> Zero {
        let zero = self.pick(&[0, 127, 64, 13, 100]);
        Zero::One(match dtype {
            DType::U8 => zero,
            _ => zero - 64,
        })
    }
}

/// How many of `standard` cases a level has.
pub(super) fn count(level: Level, standard: usize) -> usize {
    match level {
        // Fewer than eight seldom reach what their classes aim at.
        Level::Smoke => standard.div_ceil(16).max(8).min(standard),
        Level::Standard => standard,
        Level::Exhaustive => standard * 4,
    }
}

/// A finished case.
pub(super) fn id(made: Made) -> CaseId {
    CaseId::Made(Box::new(made))
}
