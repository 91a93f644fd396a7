//! QKeras: every quantizer on the arrays of `inputs.npz`; a file's arrays carry
//! their inputs' names, scales beside them as `<input>.scale`.

use crate::captures::error::CaptureError;
use crate::captures::fake::{self, FACTORS, VALUES};
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{
    Constants, Domain, FakeParameters, Fit, Levels, LimitsRequest, OpSpec, PowerOfTwoSpec, Problem,
    RealQParams,
};
use crate::tensor::{Data, Tensor};

const ENGINE: &str = "tensorflow";
/// How often a power of two is fitted.
const PASSES: u32 = 5;

/// QKeras 0.9.0 of the registry: codes of the last fit stay.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    all(file, false, found)
}

/// QKeras at 78ea90f: codes are counted again by the last scale.
pub(super) fn read_git(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    all(file, true, found)
}

fn all(file: &CapturedFile<'_>, recount: bool, found: &mut Found) -> Result<(), CaptureError> {
    if file.entry.file == "inputs.npz" {
        return Ok(());
    }
    let inputs = file.beside("inputs.npz")?;
    for name in file.npz().names().filter(|name| !name.contains('.')) {
        let x = inputs.array(name)?.tensor()?;
        one(file, name, x, recount, found)?;
    }
    Ok(())
}

/// The manifest's parameters of a quantizer.
struct Quantizer {
    bits: u32,
    integer: i32,
    symmetric: bool,
    signed: bool,
    alpha: Alpha,
}

#[derive(Clone, Copy, PartialEq)]
enum Alpha {
    None,
    Given(f64),
    Auto { power_of_two: bool },
}

fn quantizer(file: &CapturedFile<'_>, linear: bool) -> Result<Quantizer, CaptureError> {
    let params = file.params();
    let integer = |key: &str, otherwise: i64| match params.has(key) {
        true => params.integer(key),
        false => Ok(otherwise),
    };
    let flag = |key: &str, otherwise: bool| match params.has(key) {
        true => params.flag(key),
        false => Ok(otherwise),
    };
    let alpha = match params.text("alpha") {
        Some("auto") => Alpha::Auto {
            power_of_two: false,
        },
        Some("auto_po2") => Alpha::Auto { power_of_two: true },
        _ if params.has("alpha") => Alpha::Given(params.float("alpha")?),
        _ => Alpha::None,
    };
    Ok(Quantizer {
        bits: integer("bits", 8)? as u32,
        integer: integer("integer", 0)? as i32,
        symmetric: flag("symmetric", linear)?,
        signed: flag("keep_negative", true)?,
        alpha,
    })
}

fn one(
    file: &CapturedFile<'_>,
    name: &str,
    x: Tensor,
    recount: bool,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let params = file.params();
    let kind = params.text("q").unwrap_or_default();
    let linear = kind == "quantized_linear";
    let q = quantizer(file, linear)?;
    let whole = 2f64.powi(q.integer);
    let expected = (VALUES, file.array(name)?.tensor()?);
    let (profile, problem) = match kind {
        "quantized_po2" | "quantized_relu_po2" => {
            ("qkeras", power_of_two(file, x, kind == "quantized_po2")?)
        }
        "quantized_relu" => {
            let slope = match params.has("negative_slope") {
                true => params.float("negative_slope")?,
                false => 0.0,
            };
            let upper = match params.has("relu_upper_bound") {
                true => Some(params.float("relu_upper_bound")?),
                false => None,
            };
            let codes = 2f64.powi(q.bits as i32 - i32::from(slope != 0.0));
            let range = (-(slope * codes) as i64, codes as i64 - 1);
            let scale = given(whole / codes, 0.0, 1.0);
            let domain = Domain::Relu { slope, upper };
            (
                "qkeras",
                fake::with_levels(x, range, None, domain, Levels::Steps, scale),
            )
        }
        "quantized_tanh" | "quantized_sigmoid" => {
            let signed = kind == "quantized_tanh";
            let real = match signed {
                true => params.flag("use_real_tanh")?,
                false => params.flag("use_real_sigmoid")?,
            };
            let domain = match (signed, real) {
                (true, true) => Domain::Tanh,
                (true, false) => Domain::HardTanh,
                (false, true) => Domain::Sigmoid,
                (false, false) => Domain::HardSigmoid,
            };
            let codes = 1i64 << (q.bits - u32::from(signed));
            let low = i64::from(q.symmetric) - if signed { codes } else { 0 };
            let scale = given(1.0 / codes as f64, 0.0, 1.0);
            let problem =
                fake::with_levels(x, (low, codes - 1), None, domain, Levels::Steps, scale);
            ("qkeras-activation", problem)
        }
        "ternary" if matches!(q.alpha, Alpha::Auto { .. }) => {
            ("qkeras-ternary", few_levels(file, kind, &q, x)?)
        }
        "binary" | "ternary" => ("qkeras", few_levels(file, kind, &q, x)?),
        "quantized_bits" | "quantized_hswish" | "quantized_linear" => {
            let domain = match kind {
                "quantized_hswish" => Domain::HardSwish,
                _ => Domain::Plain,
            };
            let (profile, problem) = fixed_point(&q, linear, domain, recount, x);
            let problem = problem.ok_or_else(|| file.problem("has more bits than codes"))?;
            (profile, problem)
        }
        _ => {
            let reason = "a logarithm in f32 as Eigen computes it: one that is rounded right gives 733 of the 735 values, and two a unit in the last place beside; Eigen's is not described";
            found.skip(kind, expected.1.len() as u64, reason);
            return Ok(());
        }
    };
    let mut expected = vec![expected];
    expected.extend(scale_of(file, name, &q, kind)?);
    fake::solved(file, (name, ENGINE), profile, problem, expected, found)
}

