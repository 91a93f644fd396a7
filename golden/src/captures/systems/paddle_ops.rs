//! Paddle's fake-quantize operators: codes, kept as floats, and the values that
//! they stand for. Instead of a scale they take a limit, the value of the
//! greatest code.

use super::calibrated::{scalar, solved};
use crate::captures::error::CaptureError;
use crate::captures::fake;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

const ENGINE: &str = "paddle";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (folder, name) = file.entry.file.split_once('/').unwrap_or(("", ""));
    let codes = Codes::new(file)?;
    match folder {
        "abs_max" => abs_max(file, &codes, found),
        "range_abs_max" => running(file, &codes, found),
        "moving_average" => moving_average(file, &codes, found),
        "quantize_linear" => {
            let rounding = rounding(file)?;
            let (x, q) = (values(file, "x")?, values(file, "q")?);
            let limits = match name.starts_with("pc") {
                true => Limits {
                    axis: Some(0),
                    values: singles(file, "scale")?,
                },
                false => Limits {
                    axis: None,
                    values: vec![file.params().float("scale")? as f32],
                },
            };
            codes.quantized(&x, &limits, rounding, (&q, "q"), found)?;
            let y = file.array("dq")?.tensor()?;
            codes.held(&x, &limits, rounding, (y.clone(), "dq, with q"), found)?;
            codes.dequantized(&q, &limits, (y, "dq"), found)
        }
        _ => {
            found.skip("-", file.entry.values(|_| true), "no reference op");
            Ok(())
        }
    }
}

/// How Paddle rounds: its `round_type`.
#[derive(Clone, Copy)]
enum Round {
    TiesEven,
    TiesAway,
}

fn rounding(file: &CapturedFile<'_>) -> Result<Round, CaptureError> {
    match file.params().integer("round_type")? {
        0 => Ok(Round::TiesEven),
        1 => Ok(Round::TiesAway),
        other => Err(file.problem(format!("round type {other} is not known"))),
    }
}

/// Limits of a tensor, or of each of its channels.
struct Limits {
    axis: Option<usize>,
    values: Vec<f32>,
}

/// Real values with their shape.
struct Values {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Values {
    fn tensor(&self) -> Tensor {
        let data = Data::F32(self.values.clone());
        Tensor::new(self.shape.clone(), data).expect("they were taken from such a tensor")
    }
}

fn values(file: &CapturedFile<'_>, name: &str) -> Result<Values, CaptureError> {
    let array = file.array(name)?;
    Ok(Values {
        shape: array.shape(),
        values: singles(file, name)?,
    })
}

fn singles(file: &CapturedFile<'_>, name: &str) -> Result<Vec<f32>, CaptureError> {
    match file.array(name)?.tensor()?.data() {
        Data::F32(values) => Ok(values.clone()),
        _ => Err(file.array(name)?.error("is not f32")),
    }
}

/// The codes of a file: 8 or 4 bits.
struct Codes<'a> {
    file: &'a CapturedFile<'a>,
    dtype: DType,
    /// the greatest code
    greatest: i64,
}

impl<'a> Codes<'a> {
    fn new(file: &'a CapturedFile<'a>) -> Result<Self, CaptureError> {
        let dtype = match file.params().integer("bit_length")? {
            8 => DType::I8,
            4 => DType::I4,
            other => return Err(file.problem(format!("there are no codes of {other} bits"))),
        };
        let (_, greatest) = dtype.code_range().expect("it is a type of codes");
        Ok(Self {
            file,
            dtype,
            greatest,
        })
    }

    /// One scale for each limit, made by `scale`.
    fn granularity(&self, limits: &Limits, scale: impl Fn(f32) -> f64) -> Granularity {
        let qparams = |&limit: &f32| QParams {
            scale: scale(limit),
            zero_point: 0,
        };
        match limits.axis {
            None => Granularity::PerTensor(qparams(&limits.values[0])),
            Some(axis) => Granularity::PerChannel {
                axis,
                qparams: limits.values.iter().map(qparams).collect(),
            },
        }
    }

