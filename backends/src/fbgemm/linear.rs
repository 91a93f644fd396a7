//! Linear: static (u8 codes in), dynamic (f32 in, quantized while packed) and
//! weight-only (see [`weight_only`](super::weight_only)).

use std::ops::Range;

use super::aligned::Aligned;
use super::columns::{Columns, form};
use super::dynamic::{self, Quantizer};
use super::engine::{self, with_engine};
use super::gemm;
use super::micro_kernel::Sums;
use super::output::{self, Block, Form, Place};
use super::pack_a::{self, Lent, PackedRows};
use super::pack_b::{PackedWeights, column_sums};
use super::products::Products;
use super::weight_only;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
use crate::view::{View, ViewMut};
use qassay_golden::profile::Profile;
use qassay_golden::spec::{Activation, BiasKind, Constants, LinearSpec, Output, QParams};
use qassay_golden::tensor::DType;

/// Packs the weights of a linear op.
///
/// # Errors
/// When FBGEMM has no such linear, or the constants do not fit the spec.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &LinearSpec,
    constants: &Constants,
) -> Result<Box<dyn Kernel>, Refusal> {
    let unsupported = |what: String| Err(Refusal::Unsupported(what));
    let products = Products::new(constants, &spec.weights, spec.bias, spec.n, spec.k)?;
    if spec.output == Output::Sums && spec.bias == BiasKind::F32 {
        return unsupported("an f32 bias on s32 sums; use an s32 bias or none".into());
    }
    let (source, qparams) = match spec.activation {
        Activation::Float => return weight_only::prepare(isa, spec, &products, profile),
        Activation::Quantized(activation) if activation.dtype == DType::U8 => {
            (Source::Codes, activation.qparams)
        }
        Activation::Quantized(activation) => {
            return unsupported(format!(
                "{} activations; fbgemm has u8",
                activation.dtype.name()
            ));
        }
        Activation::Dynamic { reduce_range } => {
            if spec.output != Output::Float {
                return unsupported("dynamic activations with an output that is not f32".into());
            }
            // A placeholder until a run has seen the values.
            let qparams = QParams {
                scale: 1.0,
                zero_point: 0,
            };
            (
                Source::Floats(dynamic::Dynamic::new::<I>(profile, reduce_range, spec.k)?),
                qparams,
            )
        }
    };
    let form = form::<I>(profile, spec.output, spec.relu.is_zero())?;
    let engine = engine::choose::<I>(profile, profile.accumulate.linear)?;
    let sums = column_sums(products.weights, spec.n, spec.k);
    let shift = engine.code_shift::<I>();
    let columns = Columns::new(
        &products,
        sums,
        spec.k,
        qparams,
        profile,
        spec.output,
        shift,
    );
    Ok(with_engine!(
        engine,
        I,
        Linear(isa, spec, products.weights, source, columns, form)
    ))
}

/// Where the u8 codes come from.
enum Source {
    /// the input holds them
    Codes,
    /// the input is f32
    Floats(dynamic::Dynamic),
}

/// Columns up to which rows are read in place.
const READ_IN_PLACE: usize = 256;

struct Linear<I: Isa, T: Sums<I>> {
    isa: I,
    m: usize,
    source: Source,
    weights: PackedWeights<I, T>,
    columns: Columns,
    form: Form,
    rows: PackedRows<I, T>,
    sums: Aligned<i32>,
    chosen: Chosen,
}

impl<I: Isa, T: Sums<I>> Linear<I, T> {
    fn new(
        isa: I,
        spec: &LinearSpec,
        weights: &[i8],
        source: Source,
        columns: Columns,
        form: Form,
    ) -> Self {
        Self {
            isa,
            m: spec.m,
            source,
            weights: PackedWeights::new(weights, spec.n, spec.k),
            columns,
            form,
            rows: PackedRows::new(spec.k),
            sums: gemm::sums_block::<I, T>(),
            chosen: engine::chosen::<I, T>(),
        }
    }

    /// The rows of the input from row `first` on that need no packing, of `rows`.
    fn lend<'a>(&self, input: &View<'a>, first: usize, rows: usize) -> Lent<'a> {
        let (k, stride) = (self.weights.k(), input.row_stride());
        match self.source {
            // Rows far apart are read from cache as slowly as they are packed: where many
            // columns read them again, packing pays.
            Source::Codes if self.weights.n() <= READ_IN_PLACE && k > 0 => {
                Lent::of::<I, T>(&input.u8()[first * stride..], stride, k, rows)
            }
            _ => Lent::NONE,
        }
    }

    /// Packs rows `packed` of the block that starts at row `first` of the input.
    fn pack(
        &mut self,
        input: &View<'_>,
        quantizer: Option<Quantizer>,
        first: usize,
        packed: Range<usize>,
    ) {
        let (k, stride) = (self.weights.k(), input.row_stride());
        let with_sums = self.columns.corrects_rows();
        if with_sums {
            for row in 0..packed.start {
                let codes = &input.u8()[(first + row) * stride..][..k];
                self.rows.sum(self.isa, row, codes);
            }
        }
        for row in packed {
            let start = (first + row) * stride;
            match (&mut self.source, quantizer) {
                (Source::Floats(dynamic), Some(quantizer)) => {
                    let codes = if k == 0 {
                        &[]
                    } else {
                        &input.f32()[start..][..k]
                    };
                    let codes = dynamic.quantize(self.isa, quantizer, codes);
                    self.rows.pack(self.isa, row, codes, with_sums);
                }
                _ => {
                    let codes = if k == 0 {
                        &[]
                    } else {
                        &input.u8()[start..][..k]
                    };
                    self.rows.pack(self.isa, row, codes, with_sums);
                }
            }
        }
    }
}

impl<I: Isa, T: Sums<I>> Kernel for Linear<I, T> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let (input, output) = (&inputs[0], &mut outputs[0]);
        let quantizer = match &self.source {
            Source::Codes => None,
            Source::Floats(dynamic) => {
                let qparams = dynamic.qparams(self.isa, input);
                self.columns.set_dynamic(qparams, self.form);
                Some(dynamic.quantizer(qparams))
            }
        };
        let blocking = T::blocking();
        for first in (0..self.m).step_by(blocking.mcb) {
            let rows = (self.m - first).min(blocking.mcb);
            let lent = self.lend(input, first, rows);
            self.pack(input, quantizer, first, lent.rows()..rows);
            let block = pack_a::Block {
                packed: &self.rows,
                lent,
            };
            for column in (0..self.weights.n()).step_by(blocking.ncb) {
                gemm::multiply(
                    self.isa,
                    &block,
                    rows,
                    &self.weights,
                    column,
                    &mut self.sums,
                );
                let block = Block {
                    sums: &self.sums,
                    ldc: blocking.ncb,
                    row_sums: self.columns.corrects_rows().then(|| self.rows.row_sums()),
                };
                let place = Place {
                    row: first,
                    rows,
                    column,
                    columns: (self.weights.n() - column).min(blocking.ncb),
                };
                output::finish(self.isa, self.form, &self.columns, &block, place, output);
            }
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}
