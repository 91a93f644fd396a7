//! Scale, its reciprocal and zero point: as given, or made of limits as the
//! profile says. All in f32.

use crate::ops::approximate_scale::approximate;
use crate::profile::{FakeNan, FakeQuantizeRule, LimitsForm, StepTransform};
use crate::spec::{LimitsRequest, RealQParams};

/// Least amax that NVIDIA's toolkit quantizes is above this: 2^-24.
const NO_THRESHOLD: f32 = 5.960_464_5e-8;

/// Greatest limit that Paddle adds something to before it divides by it, and what it adds.
const NO_INVERSE: f32 = 1e-30;
const ADDED: f32 = 1e-6;

/// What QKeras adds to scales, and keeps them above.
pub(super) const EPS: f32 = 1e-7;

/// How the steps of one channel are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steps {
    /// real units per step
    pub(super) scale: f32,
    /// steps per real unit, as the system computes it
    pub(super) reciprocal: f32,
    /// the code of 0, or of `lowest`
    pub(super) zero_point: f32,
    /// the real value from which steps are counted by profiles that do so
    pub(super) lowest: f32,
    /// the limits as given
    pub(super) limits: (f32, f32),
    /// the value of the highest code, where the system keeps it instead of a scale
    pub(super) limit: Option<f32>,
    /// scale of values and its reciprocal, where they are other ones
    pub(super) of_values: Option<(f32, f32)>,
    /// what values of codes are multiplied by
    pub(super) gain: f32,
    /// there are no steps: every value becomes 0
    pub(super) empty: bool,
}

impl Steps {
    /// Of a given scale and zero point.
    pub(super) fn given(qparams: &RealQParams) -> Self {
        Self {
            scale: qparams.scale as f32,
            reciprocal: match qparams.approximate_bits {
                None => (1.0 / qparams.scale) as f32,
                Some(bits) => approximate((1.0 / qparams.scale) as f32, bits).value,
            },
            zero_point: qparams.zero_point as f32,
            lowest: qparams.lowest as f32,
            limits: (f32::NEG_INFINITY, f32::INFINITY),
            limit: None,
            of_values: (qparams.value_scale).map(|scale| (scale as f32, (1.0 / scale) as f32)),
            gain: qparams.gain as f32,
            empty: false,
        }
    }

    /// Of a fitted scale, which may be 0.
    pub(super) fn fitted(scale: f32, zero_point: f32) -> Self {
        Self {
            scale,
            reciprocal: 1.0 / scale,
            zero_point,
            lowest: 0.0,
            limits: (f32::NEG_INFINITY, f32::INFINITY),
            limit: None,
            of_values: None,
            gain: 1.0,
            empty: false,
        }
    }

