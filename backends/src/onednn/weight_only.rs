//! Weight-only linear: f32 activations meet weights that are widened, converted
//! and scaled in registers. Sums run along k in order, one rounding a step, so
//! that the result does not depend on the tile.

use qassay_golden::profile::{Axis, DequantizeForm, FloatAccumulation, Profile};
use qassay_golden::spec::{self, BiasKind, Constants, LinearSpec};
use qassay_golden::tensor::Data;

use super::direct;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa, each};
use crate::threads::{self, Grid, Output, Part};
use crate::view::{View, ViewMut};

/// Rows of the largest tile.
const MAX_ROWS: usize = 6;
/// Vectors of columns of a tile.
const BLOCK_VECTORS: usize = 2;

/// A linear of f32 activations and s8 weights, prepared.
pub struct WeightOnly<I> {
    isa: I,
    n: usize,
    k: usize,
    /// `[block][k][BLOCK_VECTORS · LANES]`, incomplete blocks filled with zeros
    panels: Vec<i8>,
    /// the scale of each column, padded to whole blocks
    scales: Vec<f32>,
    /// the bias of each column, padded to whole blocks
    bias: Option<Vec<f32>>,
    relu: bool,
    fused: bool,
    /// as many as threads
    workers: Vec<()>,
    chosen: Chosen,
}

impl<I: Isa> WeightOnly<I> {
    const WIDTH: usize = BLOCK_VECTORS * I::LANES;

    /// Packs the weights.
    ///
    /// # Errors
    /// When the profile sums in another way, or a constant does not fit.
    pub fn new(
        isa: I,
        profile: &Profile,
        spec: &LinearSpec,
        constants: &Constants,
    ) -> Result<Self, Refusal> {
        let refuse = |why: &str| Err(Refusal::Unsupported(why.to_owned()));
        if spec.output != spec::Output::Float {
            return refuse("weight-only linear gives f32");
        }
        let fused = match profile.float_output.weight_only {
            FloatAccumulation::SequentialFma => true,
            FloatAccumulation::SequentialMulAdd => false,
            other => return refuse(&format!("weight-only sums that are {}", other.key())),
        };
        if profile.dequantize.body != DequantizeForm::SubMul {
            return refuse("weights are dequantized by one product in f32");
        }
        let padded = spec.n.next_multiple_of(Self::WIDTH);
        let bias = match (spec.bias, constants.bias.as_ref().map(|bias| bias.data())) {
            (BiasKind::None, _) => None,
            (BiasKind::F32, Some(Data::F32(bias))) if bias.len() == spec.n => {
                let mut bias = bias.clone();
                bias.resize(padded, 0.0);
                Some(bias)
            }
            _ => return refuse("a weight-only linear takes an f32 bias, one value a column"),
        };
        let codes = direct::weight_codes(constants, spec.n * spec.k)?;
        let mut panels = vec![0i8; padded * spec.k];
        for (at, &code) in codes.iter().enumerate() {
            let (column, k) = (at / spec.k, at % spec.k);
            let (block, lane) = (column / Self::WIDTH, column % Self::WIDTH);
            panels[(block * spec.k + k) * Self::WIDTH + lane] = code;
        }
        let mut scales: Vec<_> = (0..spec.n)
            .map(|column| spec.weights.channel(column).scale as f32)
            .collect();
        scales.resize(padded, 0.0);
        Ok(Self {
            isa,
            n: spec.n,
            k: spec.k,
            panels,
            scales,
            bias,
            relu: spec.relu.is_zero(),
            fused,
            workers: vec![(); threads::allowed()],
            chosen: Chosen {
                micro_kernel: format!("f32s8-f32-{MAX_ROWS}x{}", Self::WIDTH),
                tile: Some((MAX_ROWS, Self::WIDTH, spec.k)),
                fallback: None,
            },
        })
    }
}

impl<I: Isa> Kernel for WeightOnly<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let input = &inputs[0];
        let output = Output::of(&mut outputs[0]);
        let mut workers = std::mem::take(&mut self.workers);
        let grid = Grid {
            rows: input.rows(),
            row_step: MAX_ROWS,
            columns: self.n,
            column_step: Self::WIDTH,
        };
        // SAFETY: `compute` writes its part alone.
        unsafe {
            threads::each_part(&mut workers, grid, &output, |(), part, output| {
                self.compute(input, part, output);
            });
        }
        self.workers = workers;
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

