//! PyTorch's observers captured after every batch: `step<i>.{min,max,hist,scale,zp}`.

use super::torch_observers::{OBSERVER, Seen, batches, chosen, observed, searched_by};
use crate::captures::error::CaptureError;
use crate::captures::fake;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::captures::vector::{Builder, Found};
use crate::spec::{ObserverKind, QparamsRequest};
use crate::tensor::DType;

/// What the fused moving average and fake-quantize op chooses by.
const FUSED: &str = "pytorch-fused-observer";

/// A histogram, or the fused moving average: u8 codes, affine.
pub(super) fn read(
    file: &CapturedFile<'_>,
    kind: ObserverKind,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let all = batches(&file.beside("observers/inputs.npz")?, "batches")?;
    let request = QparamsRequest {
        dtype: DType::U8,
        range: None,
        symmetric: false,
        reduce_range: false,
    };
    for step in 0..all.len() {
        let part = format!("step{step}");
        let of = |what: &str| file.array(&format!("{part}.{what}"));
        let seen_batches = all[..=step].to_vec();
        let (range, histogram, profile) = match kind.bins() {
            Some(_) => {
                let histogram = of("hist")?.tensor()?;
                let range = searched_by(file, kind, &seen_batches)?;
                (range, Some(histogram), OBSERVER)
            }
            _ => (Vec::new(), None, FUSED),
        };
        let seen = Seen {
            min: of("min")?.tensor()?,
            max: of("max")?.tensor()?,
            histogram,
        };
        let range = match range.first() {
            Some(&range) => range,
            None => seen.range(file, &part)?[0],
        };
        let observe = problem::observe(kind, 0, seen_batches);
        observed(file, &part, observe, &seen, found)?;
        let (scale, zero_point) = (of("scale")?.floats()?, of("zp")?.integers()?);
        let (&[scale], &[zero_point]) = (scale.as_slice(), zero_point.as_slice()) else {
            return Err(of("scale")?.error("is no single scale"));
        };
        let choose = problem::choose_qparams(vec![range.0, range.1], request);
        let mut v = Builder::new(file, &format!("{part}.qparams"), choose);
        chosen(file, &mut v, "observer", profile, scale, zero_point)?;
        v.into(found);
        if file.npz().has(&format!("{part}.y")) {
            let scale = fake::scale(scale, zero_point as f64);
            let problem = fake::plain(all[step].clone(), (0, 255), None, scale);
            let expected = vec![(fake::VALUES, of("y")?.tensor()?)];
            let part = format!("{part}.y");
            fake::solved(file, (&part, "observer"), FUSED, problem, expected, found)?;
        }
    }
    Ok(())
}
