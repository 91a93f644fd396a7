//! Cases of fake quantize: given scales, given limits, measured limits, domains, fitted
//! scales; and of powers of two.

use super::draw::Draw;
use super::{Cases, problem};
use crate::spec::{
    ApproximateScaleSpec, Clip, Distribution, Domain, FakeParameters, FakeQuantizeSpec, Fit,
    Levels, LimitsRequest, OpSpec, PowerOfTwoSpec, RealQParams,
};
use crate::tensor::Data;

pub(super) fn fake_quantize() -> Cases {
    let mut cases = Cases::new();
    let mut add = |name: &str, spec: FakeQuantizeSpec, values: Vec<f32>| {
        let data = vec![Data::F32(values)];
        cases.push((name.to_owned(), problem(OpSpec::FakeQuantize(spec), data)));
    };
    let spec = |len: usize, range, parameters| FakeQuantizeSpec {
        shape: vec![len],
        range,
        axis: None,
        domain: Domain::Plain,
        levels: Levels::Steps,
        parameters,
    };
    for (name, range, zero_point) in [
        ("scale/s8", (-128, 127), 0.0),
        ("scale/u4.zp7", (0, 15), 7.0),
        ("scale/u4.zp6.4", (0, 15), 6.4),
    ] {
        let values = ties(name, 0.1, zero_point as f32);
        let one = RealQParams {
            scale: 0.1,
            zero_point,
            lowest: 0.25,
            gain: 1.0,
            value_scale: None,
            approximate_bits: None,
        };
        let scales = FakeParameters::Scales(vec![one]);
        add(name, spec(values.len(), range, scales), values);
    }
    for (name, range, limits, symmetric, integral_zero_point) in [
        ("limits/s8", (-128, 127), (-12.8, 12.7), false, true),
        ("limits/narrow-s8", (-127, 127), (-12.7, 12.7), true, true),
        ("limits/u4", (0, 15), (-0.4, 1.3), false, true),
        (
            "limits/u4.real-zero-point",
            (0, 15),
            (-0.4, 1.3),
            false,
            false,
        ),
    ] {
        let values = ties(name, 0.1, 0.0);
        let request = LimitsRequest {
            symmetric,
            integral_zero_point,
        };
        let limits = FakeParameters::Limits {
            limits: vec![limits],
            request,
        };
        add(name, spec(values.len(), range, limits), values);
    }
    let request = LimitsRequest {
        symmetric: false,
        integral_zero_point: true,
    };
    let zeros = FakeParameters::Limits {
        limits: vec![(0.0, 0.0)],
        request,
    };
    add("limits/zero", spec(2, (0, 255), zeros), vec![0.0, 1.5]);
    let mut rows = Draw::new("fake_quantize/measured").reals(3.0, 12);
    rows[8..].fill(0.0);
    let measured = FakeQuantizeSpec {
        shape: vec![3, 4],
        axis: Some(0),
        ..spec(12, (0, 15), FakeParameters::Measured(request))
    };
    add("measured/per-channel", measured, rows);
    for (name, domain) in [
        ("domain/unit", Domain::Unit),
        ("domain/halved-unit", Domain::HalvedUnit),
        ("domain/hard-swish", Domain::HardSwish),
        ("domain/hard-sigmoid", Domain::HardSigmoid),
        ("domain/hard-tanh", Domain::HardTanh),
        ("domain/sigmoid", Domain::Sigmoid),
        ("domain/tanh", Domain::Tanh),
        ("domain/through-tanh", Domain::ThroughTanh),
        (
            "domain/relu",
            Domain::Relu {
                slope: 0.25,
                upper: Some(0.75),
            },
        ),
    ] {
        let values = Draw::new(name).reals(1.5, 8);
        let one = RealQParams {
            scale: 1.0 / 15.0,
            zero_point: 0.0,
            lowest: 0.0,
            gain: 1.0,
            value_scale: None,
            approximate_bits: None,
        };
        let scales = FakeParameters::Scales(vec![one]);
        let spec = spec(values.len(), (0, 15), scales);
        add(name, FakeQuantizeSpec { domain, ..spec }, values);
    }
    fitted(&mut add);
    statistics(&mut add);
    cases
}

