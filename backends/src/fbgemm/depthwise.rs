//! Depthwise convolution: no packing of activations. Four kernel positions at a
//! time meet a vector of channels, so that pairs of adjacent positions (in row
//! order) sum as pairs of adjacent k do in a GEMM.
//!
//! Source: FBGEMM `src/FbgemmI8DepthwiseAvx2.cc` and `src/FbgemmI8Depthwise3DAvx2.cc`.

use super::aligned::Aligned;
use super::columns::Columns;
use super::im2col::Geometry;
use super::output::{self, Block, Form, Place};
use super::products::Products;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Dot4, Isa, WithIsa, each};
use crate::view::{View, ViewMut};
use qassay_golden::profile::{Accumulation, PaddingTap, Profile};
use qassay_golden::spec::ConvSpec;

/// Kernel positions that one step takes.
const TAPS: usize = 4;
/// Output positions summed before they are written.
const ROWS: usize = 16;

/// Packs the weights of a depthwise convolution.
///
/// # Errors
/// When the instruction set sums in another way than the profile asks for.
pub fn prepare<I: Isa>(
    isa: I,
    spec: &ConvSpec,
    geometry: Geometry,
    products: &Products<'_>,
    columns: Columns,
    form: Form,
    profile: &Profile,
) -> Result<Box<dyn Kernel>, Refusal> {
    let saturating = match (accumulation(profile, spec), I::DOT4) {
        (Accumulation::Exact, Dot4::Exact) | (Accumulation::PairsI16, Dot4::SaturatingPairs) => {
            false
        }
        // Sets with exact products of bytes have vpmaddubsw too.
        (Accumulation::PairsI16, Dot4::Exact) => true,
        _ => {
            return Err(Refusal::Unsupported(
                "depthwise sums that are not those of the instruction set".into(),
            ));
        }
    };
    if profile.accumulate.padding != PaddingTap::ZeroPoint {
        return Err(Refusal::Unsupported(
            "skipped padding; fbgemm takes the zero point".into(),
        ));
    }
    let (channels, taps) = (spec.out_channels, geometry.taps());
    let ldc = channels.next_multiple_of(TAPS * I::LANES);
    // Weights of the positions that the last step lacks stay 0.
    let mut weights = Aligned::zeroed(taps.div_ceil(TAPS) * ldc * TAPS);
    for channel in 0..channels {
        for tap in 0..taps {
            weights[(tap / TAPS * ldc + channel) * TAPS + tap % TAPS] =
                products.weights[channel * taps + tap] as u8;
        }
    }
    let mut padding = Aligned::zeroed(channels);
    padding.fill(spec.activation.qparams.zero_point as u8);
    let pairs = if saturating { "-i16pairs" } else { "" };
    Ok(Box::new(Depthwise {
        isa,
        saturating,
        geometry,
        channels,
        ldc,
        weights,
        padding,
        pixels: vec![None; taps],
        sums: Aligned::zeroed(ROWS * ldc),
        columns,
        form,
        chosen: Chosen {
            micro_kernel: format!("u8s8-depthwise{pairs}-{taps}taps-{}", I::LANES),
            tile: Some((1, I::LANES, taps)),
            fallback: None,
        },
    }))
}

/// How FBGEMM sums this depthwise convolution: see
/// [`Accumulation::PairsI16InDepthwiseKernels`], which depends on the shape.
///
/// Source: FBGEMM `src/FbgemmConv.cc` (takeDepthWiseFastPath).
fn accumulation(profile: &Profile, spec: &ConvSpec) -> Accumulation {
    match profile.accumulate.depthwise {
        Accumulation::PairsI16InDepthwiseKernels if has_own_kernel(spec) => Accumulation::PairsI16,
        Accumulation::PairsI16InDepthwiseKernels => Accumulation::Exact,
        other => other,
    }
}

/// Whether FBGEMM has a kernel of its own for convolutions of this shape, which never sums by
/// VNNI: one or two outputs a channel, channels in eights, kernels of 3 or 5, strides of 1 or 2,
/// the size kept by padding.
pub fn has_own_kernel(spec: &ConvSpec) -> bool {
    let sizes = &spec.kernel;
    let [.., height, width] = sizes[..] else {
        return false;
    };
    let same_size = |d: usize| {
        let pad = (sizes[d] - 1) / 2;
        (spec.pad_begin[d], spec.pad_end[d]) == (pad, pad)
    };
    spec.groups == spec.in_channels
        && matches!(spec.out_channels.checked_div(spec.groups), Some(1 | 2))
        && spec.out_channels.is_multiple_of(spec.groups)
        && spec.groups.is_multiple_of(8)
        && height == width
        && sizes.iter().all(|size| matches!(size, 3 | 5))
        && spec.stride.iter().all(|step| matches!(step, 1 | 2))
        && spec.dilation.iter().all(|&step| step == 1)
        && (0..sizes.len()).all(same_size)
}