    /// `x` between its limits became the codes `q`.
    fn quantized(
        &self,
        x: &Values,
        limits: &Limits,
        rounding: Round,
        (q, part): (&Values, &str),
        found: &mut Found,
    ) -> Result<(), CaptureError> {
        // Paddle multiplies by qmax ⊗ (1 ⊘ limit). A profile that takes f32 of the reciprocal of
        // a scale finds that number.
        let step = |limit: f32| {
            let inverse = match limit <= 1e-30 {
                true => 1.0 / (limit + 1e-6),
                false => 1.0 / limit,
            };
            1.0 / f64::from(self.greatest as f32 * inverse)
        };
        let granularity = self.granularity(limits, step);
        // With ties away from zero values are held to the limits first: no code is below −qmax.
        let (profile, range) = match rounding {
            Round::TiesEven => ("paddle", None),
            Round::TiesAway => ("paddle-ties-away", Some((-self.greatest, self.greatest))),
        };
        let problem = problem::quantize(x.tensor(), self.dtype, granularity, range);
        let mut v = Builder::new(self.file, part, problem);
        v.output(ENGINE, profile, 0, self.integers(q)?)?;
        v.into(found);
        Ok(())
    }

    /// `x` between its limits became the values `y` that codes stand for.
    fn held(
        &self,
        x: &Values,
        limits: &Limits,
        rounding: Round,
        (y, part): (Tensor, &str),
        found: &mut Found,
    ) -> Result<(), CaptureError> {
        let profile = match rounding {
            Round::TiesEven => "paddle",
            Round::TiesAway => "paddle-ties-away",
        };
        let pairs = limits.values.iter();
        let parameters = FakeParameters::Limits {
            limits: pairs.map(|&l| (-f64::from(l), f64::from(l))).collect(),
            request: LimitsRequest {
                symmetric: true,
                integral_zero_point: true,
            },
        };
        let range = (-self.greatest - 1, self.greatest);
        let problem = fake::plain(x.tensor(), range, limits.axis, parameters);
        let expected = vec![(fake::VALUES, y)];
        fake::solved(self.file, (part, ENGINE), profile, problem, expected, found)
    }

    /// The codes `q` stand for the values `y`. Codes of −0, which integers have not, stand for
    /// −0, and a limit of 0 has no scale: those are checked with the values that became them.
    fn dequantized(
        &self,
        q: &Values,
        limits: &Limits,
        (y, part): (Tensor, &str),
        found: &mut Found,
    ) -> Result<(), CaptureError> {
        let Data::F32(y) = y.data() else {
            return Err(self.file.problem(format!("{part} is not f32")));
        };
        let channel = |index: usize| match limits.axis {
            None => 0,
            Some(axis) => index / q.shape[axis + 1..].iter().product::<usize>() % q.shape[axis],
        };
        let negative_zero = |code: f32| code == 0.0 && code.is_sign_negative();
        for (number, &limit) in limits.values.iter().enumerate() {
            let held = (0..y.len())
                .filter(|&index| channel(index) == number && !negative_zero(q.values[index]));
            let (codes, expected): (Vec<f32>, Vec<f32>) =
                held.map(|index| (q.values[index], y[index])).unzip();
            if codes.is_empty() || limit == 0.0 {
                continue;
            }
            let codes = self.integers(&Values {
                shape: vec![codes.len()],
                values: codes,
            })?;
            let one = Limits {
                axis: None,
                values: vec![limit],
            };
            let step = |limit| f64::from(limit) / self.greatest as f64;
            let problem = problem::dequantize(codes, self.granularity(&one, step));
            let part = match limits.axis {
                None => part.to_owned(),
                Some(_) => format!("{part}, channel {number}"),
            };
            let mut v = Builder::new(self.file, &part, problem);
            v.output(ENGINE, "paddle", 0, problem::flat(Data::F32(expected)))?;
            v.into(found);
        }
        Ok(())
    }

