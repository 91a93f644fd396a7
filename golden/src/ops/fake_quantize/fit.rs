//! Scales fitted to values by least squares. Source: QKeras qkeras/quantizers.py
//! (_get_least_squares_scale and its callers).

use super::element::code;
use super::limits::{EPS, Steps};
use crate::ops::ReferenceError;
use crate::ops::channels::Channels;
use crate::ops::log_f32::ln_f32;
use crate::profile::{ChannelMean, FakeQuantizeRule};
use crate::spec::{FakeQuantizeSpec, Fit};
use crate::witness::Witness;

/// How many channels are summed at once, and in how many sums.
const GROUP: usize = 8;
const SUMS: usize = 4;

/// The steps of each channel; and the codes by which they were fitted, where these stay.
///
/// # Errors
/// When the profile does not say how such a channel is summed.
pub(super) fn fit(
    spec: &FakeQuantizeSpec,
    fit: &Fit,
    values: &[f32],
    channels: Channels,
    rule: &FakeQuantizeRule,
) -> Result<(Vec<Steps>, Option<Vec<f32>>), ReferenceError> {
    let count = spec.channels();
    let mut members = vec![Vec::new(); count];
    for index in 0..values.len() {
        members[channels.of(index)].push(index);
    }
    let zero_point = fit.zero_point as f32;
    let unit = fit.unit as f32;
    let fitted = |scale: f32| match fit.power_of_two {
        true => power_of_two(rule, scale),
        false => scale,
    };
    let greatest = |indices: &mut dyn Iterator<Item = usize>| {
        indices.fold(0.0, |most, index| super::greater(most, values[index].abs()))
    };
    let whole = greatest(&mut (0..values.len()));
    let mut codes = vec![0.0; values.len()];
    let mut steps = Vec::with_capacity(count);
    for (channel, indices) in members.iter().enumerate() {
        let most = match fit.first_of_whole {
            true => whole,
            false => greatest(&mut indices.iter().copied()),
        };
        let first = 2.0 * (most / unit) / fit.first_steps as f32;
        let mut scale = fitted(first.max(fit.first_at_least as f32));
        for _ in 0..fit.passes {
            let counted = Steps::fitted(scale * unit, zero_point);
            // What was clamped is counted when the values are quantized.
            let mut unseen = Witness::default();
            for &index in indices {
                codes[index] = code(rule, spec, &counted, values[index], &mut unseen);
            }
            let grouped = channel / GROUP < count / GROUP;
            let mean = |of: &dyn Fn(usize) -> f32| mean(rule.mean, grouped, indices, of);
            let steps_of = |index: usize| codes[index] - zero_point;
            let products = mean(&|index| values[index] / unit * steps_of(index))?;
            let squares = mean(&|index| steps_of(index) * steps_of(index))?;
            scale = fitted(products / (squares + EPS));
        }
        steps.push(Steps::fitted(scale * unit, zero_point));
    }
    Ok((steps, (!fit.recount).then_some(codes)))
}

/// 2^round(ln(scale ⊕ 1e-7) ⊘ ln 2), ties to even.
fn power_of_two(rule: &FakeQuantizeRule, scale: f32) -> f32 {
    let logarithm = ln_f32(rule.logarithm, scale + EPS) / std::f32::consts::LN_2;
    super::two_to(logarithm.round_ties_even())
}

fn mean(
    form: ChannelMean,
    grouped: bool,
    indices: &[usize],
    of: &dyn Fn(usize) -> f32,
) -> Result<f32, ReferenceError> {
    let in_order = |from: usize, step: usize| {
        let chosen = indices.iter().skip(from).step_by(step);
        chosen.fold(0.0, |sum, &index| sum + of(index))
    };
    let sum = match form {
        ChannelMean::FourSumsInGroupsOf8 if grouped && indices.len() > 1 => {
            if !indices.len().is_multiple_of(SUMS) {
                return Err(ReferenceError::Undefined(format!(
                    "{} values in {SUMS} sums: the profile does not say where the rest goes",
                    indices.len()
                )));
            }
            (1..SUMS).fold(in_order(0, SUMS), |sum, from| sum + in_order(from, SUMS))
        }
        ChannelMean::InOrder | ChannelMean::FourSumsInGroupsOf8 => in_order(0, 1),
    };
    Ok(sum / indices.len() as f32)
}
