//! Cases of fake quantize: given scales, given limits, measured limits, domains.

use super::draw::Draw;
use super::{Cases, problem};
use crate::spec::{Domain, FakeParameters, FakeQuantizeSpec, LimitsRequest, OpSpec, RealQParams};
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
    ] {
        let values = Draw::new(name).reals(1.5, 8);
        let one = RealQParams {
            scale: 1.0 / 15.0,
            zero_point: 0.0,
            lowest: 0.0,
        };
        let scales = FakeParameters::Scales(vec![one]);
        let spec = spec(values.len(), (0, 15), scales);
        add(name, FakeQuantizeSpec { domain, ..spec }, values);
    }
    cases
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
