//! Average and max pool by the indirection buffer, channels in lanes.
//!
//! Sources: QNNPACK `src/q8avgpool`, `src/average-pooling.c` (in PyTorch with a
//! float scale: zero points taken off the sum, one product, nearest-even),
//! `src/u8maxpool`, `src/max-pooling.c`.

use qassay_golden::profile::{AvgPoolForm, BodyWidth, PoolCount, Profile};
use qassay_golden::spec::PoolSpec;
use qassay_golden::tensor::DType;

use super::geometry::Geometry;
use super::indirection::{Indirection, PADDING};
use super::mean::{Mean, Multiplier};
use super::output::zero_byte;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa};
use crate::rows;
use crate::view::{View, ViewMut};

/// Prepares an average pool under `profile`.
///
/// # Errors
/// When the profile averages in another way, or a type or a size is not this family's.
pub fn prepare_average<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &PoolSpec,
) -> Result<Box<dyn Kernel>, Refusal> {
    let rule = &profile.pointwise;
    if rule.avg_pool_width != BodyWidth::Whole && rule.avg_pool_body != rule.avg_pool_tail {
        return refuse("averages whose tail is scaled otherwise than their body");
    }
    let geometry = Geometry::of_pool(spec)?;
    let (input, output) = (spec.activation, spec.output);
    let zero_point = input.qparams.zero_point;
    let zero = zero_byte(input.dtype, zero_point)?;
    let range = eight_bits(output.dtype)?;
    let (taps, outputs) = (geometry.taps(), geometry.outputs());
    let whole = spec.count_include_pad || rule.avg_pool_count == PoolCount::WholeWindow;
    let counts = (0..outputs).map(|pixel| {
        let inside = (0..taps).filter(|&tap| geometry.pixel(pixel, tap).is_some());
        if whole { taps } else { inside.count() }
    });
    let scales = (input.qparams.scale as f32, output.qparams.scale as f32);
    let form = match rule.avg_pool_body {
        AvgPoolForm::FixedPoint24OrGlobal if is_global(spec) => AvgPoolForm::ProductMulF32,
        AvgPoolForm::FixedPoint24OrGlobal => AvgPoolForm::FixedPoint24,
        form => form,
    };
    let mean = Mean::new(form, scales, output.qparams.zero_point, range)?;
    let multipliers = counts
        .map(|count| mean.multiplier(scales, count))
        .collect::<Result<_, _>>()?;
    let signed = input.dtype == DType::I8;
    Ok(Box::new(Average {
        isa,
        indirection: Indirection::new(&geometry, 1),
        zero: vec![zero; spec.channels],
        signed,
        bias: zero_point.wrapping_mul(taps as i32).wrapping_neg(),
        mean,
        multipliers,
        chosen: chosen(
            format!("q8avgpool-{}-x{}", input.dtype.name(), I::LANES),
            I::LANES,
        ),
    }))
}

/// Whether the only window is the image, without padding.
fn is_global(spec: &PoolSpec) -> bool {
    let pads = spec.pad.iter().chain(spec.pad_end());
    spec.kernel == spec.input && pads.into_iter().all(|&pad| pad == 0)
}

/// Prepares a max pool.
///
/// # Errors
/// When the output has other parameters than the input, or a type or a size is not this
/// family's.
pub fn prepare_max<I: Isa>(isa: I, spec: &PoolSpec) -> Result<Box<dyn Kernel>, Refusal> {
    if spec.activation != spec.output {
        return refuse("maxima with other parameters than those of the input");
    }
    eight_bits(spec.activation.dtype)?;
    let geometry = Geometry::of_pool(spec)?;
    let dtype = spec.activation.dtype;
    Ok(Box::new(Max {
        isa,
        indirection: Indirection::inside(&geometry, 1),
        signed: dtype == DType::I8,
        chosen: chosen(
            format!("{}maxpool-x{}", dtype.name(), 4 * I::LANES),
            4 * I::LANES,
        ),
    }))
}

