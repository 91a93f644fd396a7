//! PaddleSlim's LSQ and LSQ+.

use crate::captures::error::CaptureError;
use crate::captures::fake::{self, VALUES};
use crate::captures::manifest::CapturedFile;
use crate::captures::vector::Found;
use crate::spec::{FakeParameters, RealQParams};

/// `y8` and `y4` without an offset, `yplus` with one.
pub(super) fn learned(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let scale = params.float("alpha")?;
    let plus = params.float("beta")?;
    for (array, range, lowest, profile) in [
        ("y8", (-128, 127), 0.0, "paddleslim-lsq"),
        ("y4", (-8, 7), 0.0, "paddleslim-lsq"),
        ("yplus", (-128, 127), plus, "paddleslim-lsq-plus"),
    ] {
        let scales = FakeParameters::Scales(vec![RealQParams {
            scale,
            zero_point: 0.0,
            lowest,
            gain: 1.0,
            value_scale: None,
            approximate_bits: None,
        }]);
        let problem = fake::plain(file.array("x")?.tensor()?, range, None, scales);
        let expected = vec![(VALUES, file.array(array)?.tensor()?)];
        fake::solved(file, (array, "paddle"), profile, problem, expected, found)?;
    }
    Ok(())
}
