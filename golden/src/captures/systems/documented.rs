//! Files in the documented form, from any system: the manifest gives the whole
//! op as in golden files (see SCHEMA.md, "Captures"), so nothing is mapped. Outputs
//! that a system does not give are left out.

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::{Builder, Found, UNKNOWN_PROFILE};
use crate::profile::named;
use crate::spec::{BiasKind, Constants, OpSpec, Problem};
use crate::tensor::Tensor;

/// Reads a file whose manifest entry has a `spec`.
pub(super) fn read(
    file: &CapturedFile<'_>,
    spec: &OpSpec,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let tensor = |name: &str| -> Result<Tensor, CaptureError> { file.array(name)?.tensor() };
    let bias = match spec {
        OpSpec::Linear(spec) => spec.bias,
        OpSpec::Conv(spec) => spec.bias,
        OpSpec::LinearBlocks(spec) if spec.bias => BiasKind::F32,
        _ => BiasKind::None,
    };
    let has_weights = matches!(
        spec,
        OpSpec::Linear(_) | OpSpec::Conv(_) | OpSpec::LinearBlocks(_)
    );
    let constants = Constants {
        weights: has_weights.then(|| tensor("weights")).transpose()?,
        bias: (bias != BiasKind::None)
            .then(|| tensor("bias"))
            .transpose()?,
    };
    let inputs = (0..spec.inputs().len())
        .map(|number| tensor(&format!("input{number}")))
        .collect::<Result<_, _>>()?;
    let profile = match file.entry.profile.as_deref() {
        None => UNKNOWN_PROFILE,
        Some(name) => {
            let named = named::find(name);
            named.map(|named| named.name).ok_or_else(|| {
                file.problem(format!("names the profile `{name}`, which does not exist"))
            })?
        }
    };
    let problem = Problem {
        op: spec.clone(),
        constants,
        inputs,
    };
    let engine = file.entry.engine.as_deref().unwrap_or("-");
    let mut captured = Builder::new(file, "", problem);
    let outputs = (0..spec.outputs().len()).map(|number| (number, format!("output{number}")));
    let given: Vec<_> = outputs.filter(|(_, name)| file.npz().has(name)).collect();
    if given.is_empty() {
        return Err(file.problem("holds no output"));
    }
    for (number, name) in given {
        captured.output(engine, profile, number, tensor(&name)?)?;
    }
    captured.into(found);
    Ok(())
}
