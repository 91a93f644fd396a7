//! Softmax of 8-bit codes by a table of 256 powers that is made for the input's scale and the
//! count of codes along the axis.
//!
//! Source: ONNX Runtime `contrib_ops/cpu/quantization/qlinear_softmax.cc`
//! (QlinearBuildLookupTableUint32, QlinearSoftmaxCPU).

use super::transcendental::{exp_f64, ln_f64};
use super::{ReferenceError, check};
use crate::spec::SoftmaxSpec;
use crate::tensor::{DType, Data, Tensor};
use crate::witness::{Event, Witness};

/// Softmax along the axis.
///
/// # Errors
/// When shapes, types or parameters do not fit.
pub(crate) fn softmax(
    spec: &SoftmaxSpec,
    input: &Tensor,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    for (name, tensor) in [("input", &spec.input), ("output", &spec.output)] {
        check::quantized(name, tensor)?;
        witness.zero_point(tensor.dtype, tensor.qparams.zero_point);
    }
    check::axis(spec.axis, &spec.shape)?;
    if spec.input.dtype != spec.output.dtype || spec.beta != 1.0 {
        return Err(ReferenceError::Undefined(format!(
            "this softmax has codes of one type and beta 1, not {} codes to {} codes with beta {}",
            spec.input.dtype.name(),
            spec.output.dtype.name(),
            spec.beta
        )));
    }
    let len = spec.shape[spec.axis];
    let inner: usize = spec.shape[spec.axis + 1..].iter().product();
    let powers = Powers::new(spec.input.qparams.scale, len);
    let mut codes = vec![0; input.len()];
    let starts = (0..input.len()).filter(|index| (index / inner).is_multiple_of(len));
    for start in starts {
        let row = || (0..len).map(|step| start + step * inner);
        let code = |index| input.data().code(index);
        let greatest = row().map(code).max().unwrap_or(0);
        let terms: Vec<f32> = row()
            .map(|index| powers.at(code(index) - greatest))
            .collect();
        let sum = terms.iter().fold(0f32, |sum, term| sum + term);
        for (index, term) in row().zip(terms) {
            codes[index] = landed(spec, index, code(index), (term, sum), witness);
        }
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}

/// Powers of e, as large as f32 sums allow.
struct Powers {
    scale: f64,
    shift: f64,
}

impl Powers {
    /// For a scale and a count of terms.
    fn new(scale: f64, count: usize) -> Self {
        let scale = f64::from(scale as f32);
        let room = ln_f64(f64::from(f32::MAX / count as f32)) - 5.0;
        Self {
            scale,
            shift: room.max(0.0) / scale,
        }
    }

    /// For a code that lies this far from the greatest.
    fn at(&self, difference: i64) -> f32 {
        let exponent = (difference as f64 + self.shift) * self.scale;
        // Below, f64 holds it as 0 or as what f32 cannot hold.
        if exponent < -700.0 {
            return 0.0;
        }
        exp_f64(exponent) as f32
    }
}

/// The code of a share of the sum. u8 is clamped; s8 is cut to its low 8 bits, which makes
/// −128 of 128, but −1 of what lies above 255. Open where C leaves the conversion to an
/// integer undefined.
fn landed(
    spec: &SoftmaxSpec,
    index: usize,
    code: i64,
    (term, sum): (f32, f32),
    witness: &mut Witness,
) -> i64 {
    let inverse = (1.0 / spec.output.qparams.scale as f32).floor();
    let steps = term * inverse / sum;
    witness.step(Some(code), steps.into());
    let tie = steps - steps.floor() == 0.5;
    witness.events.hit_if(Event::ExactTie, tie);
    let (signed, end) = match spec.output.dtype {
        DType::I8 => (true, 2_147_483_648.0),
        _ => (false, 4_294_967_296.0),
    };
    if steps.is_nan() || steps >= end {
        witness.events.hit(Event::ConversionOverflow);
        witness.open.push((0, index));
        return spec.output.qparams.zero_point.into();
    }
    let whole = steps.round_ties_even() as u32;
    let sum = whole.wrapping_add_signed(spec.output.qparams.zero_point);
    if !signed {
        witness.events.hit_if(Event::ClampedHigh, sum > 255);
        return sum.min(255).into();
    }
    match sum as i32 {
        256.. => -1,
        sum => i64::from(sum as i8),
    }
}
