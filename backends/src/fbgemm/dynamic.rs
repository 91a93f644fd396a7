//! Dynamic activations: range of all values, scale and zero point from it, and
//! quantization of a row while it is packed.
//!
//! Sources: PyTorch `aten/src/ATen/native/quantized/cpu/QuantUtils.h`
//! (ChooseQuantizationParams), FBGEMM `src/QuantUtilsAvx2.cc` (FindMinMax,
//! QuantizeAvx2), `include/fbgemm/QuantUtils.h` (Quantize).

use crate::backend::Refusal;
use crate::isa::{Conversion, Isa, WithIsa};
use crate::range::choose_qparams;
use crate::view::View;
use qassay_golden::profile::{
    Cast, ClampAt, PreClamp, Profile, QuantizeRule, ReduceRange, Rounding, ScalePrecision,
    SmallScale, Transform, ZeroPointAt, ZeroPointFrom, ZeroPointRounding,
};
use qassay_golden::spec::QParams;

/// How activations are quantized at run time.
pub struct Dynamic {
    qmax: i32,
    rule: Rule,
}

/// The two quantizers of FBGEMM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// held below 2^31, cvtps2dq, zero point added in i32, clamped (QuantizeAvx2)
    Vector,
    /// rounded, zero point added in f32, clamped (Quantize)
    Portable,
}

/// Scale and zero point of one run.
#[derive(Debug, Clone, Copy)]
pub struct Quantizer {
    inverse: f32,
    zero_point: i32,
    rule: Rule,
}

impl Dynamic {
    /// What `profile` asks for.
    ///
    /// # Errors
    /// When the profile quantizes or chooses parameters in another way than FBGEMM in PyTorch,
    /// or the instruction set converts in another way.
    pub fn new<I: Isa>(profile: &Profile, reduce_range: bool) -> Result<Self, Refusal> {
        if profile.quantize.cast == Cast::X86IndefiniteI32
            && I::CONVERSION != Conversion::Indefinite
        {
            return Err(Refusal::Unsupported(
                "x86's conversion on instructions that saturate".into(),
            ));
        }
        let qparams = &profile.qparams;
        let known = qparams.precision == ScalePrecision::F64
            && qparams.zero_point_from == ZeroPointFrom::SmallerErrorDifference
            && qparams.zero_point_rounding == ZeroPointRounding::TiesEvenThenClamp
            && qparams.small_scale == SmallScale::TenthAndCutoff;
        let qmax = match (reduce_range, qparams.reduce_range) {
            (true, ReduceRange::Halve) => Some(127),
            (true, ReduceRange::Symmetric64) => None,
            _ => Some(255),
        };
        match (known, qmax, rule(&profile.quantize)) {
            (true, Some(qmax), Some(rule)) => Ok(Self { qmax, rule }),
            _ => Err(Refusal::Unsupported(
                "fbgemm does not choose or apply dynamic parameters as this profile asks for"
                    .into(),
            )),
        }
    }

    /// Parameters for the values of `input`. Without values: scale 1, zero point 0.
    pub fn qparams<I: Isa>(&self, isa: I, input: &View<'_>) -> QParams {
        let (columns, stride) = (input.row_len(), input.row_stride());
        if input.rows() == 0 || columns == 0 {
            return QParams {
                scale: 1.0,
                zero_point: 0,
            };
        }
        let values = input.f32();
        let (mut min, mut max) = (values[0], values[0]);
        for row in 0..input.rows() {
            let (least, greatest) = isa.vectorize(MinMax(&values[row * stride..][..columns]));
            min = min.min(least);
            max = max.max(greatest);
        }
        choose_qparams(min, max, self.qmax)
    }

    /// The quantizer of these parameters.
    pub fn quantizer(&self, qparams: QParams) -> Quantizer {
        Quantizer {
            inverse: 1.0 / qparams.scale as f32,
            zero_point: qparams.zero_point,
            rule: self.rule,
        }
    }
}

