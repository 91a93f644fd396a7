//! NNI: the forward pass of its quantizers. tanh of DoReFa is given.

use crate::captures::error::CaptureError;
use crate::captures::fake::{self, VALUES};
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::Domain;

const ENGINE: &str = "torch";

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (folder, name) = file.entry.file.split_once('/').unwrap_or(("", ""));
    match folder {
        "clamp_round" | "lsqplus" => {
            one(file, ("x", "y"), Domain::Plain, "nni", found)?;
            gradients(file, found);
        }
        "lsq" if name.starts_with("grad_") => gradients(file, found),
        "lsq" => {
            one(file, ("x", "y"), Domain::Plain, "nni-lsq", found)?;
            gradients(file, found);
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
        _ => found.skip(folder, file.entry.values(|_| true), "no reference op"),
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
    let params = file.params();
    let zero_point = match params.has("zero_point") {
        true => params.float("zero_point")?,
        false => 0.0,
    };
    let scale = fake::scale(params.float("scale")?, zero_point);
    let x = file.array(input)?.tensor()?;
    let problem = fake::in_domain(x, fake::range(file)?, None, domain, scale);
    let expected = vec![(VALUES, file.array(output)?.tensor()?)];
    fake::solved(file, (output, ENGINE), profile, problem, expected, found)
}

fn gradients(file: &CapturedFile<'_>, found: &mut Found) {
    let values = file.entry.values(|a| a.starts_with("grad_"));
    if values > 0 {
        let reason = "gradients: the reference has the forward pass only";
        found.skip("fake_quantize gradient", values, reason);
    }
}