/// Scales of statistics: 5 rows of 11 values, more than a vector and not whole vectors.
fn statistics(add: &mut impl FnMut(&str, FakeQuantizeSpec, Vec<f32>)) {
    let clipped = |clip, symmetric| FakeParameters::Clipped {
        clip,
        request: LimitsRequest {
            symmetric,
            integral_zero_point: true,
        },
    };
    let aciq = |distribution, half| Clip::Aciq {
        distribution,
        bits: 4,
        half,
    };
    let laplace = aciq(Distribution::Laplace, false);
    for (name, levels, parameters) in [
        ("rows", Levels::Steps, clipped(Clip::MeanOfRows, true)),
        (
            "deviations",
            Levels::Steps,
            clipped(Clip::Deviations(1.5), false),
        ),
        ("laplace", Levels::Steps, clipped(laplace, true)),
        (
            "gauss.half",
            Levels::Steps,
            clipped(aciq(Distribution::Gauss, true), false),
        ),
        ("mean-abs", Levels::Signs, FakeParameters::MeanAbs),
    ] {
        let spec = FakeQuantizeSpec {
            shape: vec![5, 11],
            range: (-8, 7),
            axis: None,
            domain: Domain::Plain,
            levels,
            parameters,
        };
        let values = Draw::new("fake_quantize/statistics").reals(3.0, 55);
        add(&format!("statistics/{name}"), spec, values);
    }
}

/// Ties of steps, their neighbours, special values, and values drawn.
fn ties(name: &str, scale: f32, zero_point: f32) -> Vec<f32> {
    let mut values: Vec<f32> = [-0.5, 0.5, 1.5, 6.5]
        .into_iter()
        .flat_map(|steps| {
            let tie = (steps - zero_point.floor()) * scale;
            [tie, tie.next_up(), tie.next_down()]
        })
        .collect();
    values.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -0.0]);
    values.extend(Draw::new(name).reals(2.0, 7));
    values
}

pub(super) fn approximate_scale() -> Cases {
    let factors = vec![
        0.1,
        1.0 / 3.0,
        1.0,
        0.5f32.next_down(),
        3.7,
        1000.0,
        2e-6,
        5e8,
    ];
    let case = |bits: u32| {
        let spec = ApproximateScaleSpec {
            len: factors.len(),
            bits,
            greatest_shift: None,
        };
        let data = vec![Data::F32(factors.clone())];
        let problem = problem(OpSpec::ApproximateScale(spec), data);
        (format!("bits{bits}"), problem)
    };
    let mut cases = [8, 15, 31].map(case).to_vec();
    let (_, mut limited) = case(8);
    if let OpSpec::ApproximateScale(spec) = &mut limited.op {
        spec.greatest_shift = Some(8);
    }
    cases.push(("bits8.shift8".to_owned(), limited));
    cases
}

/// As the gradient's case, with a zero point too; without NaN and infinity, which leave nothing else.
pub(super) fn fake_quantize_scale_gradient() -> Cases {
    let mut cases = Cases::new();
    for zero_point in [0.0, 1.5] {
        let (_, mut problem) = fake_quantize_gradient().remove(0);
        let OpSpec::FakeQuantizeGradient(mut spec) = problem.op else {
            unreachable!("the op of that case");
        };
        if let FakeParameters::Scales(scales) = &mut spec.parameters {
            scales[0].zero_point = zero_point;
        }
        for tensor in &mut problem.inputs {
            let Data::F32(values) = tensor.data() else {
                unreachable!("gradients are of f32");
            };
            let finite = values.iter().map(|x| if x.is_finite() { *x } else { 0.3 });
            let finite = Data::F32(finite.collect());
            *tensor = crate::tensor::Tensor::new(spec.shape.clone(), finite).expect("as many");
        }
        problem.op = OpSpec::FakeQuantizeScaleGradient(spec);
        cases.push((format!("s4.zp{zero_point}"), problem));
    }
    cases
}

