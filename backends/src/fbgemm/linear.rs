//! Linear: static (u8 codes in), dynamic (f32 in, quantized while packed) and
//! weight-only (see [`weight_only`](super::weight_only)).

use std::ops::Range;

use super::aligned::Aligned;
use super::columns::{Columns, form};
use super::dynamic::{self, Quantizer};
use super::engine::{self, with_engine};
use super::gemm;
use super::micro_kernel::{Blocking, Sums};
use super::output::{Form, Place};
use super::pack_a::{self, Lent, PackedRows};
use super::pack_b::{PackedWeights, column_sums};
use super::products::Products;
use super::weight_only;
use super::windows::Windows;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
use crate::threads::{self, Grid, Part};
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
    most_code: u8,
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
                Source::Floats(dynamic::Dynamic::new::<I>(profile, reduce_range)?),
                qparams,
            )
        }
    };
    let form = form::<I>(profile, spec.output, spec.relu.is_zero())?;
    // Codes that are quantized at run time may be any.
    let most_code = match source {
        Source::Codes => most_code,
        Source::Floats(_) => u8::MAX,
    };
    let engine = engine::choose::<I>(profile, profile.accumulate.linear)?;
    let engine = engine::proved::<I>(engine, products.weights, spec.n, spec.k, most_code);
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
        Linear(
            isa,
            spec,
            products.weights,
            most_code,
            source,
            columns,
            form
        )
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
/// As [`READ_IN_PLACE`], by tiles that read windows.
const WINDOWS_IN_PLACE: usize = 512;

struct Linear<I: Isa, T: Sums<I>> {
    isa: I,
    m: usize,
    source: Source,
    weights: PackedWeights<I, T>,
    columns: Columns,
    form: Form,
    workers: Vec<Worker<I, T>>,
    chosen: Chosen,
}

/// What a thread works in.
struct Worker<I: Isa, T: Sums<I>> {
    rows: PackedRows<I, T>,
    sums: Aligned<i32>,
    /// a row of codes, where they are made at run time
    codes: Aligned<u8>,
    /// where rows start that are read in place
    starts: Vec<usize>,
}

impl<I: Isa, T: Sums<I>> Linear<I, T> {
    fn new(
        isa: I,
        spec: &LinearSpec,
        weights: &[i8],
        most_code: u8,
        source: Source,
        columns: Columns,
        form: Form,
    ) -> Self {
        let weights = PackedWeights::new(weights, spec.n, spec.k, most_code);
        let codes = match source {
            Source::Codes => 0,
            Source::Floats(_) => spec.k,
        };
        let worker = || Worker {
            rows: PackedRows::new(spec.k),
            sums: gemm::sums_block::<I, T>(),
            codes: Aligned::zeroed(codes),
            starts: vec![0; T::blocking().mcb],
        };
        Self {
            isa,
            m: spec.m,
            source,
            chosen: engine::chosen([&weights].into_iter()),
            weights,
            columns,
            form,
            workers: (0..threads::allowed()).map(|_| worker()).collect(),
        }
    }
}

/// What all threads read while they multiply.
struct Shared<'a, I, T> {
    isa: I,
    input: View<'a>,
    quantizer: Option<Quantizer>,
    weights: &'a PackedWeights<I, T>,
    columns: &'a Columns,
    form: Form,
}

impl<I: Isa, T: Sums<I>> Shared<'_, I, T> {
    /// The rows of the input from row `first` on that need no packing, of `rows`.
    fn lend(&self, first: usize, rows: usize) -> Lent<'_> {
        let (k, stride) = (self.weights.k(), self.input.row_stride());
        // Rows far apart are read from cache as slowly as they are packed: where many columns
        // read them again, packing pays.
        if self.quantizer.is_none() && self.weights.n() <= READ_IN_PLACE && k > 0 {
            Lent::of::<I, T>(&self.input.u8()[first * stride..], stride, k, rows)
        } else {
            Lent::NONE
        }
    }

    /// Whether a row is read in place as one segment of a window, which is what follows each other
    /// in an image.
    fn reads_rows(&self) -> bool {
        let k = self.weights.k();
        T::READS_WINDOWS
            && self.quantizer.is_none()
            && !self.columns.corrects_rows()
            && self.weights.n() <= WINDOWS_IN_PLACE
            && (1..=T::blocking().kcb).contains(&k)
            && k.is_multiple_of(T::INTERLEAVE)
    }

    /// Packs rows `packed` of the block that starts at row `first` of the input.
    fn pack(&self, worker: &mut Worker<I, T>, first: usize, packed: Range<usize>) {
        let (k, stride) = (self.weights.k(), self.input.row_stride());
        let with_sums = self.columns.corrects_rows();
        if with_sums {
            for row in 0..packed.start {
                let codes = &self.input.u8()[(first + row) * stride..][..k];
                worker.rows.sum(self.isa, row, codes);
            }
        }
        for row in packed {
            // Rows of nothing may lie beyond the end.
            let start = if k == 0 { 0 } else { (first + row) * stride };
            let codes = match self.quantizer {
                Some(quantizer) => {
                    let values = &self.input.f32()[start..][..k];
                    quantizer.quantize(self.isa, values, &mut worker.codes);
                    &worker.codes
                }
                None => &self.input.u8()[start..][..k],
            };
            worker.rows.pack(self.isa, row, codes, with_sums);
        }
    }

    /// Computes one part of the output.
    fn compute(&self, worker: &mut Worker<I, T>, part: Part, mut output: threads::Output<'_>) {
        let blocking = T::blocking();
        for first in part.rows.clone().step_by(blocking.mcb) {
            let rows = (part.rows.end - first).min(blocking.mcb);
            let reads_rows = self.reads_rows();
            let lent = if reads_rows {
                let stride = self.input.row_stride();
                for (row, start) in worker.starts.iter_mut().enumerate() {
                    // Those that are lacking are the last one once more.
                    *start = (first + row.min(rows - 1)) * stride;
                }
                Lent::NONE
            } else {
                let lent = self.lend(first, rows);
                self.pack(worker, first, lent.rows()..rows);
                lent
            };
            let block = pack_a::Block {
                packed: &worker.rows,
                lent,
                windows: reads_rows.then(|| {
                    let groups = self.weights.k() / T::INTERLEAVE;
                    Windows::new(self.input.u8(), &worker.starts, &[0], groups)
                }),
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
                    column,
                    columns: (part.columns.end - column).min(blocking.ncb),
                };
                gemm::compute(
                    self.isa,
                    &block,
                    (self.weights, column),
                    &mut worker.sums,
                    finishing,
                    place,
                    &mut output,
                );
            }
        }
    }
}

impl<I: Isa, T: Sums<I>> Kernel for Linear<I, T> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let quantizer = match &self.source {
            Source::Codes => None,
            Source::Floats(dynamic) => {
                let qparams = dynamic.qparams(self.isa, &inputs[0]);
                self.columns.set_dynamic(qparams, self.form);
                Some(dynamic.quantizer(qparams))
            }
        };
        let shared = Shared {
            isa: self.isa,
            input: inputs[0],
            quantizer,
            weights: &self.weights,
            columns: &self.columns,
            form: self.form,
        };
        let Blocking { mr, ncb, .. } = T::blocking();
        let grid = Grid {
            rows: self.m,
            row_step: mr,
            columns: self.weights.n(),
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
