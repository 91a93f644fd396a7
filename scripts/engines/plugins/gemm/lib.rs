//! The crate gemm's product of f32 as a Qassay plugin: the float base line. Weights are
//! dequantized when they are prepared; the bias is added at the end.
//!
//! scripts/engines/setup.sh gemm builds it. One thread.

#[path = "../product.rs"]
#[allow(dead_code)] // each crate needs a part of what is asked
mod product;

use std::ffi::CStr;

use product::{ACTIVATION_FLOAT, Asked, Bias, OUTPUT_FLOAT, Product, Table, table};

struct Gemm {
    m: usize,
    n: usize,
    k: usize,
    /// [k, n]
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Product for Gemm {
    type In = f32;
    type Out = f32;

    fn prepare(asked: &Asked<'_>) -> Result<Self, &'static str> {
        if asked.activation_kind != ACTIVATION_FLOAT
            || asked.output_kind != OUTPUT_FLOAT
            || asked.relu
        {
            return Err("products that are not of f32 to f32");
        }
        let bias = match asked.bias {
            None => Vec::new(),
            Some(Bias::F32(bias)) => bias.to_vec(),
            Some(Bias::S32) => return Err("a bias of s32"),
        };
        let (n, k) = (asked.n, asked.k);
        let mut weights = vec![0.0; n * k];
        for (row, codes) in asked.weights.chunks_exact(k).enumerate() {
            let channel = if asked.scales.len() == 1 { 0 } else { row };
            let (scale, zero) = (asked.scales[channel] as f32, asked.zero_points[channel]);
            for (column, &code) in codes.iter().enumerate() {
                let code = if asked.signed {
                    i32::from(code)
                } else {
                    i32::from(code as u8)
                };
                weights[column * n + row] = (code - zero) as f32 * scale;
            }
        }
        Ok(Self {
            m: asked.m,
            n,
            k,
            weights,
            bias,
        })
    }

    fn run(&self, x: &[f32], y: &mut [f32]) -> Result<(), String> {
        let (m, n, k) = (self.m, self.n, self.k);
        // SAFETY: x is [m, k], weights are [k, n], y is [m, n], all dense.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                y.as_mut_ptr(),
                1,
                n as isize,
                false,
                x.as_ptr(),
                1,
                k as isize,
                self.weights.as_ptr(),
                1,
                n as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        if !self.bias.is_empty() {
            for row in y.chunks_exact_mut(n) {
                for (value, bias) in row.iter_mut().zip(&self.bias) {
                    *value += bias;
                }
            }
        }
        Ok(())
    }

    fn chosen(&self) -> &'static CStr {
        c"f32"
    }
}

/// What this library is and does.
#[unsafe(no_mangle)]
pub extern "C" fn qassay_plugin() -> *const Table {
    table::<Gemm>(
        c"gemm 0.19 (f32)",
        c"f32",
        c"exact+float_output.weight_only=sequential-fma",
    )
}
