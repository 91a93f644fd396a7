//! Max pool on codes: the greatest code of the window inside the image;
//! parameters stay as they are.

use super::ReferenceError;
use super::window::Windows;
use crate::spec::PoolSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::{Event, Witness};

/// The greatest code of each window, channel by channel.
///
/// # Errors
/// When shapes or types do not fit, or the output has other parameters than the input.
pub(crate) fn max_pool(
    spec: &PoolSpec,
    input: &Tensor,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    super::check::pool(spec, witness)?;
    if spec.activation != spec.output {
        return Err(ReferenceError::Mismatch(
            "max pool keeps the input's type, scale and zero point; the output has others".into(),
        ));
    }
    let windows = Windows::new(spec.sliding());
    let mut codes = Vec::with_capacity(spec.batch * windows.count() * spec.channels);
    for image in 0..spec.batch {
        for window in 0..windows.count() {
            let positions = windows.positions(window);
            let outside = positions
                .iter()
                .filter(|position| position.is_none())
                .count();
            witness.events.add(Event::PaddingTap, outside as u64);
            for channel in 0..spec.channels {
                let code = (positions.iter().flatten())
                    .map(|&position| {
                        let pixel = image * windows.pixels() + position;
                        input.data().code(pixel * spec.channels + channel)
                    })
                    .max()
                    .expect("padding was checked to leave part of each window inside");
                witness.step(Some(code), code as f64);
                codes.push(code);
            }
        }
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new(spec.output_shape(), data).expect("one code per window and channel"))
}
