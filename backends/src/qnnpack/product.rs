//! The loops around the micro-kernel: groups, tiles of output pixels, blocks of
//! columns. Nothing is blocked for caches, as in QNNPACK
//! (`src/operator-run.c`, compute_q8gemm and compute_q8conv).

use qassay_golden::profile::{Accumulation, Outliers, Profile};
use qassay_golden::tensor::DType;

use super::form::Form;
use super::geometry::Geometry;
use super::indirection::Indirection;
use super::micro_kernel::{self, MAX_TILE, Rows, Tile};
use super::output::{Finish, Sums, zero_byte};
use super::pack::{PackedWeights, WeightCodes};
use crate::backend::{Chosen, Refusal};
use crate::isa::Isa;
use crate::threads::{self, Grid, Output, Part};
use crate::view::ViewMut;

/// The codes that a product reads.
#[derive(Debug, Clone, Copy)]
pub struct Codes<'a> {
    /// the codes' bytes
    pub bytes: &'a [u8],
    /// codes between pixels
    pub stride: usize,
}

/// A product of pixels' channels with packed weights, prepared.
#[derive(Debug)]
pub struct Product {
    shared: Shared,
    /// the sums of each thread's tile
    workers: Vec<Vec<i32>>,
}

/// What all threads read.
#[derive(Debug)]
struct Shared {
    form: Form,
    groups: Vec<PackedWeights>,
    /// output columns of a group
    columns: usize,
    /// kernel positions
    taps: usize,
    /// input channels of a group
    k: usize,
    /// output pixels
    outputs: usize,
    indirection: Option<Indirection>,
    zero: Vec<u8>,
    signed: bool,
    /// what is added to the activations' codes before they are multiplied
    moved: i32,
    finish: Finish,
}

/// The sizes of a product.
#[derive(Debug)]
pub struct Sizes {
    /// groups of channels
    pub groups: usize,
    /// output columns of a group
    pub columns: usize,
    /// input channels of a group
    pub k: usize,
    /// output pixels
    pub outputs: usize,
    /// where windows read, if not each output the pixel of its number
    pub geometry: Option<Geometry>,
}

impl Product {
    /// Packs weights. `finish` and `bias` come from [`Finish::new`].
    ///
    /// # Errors
    /// When the activations are no 8-bit codes.
    pub fn new<I: Isa>(
        sizes: Sizes,
        weights: &WeightCodes,
        activation: (DType, i32),
        finish: Finish,
        bias: &[i32],
    ) -> Result<Self, Refusal> {
        let taps = sizes.geometry.as_ref().map_or(1, Geometry::taps);
        let (columns, k, depth) = (sizes.columns, sizes.k, taps * sizes.k);
        let form = Form::choose::<I>(sizes.geometry.is_none(), depth);
        let zero = zero_byte(activation.0, activation.1)?;
        let groups = (0..sizes.groups)
            .map(|group| {
                let part = weights.part(group * columns, columns, depth);
                let bias = &bias[group * columns..][..columns];
                PackedWeights::new(part, taps, k, bias, form, micro_kernel::nr::<I>())
            })
            .collect();
        let shared = Shared {
            form,
            groups,
            columns,
            taps,
            k,
            outputs: sizes.outputs,
            indirection: (sizes.geometry.as_ref())
                .map(|geometry| Indirection::new(geometry, micro_kernel::mr::<I>(form))),
            zero: vec![zero; k],
            signed: activation.0 == DType::I8,
            moved: if activation.0 == DType::I8 { 128 } else { 0 } - form.shift::<I>(),
            finish,
        };
        let mut product = Self {
            shared,
            workers: vec![vec![0; MAX_TILE]; threads::allowed()],
        };
        product.set_zero_point(activation.1);
        Ok(product)
    }

    /// Sets the activations' zero point, which must be one of their codes; does not allocate.
    fn set_zero_point(&mut self, zero_point: i32) {
        let shared = &mut self.shared;
        for weights in &mut shared.groups {
            weights.set_input_zero_point(zero_point + shared.moved);
        }
        shared.zero.fill(zero_point as u8);
    }

