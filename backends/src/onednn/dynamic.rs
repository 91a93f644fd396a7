//! Dynamic linear: the range of the activations is found, parameters are
//! chosen, codes are made in a buffer of the kernel's own, and the product's
//! sums become f32.
//!
//! Sources: PyTorch `aten/src/ATen/native/quantized/cpu/QuantUtils.h`
//! (ChooseQuantizationParams); oneDNN's reorder from f32 to u8; the captures of
//! dynamic linear (onednn).

use qassay_golden::profile::{
    ClampAt, Profile, QparamsRule, ReduceRange, Rounding, ScalePrecision, SmallScale, Transform,
    ZeroPointAt, ZeroPointFrom, ZeroPointRounding,
};
use qassay_golden::spec::{LinearSpec, QParams};

use super::destination::Destination;
use super::direct::{Codes, Direct};
use super::store::Store;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::view::{View, ViewMut};

/// A linear that quantizes its activations, prepared.
pub struct DynamicLinear<I> {
    isa: I,
    direct: Direct,
    /// divide by the scale, or multiply by its reciprocal
    divide: bool,
    /// the highest code that parameters are chosen for
    qmax: i32,
    /// `m · k` codes
    codes: Vec<u8>,
    chosen: Chosen,
}

impl<I: Isa> DynamicLinear<I> {
    /// Dynamic linear over the product `direct`, whose activations are u8.
    ///
    /// # Errors
    /// When the profile quantizes in a way that this family does not have.
    pub fn new(
        isa: I,
        profile: &Profile,
        spec: &LinearSpec,
        reduce_range: bool,
        direct: Direct,
    ) -> Result<Self, Refusal> {
        let refuse = |what: &str| {
            let message = format!("this family quantizes activations {what}");
            Err(Refusal::Unsupported(message))
        };
        let rule = &profile.quantize;
        let divide = match rule.transform {
            Transform::MulRecipF32 => false,
            Transform::DivF32 => true,
            _ => return refuse("in f32"),
        };
        let steps = (rule.rounding, rule.zero_point, rule.clamp);
        if steps
            != (
                Rounding::TiesEven,
                ZeroPointAt::BeforeF32,
                ClampAt::BeforeRound,
            )
        {
            return refuse("with zero point and clamp before rounding to even");
        }
        let QparamsRule {
            precision: ScalePrecision::F64,
            zero_point_from: ZeroPointFrom::SmallerErrorDifference,
            zero_point_rounding: ZeroPointRounding::TiesEvenThenClamp,
            small_scale: SmallScale::TenthAndCutoff,
            reduce_range: reduce,
            symmetric: _,
            symmetric_zero_point: _,
        } = profile.qparams
        else {
            return refuse("with parameters as PyTorch's dynamic ops choose them");
        };
        let qmax = match (reduce_range, reduce) {
            (false, _) | (true, ReduceRange::Ignored) => 255,
            (true, ReduceRange::Halve | ReduceRange::Symmetric64) => 127,
        };
        let mut chosen = direct.chosen::<I>();
        chosen.micro_kernel.insert_str(0, "quantize+");
        Ok(Self {
            isa,
            direct,
            divide,
            qmax,
            codes: vec![0; spec.m * spec.k],
            chosen,
        })
    }
}

impl<I: Isa> Kernel for DynamicLinear<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let rows = Rows {
            values: inputs[0].f32(),
            stride: inputs[0].row_stride(),
            rows: inputs[0].rows(),
            len: inputs[0].row_len(),
        };
        let (min, max) = self.isa.vectorize(Range { rows });
        let qparams = choose_qparams(min, max, self.qmax);
        self.isa.vectorize(Quantize {
            rows,
            codes: &mut self.codes,
            qparams,
            divide: self.divide,
        });
        self.direct.set_activation(qparams);
        let codes = Codes {
            bytes: &self.codes,
            stride: rows.len,
        };
        let output = Destination::new(&mut outputs[0]);
        self.direct.run(self.isa, codes, output);
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

