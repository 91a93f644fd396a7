//! Depthwise convolution: no packing of activations. Four kernel positions at a
//! time meet four vectors of channels, so that pairs of adjacent positions (in row
//! order) sum as pairs of adjacent k do in a GEMM.
//!
//! Source: FBGEMM `src/FbgemmI8DepthwiseAvx2.cc` and `src/FbgemmI8Depthwise3DAvx2.cc`.

use super::aligned::Aligned;
use super::columns::Columns;
use super::depthwise_lines;
use super::im2col::Geometry;
use super::output::{self, Block, Form, Place};
use super::products::Products;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Dot4, Isa, WithIsa, each};
use crate::threads::{self, Grid, Output, Part};
use crate::view::{View, ViewMut};
use qassay_golden::profile::{Accumulation, PaddingTap, Profile};
use qassay_golden::spec::ConvSpec;

/// Kernel positions that one step takes.
const TAPS: usize = 4;
/// Output positions summed before they are written.
const ROWS: usize = 16;
/// Vectors of channels that are summed at once.
const BLOCK: usize = 4;

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
    let zero_point = spec.activation.qparams.zero_point as u8;
    let (columns, form) = if matches!(I::DOT4, Dot4::Exact) && !saturating {
        let weights = products.weights;
        match depthwise_lines::kernel(isa, geometry, weights, zero_point, columns, form) {
            Ok(kernel) => return Ok(kernel),
            Err(back) => back,
        }
    } else {
        (columns, form)
    };
    let (channels, taps) = (spec.out_channels, geometry.taps());
    let ldc = channels.next_multiple_of(BLOCK * I::LANES);
    // Weights of the positions that the last step lacks stay 0.
    let mut weights = Aligned::zeroed(taps.div_ceil(TAPS) * ldc * TAPS);
    let mut zero_points = Aligned::zeroed(ldc);
    for channel in 0..channels {
        let lane = lane_of::<I>(channel);
        zero_points[lane] = columns.weight_zero_point[channel];
        for tap in 0..taps {
            weights[(tap / TAPS * ldc + lane) * TAPS + tap % TAPS] =
                products.weights[channel * taps + tap] as u8;
        }
    }
    let mut padding = Aligned::zeroed(channels);
    padding.fill(zero_point);
    let worker = || Worker {
        pixels: vec![None; taps],
        places: vec![PADDING; ROWS * taps],
        sums: Aligned::zeroed(ROWS * ldc),
    };
    let pairs = if saturating { "-i16pairs" } else { "" };
    Ok(Box::new(Depthwise {
        shared: Shared {
            isa,
            saturating,
            geometry,
            channels,
            ldc,
            weights,
            padding,
            zero_points,
            columns,
            form,
        },
        workers: (0..threads::allowed()).map(|_| worker()).collect(),
        chosen: Chosen {
            micro_kernel: format!("u8s8-depthwise{pairs}-{taps}taps-{}", BLOCK * I::LANES),
            tile: Some((1, BLOCK * I::LANES, taps)),
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

/// Where a channel's sum stands in its block of four vectors, see [`Isa::interleave_4`].
pub fn lane_of<I: Isa>(channel: usize) -> usize {
    let (block, within) = (channel / (BLOCK * I::LANES), channel % (BLOCK * I::LANES));
    let (group, vector, lane) = (within / 16, within % 16 / 4, within % 4);
    block * BLOCK * I::LANES + vector * I::LANES + group * 4 + lane
}

struct Depthwise<I> {
    shared: Shared<I>,
    workers: Vec<Worker>,
    chosen: Chosen,
}

/// What all threads read.
struct Shared<I> {
    isa: I,
    /// pairs saturate to i16 although the set's own products of bytes are exact
    saturating: bool,
    geometry: Geometry,
    channels: usize,
    /// channels, padded to blocks of four vectors
    ldc: usize,
    /// `[step][ldc]` groups of four positions, channels as [`lane_of`] says
    weights: Aligned<u8>,
    /// the weights' zero points, channels as [`lane_of`] says
    zero_points: Aligned<i32>,
    /// what lies outside the image: the zero point of every channel
    padding: Aligned<u8>,
    columns: Columns,
    form: Form,
}

/// What a thread works in.
struct Worker {
    /// the pixel under each kernel position
    pixels: Vec<Option<usize>>,
    /// `[row][tap]`: where the codes under each kernel position start
    places: Vec<usize>,
    sums: Aligned<i32>,
}

/// Stands in [`Worker::places`] for what lies outside the image.
const PADDING: usize = usize::MAX;

impl<I: Isa> Shared<I> {
    /// Finds the codes under the windows of `rows` output positions from number `first` of a
    /// line of outputs on, of which the first one is `position`.
    fn place(
        &self,
        worker: &mut Worker,
        input: &View<'_>,
        position: usize,
        first: usize,
        rows: usize,
    ) {
        let (codes, stride) = (input.u8().len(), input.row_stride());
        let taps = worker.pixels.len();
        let interior = self.geometry.interior();
        let step = self.geometry.step() * stride;
        for row in 0..rows {
            let column = first + row;
            if row > 0 && interior.contains(&(column - 1)) && interior.contains(&column) {
                // All windows of a line inside the image are alike.
                let (before, places) = worker.places.split_at_mut(row * taps);
                let before = &before[(row - 1) * taps..];
                for (place, &before) in places[..taps].iter_mut().zip(before) {
                    *place = if before == PADDING {
                        PADDING
                    } else {
                        before + step
                    };
                }
            } else {
                let window = self.geometry.window(position + column);
                self.geometry.taps_of(window, &mut worker.pixels);
                for (place, pixel) in worker.places[row * taps..].iter_mut().zip(&worker.pixels) {
                    *place = pixel.map_or(PADDING, |pixel| pixel * stride);
                }
            }
        }
        let inside = |&place: &usize| place == PADDING || place + self.channels <= codes;
        assert!(
            worker.places[..rows * taps].iter().all(inside),
            "windows lie in the input"
        );
    }

    /// Computes some lines of outputs.
    fn compute(&self, worker: &mut Worker, input: &View<'_>, part: Part, mut output: Output<'_>) {
        let width = self.geometry.output[2];
        let taps = worker.pixels.len();
        for line in part.rows {
            let line = line * width;
            for first in (0..width).step_by(ROWS) {
                let rows = (width - first).min(ROWS);
                self.place(worker, input, line, first, rows);
                let positions = Positions {
                    taps,
                    places: &worker.places[..rows * taps],
                    codes: input.u8(),
                    padding: &self.padding,
                    weights: &self.weights,
                    zero_points: self.columns.corrects_rows().then_some(&self.zero_points),
                    ldc: self.ldc,
                    sums: &mut worker.sums,
                };
                if self.saturating {
                    self.isa.vectorize(SaturatingPositions(positions));
                } else {
                    self.isa.vectorize(positions);
                }
                let block = Block {
                    sums: &worker.sums,
                    ldc: self.ldc,
                    row_sums: None,
                };
                let place = Place {
                    row: line + first,
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
                    &mut output,
                );
            }
        }
    }
}

impl<I: Isa> Kernel for Depthwise<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let shared = &self.shared;
        let width = shared.geometry.output[2].max(1);
        let lines = shared.geometry.positions() / width;
        let (grid, output) = (Grid::of_rows(lines), Output::of(&mut outputs[0]));
        // SAFETY: `compute` writes its part's lines alone.
        unsafe {
            threads::each_part(&mut self.workers, grid, &output, |worker, part, output| {
                shared.compute(worker, &inputs[0], part, output);
            });
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

/// The sums of every channel at some output positions.
struct Positions<'a> {
    taps: usize,
    /// `taps` of each position; each is [`PADDING`] or has codes of all channels
    places: &'a [usize],
    codes: &'a [u8],
    /// as many as there are channels
    padding: &'a [u8],
    weights: &'a [u8],
    /// where weights have zero points: zw·Σa is subtracted here, as each channel has its own Σa
    zero_points: Option<&'a Aligned<i32>>,
    ldc: usize,
    sums: &'a mut [i32],
}

impl<I: Isa> WithIsa<I> for Positions<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        self.sum::<I, false>(isa);
    }
}

/// As [`Positions`], pairs of kernel positions summed saturating to i16 on every instruction set.
struct SaturatingPositions<'a>(Positions<'a>);

impl<I: Isa> WithIsa<I> for SaturatingPositions<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        self.0.sum::<I, true>(isa);
    }
}

