//! Dynamic linear: the range of the activations is found, parameters are
//! chosen, codes are made in a buffer of the kernel's own, and the product's
//! sums become f32 (PyTorch `qlinear_dynamic.cpp`, apply_dynamic_impl of qnnpack).

use qassay_golden::profile::Profile;
use qassay_golden::spec::{self, LinearSpec, QParams};
use qassay_golden::tensor::DType;

use super::element::Element;
use super::product::{Codes, Product};
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::range::{self, DynamicCodes, Rows};
use crate::view::{View, ViewMut};

/// A linear that quantizes its activations, prepared.
pub struct DynamicLinear<I> {
    isa: I,
    product: Product,
    element: Element,
    activations: DynamicCodes,
    chosen: Chosen,
}

impl<I: Isa> DynamicLinear<I> {
    /// Dynamic linear over `product`, whose activations are u8.
    ///
    /// # Errors
    /// When the profile quantizes or chooses parameters in a way that this family does not have,
    /// or the output is not f32.
    pub fn new(
        isa: I,
        profile: &Profile,
        spec: &LinearSpec,
        reduce_range: bool,
        product: Product,
    ) -> Result<Self, Refusal> {
        if spec.output != spec::Output::Float {
            let message = "qnnpack has dynamic activations with f32 outputs only".into();
            return Err(Refusal::Unsupported(message));
        }
        let qmax = range::highest_code(&profile.qparams, reduce_range)?;
        let mut chosen = product.chosen::<I>();
        chosen.micro_kernel.insert_str(0, "quantize+");
        Ok(Self {
            isa,
            product,
            element: Element::new::<I>(&profile.quantize, DType::U8, (0, 255))?,
            activations: DynamicCodes::new(qmax, spec.m * spec.k),
            chosen,
        })
    }
}

impl<I: Isa> Kernel for DynamicLinear<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (isa, element) = (self.isa, self.element);
        let qparams = (self.activations).make(isa, &inputs[0], |rows, qparams, codes| {
            isa.vectorize(Quantize {
                rows,
                codes,
                qparams,
                element,
            });
        });
        let zero_point = qparams.zero_point;
        self.product.set_activation(qparams.scale, zero_point);
        let codes = Codes {
            bytes: self.activations.codes(),
            stride: inputs[0].row_len(),
        };
        self.product.run(self.isa, codes, &mut outputs[0]);
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
    element: Element,
}

impl<I: Isa> WithIsa<I> for Quantize<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let factor = isa.splat_f32(self.element.factor(self.qparams.scale));
        let zero_point = isa.splat_i32(self.qparams.zero_point);
        for row in 0..self.rows.rows {
            let values = self.rows.row(row);
            let codes = &mut self.codes[row * self.rows.len..][..self.rows.len];
            for (values, codes) in values.chunks(I::LANES).zip(codes.chunks_mut(I::LANES)) {
                let lanes = values.len();
                // SAFETY: both chunks hold `lanes` ≤ LANES values.
                unsafe {
                    let values = isa.load_f32_partial(values.as_ptr(), lanes);
                    let made = self.element.codes(isa, values, factor, zero_point);
                    isa.store_low_bytes(codes.as_mut_ptr(), made, lanes);
                }
            }
        }
    }
}
