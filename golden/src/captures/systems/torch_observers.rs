//! PyTorch's observers and the functions that choose scale and zero point.

use super::torch::Build;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Npz;
use crate::captures::problem::{self, flat};
use crate::captures::vector::{Builder, Found};
use crate::observers::{BINS, GrowingHistogram, Histogram, Observer, search_range};
use crate::spec::{ObserverKind, Problem, QparamsRequest};
use crate::tensor::{DType, Data, Tensor};

pub(super) const OBSERVER: &str = "pytorch-observer";
/// Observers of the export path have this epsilon.
const EXPORT_EPS: f64 = 1.0 / 4096.0;
const EXPORT: &str = "pytorch-pt2e";
const INPUTS: &str = "observers/inputs.npz";

/// What `torch.ao` calls an observer, and what it is here.
const KINDS: &[(&str, ObserverKind)] = &[
    ("MinMaxObserver", ObserverKind::MinMax),
    ("MovingAverageMinMaxObserver", ObserverKind::MovingAverage),
    ("PerChannelMinMaxObserver", ObserverKind::PerChannelMinMax),
    (
        "MovingAveragePerChannelMinMaxObserver",
        ObserverKind::PerChannelMovingAverage,
    ),
    ("HistogramObserver", ObserverKind::Histogram),
];

/// The observer with this class name.
pub(super) fn kind(class: &str) -> Option<ObserverKind> {
    KINDS.iter().find(|(name, _)| *name == class).map(|k| k.1)
}

/// A file of `observers/`.
pub(super) fn read(
    build: &Build,
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let name = file.entry.file.trim_start_matches("observers/");
    let class = name.split(['_', '.']).next().unwrap_or_default();
    match name {
        "inputs.npz" => return Ok(()),
        "choose_qparams_per_tensor.npz" => return choose_qparams(file, found),
        "decomposed_choose_qparams.npz" => return decomposed(file, found),
        _ => {}
    }
    if class == "FusedMovingAvgObsFakeQuantize" {
        return super::torch_steps::read(file, ObserverKind::MovingAverage, found);
    }
    let params = file.params();
    let bins = match params.has("bins") {
        true => usize::try_from(params.integer("bins")?)
            .map_err(|_| params.error("bins", "is negative".into()))?,
        false => BINS,
    };
    match kind(class) {
        Some(ObserverKind::Histogram) if params.has("bins") => {
            super::torch_steps::read(file, (build.histogram)(bins), found)
        }
        Some(ObserverKind::Histogram) => observer(file, (build.histogram)(bins), found),
        Some(kind) => observer(file, kind, found),
        None => {
            let reason = "no reference observer of this kind";
            found.skip("observe", file.entry.values(|_| true), reason);
            Ok(())
        }
    }
}

fn float_zero_points(file: &CapturedFile<'_>) -> bool {
    let scheme = file.params().text("qscheme").unwrap_or_default();
    scheme.contains("float_qparams")
}

/// What the observer's constructor was given.
fn request(file: &CapturedFile<'_>) -> Result<QparamsRequest, CaptureError> {
    let params = file.params();
    let dtype = dtype_of(params.text("dtype").unwrap_or_default())
        .ok_or_else(|| params.error("dtype", "is neither quint8 nor qint8".into()))?;
    let range = if params.has("quant_min") {
        Some((params.integer("quant_min")?, params.integer("quant_max")?))
    } else {
        None
    };
    Ok(QparamsRequest {
        dtype,
        range,
        symmetric: params
            .text("qscheme")
            .is_some_and(|s| s.contains("symmetric")),
        reduce_range: params.has("reduce_range") && params.flag("reduce_range")?,
    })
}

/// The code type that torch names so.
pub(super) fn dtype_of(name: &str) -> Option<DType> {
    match name.trim_start_matches("torch.").trim_start_matches('q') {
        "uint8" | "u8" => Some(DType::U8),
        "int8" | "i8" => Some(DType::I8),
        _ => None,
    }
}

fn observer(
    file: &CapturedFile<'_>,
    kind: ObserverKind,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let request = request(file)?;
    let inputs = file.beside(INPUTS)?;
    let parts = file.npz().names().filter_map(|n| n.strip_suffix(".scale"));
    for part in parts {
        let (tensor, axis) = part.split_once(".ax").unwrap_or((part, "0"));
        let axis = axis
            .parse()
            .map_err(|_| file.problem(format!("`{part}` names no axis")))?;
        let batches = batches(&inputs, tensor)?;
        let of = |what: &str| file.array(&format!("{part}.{what}"));
        let seen = Seen {
            min: of("min_val")?.tensor()?,
            max: of("max_val")?.tensor()?,
            histogram: match kind.bins() {
                Some(_) => Some(of("histogram")?.tensor()?),
                None => None,
            },
        };
        let range = match kind.bins() {
            Some(_) => searched_by(file, kind, &batches)?,
            None => seen.range(file, part)?,
        };
        let observe = problem::observe(kind, axis, batches);
        observed(file, part, observe, &seen, found)?;
        if float_zero_points(file) {
            super::torch_casts::real_qparams(file, part, &range, request, found)?;
        } else {
            let zero_points = of("zero_point")?.integers()?;
            let chosen = (of("scale")?.floats()?, zero_points);
            qparams(file, part, &range, request, chosen, found)?;
        }
    }
    Ok(())
}