impl Positions<'_> {
    #[inline(always)]
    fn sum<I: Isa, const SATURATING: bool>(self, isa: I) {
        let (channels, width) = (self.padding.len(), BLOCK * I::LANES);
        assert!(self.ldc >= channels.next_multiple_of(width));
        assert!(self.weights.len() >= self.taps.div_ceil(TAPS) * self.ldc * TAPS);
        assert!(self.sums.len() >= self.places.len() / self.taps * self.ldc);
        assert!(self.zero_points.is_none_or(|all| all.len() >= self.ldc));
        for channel in (0..channels).step_by(width) {
            let bytes = (channels - channel).min(width);
            for (row, places) in self.places.chunks_exact(self.taps).enumerate() {
                let mut sums = [isa.splat_i32(0); BLOCK];
                let mut codes_sums = [isa.splat_i32(0); BLOCK];
                for (step, places) in places.chunks(TAPS).enumerate() {
                    let rows: [I::V; TAPS] = each!(isa.splat_i32(0), |tap| {
                        // Positions that the last step lacks meet weights of 0.
                        let codes = match places.get(tap) {
                            Some(&place) if place != PADDING => {
                                self.codes.as_ptr().wrapping_add(place)
                            }
                            _ => self.padding.as_ptr(),
                        };
                        // SAFETY: `place` checked that each place has `channels` codes, and
                        // there are as many of padding; `bytes` are left from `channel` on.
                        unsafe {
                            if bytes == width {
                                isa.load_bytes(codes.add(channel))
                            } else {
                                isa.load_bytes_partial(codes.add(channel), bytes)
                            }
                        }
                    });
                    let groups = isa.interleave_4(rows);
                    for v in 0..BLOCK {
                        // SAFETY: the assertions: each step has `ldc` groups, whole blocks of them.
                        let weights = unsafe {
                            let at = step * self.ldc + channel + v * I::LANES;
                            isa.load_bytes(self.weights.as_ptr().add(at * TAPS))
                        };
                        sums[v] = if SATURATING {
                            let pairs = isa.maddubs(groups[v], weights);
                            isa.add_i32(sums[v], isa.madd_i16(pairs, isa.splat_i16(1)))
                        } else {
                            isa.dot4(sums[v], groups[v], weights)
                        };
                        if self.zero_points.is_some() {
                            // Ones for the positions that are there; two codes do not saturate
                            // a pair.
                            let ones = u32::MAX >> (8 * (TAPS - places.len())) & 0x0101_0101;
                            let ones = isa.splat_i32(ones as i32);
                            codes_sums[v] = isa.dot4(codes_sums[v], groups[v], ones);
                        }
                    }
                }
                if let Some(zero_points) = self.zero_points {
                    for v in 0..BLOCK {
                        // SAFETY: the assertion: `ldc` zero points, whole blocks of them.
                        let zero_points = unsafe {
                            let at = zero_points.as_ptr().add(channel + v * I::LANES);
                            isa.load_bytes(at.cast())
                        };
                        let correction = isa.mul_i32(zero_points, codes_sums[v]);
                        sums[v] = isa.sub_i32(sums[v], correction);
                    }
                }
                // SAFETY: the assertion: `ldc` sums of each position, whole blocks of them.
                unsafe {
                    let to = self.sums.as_mut_ptr().add(row * self.ldc + channel);
                    isa.store_deinterleaved(to, sums);
                }
            }
        }
    }
}
