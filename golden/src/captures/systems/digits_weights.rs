//! Digits CNN: weight observers, and the codes under what they chose.

use std::collections::BTreeMap;

use super::torch_observers;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data};

/// Weight observers on the folded float weights, and the codes under what they chose.
pub(super) fn observers(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let floats = file.beside("float_weights.npz")?;
    let layers: BTreeMap<&str, Vec<&str>> = file
        .npz()
        .names()
        .filter_map(|n| n.strip_suffix(".scale"))
        .fold(
            BTreeMap::new(),
            |mut layers: BTreeMap<&str, Vec<&str>>, part| {
                let layer = part.split('.').next().unwrap_or_default();
                layers.entry(layer).or_default().push(part);
                layers
            },
        );
    for (layer, parts) in layers {
        let w = floats.array(&format!("folded.{layer}.weight"))?.tensor()?;
        for part in parts {
            let of = |what: &str| file.array(&format!("{part}.{what}"));
            let (scales, zero_points) = (of("scale")?.floats()?, of("zp")?.integers()?);
            let per_channel = part.contains("PerChannel");
            let channels = if per_channel { w.shape()[0] } else { 1 };
            if scales.len() != channels || zero_points.len() != channels {
                return Err(of("scale")?.error(format!("must have {channels} scales")));
            }
            let Data::F32(values) = w.data() else {
                return Err(file.problem(format!("folded.{layer}.weight is not f32")));
            };
            let request = QparamsRequest {
                dtype: DType::I8,
                range: None,
                symmetric: true,
                reduce_range: false,
            };
            let each = values.len() / channels;
            let mut pairs = Vec::new();
            for (c, row) in values.chunks(each).enumerate() {
                let problem = problem::choose_qparams(row.to_vec(), request);
                let mut v = Builder::new(file, &format!("{part}[{c}]"), problem);
                let (scale, zero_point) = (scales[c], zero_points[c]);
                torch_observers::chosen(
                    file,
                    &mut v,
                    "observer",
                    "pytorch-observer",
                    scale,
                    zero_point,
                )?;
                v.into(found);
                pairs.push(problem::qparams(file, scale, zero_point)?);
            }
            let granularity = match per_channel {
                true => Granularity::PerChannel {
                    axis: 0,
                    qparams: pairs,
                },
                false => Granularity::PerTensor(pairs[0]),
            };
            let profile = if per_channel {
                "pytorch-scalar"
            } else {
                "fbgemm"
            };
            let problem = problem::quantize(w.clone(), DType::I8, granularity, None);
            let mut v = Builder::new(file, &format!("{part}.q"), problem);
            v.output("native", profile, 0, of("q")?.tensor()?)?;
            v.into(found);
        }
    }
    Ok(())
}
