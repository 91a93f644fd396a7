//! Quantize and fake quantize.

use super::draw::Draw;
use super::{BATCH, Batch};
use crate::ops::reference;
use crate::oracle::{self, Counting};
use crate::profile::Profile;
use crate::spec::{
    Constants, Domain, FakeParameters, FakeQuantizeSpec, Granularity, Levels, OpSpec, Problem,
    QParams, QuantizeSpec, RealQParams,
};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

pub(super) fn quantize(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let dtype = draw.dtype();
    let Some((low, high)) = dtype.code_range() else {
        return (0, None);
    };
    let zero_point = match dtype.bits() {
        32 => draw.of(&[0, 1, -7, 1_000_003]),
        _ => draw.zero_point((low, high)),
    };
    let qparams = QParams {
        scale: draw.scale(-40, 20),
        zero_point,
    };
    let codes = (high - low) as f64 * 1.2;
    // Not always whole groups of a body.
    let len = BATCH - draw.below(64) as usize;
    let values: Vec<f32> = (0..len).map(|_| draw.value(qparams.scale, codes)).collect();
    let problem = Problem {
        op: OpSpec::Quantize(QuantizeSpec {
            shape: vec![len],
            dtype,
            granularity: Granularity::PerTensor(qparams),
            range: None,
        }),
        constants: Constants::default(),
        inputs: vec![f32s(values.clone())],
    };
    let mut witness = Witness::default();
    let outputs = reference(&problem, profile, &mut witness);
    let got = |index: usize| {
        let outputs = outputs.as_ref().ok()?;
        let open = witness.open.binary_search(&(0, index)).is_ok();
        (!open).then(|| outputs[0].data().code(index))
    };
    let difference = values.iter().enumerate().find_map(|(index, &value)| {
        let rule = right.quantize.at(index, len);
        let expected = oracle::quantize(&rule, value, qparams, (low, high));
        (got(index) != expected).then(|| {
            format!(
                "{value:e} in {}, scale {:e}, zero point {zero_point}: reference {:?}, oracle {expected:?}",
                dtype.name(), qparams.scale, got(index)
            )
        })
    });
    (len as u64, difference)
}

pub(super) fn fake_quantize(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let range = draw.of(&[
        (-128, 127),
        (-127, 127),
        (0, 255),
        (0, 15),
        (1, 15),
        (-8, 7),
    ]);
    let codes = (range.1 - range.0) as f64 * 1.2;
    let scale = draw.scale(-20, 10);
    let zero_point = match draw.below(3) {
        0 => 0.0,
        1 => f64::from(draw.zero_point(range)),
        // Zero points that are no integers, as some systems have.
        _ => draw.scale(0, 3),
    };
    let qparams = RealQParams {
        scale,
        zero_point,
        lowest: 0.3,
        gain: 1.0,
        value_scale: None,
        approximate_bits: None,
    };
    let values: Vec<f32> = (0..BATCH).map(|_| draw.value(scale, codes)).collect();
    let counting = Counting::given(&qparams);
    let problem = Problem {
        op: OpSpec::FakeQuantize(FakeQuantizeSpec {
            shape: vec![BATCH],
            range,
            axis: None,
            domain: Domain::Plain,
            levels: Levels::Steps,
            parameters: FakeParameters::Scales(vec![qparams]),
        }),
        constants: Constants::default(),
        inputs: vec![f32s(values.clone())],
    };
    let Ok(outputs) = reference(&problem, profile, &mut Witness::default()) else {
        return (0, None);
    };
    let (Data::F32(got), Data::F32(got_codes)) = (outputs[0].data(), outputs[1].data()) else {
        return (0, Some("the reference gives no f32".into()));
    };
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let difference = values.iter().enumerate().find_map(|(index, &value)| {
        let (real, code) = oracle::fake_quantize(&right.fake_quantize, value, &counting, range);
        let (got, got_code) = (f64::from(got[index]), f64::from(got_codes[index]));
        (!same(real, got) || !same(code, got_code)).then(|| {
            format!(
                "{value:e} in {range:?}, scale {scale:e}, zero point {zero_point}: reference \
                 {got:e} (code {got_code}), oracle {real:e} (code {code})"
            )
        })
    });
    (BATCH as u64, difference)
}

fn f32s(values: Vec<f32>) -> Tensor {
    Tensor::new([values.len()], Data::F32(values)).expect("as many as there are")
}
