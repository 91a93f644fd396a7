//! NNI: its quantizers, and the gradient of their inputs. tanh of DoReFa is given.

use crate::captures::error::CaptureError;
use crate::captures::fake::{self, VALUES};
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::captures::vector::Found;
use crate::spec::{Domain, FakeParameters, ObserverKind, OpSpec, QparamsRequest};
use crate::tensor::{DType, Data, Tensor};

pub(super) const ENGINE: &str = "torch";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (folder, name) = file.entry.file.split_once('/').unwrap_or(("", ""));
    match folder {
        "clamp_round" | "lsqplus" => {
            one(file, ("x", "y"), Domain::Plain, "nni", found)?;
            gradients(file, "nni", found)?;
        }
        "lsq" if name.starts_with("grad_") => gradients(file, "nni-lsq", found)?,
        "lsq" => {
            one(file, ("x", "y"), Domain::Plain, "nni-lsq", found)?;
            gradients(file, "nni-lsq", found)?;
        }
        "dorefa" => {
            one(file, ("tanh", "y_w"), Domain::HalvedUnit, "nni", found)?;
            one(file, ("x", "y_o"), Domain::Unit, "nni", found)?;
        }
        "bnn" => {
            let problem = fake::signs(file.array("x")?.tensor()?);
            let expected = vec![(VALUES, file.array("y")?.tensor()?)];
            fake::solved(file, ("", ENGINE), "nni-bnn", problem, expected, found)?;
        }
        "qparams" => qparams(file, found)?,
        "qat" => averages(file, found)?,
        "e2e" if name != "inputs.npz" && name != "model.npz" => {
            super::nni_steps::read(file, found)?
        }
        _ if name == "inputs.npz" || name == "model.npz" => {}
        _ => {
            let reason = "no reference op";
            found.skip(folder, file.entry.values(|_| true), reason);
        }
    }
    Ok(())
}

fn one(
    file: &CapturedFile<'_>,
    (input, output): (&str, &str),
    domain: Domain,
    profile: &'static str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let scale = scale(file)?;
    let x = file.array(input)?.tensor()?;
    let problem = fake::in_domain(x, fake::range(file)?, None, domain, scale);
    let expected = vec![(VALUES, file.array(output)?.tensor()?)];
    fake::solved(file, (output, ENGINE), profile, problem, expected, found)
}

/// `ema` after each value of `cur`.
fn averages(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let of = |name: &str| -> Result<Vec<Tensor>, CaptureError> {
        let values = file.array(name)?.floats()?;
        let one = |value: &f64| problem::flat(Data::F32(vec![*value as f32]));
        Ok(values.iter().map(one).collect())
    };
    let (given, averages) = (of("cur")?, of("ema")?);
    if given.len() != averages.len() {
        return Err(file.problem("`cur` and `ema` are not as many"));
    }
    for (index, average) in averages.into_iter().enumerate() {
        let batches = given[..=index].to_vec();
        let problem = problem::observe(ObserverKind::WeightedAverage, 0, batches);
        let expected = vec![(0, average.clone()), (1, average)];
        let part = format!("ema.{index}");
        fake::solved(file, (&part, ENGINE), "nni", problem, expected, found)?;
    }
    Ok(())
}

/// Scale and zero point of tracked ranges.
fn qparams(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let range = fake::range(file)?;
    let request = QparamsRequest {
        dtype: if range.0 < 0 { DType::I8 } else { DType::U8 },
        range: Some(range),
        symmetric: file.params().text("scheme") == Some("symmetric"),
        reduce_range: false,
    };
    chosen(file, "", request, found)
}

/// `<prefix>scale` and `<prefix>zero_point` of `<prefix>tracked_min` and `<prefix>tracked_max`.
pub(super) fn chosen(
    file: &CapturedFile<'_>,
    prefix: &str,
    request: QparamsRequest,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let of = |what: &str| file.array(&format!("{prefix}{what}"))?.floats();
    let (least, greatest) = (of("tracked_min")?, of("tracked_max")?);
    let (scales, zero_points) = (of("scale")?, of("zero_point")?);
    if [&greatest, &scales, &zero_points]
        .iter()
        .any(|list| list.len() != least.len())
    {
        return Err(file.problem("ranges, scales and zero points are not as many"));
    }
    for index in 0..least.len() {
        let values = vec![least[index] as f32, greatest[index] as f32];
        let problem = problem::choose_qparams(values, request);
        let zero_point = problem::one_i32(zero_points[index] as i64);
        let expected = vec![
            (0, problem::flat(Data::F64(vec![scales[index]]))),
            (
                1,
                zero_point.ok_or_else(|| file.problem("a zero point does not fit i32"))?,
            ),
        ];
        let part = format!("{prefix}{index}");
        fake::solved(file, (&part, ENGINE), "nni", problem, expected, found)?;
    }
    Ok(())
}

/// The input's gradient `grad_x` for `g` above.
fn gradients(
    file: &CapturedFile<'_>,
    profile: &'static str,
    found: &mut Found,
) -> Result<(), CaptureError> {
    if file.npz().has("grad_x") {
        let scale = scale(file)?;
        let x = file.array("x")?.tensor()?;
        let mut problem = fake::plain(x, fake::range(file)?, None, scale);
        if let OpSpec::FakeQuantize(spec) = problem.op {
            problem.op = OpSpec::FakeQuantizeGradient(spec);
        }
        problem.inputs.push(file.array("g")?.tensor()?);
        let expected = vec![(0, file.array("grad_x")?.tensor()?)];
        fake::solved(file, ("grad_x", ENGINE), profile, problem, expected, found)?;
    }
    if file.npz().has("grad_scale") {
        let scale = scale(file)?;
        let x = file.array("x")?.tensor()?;
        let mut problem = fake::plain(x, fake::range(file)?, None, scale);
        if let OpSpec::FakeQuantize(spec) = problem.op {
            problem.op = OpSpec::FakeQuantizeScaleGradient(spec);
        }
        problem.inputs.push(file.array("g")?.tensor()?);
        let mut expected = vec![(0, file.array("grad_scale")?.tensor()?)];
        if file.npz().has("grad_zp") {
            expected.push((1, file.array("grad_zp")?.tensor()?));
        }
        let part = ("grad_scale", ENGINE);
        fake::solved(file, part, profile, problem, expected, found)?;
    }
    Ok(())
}

fn scale(file: &CapturedFile<'_>) -> Result<FakeParameters, CaptureError> {
    let params = file.params();
    let zero_point = match params.has("zero_point") {
        true => params.float("zero_point")?,
        false => 0.0,
    };
    Ok(fake::scale(params.float("scale")?, zero_point))
}