fn given(scale: f64, zero_point: f64, gain: f64) -> FakeParameters {
    FakeParameters::Scales(vec![RealQParams {
        scale,
        zero_point,
        lowest: 0.0,
        gain,
        value_scale: None,
        approximate_bits: None,
    }])
}

/// `quantized_bits`, `quantized_hswish` and `quantized_linear`.
fn fixed_point(
    q: &Quantizer,
    linear: bool,
    domain: Domain,
    recount: bool,
    x: Tensor,
) -> (&'static str, Option<Problem>) {
    let Some(bits) = q.bits.checked_sub(u32::from(q.signed)).filter(|&b| b < 24) else {
        return ("qkeras", None);
    };
    let codes = 1i64 << bits;
    let step = 2f64.powi(q.integer) / codes as f64;
    let low = match q.signed {
        true => i64::from(q.symmetric) - codes,
        false => 0,
    };
    let last = x.shape().len() - 1;
    let one_bit = bits == 0;
    // One bit of quantized_linear: −½ and ½ steps.
    let (range, zero_point) = match linear && q.signed && one_bit {
        true => ((-1, 0), -0.5),
        false => ((low, codes - 1), 0.0),
    };
    let problem = |range, axis, levels, parameters| {
        Some(fake::with_levels(
            x.clone(),
            range,
            axis,
            domain,
            levels,
            parameters,
        ))
    };
    let request = LimitsRequest {
        symmetric: true,
        integral_zero_point: true,
    };
    match q.alpha {
        Alpha::Auto { power_of_two: true } => {
            let fit = FakeParameters::Fitted(Fit {
                first_steps: (range.1 - range.0) as f64,
                first_at_least: if linear { 1e-7 } else { 0.0 },
                unit: if linear { 1.0 } else { 2f64.powi(q.integer) },
                first_of_whole: !linear && last == 0,
                power_of_two: true,
                passes: if linear && one_bit { 1 } else { PASSES },
                recount: linear || recount,
                zero_point,
            });
            let profile = if linear {
                "qkeras-linear"
            } else {
                "qkeras-auto"
            };
            (profile, problem(range, Some(last), Levels::Steps, fit))
        }
        Alpha::Auto { .. } => {
            // A row of quantized_bits has one scale, each value of quantized_linear its own.
            let axis = Some(last).filter(|&last| last > 0 || linear);
            let measured = FakeParameters::Measured(request);
            let profile = if linear {
                "qkeras-linear"
            } else {
                "qkeras-auto"
            };
            (profile, problem(range, axis, Levels::Steps, measured))
        }
        Alpha::None | Alpha::Given(_) => {
            let alpha = match q.alpha {
                Alpha::Given(alpha) => alpha,
                _ => 1.0,
            };
            if linear {
                let scale = given(alpha * step, zero_point, 1.0);
                return ("qkeras-linear", problem(range, None, Levels::Steps, scale));
            }
            match (one_bit, q.signed) {
                (true, true) => {
                    let scale = given(alpha, 0.0, 1.0);
                    ("qkeras", problem((-1, 1), None, Levels::Signs, scale))
                }
                _ => {
                    let scale = given(step, 0.0, alpha);
                    ("qkeras", problem(range, None, Levels::Steps, scale))
                }
            }
        }
    }
}

