//! tract-linalg's product of s8 by s8 as a Qassay plugin: sums, zero points taken off.
//!
//! scripts/engines/setup.sh tract builds it. One thread. tract multiplies s8 only and moves codes
//! of u8 down by 128 before (tract-core, `ops/quant.rs`, `offset_u8_as_i8`); so does this, with
//! the zero point.

#[path = "../product.rs"]
#[allow(dead_code)] // each crate needs a part of what is asked
mod product;

use std::cell::RefCell;
use std::ffi::{CStr, CString};

use product::{ACTIVATION_QUANTIZED, Asked, OUTPUT_SUMS, Product, S8, Table, U8, table};
use tract_data::prelude::{DatumType, Tensor, tvec};
use tract_linalg::mmm::{AsInputValue, FusedSpec, MMMInputValue, MatMatMul, Query, ScratchSpace};
use tract_linalg::{BinOp, MmmDispatch};

struct Tract {
    kernel: Box<dyn MatMatMul>,
    packing: usize,
    weights: Box<dyn MMMInputValue>,
    /// What zero points and the move from u8 to s8 add to each column.
    columns: Tensor,
    rows: usize,
    offset: u8,
    held: RefCell<Held>,
    chosen: CString,
}

/// What a run writes to.
struct Held {
    /// Activations [m, k].
    x: Tensor,
    /// Sums [m, n]: tract writes to tensors of its own only, so they are copied out.
    y: Tensor,
    scratch: Box<dyn ScratchSpace>,
}

impl Product for Tract {
    type In = u8;
    type Out = i32;

    fn prepare(asked: &Asked<'_>) -> Result<Self, &'static str> {
        let moved = match asked.dtype {
            U8 => 128,
            S8 => 0,
            _ => return Err("activations that are neither u8 nor s8"),
        };
        if asked.activation_kind != ACTIVATION_QUANTIZED || !asked.signed {
            return Err("products whose weights are not s8");
        }
        if asked.output_kind != OUTPUT_SUMS || asked.bias.is_some() || asked.relu {
            return Err("outputs that are not sums");
        }
        if asked.zero_points.iter().any(|&zero| zero != 0) {
            return Err("weight zero points");
        }
        let (m, n, k) = (asked.m, asked.n, asked.k);
        let (kernel, packing, _) = MmmDispatch::native()
            .pick(&Query {
                weight: DatumType::I8.into(),
                activation: DatumType::I8,
                accumulators: tvec!(DatumType::I32),
                store: Some(DatumType::I32),
                allow_extractor: false,
                m: Some(m),
                k: Some(k),
                n: Some(n),
            })
            .ok_or("products for which tract-linalg has no kernel here")?;
        let zero_point = asked.zero_point - moved;
        let columns: Vec<i32> = asked
            .weights
            .chunks(k)
            .map(|column| {
                let sum: i32 = column.iter().map(|&code| i32::from(code)).sum();
                sum.wrapping_mul(-zero_point)
            })
            .collect();
        let cannot = "shapes that tract-linalg does not take";
        let weights = Tensor::from_shape(&[n, k], asked.weights).map_err(|_| cannot)?;
        let weights = kernel.packings()[packing].1.prepare_one(&weights, 1, 0).map_err(|_| cannot)?;
        Ok(Self {
            packing,
            weights,
            columns: Tensor::from_shape(&[n], &columns).map_err(|_| cannot)?,
            rows: m,
            offset: moved as u8,
            held: RefCell::new(Held {
                x: Tensor::zero::<i8>(&[m, k]).map_err(|_| cannot)?,
                y: Tensor::zero::<i32>(&[m, n]).map_err(|_| cannot)?,
                // SAFETY: as a kernel's own space is had.
                scratch: unsafe { kernel.allocate_scratch_space() },
            }),
            chosen: CString::new(kernel.name()).unwrap_or_default(),
            kernel,
        })
    }

    fn run(&self, x: &[u8], y: &mut [i32]) -> Result<(), String> {
        self.product(x, y).map_err(|error| format!("{error:#}"))
    }

    fn chosen(&self) -> &CStr {
        &self.chosen
    }
}

impl Tract {
    fn product(&self, x: &[u8], y: &mut [i32]) -> tract_data::TractResult<()> {
        let held = &mut *self.held.borrow_mut();
        {
            let mut plain = held.x.try_as_plain_ram_mut()?;
            for (to, from) in plain.as_slice_mut::<i8>()?.iter_mut().zip(x) {
                *to = (from ^ self.offset) as i8;
            }
        }
        let packed = self.kernel.packings()[self.packing].0.prepare_one(&held.x, 1, 0)?;
        let (m, n) = (self.rows, self.columns.len());
        // SAFETY: both operands were packed by this kernel's formats with the same k, and
        // the output has m rows of n values.
        unsafe {
            self.kernel.run_with_scratch_space(
                m,
                n,
                &mut *held.scratch,
                &[
                    FusedSpec::AddMatMul {
                        a: AsInputValue::Borrowed(&*packed),
                        b: AsInputValue::Borrowed(&*self.weights),
                        packing: self.packing,
                    },
                    FusedSpec::BinPerCol(self.columns.view(), BinOp::Add),
                    FusedSpec::Store(
                        self.kernel.c_view(Some(0), Some(1)).wrap(&held.y.view_mut()),
                    ),
                ],
            )?;
        }
        y.copy_from_slice(held.y.try_as_plain_ram()?.as_slice::<i32>()?);
        Ok(())
    }
}

/// What this library is and does.
#[unsafe(no_mangle)]
pub extern "C" fn qassay_plugin() -> *const Table {
    table::<Tract>(c"tract-linalg 0.23", c"cpu", c"exact")
}