    /// Of limits `(lo, hi)`, for the codes of `range`.
    ///
    /// Sources: TensorFlow tensorflow/core/kernels/fake_quant_ops_functor.h (Nudge),
    /// quantize_op.cc (QuantizeV2Op), mkl/mkl_quantize_op.cc (MklQuantizeV2Op),
    /// quantize_and_dequantize_op.h; pytorch-quantization
    /// tensor_quant.py (_tensor_quant); Distiller q_utils.py
    /// (symmetric_linear_quantization_params, asymmetric_linear_quantization_params);
    /// coremltools optimize/_utils.py (quantize_weight); Paddle
    /// phi/kernels/funcs/quantize_linear_functor.h (inverse).
    pub(super) fn of_limits(
        rule: &FakeQuantizeRule,
        (lo, hi): (f32, f32),
        range: (i64, i64),
        request: LimitsRequest,
    ) -> Self {
        let (qmin, qmax) = (range.0 as f32, range.1 as f32);
        let n = (range.1 - range.0) as f32;
        let mut steps = Self {
            scale: 0.0,
            reciprocal: 0.0,
            zero_point: 0.0,
            lowest: 0.0,
            limits: (lo, hi),
            limit: None,
            of_values: None,
            gain: 1.0,
            empty: false,
        };
        match rule.limits {
            LimitsForm::Nudged => {
                steps.scale = (hi - lo) / n;
                steps.reciprocal = n / (hi - lo);
                let zero = qmin - lo / steps.scale;
                steps.zero_point = if zero < qmin {
                    qmin
                } else if zero > qmax {
                    qmax
                } else {
                    zero.round()
                };
                steps.lowest = (qmin - steps.zero_point) * steps.scale;
                steps.empty = lo == 0.0 && hi == 0.0;
            }
            LimitsForm::Threshold => {
                let threshold = if request.symmetric { hi.max(-lo) } else { hi };
                steps.reciprocal = qmax / threshold;
                steps.scale = 1.0 / steps.reciprocal;
                if threshold <= NO_THRESHOLD {
                    steps.reciprocal = 0.0;
                    steps.of_values = Some((1.0, 1.0));
                }
            }
            LimitsForm::RecipOfLimit => {
                let limit = if request.symmetric { hi.max(-lo) } else { hi };
                let inverse = match limit <= NO_INVERSE {
                    true => 1.0 / (limit + ADDED),
                    false => 1.0 / limit,
                };
                steps.reciprocal = qmax * inverse;
                steps.scale = 1.0 / steps.reciprocal;
                steps.limit = Some(limit);
            }
            LimitsForm::RecipTimesSteps => recip_times_steps(&mut steps, range, request),
            LimitsForm::Quotient => quotient(&mut steps, (qmin, qmax), request),
            LimitsForm::QuotientAboveEps => {
                quotient(&mut steps, (qmin, qmax), request);
                steps.scale = steps.scale.max(EPS);
                steps.reciprocal = 1.0 / steps.scale;
            }
            LimitsForm::LesserRatio => {
                let ratio = |code: f32, limit: f32| {
                    let ratio = code / limit;
                    if ratio > 0.0 { ratio } else { f32::MAX }
                };
                let (low, high) = (ratio(qmin, lo), ratio(qmax, hi));
                (steps.reciprocal, steps.scale) = if low < high {
                    (low, lo / qmin)
                } else {
                    (high, hi / qmax)
                };
            }
            LimitsForm::FromLowest => {
                steps.reciprocal = n / (hi - lo);
                steps.scale = (hi - lo) / n;
                steps.zero_point = qmin;
                steps.lowest = lo;
            }
            LimitsForm::RoundedLowest => {
                steps.reciprocal = n / (hi - lo);
                steps.scale = (hi - lo) / n;
                steps.zero_point = qmin - (lo * steps.reciprocal).round();
            }
            LimitsForm::ExactLowest => {
                steps.reciprocal = n / (hi - lo);
                steps.scale = (hi - lo) / n;
                steps.zero_point = qmin - lo * steps.reciprocal;
            }
            LimitsForm::StepsOverGreatest => {
                let steps_of_side = if range.0 < 0 { n / 2.0 } else { n };
                let greatest = lo.abs().max(hi.abs());
                steps.reciprocal = steps_of_side / greatest;
                steps.scale = greatest / steps_of_side;
            }
            LimitsForm::CountedFromLowest => {
                steps.scale = (hi - lo) / n;
                steps.reciprocal = 1.0 / steps.scale;
                steps.lowest = lo;
            }
        }
        if steps.zero_point.is_nan() && rule.nan == FakeNan::CodeZero {
            steps.zero_point = 0.0;
        }
        steps
    }

    /// What values are multiplied with or divided by to give steps.
    pub(super) fn factor(&self, transform: StepTransform) -> f32 {
        match transform {
            StepTransform::MulRecipF32 => 1.0 / self.scale,
            StepTransform::MulReciprocal => self.reciprocal,
            StepTransform::DivF32 => self.scale,
        }
    }
}

fn recip_times_steps(steps: &mut Steps, range: (i64, i64), request: LimitsRequest) {
    let n = (range.1 - range.0) as f32;
    let (lo, hi) = steps.limits;
    let or_one = |span: f32, n: f32| if span == 0.0 { n } else { span };
    if request.symmetric {
        let half = n / 2.0;
        steps.reciprocal = 1.0 / or_one(lo.abs().max(hi.abs()), half) * half;
    } else {
        let (lo, hi) = (lo.min(0.0), hi.max(0.0));
        steps.reciprocal = 1.0 / or_one(hi - lo, n) * n;
        let mut negative = steps.reciprocal * lo;
        if request.integral_zero_point {
            negative = negative.round_ties_even();
        }
        steps.zero_point = 0.0 - (negative + (0 - range.0) as f32);
    }
    steps.scale = 1.0 / steps.reciprocal;
}

fn quotient(steps: &mut Steps, (qmin, qmax): (f32, f32), request: LimitsRequest) {
    let (lo, hi) = steps.limits;
    let (lo, hi) = if request.symmetric {
        let farther = lo.abs().max(hi.abs());
        (-farther, farther)
    } else {
        (lo.min(0.0), hi.max(0.0))
    };
    steps.scale = (hi - lo) / (qmax - qmin);
    steps.reciprocal = 1.0 / steps.scale;
    steps.zero_point = if request.symmetric {
        (qmin + qmax) / 2.0
    } else {
        let zero = (qmin * hi - qmax * lo) / (hi - lo);
        let zero = if request.integral_zero_point {
            zero.round_ties_even()
        } else {
            zero
        };
        // NaN goes through: there is no span.
        if zero < qmin {
            qmin
        } else if zero > qmax {
            qmax
        } else {
            zero
        }
    };
}
