//! The last step of ops without weights: a scaled value to a code.
//!
//! These ops hold their results in small ranges, so the profile's conversion
//! axes do not apply; a value outside i32 (possible only with scales that
//! differ by more than 2^23) is left open.

use super::fixed_point::FixedPoint;
use crate::spec::{Quantized, Relu};
use crate::witness::{Event, Witness};

/// Where codes of one output tensor go: its zero point and range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store {
    zero_point: i64,
    range: (i64, i64),
    relu: Relu,
}

impl Store {
    /// For an output of codes; no code lies outside the bounds of `relu`.
    pub(crate) fn new(output: &Quantized, relu: Relu) -> Self {
        Self {
            zero_point: i64::from(output.qparams.zero_point),
            range: (output.dtype.code_range()).expect("outputs are checked to be codes"),
            relu,
        }
    }

    /// Rounds half to even, then adds the zero point, then clamps.
    pub(crate) fn round_then_add(
        &self,
        index: usize,
        accumulator: Option<i64>,
        steps: f32,
        witness: &mut Witness,
    ) -> i64 {
        self.observe(index, accumulator, steps, witness);
        let steps = steps.round_ties_even() as i64;
        self.clamp(steps.saturating_add(self.zero_point), witness)
    }

    /// Rounds half away from zero, then adds the zero point, then clamps.
    pub(crate) fn round_away(
        &self,
        index: usize,
        accumulator: Option<i64>,
        steps: f32,
        witness: &mut Witness,
    ) -> i64 {
        self.observe(index, accumulator, steps, witness);
        let steps = steps.round() as i64;
        self.clamp(steps.saturating_add(self.zero_point), witness)
    }

    /// Rounds half to even a value that holds the zero point already, then clamps.
    pub(crate) fn round(
        &self,
        index: usize,
        accumulator: Option<i64>,
        steps: f32,
        witness: &mut Witness,
    ) -> i64 {
        self.observe(index, accumulator, steps, witness);
        self.clamp(steps.round_ties_even() as i64, witness)
    }

    /// Scales an integer in fixed point, then adds the zero point, then clamps.
    pub(crate) fn fixed(&self, fixed: FixedPoint, value: i32, witness: &mut Witness) -> i64 {
        witness.step(Some(value.into()), fixed.exact(value));
        witness.events.hit_if(Event::ExactTie, fixed.is_tie(value));
        witness.near_tie(fixed.exact(value));
        self.clamp(fixed.apply(value).saturating_add(self.zero_point), witness)
    }

    /// Clamps a code that was computed in integers.
    pub(crate) fn clamp(&self, code: i64, witness: &mut Witness) -> i64 {
        let (lo, hi) = self.range;
        witness.events.hit_if(Event::ClampedLow, code < lo);
        witness.events.hit_if(Event::ClampedHigh, code > hi);
        let (floor, ceiling) = self.relu.bounds(self.range, self.zero_point);
        let below = self.relu != Relu::None && code < floor;
        let above = ceiling < hi && code > ceiling;
        witness.events.hit_if(Event::ReluClamped, below || above);
        code.clamp(floor, ceiling)
    }

    fn observe(&self, index: usize, accumulator: Option<i64>, steps: f32, witness: &mut Witness) {
        witness.step(accumulator, f64::from(steps));
        witness
            .events
            .hit_if(Event::ExactTie, steps - steps.floor() == 0.5);
        witness.near_tie(steps.into());
        if steps.is_nan() || steps.abs() >= 2_147_483_648.0 {
            witness.events.hit(Event::ConversionOverflow);
            witness.open.push((0, index));
        }
    }
}