impl<I: Isa> WeightOnly<I> {
    /// Computes one part of the output.
    fn compute(&self, input: &View<'_>, part: Part, mut output: Output<'_>) {
        for first_column in part.columns.step_by(Self::WIDTH) {
            let panel = &self.panels[first_column * self.k..][..self.k * Self::WIDTH];
            let mut first_row = part.rows.start;
            while first_row < part.rows.end {
                let tile = Tile {
                    kernel: self,
                    input: input.f32(),
                    input_stride: input.row_stride(),
                    output: &mut output,
                    panel,
                    first_row,
                    first_column,
                };
                first_row += match part.rows.end - first_row {
                    MAX_ROWS.. => tile.run::<MAX_ROWS>(self.isa),
                    3.. => tile.run::<3>(self.isa),
                    _ => tile.run::<1>(self.isa),
                };
            }
        }
    }
}

struct Tile<'a, 'b, I> {
    kernel: &'a WeightOnly<I>,
    input: &'a [f32],
    input_stride: usize,
    output: &'a mut Output<'b>,
    panel: &'a [i8],
    first_row: usize,
    first_column: usize,
}

struct Rows<'a, 'b, I, const MR: usize, const FUSED: bool>(Tile<'a, 'b, I>);

impl<I: Isa> Tile<'_, '_, I> {
    fn run<const MR: usize>(self, isa: I) -> usize {
        if self.kernel.fused {
            isa.vectorize(Rows::<'_, '_, I, MR, true>(self));
        } else {
            isa.vectorize(Rows::<'_, '_, I, MR, false>(self));
        }
        MR
    }
}

impl<I: Isa, const MR: usize, const FUSED: bool> WithIsa<I> for Rows<'_, '_, I, MR, FUSED> {
    type Output = ();

    #[inline(always)]
    fn call(self, isa: I) {
        let Tile {
            kernel,
            input,
            input_stride,
            output,
            panel,
            first_row,
            first_column,
        } = self.0;
        let width = BLOCK_VECTORS * I::LANES;
        let k = kernel.k;
        let start = first_row * input_stride;
        assert!(
            start + (MR - 1) * input_stride + k <= input.len() && panel.len() == k * width,
            "rows lie inside the input"
        );
        let scales = &kernel.scales[first_column..][..width];
        let scales: [I::F; BLOCK_VECTORS] = each!(isa.splat_f32(0.0), |v| {
            // SAFETY: `scales` holds BLOCK_VECTORS whole vectors.
            unsafe { isa.load_f32(scales.as_ptr().add(v * I::LANES)) }
        });
        let mut sums = [[isa.splat_f32(0.0); BLOCK_VECTORS]; MR];
        for at in 0..k {
            let weights: [I::F; BLOCK_VECTORS] = each!(isa.splat_f32(0.0), |v| {
                // SAFETY: the assertion: the panel holds k rows of `width` codes.
                let codes =
                    unsafe { isa.load_i8_as_i32(panel.as_ptr().add(at * width + v * I::LANES)) };
                isa.mul_f32(isa.i32_to_f32(codes), scales[v])
            });
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the assertion: MR rows of k values.
                let x = unsafe { *input.as_ptr().add(start + r * input_stride + at) };
                let x = isa.splat_f32(x);
                for (sum, &w) in sums.iter_mut().zip(&weights) {
                    *sum = if FUSED {
                        isa.fma_f32(x, w, *sum)
                    } else {
                        isa.add_f32(*sum, isa.mul_f32(x, w))
                    };
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let start = (first_row + r) * output.stride();
            for (v, mut sum) in sums.into_iter().enumerate() {
                let column = first_column + v * I::LANES;
                let lanes = kernel.n.saturating_sub(column).min(I::LANES);
                if lanes == 0 {
                    break;
                }
                if let Some(bias) = &kernel.bias {
                    let bias = &bias[column..][..I::LANES];
                    // SAFETY: `bias` is a whole vector.
                    sum = isa.add_f32(sum, unsafe { isa.load_f32(bias.as_ptr()) });
                }
                if kernel.relu {
                    // In this order NaN stays NaN.
                    sum = isa.max_f32(isa.splat_f32(0.0), sum);
                }
                let to = output.f32s(start + column, lanes).as_mut_ptr();
                // SAFETY: `to` is the start of `lanes` ≤ LANES f32.
                unsafe { isa.store_f32_partial(to, sum, lanes) };
            }
        }
    }
}
