//! Convolution in one, two or three dimensions: each group is a GEMM whose
//! activations are packed straight from the image (fused im2col). Convolutions
//! with one channel a group go to [`depthwise`](super::depthwise).

use std::ops::Range;

use super::aligned::Aligned;
use super::columns::{Columns, form};
use super::depthwise;
use super::engine::{self, with_engine};
use super::gemm;
use super::im2col::Geometry;
use super::micro_kernel::Sums;
use super::output::{self, Block, Form, Place};
use super::pack_a::{self, Lent, PackedRows};
use super::pack_b::{PackedWeights, column_sums};
use super::products::Products;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
use crate::view::{View, ViewMut};
use qassay_golden::profile::{Accumulation, Profile};
use qassay_golden::spec::{BiasKind, Constants, ConvSpec, Output};
use qassay_golden::tensor::DType;

/// Packs the weights of a convolution.
///
/// # Errors
/// When FBGEMM has no such convolution, or the constants do not fit the spec.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &ConvSpec,
    constants: &Constants,
) -> Result<Box<dyn Kernel>, Refusal> {
    let unsupported = |what: String| Err(Refusal::Unsupported(what));
    if spec.activation.dtype != DType::U8 {
        return unsupported(format!(
            "{} activations; fbgemm has u8",
            spec.activation.dtype.name()
        ));
    }
    if spec.output == Output::Float {
        return unsupported("a convolution with f32 output".into());
    }
    if spec.output == Output::Sums && spec.bias == BiasKind::F32 {
        return unsupported("an f32 bias on s32 sums; use an s32 bias or none".into());
    }
    if spec.groups == 0
        || !spec.in_channels.is_multiple_of(spec.groups)
        || !spec.out_channels.is_multiple_of(spec.groups)
    {
        return unsupported(format!(
            "{} groups do not divide {} input and {} output channels",
            spec.groups, spec.in_channels, spec.out_channels
        ));
    }
    let Some(geometry) = Geometry::new(spec) else {
        return unsupported("a kernel that is not 1 to 3 dimensions of at least 1".into());
    };
    let k = spec.k();
    let products = Products::new(constants, &spec.weights, spec.bias, spec.out_channels, k)?;
    let form = form::<I>(profile, spec.output, spec.relu.is_zero())?;
    let sums = column_sums(products.weights, spec.out_channels, k);
    let qparams = spec.activation.qparams;
    let columns = |shift| Columns::new(&products, sums, k, qparams, profile, spec.output, shift);
    let rule = &profile.accumulate;
    if spec.is_depthwise() {
        // `dot4` takes codes as they are.
        let columns = columns(0);
        return depthwise::prepare(isa, spec, geometry, &products, columns, form, profile);
    }
    let accumulation = match if spec.groups == 1 {
        rule.conv
    } else {
        rule.grouped
    } {
        Accumulation::PairsI16InDepthwiseKernels if depthwise::has_own_kernel(spec) => {
            return unsupported("two outputs a channel by FBGEMM's depthwise kernel".into());
        }
        Accumulation::PairsI16InDepthwiseKernels => Accumulation::Exact,
        other => other,
    };
    let engine = engine::choose::<I>(profile, accumulation)?;
    let columns = columns(engine.code_shift::<I>());
    Ok(with_engine!(
        engine,
        I,
        Conv(isa, spec, geometry, products.weights, columns, form)
    ))
}

struct Conv<I: Isa, T: Sums<I>> {
    isa: I,
    geometry: Geometry,
    zero_point: u8,
    /// input channels of a group
    group_in: usize,
    /// the weights of each group
    groups: Vec<PackedWeights<I, T>>,
    columns: Columns,
    form: Form,
    /// one row of im2col
    row: Aligned<u8>,
    rows: PackedRows<I, T>,
    sums: Aligned<i32>,
    chosen: Chosen,
}

impl<I: Isa, T: Sums<I>> Conv<I, T> {
    fn new(
        isa: I,
        spec: &ConvSpec,
        geometry: Geometry,
        weights: &[i8],
        columns: Columns,
        form: Form,
    ) -> Self {
        let (k, n) = (spec.k(), spec.out_channels / spec.groups);
        Self {
            isa,
            geometry,
            zero_point: spec.activation.qparams.zero_point as u8,
            group_in: spec.in_channels / spec.groups,
            groups: (0..spec.groups)
                .map(|group| PackedWeights::new(&weights[group * n * k..][..n * k], n, k))
                .collect(),
            columns,
            form,
            row: Aligned::zeroed(k),
            rows: PackedRows::new(k),
            sums: gemm::sums_block::<I, T>(),
            chosen: engine::chosen::<I, T>(),
        }
    }

    /// Of `rows` output positions from `first` on, those whose windows are rows of the input
    /// and need no packing.
    fn lend<'a>(&self, input: &View<'a>, group: usize, first: usize, rows: usize) -> Lent<'a> {
        if !self.geometry.is_pointwise() || self.columns.corrects_rows() {
            return Lent::NONE;
        }
        let (stride, skip) = (input.row_stride(), group * self.group_in);
        match input.u8().get(first * stride + skip..) {
            Some(codes) => Lent::of::<I, T>(codes, stride, self.group_in, rows),
            None => Lent::NONE,
        }
    }

    /// Packs the windows of output positions `packed`, counted from `first` on, channels of
    /// `group`.
    fn pack(&mut self, input: &View<'_>, group: usize, first: usize, packed: Range<usize>) {
        let (codes, stride, skip) = (input.u8(), input.row_stride(), group * self.group_in);
        let with_sums = self.columns.corrects_rows();
        let pointwise = self.geometry.is_pointwise() && self.group_in > 0;
        for row in packed {
            let position = first + row;
            let window: &[u8] = if pointwise {
                &codes[position * stride + skip..][..self.group_in]
            } else {
                let window = self.geometry.window(position);
                self.geometry
                    .row(window, codes, stride, skip, self.zero_point, &mut self.row);
                &self.row
            };
            self.rows.pack(self.isa, row, window, with_sums);
        }
    }
}

impl<I: Isa, T: Sums<I>> Kernel for Conv<I, T> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let blocking = T::blocking();
        let positions = self.geometry.positions();
        for first in (0..positions).step_by(blocking.mcb) {
            let rows = (positions - first).min(blocking.mcb);
            for group in 0..self.groups.len() {
                let lent = self.lend(&inputs[0], group, first, rows);
                self.pack(&inputs[0], group, first, lent.rows()..rows);
                let weights = &self.groups[group];
                let block = pack_a::Block {
                    packed: &self.rows,
                    lent,
                };
                for column in (0..weights.n()).step_by(blocking.ncb) {
                    gemm::multiply(self.isa, &block, rows, weights, column, &mut self.sums);
                    let block = Block {
                        sums: &self.sums,
                        ldc: blocking.ncb,
                        row_sums: self.columns.corrects_rows().then(|| self.rows.row_sums()),
                    };
                    let place = Place {
                        row: first,
                        rows,
                        column: group * weights.n() + column,
                        columns: (weights.n() - column).min(blocking.ncb),
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
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
