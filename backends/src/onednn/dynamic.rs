//! Dynamic linear: the range of the activations is found, parameters are
//! chosen, codes are made in a buffer of the kernel's own, and the product's
//! sums become f32.
//!
//! Sources: PyTorch `aten/src/ATen/native/quantized/cpu/QuantUtils.h`
//! (ChooseQuantizationParams); oneDNN's reorder from f32 to u8; the captures of
//! dynamic linear (onednn).

use qassay_golden::profile::{ClampAt, Profile, Rounding, Transform, ZeroPointAt};
use qassay_golden::spec::{LinearSpec, QParams};

use super::direct::{Codes, Direct};
use super::store::Store;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::range::{self, DynamicCodes, Rows};
use crate::threads::Output;
use crate::view::{View, ViewMut};

/// A linear that quantizes its activations, prepared.
pub struct DynamicLinear<I> {
    isa: I,
    direct: Direct,
    /// divide by the scale, or multiply by its reciprocal
    divide: bool,
    activations: DynamicCodes,
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
        let qmax = range::highest_code(&profile.qparams, reduce_range)?;
        let mut chosen = direct.chosen::<I>();
        chosen.micro_kernel.insert_str(0, "quantize+");
        Ok(Self {
            isa,
            direct,
            divide,
            activations: DynamicCodes::new(qmax, spec.m * spec.k),
            chosen,
        })
    }
}

impl<I: Isa> Kernel for DynamicLinear<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (isa, divide) = (self.isa, self.divide);
        let qparams = (self.activations).make(isa, &inputs[0], |rows, qparams, codes| {
            isa.vectorize(Quantize {
                rows,
                codes,
                qparams,
                divide,
            });
        });
        self.direct.set_activation(qparams);
        let codes = Codes {
            bytes: self.activations.codes(),
            stride: inputs[0].row_len(),
        };
        let output = Output::of(&mut outputs[0]);
        self.direct.run(self.isa, codes, output);
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
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