/// The range that the search of a histogram of 2048 bins chooses after these batches.
pub(super) fn searched(
    file: &CapturedFile<'_>,
    batches: &[Tensor],
) -> Result<Vec<(f32, f32)>, CaptureError> {
    searched_by(file, ObserverKind::Histogram, batches)
}

/// The range that a histogram's search chooses after these batches.
pub(super) fn searched_by(
    file: &CapturedFile<'_>,
    kind: ObserverKind,
    batches: &[Tensor],
) -> Result<Vec<(f32, f32)>, CaptureError> {
    let bins = kind.bins().unwrap_or(BINS);
    let (mut plain, mut growing) = (Histogram::new(bins), GrowingHistogram::new(bins));
    let is_growing = matches!(kind, ObserverKind::GrowingHistogram { .. });
    for batch in batches {
        let Data::F32(values) = batch.data() else {
            return Err(file.problem("observers take f32"));
        };
        match is_growing {
            true => growing.observe(values),
            false => plain.observe(values),
        }
    }
    let (range, bins) = match is_growing {
        true => (growing.range(), growing.bins()),
        false => (plain.range(), plain.bins()),
    };
    Ok(vec![search_range(range, bins, 256)])
}

/// What an observer kept.
pub(super) struct Seen {
    pub min: Tensor,
    pub max: Tensor,
    pub histogram: Option<Tensor>,
}

/// The input tensor with this name, or all batches.
pub(super) fn batches(inputs: &Npz, tensor: &str) -> Result<Vec<Tensor>, CaptureError> {
    if tensor != "batches" {
        return Ok(vec![inputs.array(tensor)?.tensor()?]);
    }
    let mut batches = Vec::new();
    while inputs.has(&format!("batch{}", batches.len())) {
        batches.push(inputs.array(&format!("batch{}", batches.len()))?.tensor()?);
    }
    Ok(batches)
}

/// The statistics of an observer against the reference's.
pub(super) fn observed(
    file: &CapturedFile<'_>,
    part: &str,
    problem: Problem,
    seen: &Seen,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let mut v = Builder::new(file, part, problem);
    v.output("observer", OBSERVER, 0, seen.min.clone())?;
    v.output("observer", OBSERVER, 1, seen.max.clone())?;
    if let Some(histogram) = &seen.histogram {
        v.output("observer", OBSERVER, 2, histogram.clone())?;
    }
    v.into(found);
    Ok(())
}

impl Seen {
    /// The range of each channel.
    pub fn range(
        &self,
        file: &CapturedFile<'_>,
        part: &str,
    ) -> Result<Vec<(f32, f32)>, CaptureError> {
        match (self.min.data(), self.max.data()) {
            (Data::F32(min), Data::F32(max)) if min.len() == max.len() => {
                Ok(min.iter().copied().zip(max.iter().copied()).collect())
            }
            _ => Err(file.problem(format!("{part} has no f32 range for each channel"))),
        }
    }
}

/// Scale and zero point of each channel against the reference's, from its range.
fn qparams(
    file: &CapturedFile<'_>,
    part: &str,
    ranges: &[(f32, f32)],
    request: QparamsRequest,
    (scales, zero_points): (Vec<f64>, Vec<i64>),
    found: &mut Found,
) -> Result<(), CaptureError> {
    if ranges.len() != scales.len() || zero_points.len() != scales.len() {
        return Err(file.problem(format!(
            "{part} has {} ranges for {} scales",
            ranges.len(),
            scales.len()
        )));
    }
    let profile = match file.params().has("eps") {
        false => OBSERVER,
        true if file.params().float("eps")? == EXPORT_EPS => EXPORT,
        true => {
            found.skip("choose_qparams", 2, "an epsilon of its own: no axis for it");
            return Ok(());
        }
    };
    for (channel, &(min, max)) in ranges.iter().enumerate() {
        let problem = problem::choose_qparams(vec![min, max], request);
        let mut v = Builder::new(file, &format!("{part}[{channel}]"), problem);
        let (scale, zero_point) = (scales[channel], zero_points[channel]);
        chosen(file, &mut v, "observer", profile, scale, zero_point)?;
        v.into(found);
    }
    Ok(())
}

