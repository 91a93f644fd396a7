//! Scale and zero point from the values of a tensor, as dynamic activations have them.
//!
//! Sources: as of [`super::dynamic`].

use qassay_golden::profile::Profile;
use qassay_golden::spec::ChooseQparamsSpec;
use qassay_golden::tensor::DType;

use super::dynamic::Dynamic;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
use crate::view::{View, ViewMut};

/// Prepares the op under `profile`.
///
/// # Errors
/// As [`Dynamic::new`], and for other than affine parameters of all codes of u8.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &ChooseQparamsSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let request = &spec.request;
    if request.dtype != DType::U8 || request.range.is_some() || request.symmetric {
        return Err(Refusal::Unsupported(
            "fbgemm chooses affine parameters of all u8 codes alone".into(),
        ));
    }
    Ok(Box::new(Choose {
        isa,
        dynamic: Dynamic::new::<I>(profile, request.reduce_range)?,
        chosen: Chosen {
            micro_kernel: format!("choose-qparams-x{}", I::LANES),
            tile: None,
            fallback: None,
        },
    }))
}

struct Choose<I> {
    isa: I,
    dynamic: Dynamic,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Choose<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let qparams = self.dynamic.qparams(self.isa, &inputs[0]);
        outputs[0].f64_mut()[0] = qparams.scale;
        outputs[1].i32_mut()[0] = qparams.zero_point;
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
