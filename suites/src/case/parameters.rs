//! Scales and zero points of a case: as the id says, or such that outputs fill
//! the range of codes.

use qassay_golden::spec::{Granularity, QParams};
use qassay_golden::tensor::DType;

use super::fields::*;
use crate::data::{DataClass, Role, Stream, moments};

/// Scales and zero points of x, w and y.
pub(crate) struct Parameters {
    slots: [Vec<QParams>; 3],
    /// the axis of the slot with a scale per channel
    channel: Option<(usize, usize)>,
    spread: f64,
}

impl Parameters {
    /// The parameters of a checked case.
    pub(super) fn of(made: &Made) -> Self {
        let channel = made
            .per_channel
            .and_then(|axis| made.op.channel_slot().map(|slot| (slot, axis)));
        let channels = channels(made);
        let spread = spread(made);
        let chosen = scales(made, spread);
        let slots = [0, 1, 2].map(|slot| {
            let count = match channel {
                Some((of, _)) if of == slot => channels,
                _ => 1,
            };
            (0..count)
                .map(|index| QParams {
                    scale: match &made.scales.0[slot][..] {
                        [] => chosen[slot] * vary(made, index, count),
                        list => list[index].0,
                    },
                    zero_point: zero(made, slot, index),
                })
                .collect()
        });
        Self {
            slots,
            channel,
            spread,
        }
    }

    /// The one pair of a slot.
    pub(crate) fn one(&self, slot: usize) -> QParams {
        self.slots[slot].first().copied().unwrap_or(QParams {
            scale: 1.0,
            zero_point: 0,
        })
    }

    /// All pairs of a slot.
    pub(super) fn list(&self, slot: usize) -> &[QParams] {
        &self.slots[slot]
    }

    /// The pair of channel `index` of a slot.
    pub(crate) fn channel(&self, slot: usize, index: usize) -> QParams {
        match self.channel {
            Some((of, _)) if of == slot => self.slots[slot][index],
            _ => self.one(slot),
        }
    }

    /// The axis with parameters of their own, if it is of this slot.
    pub(crate) fn axis(&self, slot: usize) -> Option<usize> {
        self.channel
            .filter(|&(of, _)| of == slot)
            .map(|(_, axis)| axis)
    }

    pub(super) fn granularity(&self, slot: usize) -> Granularity {
        match self.axis(slot) {
            None => Granularity::PerTensor(self.one(slot)),
            Some(axis) => Granularity::PerChannel {
                axis,
                qparams: self.slots[slot].clone(),
            },
        }
    }

    /// Requantize's multipliers.
    pub(crate) fn multipliers(&self) -> Vec<f32> {
        self.slots[1].iter().map(|q| q.scale as f32).collect()
    }

    /// How far sums of products typically are from 0.
    pub(super) fn spread(&self) -> f64 {
        self.spread
    }

    /// The size of one step of output channel `n`'s sums in real units.
    pub(super) fn step(&self, n: usize) -> f64 {
        self.one(0).scale * self.channel(1, n).scale
    }
}

fn channels(made: &Made) -> usize {
    match (&made.shape, made.per_channel) {
        (Shape::Dims(dims), Some(axis)) => dims[axis],
        (Shape::Rows { n, .. } | Shape::Matrix { n, .. }, _) => *n,
        (Shape::Image(image), _) => image.out_channels.unwrap_or(image.channels),
        _ => 1,
    }
}

fn class(made: &Made) -> Option<DataClass> {
    match &made.data {
        Source::Class(class) => Some(*class),
        Source::Given(_) => None,
    }
}

fn zero(made: &Made, slot: usize, index: usize) -> i32 {
    match &made.zero_points.0[slot] {
        Zero::One(zero) => *zero,
        Zero::List(list) => list[index],
        Zero::Vary => {
            let (low, high) = match (made.op.is_product(), made.dtype) {
                (true, _) => (-20, 20),
                (_, DType::U8) => (0, 255),
                (_, DType::I8) => (-128, 127),
                _ => (-1000, 1000),
            };
            let row = made.skip[1] + index as u64;
            Stream::new(made.seed, class(made), Role::Zero, row).between(low, high) as i32
        }
    }
}

/// The factor of channel `index`: between a half and two, a power of two for ties.
fn vary(made: &Made, index: usize, count: usize) -> f64 {
    let Some(class) = class(made).filter(|_| count > 1) else {
        return 1.0;
    };
    let row = 1 + made.skip[1] + index as u64;
    let mut stream = Stream::new(made.seed, Some(class), Role::Scale, row);
    match class {
        DataClass::Ties => stream.pick(&[0.5, 1.0, 1.0, 2.0]),
        // Odd multiples of what was a tie still are.
        DataClass::NearTies => 1.0 / stream.pick(&[1.0, 1.0, 2.0, 3.0, 5.0]),
        _ => 0.5 + 1.5 * stream.unit(),
    }
}

fn products_in_a_sum(made: &Made) -> f64 {
    match &made.shape {
        Shape::Matrix { k, .. } => *k as f64,
        Shape::Image(image) => {
            (image.kernel.iter().product::<usize>() * (image.channels / image.groups)) as f64
        }
        _ => 1.0,
    }
}