struct Depthwise<I> {
    isa: I,
    /// pairs saturate to i16 although the set's own products of bytes are exact
    saturating: bool,
    geometry: Geometry,
    channels: usize,
    /// channels, padded to four vectors
    ldc: usize,
    /// `[step][ldc]` groups of four positions
    weights: Aligned<u8>,
    /// what lies outside the image: the zero point of every channel
    padding: Aligned<u8>,
    /// the pixel under each kernel position
    pixels: Vec<Option<usize>>,
    sums: Aligned<i32>,
    columns: Columns,
    form: Form,
    chosen: Chosen,
}

impl<I: Isa> Kernel for Depthwise<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (codes, stride) = (inputs[0].u8(), inputs[0].row_stride());
        let positions = self.geometry.positions();
        for first in (0..positions).step_by(ROWS) {
            let rows = (positions - first).min(ROWS);
            for row in 0..rows {
                let window = self.geometry.window(first + row);
                self.geometry.taps_of(window, &mut self.pixels);
                let position = Position {
                    pixels: &self.pixels,
                    codes,
                    stride,
                    padding: &self.padding,
                    weights: &self.weights,
                    zero_points: (self.columns.corrects_rows())
                        .then_some(&self.columns.weight_zero_point),
                    sums: &mut self.sums[row * self.ldc..][..self.ldc],
                };
                if self.saturating {
                    self.isa.vectorize(SaturatingPosition(position));
                } else {
                    self.isa.vectorize(position);
                }
            }
            let block = Block {
                sums: &self.sums,
                ldc: self.ldc,
                row_sums: None,
            };
            let place = Place {
                row: first,
                rows,
                column: 0,
                columns: self.channels,
            };
            output::finish(
                self.isa,
                self.form,
                &self.columns,
                &block,
                place,
                &mut outputs[0],
            );
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

/// The sums of every channel at one output position.
struct Position<'a> {
    pixels: &'a [Option<usize>],
    codes: &'a [u8],
    stride: usize,
    padding: &'a [u8],
    weights: &'a [u8],
    /// where weights have zero points: zw·Σa is subtracted here, as each channel has its own Σa
    zero_points: Option<&'a Aligned<i32>>,
    sums: &'a mut [i32],
}

impl<I: Isa> WithIsa<I> for Position<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        self.sum(isa, |sum, codes, weights| isa.dot4(sum, codes, weights));
    }
}

/// As [`Position`], pairs of positions summed saturating to i16 on every instruction set.
struct SaturatingPosition<'a>(Position<'a>);

impl<I: Isa> WithIsa<I> for SaturatingPosition<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let ones = isa.splat_i16(1);
        self.0.sum(isa, |sum, codes, weights| {
            isa.add_i32(sum, isa.madd_i16(isa.maddubs(codes, weights), ones))
        });
    }
}

impl Position<'_> {
    /// Sums, `dot` adding the products of four positions to each lane.
    #[inline(always)]
    fn sum<I: Isa>(self, isa: I, dot: impl Fn(I::V, I::V, I::V) -> I::V) {
        let (channels, ldc) = (self.padding.len(), self.sums.len());
        for channel in (0..channels).step_by(I::LANES) {
            let lanes = (channels - channel).min(I::LANES);
            let (mut sum, mut codes_sum) = (isa.splat_i32(0), isa.splat_i32(0));
            for (step, taps) in self.pixels.chunks(TAPS).enumerate() {
                let rows: [*const u8; TAPS] = each!(self.padding.as_ptr(), |tap| {
                    // Positions that the last step lacks meet weights of 0.
                    let row = match taps.get(tap) {
                        Some(&Some(pixel)) => &self.codes[pixel * self.stride..][..channels],
                        _ => self.padding,
                    };
                    row[channel..].as_ptr()
                });
                let group = &self.weights[(step * ldc + channel) * TAPS..][..TAPS * I::LANES];
                // SAFETY: each row has `channels` codes, so `lanes` from `channel` on; `group`
                // is a whole vector.
                let (codes, weights) = unsafe {
                    (
                        isa.load_interleaved_4(rows, lanes),
                        isa.load_bytes(group.as_ptr()),
                    )
                };
                sum = dot(sum, codes, weights);
                if self.zero_points.is_some() {
                    // Ones for the positions that are there; two codes do not saturate a pair.
                    let ones = u32::MAX >> (8 * (TAPS - taps.len())) & 0x0101_0101;
                    codes_sum = isa.dot4(codes_sum, codes, isa.splat_i32(ones as i32));
                }
            }
            if let Some(zero_points) = self.zero_points {
                // SAFETY: the columns are padded past the last channel by whole vectors.
                let zero_points = unsafe { isa.load_bytes(zero_points[channel..].as_ptr().cast()) };
                sum = isa.sub_i32(sum, isa.mul_i32(zero_points, codes_sum));
            }
            let sums = &mut self.sums[channel..channel + I::LANES];
            // SAFETY: `sums` is a whole vector.
            unsafe { isa.store_bytes(sums.as_mut_ptr().cast(), sum) };
        }
    }
}
