//! Weight-only linear: f32 activations times dequantized s8 weights. FBGEMM has
//! no such kernel of its own; the packing (panels of columns, k in order) and
//! the tile are those of its GEMM, on f32. Sums run along k in order, so that a
//! result does not depend on the tile that made it.

use super::aligned::Aligned;
use super::products::Products;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::{Isa, WithIsa, each};
use crate::view::{View, ViewMut};
use qassay_golden::profile::{Axis, DequantizeForm, FloatAccumulation, Profile};
use qassay_golden::spec::{LinearSpec, Output};
use qassay_golden::tensor::Data;

/// Rows of a tile.
const MR: usize = 6;
/// Vectors of columns of a tile.
const NV: usize = 2;

/// Dequantizes and packs the weights.
///
/// # Errors
/// When the output is not f32, or the profile sums in another way.
pub fn prepare<I: Isa>(
    isa: I,
    spec: &LinearSpec,
    products: &Products<'_>,
    profile: &Profile,
) -> Result<Box<dyn Kernel>, Refusal> {
    let unsupported = |what: &str| Err(Refusal::Unsupported(what.into()));
    if spec.output != Output::Float {
        return unsupported("f32 activations with an output that is not f32");
    }
    let fused = match profile.float_output.weight_only {
        FloatAccumulation::SequentialFma => true,
        FloatAccumulation::SequentialMulAdd => false,
        other => return unsupported(&format!("weight-only sums that are {}", other.key())),
    };
    if profile.dequantize.body != DequantizeForm::SubMul {
        return unsupported("weights dequantized in another way than scale times (q - zero point)");
    }
    let nr = NV * I::LANES;
    let mut panels = Aligned::zeroed(spec.n.next_multiple_of(nr) * spec.k);
    for n in 0..spec.n {
        let qparams = products.granularity.channel(n);
        for k in 0..spec.k {
            let steps = i32::from(products.weights[n * spec.k + k]) - qparams.zero_point;
            panels[(n / nr * spec.k + k) * nr + n % nr] = qparams.scale as f32 * steps as f32;
        }
    }
    let bias = match products.bias {
        Some(Data::F32(bias)) => bias.clone(),
        Some(_) => return unsupported("an s32 bias on f32 activations"),
        // −0 is the one addend that changes nothing.
        None => vec![-0.0; spec.n],
    };
    Ok(Box::new(WeightOnly {
        isa,
        spec: Shape {
            m: spec.m,
            n: spec.n,
            k: spec.k,
            relu: spec.relu.is_zero(),
        },
        panels,
        bias: Aligned::padded(bias.into_iter(), nr),
        fused,
        chosen: Chosen {
            micro_kernel: format!("f32-{}-{MR}x{nr}", if fused { "fma" } else { "muladd" }),
            tile: Some((MR, nr, spec.k)),
            fallback: None,
        },
    }))
}

#[derive(Clone, Copy)]
struct Shape {
    m: usize,
    n: usize,
    k: usize,
    relu: bool,
}

struct WeightOnly<I> {
    isa: I,
    spec: Shape,
    panels: Aligned<f32>,
    bias: Aligned<f32>,
    fused: bool,
    chosen: Chosen,
}

impl<I: Isa> Kernel for WeightOnly<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (stride, out_stride) = (inputs[0].row_stride(), outputs[0].row_stride());
        let (input, output) = (inputs[0].f32(), outputs[0].f32_mut());
        let Shape { m, n, k, relu } = self.spec;
        let nr = NV * I::LANES;
        for column in (0..n).step_by(nr) {
            for row in (0..m).step_by(MR) {
                let rows = (m - row).min(MR);
                // Rows that the tile lacks repeat the first and are not stored.
                let sources: [&[f32]; MR] = std::array::from_fn(|r| {
                    let row = if r < rows { row + r } else { row };
                    if k == 0 {
                        &[]
                    } else {
                        &input[row * stride..][..k]
                    }
                });
                let tile = Tile {
                    sources,
                    panel: &self.panels[column * k..][..k * nr],
                    bias: &self.bias[column..][..nr],
                    fused: self.fused,
                    relu,
                };
                let sums = if rows == 1 {
                    self.isa.vectorize(Rows::<1>(tile))
                } else {
                    self.isa.vectorize(Rows::<MR>(tile))
                };
                let columns = (n - column).min(nr);
                for (r, sums) in sums[..rows].iter().enumerate() {
                    output[(row + r) * out_stride + column..][..columns]
                        .copy_from_slice(&sums[..columns]);
                }
            }
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

/// What one tile reads.
struct Tile<'a> {
    sources: [&'a [f32]; MR],
    /// k times `nr` weights
    panel: &'a [f32],
    /// `nr` values
    bias: &'a [f32],
    fused: bool,
    relu: bool,
}

/// The first `ROWS` rows of a tile.
struct Rows<'a, const ROWS: usize>(Tile<'a>);

impl<I: Isa, const ROWS: usize> WithIsa<I> for Rows<'_, ROWS> {
    /// `nr` results of each row.
    type Output = [[f32; 32]; MR];

    #[inline(always)]
    fn call(self, isa: I) -> Self::Output {
        let Tile {
            sources,
            panel,
            bias,
            fused,
            relu,
        } = self.0;
        let mut acc = [[isa.splat_f32(0.0); NV]; ROWS];
        let nr = NV * I::LANES;
        for (k, weights) in panel.chunks_exact(nr).enumerate() {
            // SAFETY: `weights` holds NV vectors.
            let columns: [I::F; NV] = each!(isa.splat_f32(0.0), |v| unsafe {
                isa.load_f32(weights.as_ptr().add(v * I::LANES))
            });
            for (row, source) in acc.iter_mut().zip(sources) {
                // SAFETY: every source has as many values as the panel has rows of `nr` weights.
                let value = isa.splat_f32(unsafe { *source.get_unchecked(k) });
                for (sum, column) in row.iter_mut().zip(columns) {
                    *sum = if fused {
                        isa.fma_f32(value, column, *sum)
                    } else {
                        isa.add_f32(*sum, isa.mul_f32(value, column))
                    };
                }
            }
        }
        let mut results = [[0.0; 32]; MR];
        for (row, result) in acc.into_iter().zip(&mut results) {
            for (v, sum) in row.into_iter().enumerate() {
                // SAFETY: `bias` has `nr` values; a result has room for NV of the widest vectors.
                unsafe {
                    let mut value = isa.add_f32(sum, isa.load_f32(bias[v * I::LANES..].as_ptr()));
                    if relu {
                        value = isa.max_f32(isa.splat_f32(0.0), value);
                    }
                    isa.store_f32(result[v * I::LANES..].as_mut_ptr(), value);
                }
            }
        }
        results
    }
}