impl Quantizer {
    /// The codes of one row, one for each value.
    pub fn quantize<I: Isa>(self, isa: I, values: &[f32], codes: &mut [u8]) {
        assert_eq!(values.len(), codes.len());
        let quantizer = self;
        match quantizer.rule {
            Rule::Vector => isa.vectorize(Quantize {
                quantizer,
                values,
                codes,
            }),
            Rule::Portable if I::CONVERSION == Conversion::Saturating => {
                isa.vectorize(Quantize {
                    quantizer,
                    values,
                    codes,
                });
            }
            Rule::Portable => {
                for (code, &value) in codes.iter_mut().zip(values) {
                    let steps = (value * quantizer.inverse).round_ties_even();
                    *code = (steps + quantizer.zero_point as f32).clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
}

fn rule(rule: &QuantizeRule) -> Option<Rule> {
    let shared = rule.transform == Transform::MulRecipF32
        && rule.rounding == Rounding::TiesEven
        && rule.clamp == ClampAt::AfterZeroPoint;
    match (shared, rule.pre_clamp, rule.zero_point, rule.cast) {
        (true, PreClamp::MinBelow2Pow31, ZeroPointAt::AfterI32Wrapping, Cast::X86IndefiniteI32) => {
            Some(Rule::Vector)
        }
        (true, PreClamp::None, ZeroPointAt::AfterF32, Cast::Saturate) => Some(Rule::Portable),
        _ => None,
    }
}

/// The least and greatest of at least one value.
struct MinMax<'a>(&'a [f32]);

impl<I: Isa> WithIsa<I> for MinMax<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn call(self, isa: I) -> (f32, f32) {
        let mut min = isa.splat_f32(self.0[0]);
        let mut max = min;
        let chunks = self.0.chunks_exact(I::LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            // SAFETY: a chunk is LANES values.
            let values = unsafe { isa.load_f32(chunk.as_ptr()) };
            min = isa.min_f32(min, values);
            max = isa.max_f32(max, values);
        }
        let (min, max) = (isa.to_f32_array(min), isa.to_f32_array(max));
        let least = min[..I::LANES]
            .iter()
            .chain(rest)
            .fold(self.0[0], |a, &b| a.min(b));
        let greatest = max[..I::LANES]
            .iter()
            .chain(rest)
            .fold(self.0[0], |a, &b| a.max(b));
        (least, greatest)
    }
}

/// f32 to u8 as QuantizeAvx2 does it, or, where conversions saturate, as Quantize does; the tail
/// by masks, in the same arithmetic.
struct Quantize<'a> {
    quantizer: Quantizer,
    values: &'a [f32],
    codes: &'a mut [u8],
}

impl<I: Isa> WithIsa<I> for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let inverse = isa.splat_f32(self.quantizer.inverse);
        let bound = isa.splat_f32(2_147_483_520.0);
        let zero_point = isa.splat_i32(self.quantizer.zero_point);
        let (low, high) = (isa.splat_i32(0), isa.splat_i32(255));
        let mut at = 0;
        while at < self.values.len() {
            let lanes = (self.values.len() - at).min(I::LANES);
            // SAFETY: `lanes` values are left, and as many codes.
            unsafe {
                let values = if lanes == I::LANES {
                    isa.load_f32(self.values.as_ptr().add(at))
                } else {
                    isa.load_f32_partial(self.values.as_ptr().add(at), lanes)
                };
                let steps = isa.mul_f32(values, inverse);
                let codes = if self.quantizer.rule == Rule::Portable {
                    let code = isa.add_f32(isa.round_even_f32(steps), isa.i32_to_f32(zero_point));
                    isa.f32_to_i32_trunc(code)
                } else {
                    let codes = isa.f32_to_i32_even(isa.min_f32(steps, bound));
                    isa.add_i32(codes, zero_point)
                };
                let codes = isa.min_i32(isa.max_i32(codes, low), high);
                isa.store_low_bytes(self.codes.as_mut_ptr().add(at), codes, lanes);
            }
            at += lanes;
        }
    }
}
