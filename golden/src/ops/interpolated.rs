//! Functions of s16 codes by a table of 513 entries and lines between them.
//!
//! Sources: TFLite `kernels/internal/common.h` (LUTPopulateInt16, LUTLookup of int16_t);
//! `kernels/exp.cc` (Prepare), `kernels/elementwise.cc` (GenericPrepare, RsqrtEvalQuantizedInt16).

use super::ReferenceError;
use super::transcendental::exp_f32;
use crate::profile::{InterpolatedForm, Profile};
use crate::spec::{FunctionSpec, QParams};
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// The precision in which a table is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    F32,
    F64,
}

impl Precision {
    /// The result of one operation on values of this precision. f64 holds each exactly enough
    /// that rounding it once more to f32 changes nothing.
    fn of(self, value: f64) -> f64 {
        match self {
            Self::F32 => f64::from(value as f32),
            Self::F64 => value,
        }
    }
}

/// Entries for every 128th code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table(Vec<i16>);

const STEPS: usize = 512;

impl Table {
    /// The table of `function` from codes with `input` to codes with `output`. `function` gives
    /// values of the precision.
    ///
    /// # Errors
    /// When the function has values that are not finite.
    pub(super) fn new(
        precision: Precision,
        input: QParams,
        output: QParams,
        function: impl Fn(f64) -> f64,
    ) -> Result<Self, ReferenceError> {
        let p = |value: f64| precision.of(value);
        let ends = |qparams: QParams| {
            let scale = p(qparams.scale);
            [-32_768, 32_767].map(|code| p(scale * f64::from(code - qparams.zero_point)))
        };
        let ([least, greatest], [low, high]) = (ends(input), ends(output));
        let step = p(p(greatest - least) / STEPS as f64);
        let half_step = p(step / 2.0);
        let steps_per_unit = p(65_536.0 / p(high - low));
        let at = |index: usize| p(least + p(index as f64 * step));
        let entry = |value: f64| value.clamp(-32_768.0, 32_767.0) as i16;
        let mut values = Vec::with_capacity(STEPS + 1);
        for index in 0..STEPS {
            let [here, middle, next] = [at(index), p(at(index) + half_step), at(index + 1)]
                .map(|x| p(function(x) * steps_per_unit));
            if ![here, middle, next].iter().all(|value| value.is_finite()) {
                return Err(ReferenceError::Undefined(
                    "the function leaves f32 on these codes".into(),
                ));
            }
            let sample = here.round();
            let on_the_line = p(p(next + sample) / 2.0).round();
            let error = p(on_the_line - middle.round());
            values.push(entry(p(sample - p(error / 2.0).round())));
        }
        values.push(entry(p(function(greatest) * steps_per_unit).round()));
        Ok(Self(values))
    }

    /// The function of one code.
    pub(super) fn at(&self, code: i64) -> i64 {
        let index = (256 + (code >> 7)) as usize;
        let (base, next) = (self.0[index], self.0[index + 1]);
        let slope = i64::from(next.wrapping_sub(base));
        let between = (slope * (code & 0x7f) + 64) >> 7;
        i64::from((i64::from(base) + between) as i16)
    }
}

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interpolated {
    /// e^x
    Exp,
    /// 1/√x; the highest code where x is not positive
    Rsqrt,
}

/// The function of each s16 code.
///
/// # Errors
/// When parameters do not fit, an input is negative where its root is needed, or the profile
/// has no such table.
pub(super) fn interpolated(
    which: Interpolated,
    spec: &FunctionSpec,
    input: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::symmetric_s16(spec)?;
    if profile.pointwise.interpolated == InterpolatedForm::Undefined {
        return Err(ReferenceError::Undefined(
            "exp and 1/√x of s16 codes are not defined by this profile".into(),
        ));
    }
    let highest = f64::from(32_767.0 * spec.output.qparams.scale as f32);
    let function = |x: f64| match which {
        Interpolated::Exp => f64::from(exp_f32(x as f32)),
        Interpolated::Rsqrt if x <= 0.0 => highest,
        Interpolated::Rsqrt => f64::from(1.0 / (x as f32).sqrt()),
    };
    let (from, to) = (spec.input.qparams, spec.output.qparams);
    let table = Table::new(Precision::F32, from, to, function)?;
    let codes = (0..input.len())
        .map(|i| {
            let code = input.data().code(i);
            if which == Interpolated::Rsqrt && code < 0 {
                return Err(super::rsqrt::negative(code));
            }
            let output = table.at(code);
            witness.step(Some(code), output as f64);
            Ok(output)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.shape.clone(), data).expect("one code per code"))
}