/// How far sums of products are from 0: from mean and variance of codes.
fn spread(made: &Made) -> f64 {
    let Some(class) = class(made).filter(|_| made.op.is_product()) else {
        return 1.0;
    };
    let k = products_in_a_sum(made);
    let (x, w) = moments(class, made.dtype);
    let zero = |slot: usize| match made.zero_points.0[slot] {
        Zero::One(zero) => f64::from(zero),
        _ => 0.0,
    };
    let (mx, mw) = match class {
        DataClass::Ties | DataClass::NearTies => (0.0, 0.0),
        _ => (x.mean - zero(0), w.mean - zero(1)),
    };
    let square = (x.variance + mx * mx) * (w.variance + mw * mw);
    let correlated = if class == DataClass::Saturating {
        2.0
    } else {
        1.0
    };
    (correlated * k * square + (k * mx * mw).powi(2))
        .sqrt()
        .max(1.0)
}

/// Scales of x, w and y where the id names none.
fn scales(made: &Made, spread: f64) -> [f64; 3] {
    let Some(class) = class(made) else {
        return [1.0; 3];
    };
    let mut stream = Stream::new(made.seed, Some(class), Role::Scale, 0);
    // Real scales need 53 bits: kernels must round them to f32 where the profile says so.
    let mut real = |low: f64, high: f64| {
        let fine = stream.unit() / f64::from(1u32 << 24);
        low * (high / low).powf_steps(stream.unit()) * (1.0 + fine)
    };
    if class == DataClass::Ties {
        return tie_scales(made, spread);
    }
    let (a, b) = (real(0.01, 0.1), real(0.002, 0.02));
    if class == DataClass::NearTies {
        return near_tie_scales(made, spread, a, b);
    }
    match made.op {
        Op::Linear | Op::Conv => {
            let target = match class {
                DataClass::FullRange | DataClass::Corners => 160.0,
                DataClass::Saturating => 80.0,
                _ => 50.0,
            };
            [a, b, a * b * spread / target]
        }
        Op::Add => [a, b * 5.0, (a + b * 5.0) * 0.8],
        Op::Mul => [a, b, a * b * 74.0],
        Op::AvgPool => [a, b, a * real(0.4, 1.5)],
        // What every engine gives out: 256 steps of the function's range.
        Op::Sigmoid => [a, b, 1.0 / 256.0],
        Op::Tanh => [a, b, 2.0 / 256.0],
        Op::Requantize => {
            let r = match class {
                DataClass::Corners => real(0.25, 8.0),
                _ => real(0.0005, 0.05),
            };
            [a, f64::from(r as f32), 1.0]
        }
        _ => [a, b, a],
    }
}

/// Output scales of an even number of steps, but for the rounding of each scale to f64: odd sums,
/// or their odd multiples, scale to half a step but for what the profile rounds on the way.
fn near_tie_scales(made: &Made, spread: f64, a: f64, b: f64) -> [f64; 3] {
    let odd = (1 + 2 * (made.seed % 8)) as f64;
    match made.op {
        Op::Linear | Op::Conv => [a, b, 2.0 * (spread / 40.0).ceil() * (a * b)],
        // 1 is a tie, not near one.
        Op::Requantize => [a, f64::from((0.5 / (odd + 2.0)) as f32), 1.0],
        Op::Add => [a, a * [1.0, 3.0, 5.0][made.seed as usize % 3], 2.0 * a],
        Op::Mul => [a, b, 2.0 * odd * (a * b)],
        Op::AvgPool => {
            let taps: usize = match &made.shape {
                Shape::Image(image) => image.kernel.iter().product(),
                _ => 1,
            };
            [a, b, 2.0 * a / taps as f64]
        }
        _ => [a, b, a],
    }
}

fn tie_scales(made: &Made, spread: f64) -> [f64; 3] {
    let (x, w) = (0.0625, 0.03125);
    let mut halves = 1;
    match made.op {
        Op::Linear | Op::Conv => {
            while spread / f64::from(1u32 << halves) > 40.0 && halves < 24 {
                halves += 1;
            }
            [x, w, x * w * f64::from(1u32 << halves)]
        }
        Op::Requantize => [1.0, 1.0 / f64::from(2u32 << (made.seed % 8)), 1.0],
        Op::Add => [x, x, 2.0 * x],
        Op::Mul => [x, w, x * w * 64.0],
        Op::AvgPool => [x, w, x],
        _ => [x, w, x],
    }
}

/// Powers by repeated squares and square roots: these are exactly rounded on every
/// machine, which a library's `powf` is not.
trait PowfSteps {
    fn powf_steps(self, exponent: f64) -> f64;
}

impl PowfSteps for f64 {
    fn powf_steps(self, exponent: f64) -> f64 {
        let (mut result, mut root, mut rest) = (1.0, self, exponent);
        for _ in 0..24 {
            root = root.sqrt();
            rest *= 2.0;
            if rest >= 1.0 {
                rest -= 1.0;
                result *= root;
            }
        }
        result
    }
}
