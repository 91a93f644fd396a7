//! Distiller: range-linear parameters and codes, clipped quantizers.

use super::calibrated::{scalar, solved};
use crate::captures::error::CaptureError;
use crate::captures::fake::{self, CODES, FACTORS, VALUES, ZERO_POINTS};
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::captures::vector::Found;
use crate::spec::FakeParameters::{self, MeanAbs};
use crate::spec::{
    ApproximateScaleSpec, Calibrator, Clip, Distribution, Domain, Levels, LimitsRequest, OpSpec,
    Problem,
};
use crate::tensor::{Data, Tensor};

const ENGINE: &str = "torch";
/// What `N_STD` is captured with.
const STANDARD_DEVIATIONS: f64 = 2.5;

/// `q_utils` alone, on the tensors that calibrators are captured on.
pub(super) fn read_q_utils(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    if file.entry.file == "inputs.npz" {
        return Ok(());
    }
    let inputs = file.beside("inputs.npz")?;
    for array in file.npz().names() {
        let parts: Vec<&str> = array.split('.').collect();
        let (input, kind, flags) = match parts.as_slice() {
            ["edge", "q(scale=10)"] => {
                edge(file, array, found)?;
                continue;
            }
            [_, .., "q"] | ["edge", "x"] => continue,
            [input, "avgminmax" | "3std"] => {
                let x = inputs.array(input)?.tensor()?;
                limits(file, array, parts[1] == "3std", x, found)?;
                continue;
            }
            [input, kind, flags @ ..] if kind.contains("sym") => (*input, *kind, flags),
            _ => {
                approximated(file, array, found)?;
                continue;
            }
        };
        let bits = kind.trim_start_matches(|c: char| !c.is_ascii_digit());
        let bits: u32 = bits
            .parse()
            .map_err(|_| file.problem(format!("`{array}` names no bits")))?;
        let symmetric = kind.starts_with("sym");
        let signed = symmetric || flags.contains(&"sg1");
        let request = LimitsRequest {
            symmetric,
            integral_zero_point: !flags.contains(&"iz0"),
        };
        let x = inputs.array(input)?.tensor()?;
        let problem = fake::plain(
            x,
            codes(bits, signed, flags.contains(&"rs1")),
            None,
            FakeParameters::Measured(request),
        );
        let pair = file.array(array)?.floats()?;
        let &[factor, zero_point] = pair.as_slice() else {
            return Err(file.problem(format!("`{array}` is no scale and zero point")));
        };
        let one =
            |value: f64| Tensor::new(vec![1], Data::F32(vec![value as f32])).expect("one value");
        let expected = vec![
            (CODES, fake::floats(file.array(&format!("{array}.q"))?)?),
            (FACTORS, one(factor)),
            (ZERO_POINTS, one(0.0 - zero_point)),
        ];
        fake::solved(file, (array, ENGINE), "distiller", problem, expected, found)?;
    }
    Ok(())
}

fn edge(file: &CapturedFile<'_>, array: &str, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("edge.x")?.tensor()?;
    let problem = fake::plain(x, (-128, 127), None, fake::scale(0.1, 0.0));
    let expected = vec![(CODES, fake::floats(file.array(array)?)?)];
    fake::solved(file, (array, ENGINE), "distiller", problem, expected, found)
}

/// `[low, high]` of a tensor: of all values as one row, or within 3 deviations.
fn limits(
    file: &CapturedFile<'_>,
    array: &str,
    deviations: bool,
    x: Tensor,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let clip = match deviations {
        true => Clip::Deviations(3.0),
        false => Clip::MeanOfRows,
    };
    let calibrator = Calibrator::Clipped {
        clip,
        symmetric: false,
    };
    let row = fake::reshaped(file, &x, &[1, x.len()])?;
    let pair = file.array(array)?.floats()?;
    let expected = pair.into_iter().map(scalar).collect();
    solved(file, array, calibrator, vec![row], expected)?.into(found);
    Ok(())
}

/// `approx_<factor>`: approximation, multiplier and shift by 16 bits, shifted by 16 at most.
fn approximated(
    file: &CapturedFile<'_>,
    array: &str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let factor: Option<f32> = array.strip_prefix("approx_").and_then(|x| x.parse().ok());
    let factor = factor.ok_or_else(|| file.problem(format!("`{array}` names no factor")))?;
    let one = |value: f64| problem::flat(Data::F32(vec![value as f32]));
    let &[value, multiplier, shift] = file.array(array)?.floats()?.as_slice() else {
        return Err(file.problem(format!("`{array}` is no value, multiplier and shift")));
    };
    let problem = approximation(one(f64::from(factor)), 16, Some(16));
    let expected = [multiplier, shift, value].map(one).into_iter().enumerate();
    let expected = expected.collect();
    fake::solved(file, (array, ENGINE), "distiller", problem, expected, found)
}

/// The lowest and the highest code of `bits`; `narrow` drops the lowest of signed ones.
fn codes(bits: u32, signed: bool, narrow: bool) -> (i64, i64) {
    let half = 1 << (bits - 1);
    match signed {
        true => (-half + i64::from(narrow), half - 1),
        false => (0, 2 * half - 1),
    }
}

/// The whole package.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (folder, name) = file.entry.file.split_once('/').unwrap_or(("", ""));
    match folder {
        "quantize" => quantize(file, found),
        "range_linear" => range_linear(file, found),
        "clipped" => clipped(file, found),
        "ptq" if name != "inputs.npz" => super::distiller_layers::read(file, found),
        _ if name == "inputs.npz" => Ok(()),
        _ => multipliers(file, found),
    }
}

