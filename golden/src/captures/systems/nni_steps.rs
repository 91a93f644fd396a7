//! NNI: what quantizers of a whole network track and choose, step after step of training.

use super::nni::{ENGINE, chosen};
use crate::captures::error::CaptureError;
use crate::captures::fake;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem;
use crate::captures::vector::Found;
use crate::spec::{ObserverKind, QparamsRequest};
use crate::tensor::DType;

/// What lies between a target's name and its range.
const RANGE: &str = "tracked_min";

/// Scales and zero points of every tracked range, and the ranges of the network's input.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let name = file.entry.file.rsplit('/').next().unwrap_or_default();
    let symmetric = name.contains("_sym_");
    for prefix in file.npz().names().filter_map(|n| n.strip_suffix(RANGE)) {
        let codes = file.array(&format!("{prefix}q"))?;
        let &[low, high] = codes.integers()?.as_slice() else {
            return Err(codes.error("is no lowest and highest code"));
        };
        let request = QparamsRequest {
            dtype: if low < 0 { DType::I8 } else { DType::U8 },
            range: Some((low, high)),
            symmetric,
            reduce_range: false,
        };
        chosen(file, prefix, request, found)?;
    }
    let inputs = file.beside("e2e/inputs.npz")?;
    let batch = |index: usize| inputs.array(&format!("batch{index}"))?.tensor();
    if name.starts_with("QAT_") {
        let mut batches = Vec::new();
        while file.npz().has(&format!("{}.y", batches.len())) {
            batches.push(batch(batches.len())?);
            let part = format!("{}.conv._input_0.", batches.len() - 1);
            let problem = problem::observe(ObserverKind::WeightedAverage, 0, batches.clone());
            let mut expected = Vec::new();
            for (index, what) in [RANGE, "tracked_max"].into_iter().enumerate() {
                let array = file.array(&format!("{part}{what}"))?;
                expected.push((index, fake::row(array)?));
            }
            fake::solved(file, (&part, ENGINE), "nni", problem, expected, found)?;
        }
    }
    let results = file.entry.values(|a| a == "y" || a.ends_with(".y"));
    let reason =
        "outputs of convolutions and products in f32: their order of sums is not described";
    found.skip("network", results, reason);
    if name.starts_with("LSQ") {
        let learned = file.entry.values(|a| a.ends_with("scale"));
        let reason = "learned scales follow from gradients that pass through such f32 products";
        found.skip("learned scales", learned, reason);
    }
    Ok(())
}
