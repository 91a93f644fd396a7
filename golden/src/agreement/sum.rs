//! From a sum to a code: requantize, and what linear and convolution do with a sum and a bias.

use super::draw::Draw;
use super::{BATCH, Batch};
use crate::ops::reference;
use crate::ops::requantize::{ChannelBias, Epilogue};
use crate::oracle::{self, SumBias, SumScale};
use crate::profile::{Profile, SumOf};
use crate::spec::{
    Constants, Granularity, OpSpec, Problem, QParams, Quantized, Relu, RequantizeSpec,
};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

/// Codes of 8 bits, their step and zero point.
fn output(draw: &mut Draw, scale: f64) -> Quantized {
    let dtype = draw.of(&[DType::U8, DType::I8]);
    let range = dtype.code_range().unwrap_or((0, 255));
    Quantized {
        dtype,
        qparams: QParams {
            scale,
            zero_point: draw.zero_point(range),
        },
    }
}

pub(super) fn requantize(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let multiplier = draw.scale(-34, 9) as f32;
    let output = output(draw, 1.0);
    let relu = draw.flip();
    let sums: Vec<i32> = (0..BATCH)
        .map(|_| draw.sum(f64::from(multiplier), 300.0))
        .collect();
    let problem = Problem {
        op: OpSpec::Requantize(RequantizeSpec {
            rows: 1,
            columns: BATCH,
            dtype: output.dtype,
            zero_point: output.qparams.zero_point,
            multipliers: vec![multiplier],
            relu,
        }),
        constants: Constants::default(),
        inputs: vec![Tensor::new([1, BATCH], Data::I32(sums.clone())).expect("a row")],
    };
    let mut witness = Witness::default();
    let outputs = reference(&problem, profile, &mut witness);
    let got = |index: usize| {
        let outputs = outputs.as_ref().ok()?;
        let open = witness.open.binary_search(&(0, index)).is_ok();
        (!open).then(|| outputs[0].data().code(index))
    };
    let scale = SumScale::Given(multiplier);
    let difference = sums.iter().enumerate().find_map(|(index, &sum)| {
        let rule = &right.requantize;
        let expected = oracle::requantize(rule, sum, scale, SumBias::None, output, relu.into());
        (got(index) != expected).then(|| {
            format!(
                "{sum} times {multiplier:e}, {output:?}, relu {relu}: reference {:?}, oracle {expected:?}",
                got(index)
            )
        })
    });
    (BATCH as u64, difference)
}

pub(super) fn epilogue(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let (activation, weight) = (draw.scale(-10, 0), draw.scale(-10, 0));
    let output = {
        let scale = draw.scale(-8, 4);
        output(draw, scale)
    };
    let per_channel = draw.flip();
    let qparams = QParams {
        scale: weight,
        zero_point: 0,
    };
    let weights = match per_channel {
        true => Granularity::PerChannel {
            axis: 0,
            qparams: vec![qparams],
        },
        false => Granularity::PerTensor(qparams),
    };
    let how = match per_channel {
        true => right.requantize.bias_per_channel,
        false => right.requantize.bias_per_tensor,
    };
    let scale = SumScale::OfProduct { activation, weight };
    let reference = Epilogue::new(
        &profile.requantize,
        (SumOf::Conv, 1),
        activation,
        &weights,
        output,
        Relu::None,
    );
    let multiplier = activation * weight / output.qparams.scale;
    let difference = (0..BATCH).find_map(|_| {
        let sum = draw.sum(multiplier, 300.0);
        let bias = match draw.below(3) {
            0 => None,
            1 => Some(draw.value(activation * weight, 1e5)),
            // Onto a tie, together with the sum.
            _ => {
                let tie = (draw.within(-300, 300) as f64 + 0.5) * output.qparams.scale;
                Some((tie - f64::from(sum) * activation * weight) as f32)
            }
        };
        // A bias is a number.
        let bias = bias.filter(|bias| bias.is_finite());
        let got = (reference.as_ref().ok()).and_then(|epilogue| {
            let mut witness = Witness::default();
            let bias = bias.map_or(ChannelBias::None, ChannelBias::F32);
            let code = epilogue.finish(0, sum, 0, bias, &mut witness);
            witness.open.is_empty().then_some(code)
        });
        let given = bias.map_or(SumBias::None, |bias| SumBias::F32(bias, how));
        let rule = &right
            .requantize
            .built_for(SumOf::Conv, output.dtype, per_channel);
        let expected = oracle::requantize(rule, sum, scale, given, output, Relu::None);
        (got != expected).then(|| {
            format!(
                "sum {sum}, bias {bias:?}, scales {activation:e} and {weight:e}, per channel \
                 {per_channel}, {output:?}: reference {got:?}, oracle {expected:?}"
            )
        })
    });
    (BATCH as u64, difference)
}