/// `m<bits>.mult`, `.shift` and `.approx` for the factors `scale`.
fn multipliers(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for part in file.npz().names().filter_map(|n| n.strip_suffix(".mult")) {
        let bits = part.trim_start_matches('m').parse();
        let bits = bits.map_err(|_| file.problem(format!("`{part}` names no bits")))?;
        let factors = file.array("scale")?.tensor()?;
        let mut expected = Vec::new();
        for (index, what) in ["mult", "shift", "approx"].into_iter().enumerate() {
            expected.push((index, file.array(&format!("{part}.{what}"))?.tensor()?));
        }
        let problem = approximation(factors, bits, None);
        fake::solved(file, (part, ENGINE), "distiller", problem, expected, found)?;
    }
    Ok(())
}

fn approximation(factors: Tensor, bits: u32, greatest_shift: Option<u32>) -> Problem {
    let op = OpSpec::ApproximateScale(ApproximateScaleSpec {
        len: factors.len(),
        bits,
        greatest_shift,
    });
    problem::plain(op, vec![factors])
}

/// `scale` is steps per unit; the zero point is the negative of the code of 0.
fn quantize(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let scale = fake::scale(
        1.0 / params.float("scale")?,
        0.0 - params.float("zero_point")?,
    );
    let x = file.array("x")?.tensor()?;
    let problem = fake::plain(x, fake::range(file)?, None, scale);
    let expected = vec![
        (CODES, fake::floats(file.array("q")?)?),
        (VALUES, file.array("dq")?.tensor()?),
    ];
    fake::solved(file, ("", ENGINE), "distiller", problem, expected, found)
}

fn range_linear(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let mode = file.params().text("mode").unwrap_or_default();
    let symmetric = mode.starts_with("SYMMETRIC");
    let signed = symmetric || mode.ends_with("_SIGNED");
    let parts = file.npz().names().filter_map(|n| n.strip_suffix(".scale"));
    for part in parts {
        let array = |what: &str| file.array(&format!("{part}.{what}"));
        let clip = part.split_once('_').map_or("", |(_, clip)| clip);
        let bits = match part.starts_with("b8") {
            true => 8,
            false => 4,
        };
        let axis = clip.ends_with("_pc").then_some(0);
        let request = LimitsRequest {
            symmetric,
            integral_zero_point: true,
        };
        let half = clip.ends_with("_half");
        let aciq = |distribution| Clip::Aciq {
            distribution,
            bits,
            half,
        };
        let clip = match clip.trim_end_matches("_half").trim_end_matches("_pc") {
            "NONE" => None,
            "AVG" => Some(Clip::MeanOfRows),
            "N_STD" => Some(Clip::Deviations(STANDARD_DEVIATIONS)),
            "GAUSS" => Some(aciq(Distribution::Gauss)),
            "LAPLACE" => Some(aciq(Distribution::Laplace)),
            other => return Err(file.problem(format!("`{other}` is no way to clip"))),
        };
        let parameters = match clip {
            None => FakeParameters::Measured(request),
            Some(clip) => FakeParameters::Clipped { clip, request },
        };
        let range = codes(bits, signed, mode.ends_with("_RESTRICTED"));
        let problem = fake::plain(file.array("x")?.tensor()?, range, axis, parameters);
        let mut expected = vec![
            (FACTORS, fake::row(array("scale")?)?),
            (ZERO_POINTS, negated(&fake::row(array("zp")?)?)),
        ];
        if file.npz().has(&format!("{part}.q")) {
            expected.push((CODES, fake::floats(array("q")?)?));
            expected.push((VALUES, array("dq")?.tensor()?));
        }
        fake::solved(file, (part, ENGINE), "distiller", problem, expected, found)?;
    }
    Ok(())
}

/// Zero points as codes of 0.
fn negated(zero_points: &Tensor) -> Tensor {
    let Data::F32(values) = zero_points.data() else {
        return zero_points.clone();
    };
    let negative = values.iter().map(|z| 0.0 - z).collect();
    Tensor::new(zero_points.shape(), Data::F32(negative)).expect("as many")
}

fn clipped(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let bits = file.params().integer("bits")? as u32;
    let unsigned = codes(bits, false, false);
    for array in file.npz().names() {
        let values = file.array(array)?;
        let (input, domain, range, limits) = match array {
            "x" | "tanh" => continue,
            "wrpn" => (
                "x",
                Domain::Plain,
                codes(bits, true, false),
                fake::limits((-1.0, 1.0), true),
            ),
            "dorefa" if bits == 1 => {
                let x = file.array("x")?.tensor()?;
                let problem =
                    fake::with_levels(x, (-1, 1), None, Domain::Plain, Levels::Signs, MeanAbs);
                let expected = vec![(VALUES, values.tensor()?)];
                let profile = "distiller-binary";
                fake::solved(file, (array, ENGINE), profile, problem, expected, found)?;
                continue;
            }
            "dorefa" => (
                "tanh",
                Domain::HalvedUnit,
                unsigned,
                fake::limits((0.0, 1.0), false),
            ),
            name => {
                let clip = name.trim_start_matches(|c: char| !c.is_ascii_digit());
                let clip: f32 = clip
                    .parse()
                    .map_err(|_| file.problem(format!("`{name}` names no limit")))?;
                let limits = fake::limits((0.0, f64::from(clip)), false);
                ("x", Domain::Plain, unsigned, limits)
            }
        };
        let x = file.array(input)?.tensor()?;
        let problem = fake::in_domain(x, range, None, domain, limits);
        let expected = vec![(VALUES, values.tensor()?)];
        let profile = "distiller-clipped";
        fake::solved(file, (array, ENGINE), profile, problem, expected, found)?;
    }
    Ok(())
}
