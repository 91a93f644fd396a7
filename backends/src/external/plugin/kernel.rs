//! A prepared op of a library.

use std::ffi::c_void;

use qassay_golden::spec::OpSpec;
use qassay_golden::tensor::DType;

use super::abi;
use super::library::Library;
use super::marshal;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::float_control;
use crate::view::{View, ViewMut};

/// A handle of a library.
pub(super) struct PluginKernel {
    library: &'static Library,
    handle: *mut c_void,
    chosen: Chosen,
    inputs: Vec<abi::Tensor>,
    outputs: Vec<abi::Tensor>,
    trouble: Option<String>,
    // What the tensors' shapes point to.
    _shapes: Vec<Vec<i64>>,
}

// SAFETY: the handle is used by one thread at a time, and may be by any (qassay.h, Calls); the
// pointers in `inputs` and `outputs` are to `_shapes` or set anew for each run.
unsafe impl Send for PluginKernel {}

impl PluginKernel {
    /// Takes over `handle`, which `library` made for `op`.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`] for types that C is not handed; the handle is released.
    pub(super) fn new(
        library: &'static Library,
        handle: *mut c_void,
        op: &OpSpec,
    ) -> Result<Self, Refusal> {
        let mut made = Self {
            library,
            handle,
            chosen: Chosen {
                // SAFETY: the library made this handle just now.
                micro_kernel: unsafe { library.chosen(handle) },
                tile: None,
                fallback: None,
            },
            inputs: Vec::new(),
            outputs: Vec::new(),
            trouble: None,
            _shapes: Vec::new(),
        };
        made.inputs = made.tensors(op.inputs())?;
        made.outputs = made.tensors(op.outputs())?;
        Ok(made)
    }

    fn tensors(&mut self, operands: Vec<(Vec<usize>, DType)>) -> Result<Vec<abi::Tensor>, Refusal> {
        (operands.into_iter())
            .map(|(shape, dtype)| {
                let shape: Vec<i64> = shape.into_iter().map(|len| len as i64).collect();
                let tensor = abi::Tensor {
                    data: std::ptr::null_mut(),
                    shape: shape.as_ptr(),
                    row_stride: 0,
                    rank: shape.len() as i32,
                    dtype: marshal::dtype(dtype)?,
                };
                self._shapes.push(shape);
                Ok(tensor)
            })
            .collect()
    }
}

impl Kernel for PluginKernel {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        for (tensor, view) in self.inputs.iter_mut().zip(inputs) {
            tensor.data = input(view);
            tensor.row_stride = view.row_stride() as i64;
        }
        for (tensor, view) in self.outputs.iter_mut().zip(outputs) {
            tensor.row_stride = view.row_stride() as i64;
            tensor.data = output(view);
        }
        let control = float_control::get();
        // SAFETY: the handle is the library's and alive; the views are those that the op lists,
        // and live through the call.
        let answer = unsafe { self.library.run(self.handle, &self.inputs, &self.outputs) };
        self.trouble = answer.err();
        if float_control::get() != control {
            float_control::set(control);
            self.trouble.get_or_insert_with(|| {
                "run left the floating-point control register changed (rounding, flush to zero): \
                 restore it"
                    .into()
            });
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

impl Drop for PluginKernel {
    fn drop(&mut self) {
        // SAFETY: the library's own handle, released here alone.
        unsafe { self.library.release(self.handle) }
    }
}

fn input(view: &View<'_>) -> *mut c_void {
    match view.dtype() {
        DType::U8 => view.u8().as_ptr().cast::<c_void>(),
        DType::I8 => view.i8().as_ptr().cast(),
        DType::I32 => view.i32().as_ptr().cast(),
        DType::F32 => view.f32().as_ptr().cast(),
        DType::F64 => view.f64().as_ptr().cast(),
        other => unreachable!("there is no view of {}", other.name()),
    }
    .cast_mut()
}

fn output(view: &mut ViewMut<'_>) -> *mut c_void {
    match view.dtype() {
        DType::U8 => view.u8_mut().as_mut_ptr().cast(),
        DType::I8 => view.i8_mut().as_mut_ptr().cast(),
        DType::I32 => view.i32_mut().as_mut_ptr().cast(),
        DType::F32 => view.f32_mut().as_mut_ptr().cast(),
        DType::F64 => view.f64_mut().as_mut_ptr().cast(),
        other => unreachable!("there is no view of {}", other.name()),
    }
}

/// In place of a kernel that a library should have made and did not.
pub(super) struct Broken {
    why: String,
    chosen: Chosen,
}

impl Broken {
    pub(super) fn new(why: String) -> Self {
        let chosen = Chosen {
            micro_kernel: String::new(),
            tile: None,
            fallback: None,
        };
        Self { why, chosen }
    }
}

impl Kernel for Broken {
    fn run(&mut self, _: &[View<'_>], _: &mut [ViewMut<'_>]) {}

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    fn trouble(&self) -> Option<&str> {
        Some(&self.why)
    }
}
