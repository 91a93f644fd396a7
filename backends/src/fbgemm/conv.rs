//! Convolution in one, two or three dimensions: each group is a GEMM whose
//! activations are packed straight from the image (fused im2col), or read where
//! they lie (see [`windows`](super::windows)). Convolutions
//! with one channel a group go to [`depthwise`](super::depthwise).

use std::ops::Range;

use super::aligned::Aligned;
use super::columns::{Columns, form};
use super::depthwise;
use super::engine::{self, with_engine};
use super::gemm;
use super::im2col::{Geometry, ROW_SLACK};
use super::micro_kernel::{Blocking, Sums};
use super::output::{Form, Place};
use super::pack_a::{self, Lent, PackedRows};
use super::pack_b::{PackedWeights, column_sums};
use super::products::Products;
use super::windows::Placing;
use crate::backend::{Chosen, Kernel, Precondition, Refusal};
use crate::isa::Isa;
use crate::threads::{self, Grid, Part};
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
    most_code: u8,
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
    // What lies outside the image is a code, too.
    if spec.activation.qparams.zero_point > i32::from(most_code) {
        return Err(Refusal::Precondition(Precondition::ReducedActivations));
    }
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
    let n = spec.out_channels / spec.groups;
    let engine = engine::proved::<I>(engine, products.weights, n, k, most_code);
    let columns = columns(engine.code_shift::<I>());
    Ok(with_engine!(
        engine,
        I,
        Conv(
            isa,
            spec,
            geometry,
            products.weights,
            most_code,
            columns,
            form
        )
    ))
}

struct Conv<I: Isa, T: Sums<I>> {
    isa: I,
    shape: Shape,
    /// the weights of each group
    groups: Vec<PackedWeights<I, T>>,
    columns: Columns,
    form: Form,
    /// where windows are read in place
    placing: Option<Placing>,
    workers: Vec<Worker<I, T>>,
    chosen: Chosen,
}

/// Where windows lie, and what is in them.
struct Shape {
    geometry: Geometry,
    zero_point: u8,
    /// input channels of a group
    group_in: usize,
}

/// What a thread works in.
struct Worker<I: Isa, T: Sums<I>> {
    /// one row of im2col
    row: Aligned<u8>,
    rows: PackedRows<I, T>,
    sums: Aligned<i32>,
    /// where windows start that are read in place
    starts: Vec<usize>,
}

impl<I: Isa, T: Sums<I>> Conv<I, T> {
    fn new(
        isa: I,
        spec: &ConvSpec,
        geometry: Geometry,
        weights: &[i8],
        most_code: u8,
        columns: Columns,
        form: Form,
    ) -> Self {
        let (k, n) = (spec.k(), spec.out_channels / spec.groups);
        let zero_point = spec.activation.qparams.zero_point as u8;
        let group_in = spec.in_channels / spec.groups;
        let placing = if columns.corrects_rows() {
            None
        } else {
            Placing::new::<I, T>(&geometry, (spec.groups, group_in, n), zero_point)
        };
        let pack = |group: usize| {
            let weights = &weights[group * n * k..][..n * k];
            match &placing {
                Some(placing) => {
                    PackedWeights::new(&placing.weights(weights), n, placing.k(), most_code)
                }
                None => PackedWeights::new(weights, n, k, most_code),
            }
        };
        let groups: Vec<PackedWeights<I, T>> = (0..spec.groups).map(pack).collect();
        let mut chosen = engine::chosen(groups.iter());
        if placing.is_some() {
            chosen.micro_kernel += ", windows in place";
        }
        let packed_k = if placing.is_some() { 0 } else { k };
        let worker = || Worker {
            row: Aligned::zeroed(packed_k + ROW_SLACK),
            rows: PackedRows::new(packed_k),
            sums: gemm::sums_block::<I, T>(),
            starts: vec![0; T::blocking().mcb],
        };
        Self {
            isa,
            shape: Shape {
                geometry,
                zero_point,
                group_in,
            },
            chosen,
            groups,
            columns,
            form,
            placing,
            workers: (0..threads::allowed()).map(|_| worker()).collect(),
        }
    }
}