/// Scale and zero point of u8 codes up to `qmax` for values from `min` to `max`.
pub fn choose_qparams(min: f32, max: f32, qmax: i32) -> QParams {
    /// below this scale the range is widened
    const CUTOFF: f32 = 6.1e-5;
    let (mut min, mut max) = (min.min(0.0), max.max(0.0));
    let steps = f64::from(qmax);
    let mut scale = (f64::from(max) - f64::from(min)) / steps;
    if scale as f32 == 0.0 || (1.0 / scale as f32).is_infinite() {
        scale = 0.1;
    }
    if scale < f64::from(CUTOFF) {
        let widened = CUTOFF / scale as f32;
        scale = f64::from(CUTOFF);
        if min == 0.0 {
            max = CUTOFF * qmax as f32;
        } else if max == 0.0 {
            min = -CUTOFF * qmax as f32;
        } else {
            min *= widened;
            max *= widened;
        }
    }
    let (from_min, from_max) = (f64::from(min) / scale, f64::from(max) / scale);
    let (error_min, error_max) = (-from_min.abs(), steps - from_max.abs());
    let zero_point = if error_min < error_max {
        -from_min
    } else {
        steps - from_max
    };
    QParams {
        scale,
        zero_point: zero_point.round_ties_even().clamp(0.0, steps) as i32,
    }
}

/// Rows of real values.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    rows: usize,
    len: usize,
}

impl<'a> Rows<'a> {
    fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.stride..][..self.len]
    }
}

/// The least and the greatest value; NaN is passed over.
struct Range<'a> {
    rows: Rows<'a>,
}

impl<I: Isa> WithIsa<I> for Range<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn call(self, isa: I) -> (f32, f32) {
        let mut least = isa.splat_f32(f32::INFINITY);
        let mut greatest = isa.splat_f32(f32::NEG_INFINITY);
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        for row in 0..self.rows.rows {
            let mut vectors = self.rows.row(row).chunks_exact(I::LANES);
            for values in &mut vectors {
                // SAFETY: `values` is LANES f32, a whole vector.
                let values = unsafe { isa.load_f32(values.as_ptr()) };
                // In this order a NaN gives the second operand.
                least = isa.min_f32(values, least);
                greatest = isa.max_f32(values, greatest);
            }
            for &value in vectors.remainder() {
                (min, max) = (min.min(value), max.max(value));
            }
        }
        for &value in &isa.to_f32_array(least)[..I::LANES] {
            min = min.min(value);
        }
        for &value in &isa.to_f32_array(greatest)[..I::LANES] {
            max = max.max(value);
        }
        (min, max)
    }
}

/// Real values to u8 codes, without gaps between rows.
struct Quantize<'a, 'b> {
    rows: Rows<'a>,
    codes: &'b mut [u8],
    qparams: QParams,
    divide: bool,
}

impl<I: Isa> WithIsa<I> for Quantize<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let scale = self.qparams.scale as f32;
        let scale = isa.splat_f32(if self.divide { scale } else { 1.0 / scale });
        let zero_point = isa.splat_f32(self.qparams.zero_point as f32);
        let store = Store::new((0, 255));
        let encode = |values: I::F| {
            let steps = if self.divide {
                isa.div_f32(values, scale)
            } else {
                isa.mul_f32(values, scale)
            };
            store.codes(isa, steps, zero_point)
        };
        for row in 0..self.rows.rows {
            let values = self.rows.row(row);
            let codes = &mut self.codes[row * self.rows.len..][..self.rows.len];
            for (values, codes) in values.chunks(I::LANES).zip(codes.chunks_mut(I::LANES)) {
                let lanes = values.len();
                // SAFETY: both chunks hold `lanes` ≤ LANES values.
                unsafe {
                    let values = if lanes == I::LANES {
                        isa.load_f32(values.as_ptr())
                    } else {
                        isa.load_f32_partial(values.as_ptr(), lanes)
                    };
                    isa.store_low_bytes(codes.as_mut_ptr(), encode(values), lanes);
                }
            }
        }
    }
}