/// The scale of a fitted or measured quantizer. quantized_bits gives steps times the number
/// of codes, quantized_linear steps in steps of its type, binary and ternary the step.
fn scale_of(
    file: &CapturedFile<'_>,
    name: &str,
    q: &Quantizer,
    kind: &str,
) -> Result<Option<(usize, Tensor)>, CaptureError> {
    let scale = format!("{name}.scale");
    if !file.npz().has(&scale) || !matches!(q.alpha, Alpha::Auto { .. }) {
        return Ok(None);
    }
    let codes = 2f32.powi(q.bits as i32 - i32::from(q.signed));
    let step = match kind {
        "quantized_bits" | "quantized_linear" => 2f32.powi(q.integer) / codes,
        _ => 1.0,
    };
    let row = fake::row(file.array(&scale)?)?;
    let Data::F32(scales) = row.data() else {
        return Ok(None);
    };
    // Powers of two: exact.
    let steps = scales.iter().map(|scale| scale * step).collect();
    let steps = Tensor::new([scales.len()], Data::F32(steps));
    let steps = steps.map_err(|e| file.problem(e.to_string()))?;
    Ok(Some((FACTORS, steps)))
}

fn few_levels(
    file: &CapturedFile<'_>,
    kind: &str,
    q: &Quantizer,
    x: Tensor,
) -> Result<Problem, CaptureError> {
    let params = file.params();
    let last = x.shape().len() - 1;
    let zero_one = params.has("use_01") && params.flag("use_01")?;
    let (levels, range) = match kind {
        "binary" if zero_one => (Levels::ZeroOne, (0, 1)),
        "binary" => (Levels::Signs, (-1, 1)),
        _ if matches!(q.alpha, Alpha::Auto { .. }) => (Levels::Steps, (-1, 1)),
        _ if params.has("threshold") => (Levels::Threshold(params.float("threshold")?), (-1, 1)),
        _ => (Levels::Threshold(0.33), (-1, 1)),
    };
    Ok(match q.alpha {
        Alpha::Auto { power_of_two } => {
            let fit = FakeParameters::Fitted(Fit {
                first_steps: 3.0,
                first_at_least: 0.0,
                unit: 1.0,
                first_of_whole: last == 0,
                power_of_two,
                passes: if kind == "binary" { 1 } else { PASSES },
                recount: false,
                zero_point: 0.0,
            });
            fake::with_levels(x, range, Some(last), Domain::Plain, levels, fit)
        }
        Alpha::Given(alpha) => {
            let scale = given(alpha, 0.0, 1.0);
            fake::with_levels(x, range, None, Domain::Plain, levels, scale)
        }
        Alpha::None => {
            let scale = given(1.0, 0.0, 1.0);
            fake::with_levels(x, range, None, Domain::ThroughTanh, levels, scale)
        }
    })
}

fn power_of_two(file: &CapturedFile<'_>, x: Tensor, signed: bool) -> Result<Problem, CaptureError> {
    let params = file.params();
    let greatest = match params.has("max_value") {
        true => Some(params.float("max_value")?),
        false => None,
    };
    let quadratic = params.has("quadratic_approximation");
    // One bit for the sign of the value, and one for that of the exponent.
    let sign = i64::from(greatest.is_none_or(|greatest| greatest > 1.0));
    let bits = params.integer("bits")? - i64::from(signed) - sign;
    let half = 1i32 << bits.clamp(0, 16);
    let most = match quadratic {
        true => (half - 1).div_euclid(2) * 2,
        false => half - 1,
    };
    Ok(Problem {
        op: OpSpec::PowerOfTwo(PowerOfTwoSpec {
            shape: x.shape().to_vec(),
            exponents: (-half, most),
            greatest,
            quadratic,
            floor: params.text("log2_rounding") == Some("floor"),
            signed,
        }),
        constants: Constants::default(),
        inputs: vec![x],
    })
}