    /// Codes that are kept as floats.
    fn integers(&self, q: &Values) -> Result<Tensor, CaptureError> {
        let (low, high) = self.dtype.code_range().expect("it is a type of codes");
        let codes = (q.values.iter())
            .map(|&code| {
                let integer = code as i64;
                let is_code = integer as f32 == code && (low..=high).contains(&integer);
                is_code.then_some(integer)
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| self.file.problem("holds codes that are none of its type"))?;
        let data = Data::from_codes(self.dtype, codes);
        Tensor::new(q.shape.clone(), data).map_err(|e| self.file.problem(e.to_string()))
    }
}

/// `fake_quantize_abs_max` and `fake_channel_wise_quantize_abs_max` along axes 0 and 1, with
/// their variants that dequantize.
fn abs_max(
    file: &CapturedFile<'_>,
    codes: &Codes<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let x = values(file, "x")?;
    for (prefix, axis) in [("", None), ("cw0.", Some(0)), ("cw1.", Some(1))] {
        let scale = format!("{prefix}scale");
        if !file.npz().has(&scale) {
            continue;
        }
        let limits = Limits {
            axis,
            values: singles(file, &scale)?,
        };
        let calibrator = Calibrator::AbsMax { axis, floor: 0.0 };
        let expected = vec![file.array(&scale)?.tensor()?];
        solved(file, &scale, calibrator, vec![x.tensor()], expected)?.into(found);
        for (name, rounding) in [("rt0", Round::TiesEven), ("rt1", Round::TiesAway)] {
            let (part, values_of) = (format!("{prefix}{name}.q"), format!("{prefix}{name}.y"));
            let q = values(file, &part)?;
            codes.quantized(&x, &limits, rounding, (&q, &part), found)?;
            let y = file.array(&values_of)?.tensor()?;
            let both = format!("{values_of}, with codes");
            codes.held(&x, &limits, rounding, (y.clone(), &both), found)?;
            codes.dequantized(&q, &limits, (y, &values_of), found)?;
        }
    }
    Ok(())
}

/// The batches `0.x`, `1.x`, ….
fn batches(file: &CapturedFile<'_>) -> Result<Vec<Values>, CaptureError> {
    (0..)
        .map(|number| format!("{number}.x"))
        .take_while(|name| file.npz().has(name))
        .map(|name| values(file, &name))
        .collect()
}

fn limit(file: &CapturedFile<'_>, name: &str) -> Result<Limits, CaptureError> {
    let values = singles(file, name)?;
    match values.len() {
        1 => Ok(Limits { axis: None, values }),
        _ => Err(file.array(name)?.error("is not one limit")),
    }
}

/// `fake_quantize_range_abs_max`: the greatest magnitude so far, and codes by it.
fn running(
    file: &CapturedFile<'_>,
    codes: &Codes<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let rounding = rounding(file)?;
    let batches = batches(file)?;
    let first = limit(file, "0.scale_in")?.values[0];
    for (number, x) in batches.iter().enumerate() {
        let scale = format!("{number}.scale");
        let limits = limit(file, &scale)?;
        let so_far = batches[..=number].iter().map(Values::tensor).collect();
        let calibrator = Calibrator::AbsMax {
            axis: None,
            floor: first,
        };
        let expected = vec![scalar(f64::from(limits.values[0]))];
        solved(file, &scale, calibrator, so_far, expected)?.into(found);
        let part = format!("{number}.q");
        codes.quantized(x, &limits, rounding, (&values(file, &part)?, &part), found)?;
    }
    let (x, q, limits) = (
        values(file, "test.x")?,
        values(file, "test.q")?,
        limit(file, "test.scale")?,
    );
    codes.quantized(&x, &limits, rounding, (&q, "test.q"), found)
}

/// `fake_quantize_moving_average_abs_max`: codes by the limit that it came to.
fn moving_average(
    file: &CapturedFile<'_>,
    codes: &Codes<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let params = file.params();
    let dequantizes = params.flag("dequant")?;
    let calibrator = Calibrator::MovingAbsMax {
        rate: params.float("rate")? as f32,
        state: params.float("state0")? as f32,
        accum: params.float("accum0")? as f32,
    };
    let all = batches(file)?;
    for (number, x) in all.iter().enumerate() {
        let part = format!("{number}.out");
        let out = values(file, &part)?;
        let limits = limit(file, &format!("{number}.scale"))?;
        let so_far = all[..=number].iter().map(Values::tensor).collect();
        let kept = ["scale", "state", "accum"];
        let kept = kept.map(|what| Ok(singles(file, &format!("{number}.{what}"))?[0]));
        let [scale, state, accum] = kept;
        let expected = [scale?, state?, accum?].map(|value| scalar(f64::from(value)));
        let after = format!("{number}.scale");
        solved(file, &after, calibrator, so_far, expected.to_vec())?.into(found);
        if dequantizes {
            let y = file.array(&part)?.tensor()?;
            codes.held(x, &limits, rounding(file)?, (y, &part), found)?;
            continue;
        }
        codes.quantized(x, &limits, rounding(file)?, (&out, &part), found)?;
    }
    Ok(())
}