struct Average<I> {
    isa: I,
    indirection: Indirection,
    zero: Vec<u8>,
    signed: bool,
    /// −zero point · taps
    bias: i32,
    /// by output pixel
    multipliers: Vec<Multiplier>,
    mean: Mean,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Average<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let all = Averages {
            op: self,
            input: inputs[0],
            output: &mut outputs[0],
        };
        if self.signed {
            self.isa.vectorize(Signed(all));
        } else {
            self.isa.vectorize(Unsigned(all));
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

struct Averages<'a, 'v, I> {
    op: &'a Average<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

struct Signed<T>(T);
struct Unsigned<T>(T);

impl<I: Isa> WithIsa<I> for Signed<Averages<'_, '_, I>> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        // SAFETY: `run` gives slices of `lanes` ≤ LANES codes.
        self.0.run(isa, |codes| unsafe {
            isa.load_i8_as_i32_partial(codes.as_ptr().cast(), codes.len())
        });
    }
}

impl<I: Isa> WithIsa<I> for Unsigned<Averages<'_, '_, I>> {
    type Output = ();
    #[inline(always)]
    fn call(self, isa: I) {
        // SAFETY: `run` gives slices of `lanes` ≤ LANES codes.
        self.0.run(isa, |codes| unsafe {
            isa.load_u8_as_i32_partial(codes.as_ptr(), codes.len())
        });
    }
}

impl<I: Isa> Averages<'_, '_, I> {
    /// All outputs; `load` widens up to LANES codes.
    #[inline(always)]
    fn run(self, isa: I, load: impl Fn(&[u8]) -> I::V) {
        let op = self.op;
        let (bytes, stride) = (self.input.codes(), self.input.row_stride());
        let to_stride = self.output.row_stride();
        let channels = op.zero.len();
        let to = self.output.codes_mut();
        for (pixel, &multiplier) in op.multipliers.iter().enumerate() {
            for channel in (0..channels).step_by(I::LANES) {
                let lanes = (channels - channel).min(I::LANES);
                let mut sums = isa.splat_i32(op.bias);
                for &entry in op.indirection.tile(pixel) {
                    let codes = match entry {
                        PADDING => &op.zero[channel..][..lanes],
                        input => &bytes[input * stride + channel..][..lanes],
                    };
                    sums = isa.add_i32(sums, load(codes));
                }
                let codes = op.mean.codes(isa, sums, multiplier);
                let to = &mut to[pixel * to_stride + channel..][..lanes];
                // SAFETY: `to` holds `lanes` codes.
                unsafe { isa.store_low_bytes(to.as_mut_ptr(), codes, lanes) };
            }
        }
    }
}

struct Max<I> {
    isa: I,
    indirection: Indirection,
    signed: bool,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Max<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        self.isa.vectorize(Maxima {
            op: self,
            input: inputs[0],
            output: &mut outputs[0],
        });
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

struct Maxima<'a, 'v, I> {
    op: &'a Max<I>,
    input: View<'a>,
    output: &'a mut ViewMut<'v>,
}

impl<I: Isa> WithIsa<I> for Maxima<'_, '_, I> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let op = self.op;
        let (bytes, stride) = (self.input.codes(), self.input.row_stride());
        let (to_stride, channels) = (self.output.row_stride(), self.output.row_len());
        let to = self.output.codes_mut();
        let width = 4 * I::LANES;
        // s8 codes are compared as u8 ones moved by +128.
        let moved = isa.splat_u8(if op.signed { 0x80 } else { 0 });
        for pixel in 0..op.indirection.outputs() {
            for channel in (0..channels).step_by(width) {
                let count = (channels - channel).min(width);
                let mut greatest = isa.splat_u8(0);
                for &entry in op.indirection.tile(pixel) {
                    let codes = &bytes[entry * stride + channel..][..count];
                    // SAFETY: `codes` holds `count` ≤ 4·LANES bytes.
                    let codes = unsafe { isa.load_bytes_partial(codes.as_ptr(), count) };
                    greatest = isa.max_u8(greatest, isa.xor(codes, moved));
                }
                let codes = isa.xor(greatest, moved);
                let to = &mut to[pixel * to_stride + channel..][..count];
                // SAFETY: `to` holds `count` codes.
                unsafe { isa.store_bytes_partial(to.as_mut_ptr(), codes, count) };
            }
        }
    }
}

/// The range of u8 or s8 codes.
pub(super) fn eight_bits(dtype: DType) -> Result<(i32, i32), Refusal> {
    match dtype {
        DType::U8 | DType::I8 => {
            let (low, high) = rows::code_range(dtype, None)?;
            Ok((low as i32, high as i32))
        }
        other => refuse(&format!("codes of type {}", other.name())),
    }
}

fn chosen(micro_kernel: String, channels: usize) -> Chosen {
    Chosen {
        micro_kernel,
        tile: Some((1, channels, 1)),
        fallback: None,
    }
}

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(format!("qnnpack has no {what}")))
}