pub(super) fn fake_quantize_gradient() -> Cases {
    let name = "fake_quantize_gradient";
    let mut values = vec![
        -0.85,
        -0.75,
        0.75,
        0.7,
        0.65,
        0.649,
        f32::NAN,
        f32::INFINITY,
    ];
    values.extend(Draw::new(name).reals(1.0, 8));
    let above = Draw::new(&format!("{name}/above")).reals(2.0, values.len());
    let spec = FakeQuantizeSpec {
        shape: vec![values.len()],
        range: (-8, 7),
        axis: None,
        domain: Domain::Plain,
        levels: Levels::Steps,
        parameters: FakeParameters::Scales(vec![RealQParams {
            scale: 0.1,
            zero_point: 0.0,
            lowest: 0.0,
            gain: 1.0,
            value_scale: None,
            approximate_bits: None,
        }]),
    };
    let data = vec![Data::F32(values), Data::F32(above)];
    let problem = problem(OpSpec::FakeQuantizeGradient(spec), data);
    vec![("s4".to_owned(), problem)]
}

pub(super) fn power_of_two() -> Cases {
    let spec = PowerOfTwoSpec {
        shape: Vec::new(),
        exponents: (-7, 3),
        greatest: None,
        quadratic: false,
        floor: false,
        signed: true,
    };
    let quadratic = PowerOfTwoSpec {
        quadratic: true,
        exponents: (-8, 2),
        ..spec.clone()
    };
    let unsigned = PowerOfTwoSpec {
        signed: false,
        greatest: Some(2.0),
        ..spec.clone()
    };
    let floor = PowerOfTwoSpec {
        floor: true,
        exponents: (-128, 127),
        ..spec.clone()
    };
    [
        ("nearest", spec),
        ("quadratic", quadratic),
        ("unsigned", unsigned),
        ("floor", floor),
    ]
    .into_iter()
    .map(|(name, spec)| {
        let mut values = vec![0.0, -0.0, 0.5, -0.5, 1e-7, 1e-40, 1e9, f32::NAN, 1.0, 1.5];
        values.extend([f32::INFINITY, f32::NEG_INFINITY]);
        values.extend(Draw::new(&format!("power_of_two/{name}")).reals(5.0, 12));
        let spec = PowerOfTwoSpec {
            shape: vec![values.len()],
            ..spec
        };
        let data = vec![Data::F32(values)];
        (name.to_owned(), problem(OpSpec::PowerOfTwo(spec), data))
    })
    .collect()
}

/// Few levels, and scales fitted to 9 channels of 4 values.
fn fitted(add: &mut impl FnMut(&str, FakeQuantizeSpec, Vec<f32>)) {
    let fit = Fit {
        first_steps: 3.0,
        first_at_least: 0.0,
        first_of_whole: false,
        unit: 1.0,
        power_of_two: false,
        passes: 2,
        recount: true,
        zero_point: 0.0,
    };
    let power = Fit {
        power_of_two: true,
        recount: false,
        ..fit
    };
    for (name, levels, fit) in [
        ("fitted/steps", Levels::Steps, fit),
        ("fitted/steps.power-of-two", Levels::Steps, power),
        ("fitted/signs", Levels::Signs, fit),
        ("fitted/zero-one.power-of-two", Levels::ZeroOne, power),
    ] {
        let spec = FakeQuantizeSpec {
            shape: vec![4, 9],
            range: (-1, 1),
            axis: Some(1),
            domain: Domain::Plain,
            levels,
            parameters: FakeParameters::Fitted(fit),
        };
        let mut values = Draw::new(name).reals(2.0, 36);
        for row in 0..4 {
            values[9 * row + 3] = 0.0;
        }
        add(name, spec, values);
    }
}