/// A captured scale and zero point as the outputs of a choose_qparams.
pub(super) fn chosen(
    file: &CapturedFile<'_>,
    v: &mut Builder<'_>,
    engine: &str,
    profile: &'static str,
    scale: f64,
    zero_point: i64,
) -> Result<(), CaptureError> {
    let zero_point = problem::one_i32(zero_point)
        .ok_or_else(|| file.problem(format!("zero point {zero_point} does not fit i32")))?;
    v.output(engine, profile, 0, flat(Data::F64(vec![scale])))?;
    v.output(engine, profile, 1, zero_point)
}

/// `torch._choose_qparams_per_tensor`: pairs of scale and zero point as f64.
fn choose_qparams(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for name in file.npz().names() {
        let Some((tensor, flag)) = name.rsplit_once('.') else {
            continue;
        };
        let request = QparamsRequest {
            dtype: DType::U8,
            range: None,
            symmetric: false,
            reduce_range: flag == "rr1",
        };
        pair(
            file,
            name,
            tensor,
            request,
            ("dynamic", "pytorch-dynamic"),
            found,
        )?;
    }
    Ok(())
}

/// `quantized_decomposed.choose_qparams` and its symmetric form.
fn decomposed(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for name in file.npz().names() {
        let mut parts = name.split('.');
        let (tensor, kind) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let request = QparamsRequest {
            dtype: if kind == "u8" { DType::U8 } else { DType::I8 },
            range: (kind == "i8n").then_some((-127, 127)),
            symmetric: parts.next() == Some("sym"),
            reduce_range: false,
        };
        pair(
            file,
            name,
            tensor,
            request,
            ("decomposed", "pytorch-decomposed"),
            found,
        )?;
    }
    Ok(())
}

/// One array of `[scale, zero point]` for one of the input tensors.
fn pair(
    file: &CapturedFile<'_>,
    name: &str,
    tensor: &str,
    request: QparamsRequest,
    (engine, profile): (&str, &'static str),
    found: &mut Found,
) -> Result<(), CaptureError> {
    let values = file.array(name)?.floats()?;
    let &[scale, zero_point] = values.as_slice() else {
        return Err(file.array(name)?.error("is no [scale, zero point]"));
    };
    let inputs = file.beside(INPUTS)?;
    let input = inputs.array(tensor)?.tensor()?;
    let Data::F32(x) = input.data() else {
        return Err(inputs.array(tensor)?.error("is not f32"));
    };
    let mut v = Builder::new(file, name, problem::choose_qparams(x.clone(), request));
    chosen(file, &mut v, engine, profile, scale, zero_point as i64)?;
    v.into(found);
    Ok(())
}

/// A file with `batch0`, `batch1`, … of one tensor and
/// `<observer>.<dtype>.<scheme>.<rr>.{min_max,histogram,search_min_max,scale_zp}`.
pub(super) fn batches_of_one_tensor(
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let batches = batches(file.npz(), "batches")?;
    for name in file
        .npz()
        .names()
        .filter(|name| name.ends_with(".scale_zp"))
    {
        let part = name.trim_end_matches(".scale_zp");
        let of = |what: &str| file.array(&format!("{part}.{what}"));
        let parts: Vec<&str> = part.split('.').collect();
        let (&[class, dtype, scheme, rr], Some(kind)) = (
            parts.as_slice(),
            parts.first().and_then(|class| kind(class)),
        ) else {
            return Err(file.array(name)?.error("is of an unknown name"));
        };
        let range = of("min_max")?.tensor()?;
        let Data::F32(bounds) = range.data() else {
            return Err(of("min_max")?.error("is not f32"));
        };
        let &[min, max] = bounds.as_slice() else {
            return Err(of("min_max")?.error("is no [min, max]"));
        };
        let histogram = kind == ObserverKind::Histogram;
        let seen = Seen {
            min: flat(Data::F32(vec![min])),
            max: flat(Data::F32(vec![max])),
            histogram: match histogram {
                true => Some(of("histogram")?.tensor()?),
                false => None,
            },
        };
        let observe = problem::observe(kind, 0, batches.clone());
        observed(file, part, observe, &seen, found)?;
        let range = match histogram {
            true => searched(file, &batches)?[0],
            false => (min, max),
        };
        let request = QparamsRequest {
            dtype: dtype_of(dtype)
                .ok_or_else(|| file.problem(format!("{class}: {dtype} is no type")))?,
            range: None,
            symmetric: scheme == "sym",
            reduce_range: rr == "rr1",
        };
        let pair = file.array(name)?.floats()?;
        let &[scale, zero_point] = pair.as_slice() else {
            return Err(file.array(name)?.error("is no [scale, zero point]"));
        };
        let mut v = Builder::new(
            file,
            name,
            problem::choose_qparams(vec![range.0, range.1], request),
        );
        chosen(file, &mut v, "observer", OBSERVER, scale, zero_point as i64)?;
        v.into(found);
    }
    Ok(())
}