/// What all threads read while they multiply.
struct Shared<'a, I, T> {
    isa: I,
    input: View<'a>,
    shape: &'a Shape,
    groups: &'a [PackedWeights<I, T>],
    columns: &'a Columns,
    form: Form,
    placing: Option<&'a Placing>,
}

impl<I: Isa, T: Sums<I>> Shared<'_, I, T> {
    /// Of `rows` output positions from `first` on, those whose windows are rows of the input
    /// and need no packing.
    fn lend(&self, group: usize, first: usize, rows: usize) -> Lent<'_> {
        if !self.shape.geometry.is_pointwise() || self.columns.corrects_rows() {
            return Lent::NONE;
        }
        let (stride, group_in) = (self.input.row_stride(), self.shape.group_in);
        match self.input.u8().get(first * stride + group * group_in..) {
            Some(codes) => Lent::of::<I, T>(codes, stride, group_in, rows),
            None => Lent::NONE,
        }
    }

    /// Packs the windows of output positions `packed`, counted from `first` on, channels of
    /// `group`.
    fn pack(&self, worker: &mut Worker<I, T>, group: usize, first: usize, packed: Range<usize>) {
        let Shape {
            geometry,
            zero_point,
            group_in,
        } = self.shape;
        let (codes, stride, skip) = (self.input.u8(), self.input.row_stride(), group * group_in);
        let with_sums = self.columns.corrects_rows();
        let pointwise = geometry.is_pointwise() && *group_in > 0;
        for row in packed {
            let position = first + row;
            let window: &[u8] = if pointwise {
                &codes[position * stride + skip..][..*group_in]
            } else {
                let (window, row) = (geometry.window(position), &mut worker.row);
                geometry.row(window, codes, stride, skip, *group_in, *zero_point, row);
                &row[..row.len() - ROW_SLACK]
            };
            worker.rows.pack(self.isa, row, window, with_sums);
        }
    }

    /// Computes one part of the output: positions, and channels of each group.
    fn compute(&self, worker: &mut Worker<I, T>, part: Part, mut output: threads::Output<'_>) {
        let blocking = T::blocking();
        for first in part.rows.clone().step_by(blocking.mcb) {
            let rows = (part.rows.end - first).min(blocking.mcb);
            if let Some(placing) = self.placing {
                placing.starts(first..first + rows, &mut worker.starts);
            }
            for (group, weights) in self.groups.iter().enumerate() {
                let lent = if self.placing.is_none() {
                    let lent = self.lend(group, first, rows);
                    self.pack(worker, group, first, lent.rows()..rows);
                    lent
                } else {
                    Lent::NONE
                };
                let block = pack_a::Block {
                    packed: &worker.rows,
                    lent,
                    windows: (self.placing)
                        .map(|placing| placing.windows(self.input, group, &worker.starts)),
                };
                for column in part.columns.clone().step_by(blocking.ncb) {
                    let finishing = gemm::Finishing {
                        columns: self.columns,
                        form: self.form,
                        row_sums: (self.columns.corrects_rows()).then(|| worker.rows.row_sums()),
                    };
                    let place = Place {
                        row: first,
                        rows,
                        column: group * weights.n() + column,
                        columns: (part.columns.end - column).min(blocking.ncb),
                    };
                    gemm::compute(
                        self.isa,
                        &block,
                        (weights, column),
                        &mut worker.sums,
                        finishing,
                        place,
                        &mut output,
                    );
                }
            }
        }
    }
}

impl<I: Isa, T: Sums<I>> Kernel for Conv<I, T> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let positions = self.shape.geometry.positions();
        if let Some(placing) = &mut self.placing {
            placing.place(inputs[0], self.workers.len());
        }
        let shared = Shared {
            isa: self.isa,
            input: inputs[0],
            shape: &self.shape,
            groups: &self.groups,
            columns: &self.columns,
            form: self.form,
            placing: self.placing.as_ref(),
        };
        let Blocking { mr, ncb, .. } = T::blocking();
        let grid = Grid {
            rows: positions,
            row_step: mr,
            columns: self.groups.first().map_or(0, PackedWeights::n),
            column_step: ncb,
        };
        let output = threads::Output::of(&mut outputs[0]);
        // SAFETY: `compute` writes its part alone.
        unsafe {
            threads::each_part(&mut self.workers, grid, &output, |worker, part, output| {
                shared.compute(worker, part, output);
            });
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