    /// Sets the activations' parameters; does not allocate.
    pub fn set_activation(&mut self, scale: f64, zero_point: i32) {
        self.set_zero_point(zero_point);
        self.shared.finish.set_activation_scale(scale);
    }

    /// What a record says of this product.
    pub fn chosen<I: Isa>(&self) -> Chosen {
        let shared = &self.shared;
        let (mr, nr) = (micro_kernel::mr::<I>(shared.form), micro_kernel::nr::<I>());
        let kind = if shared.indirection.is_some() {
            "q8conv"
        } else {
            "q8gemm"
        };
        let codes = if shared.signed { "s8" } else { "u8" };
        let xzp = if shared.form.is_xzp() { "-xzp" } else { "" };
        let kr = shared.form.kr();
        Chosen {
            micro_kernel: format!(
                "{kind}-{codes}-{mr}x{nr}c{kr}{xzp}-{}",
                shared.finish.name()
            ),
            tile: Some((mr, nr, shared.k)),
            fallback: None,
        }
    }

    /// Computes all outputs; on one thread it does not allocate.
    pub fn run<I: Isa>(&mut self, isa: I, codes: Codes<'_>, output: &mut ViewMut<'_>) {
        let Self { shared, workers } = self;
        let grid = Grid {
            rows: shared.outputs,
            row_step: micro_kernel::mr::<I>(shared.form),
            columns: shared.columns,
            column_step: micro_kernel::nr::<I>(),
        };
        // SAFETY: `compute` writes its part alone.
        unsafe {
            threads::each_part(workers, grid, &Output::of(output), |sums, part, output| {
                shared.compute(isa, sums, part, codes, output);
            });
        }
    }
}

impl Shared {
    /// Computes one part of the output: whole tiles of pixels, and whole blocks of each group's
    /// columns.
    fn compute<I: Isa>(
        &self,
        isa: I,
        values: &mut [i32],
        part: Part,
        codes: Codes<'_>,
        mut output: Output<'_>,
    ) {
        let (mr, nr) = (micro_kernel::mr::<I>(self.form), micro_kernel::nr::<I>());
        for (group, weights) in self.groups.iter().enumerate() {
            for first in part.rows.clone().step_by(mr) {
                let offset = group * self.k;
                let rows = match &self.indirection {
                    None => Rows::Strided {
                        start: first * codes.stride + offset,
                        stride: codes.stride,
                    },
                    Some(indirection) => Rows::Indirect {
                        entries: indirection.tile(first / mr),
                        tile: mr,
                        stride: codes.stride,
                        offset,
                    },
                };
                let count = mr.min(part.rows.end - first);
                for block in weights.blocks_of(&part.columns) {
                    let tile = Tile {
                        codes: codes.bytes,
                        signed: self.signed,
                        zero: &self.zero,
                        rows,
                        count,
                        taps: self.taps,
                        k: self.k,
                        block,
                        symmetric: weights.is_symmetric(),
                        sums: values,
                    };
                    micro_kernel::multiply(isa, self.form, tile);
                    let sums = Sums {
                        sums: values,
                        stride: nr,
                        rows: count,
                        columns: block.columns,
                        row: first,
                        column: group * self.columns + block.column,
                    };
                    self.finish.store(isa, sums, &mut output);
                }
            }
        }
    }
}

/// Whether a profile sums as this family does.
///
/// # Errors
/// When it does not: sums are exact here, whatever the instruction set.
pub fn check_sums(profile: &Profile, accumulation: Accumulation) -> Result<(), Refusal> {
    if accumulation != Accumulation::Exact || profile.accumulate.outliers != Outliers::Kept {
        let message = "qnnpack has no sums in i16; its sums are exact".into();
        return Err(Refusal::Unsupported(message));
    }
    Ok(())
}
