//! rten-gemm's product of u8 by s8 as a Qassay plugin: sums, zero points taken off.
//!
//! scripts/engines/setup.sh rten builds it. One thread: the one that calls.

#[path = "../product.rs"]
#[allow(dead_code)] // each crate needs a part of what is asked
mod product;

use std::ffi::CStr;

use product::{ACTIVATION_QUANTIZED, Asked, OUTPUT_SUMS, Product, Table, U8, table};
use rayon::{ThreadPool, ThreadPoolBuilder};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix, QuantParams};
use rten_tensor::NdTensorView;

type Executor = GemmExecutor<u8, i8, i32>;

struct Rten {
    executor: Executor,
    weights: PackedBMatrix<i8>,
    depth: usize,
    x_zero: Vec<u8>,
}

thread_local! {
    /// A pool whose one thread is the caller, so that all work is this thread's.
    static ALONE: Option<ThreadPool> =
        ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok();
}

impl Product for Rten {
    type In = u8;
    type Out = i32;

    fn prepare(asked: &Asked<'_>) -> Result<Self, &'static str> {
        if asked.activation_kind != ACTIVATION_QUANTIZED || asked.dtype != U8 || !asked.signed {
            return Err("products that are not of u8 by s8");
        }
        if asked.output_kind != OUTPUT_SUMS || asked.bias.is_some() || asked.relu {
            return Err("outputs that are not sums");
        }
        if asked.zero_points.iter().any(|&zero| zero != 0) {
            return Err(
                "weight zero points: rten-gemm leaves them out of weights that are packed before",
            );
        }
        let executor = Executor::new();
        let view = NdTensorView::from_data([asked.n, asked.k], asked.weights);
        let weights = ALONE.with(|_| executor.prepack_b(view.transposed()));
        Ok(Self {
            executor,
            weights,
            depth: asked.k,
            x_zero: vec![asked.zero_point as u8; asked.m],
        })
    }

    fn run(&self, x: &[u8], y: &mut [i32]) -> Result<(), String> {
        let (m, k) = (self.x_zero.len(), self.depth);
        let options = GemmOptions {
            a_quant: Some(QuantParams {
                zero_point: &self.x_zero,
            }),
            ..Default::default()
        };
        let left = GemmInputA::Unpacked(NdTensorView::from_data([m, k], x));
        let right = GemmInputB::Packed(&self.weights);
        ALONE
            .with(|_| self.executor.gemm(y, left, right, options))
            .map_err(|error| format!("{error:?}"))
    }

    fn chosen(&self) -> &'static CStr {
        if self.executor.may_saturate() {
            c"u8s8-saturating"
        } else {
            c"u8s8"
        }
    }
}

/// What this library is and does.
#[unsafe(no_mangle)]
pub extern "C" fn qassay_plugin() -> *const Table {
    match Executor::new().may_saturate() {
        true => table::<Rten>(
            c"rten-gemm 0.27",
            c"avx2",
            c"exact+accumulate.linear=i16-pairs",
        ),
        false => table::<Rten>(c"rten-gemm 0.27", c"vnni", c"exact"),
    }
}
