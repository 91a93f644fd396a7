//! A Qassay plugin of one kind of linear op, for crates: rows without gaps, weights that
//! are prepared once. A crate implements [`Product`] and exports [`table`].

#[path = "../../../backends/src/external/plugin/abi.rs"]
#[allow(dead_code)]
mod abi;

use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicI64, Ordering};

/// What `qassay_plugin` returns: the address of the table of `qassay.h`.
pub type Table = c_void;

/// What is asked of a linear op: y[m, n] = sum over k of x[m, k] w[n, k].
pub struct Asked<'a> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// [`ACTIVATION_QUANTIZED`] or another (`qassay.h`).
    pub activation_kind: i32,
    /// The type of codes of activations.
    pub dtype: i32,
    pub zero_point: i32,
    /// [`OUTPUT_FLOAT`] or another.
    pub output_kind: i32,
    /// A fused relu, of any kind.
    pub relu: bool,
    /// Weights [n, k], and whether they are s8.
    pub weights: &'a [i8],
    pub signed: bool,
    /// One, or one per n.
    pub scales: &'a [f64],
    pub zero_points: &'a [i32],
    pub bias: Option<Bias<'a>>,
}

/// A bias per n.
#[derive(Clone, Copy)]
pub enum Bias<'a> {
    F32(&'a [f32]),
    S32,
}

/// Codes of activations.
pub const ACTIVATION_QUANTIZED: i32 = abi::ACTIVATION_QUANTIZED;
/// f32 activations, times dequantized weights.
pub const ACTIVATION_FLOAT: i32 = abi::ACTIVATION_FLOAT;
/// f32 outputs.
pub const OUTPUT_FLOAT: i32 = abi::OUTPUT_FLOAT;
/// s32 outputs, zero points taken off.
pub const OUTPUT_SUMS: i32 = abi::OUTPUT_SUMS;
/// Codes of u8.
pub const U8: i32 = abi::U8;
/// Codes of s8.
pub const S8: i32 = abi::S8;

/// A prepared product.
pub trait Product: Sized {
    /// One value of x.
    type In: Copy + Default;
    /// One value of y.
    type Out: Copy + Default;
    /// Takes weights as it likes them; why not, where it does not have the op.
    fn prepare(asked: &Asked<'_>) -> Result<Self, &'static str>;
    /// x [m, k] to y [m, n], both without gaps.
    fn run(&self, x: &[Self::In], y: &mut [Self::Out]) -> Result<(), String>;
    /// What runs inside.
    fn chosen(&self) -> &CStr;
}

/// A prepared op, and room for operands that have gaps.
struct Held<P: Product> {
    product: P,
    x: Vec<P::In>,
    y: Vec<P::Out>,
}

static LIVE: AtomicI64 = AtomicI64::new(0);

/// The table of a plugin that has linear as `P` does it.
pub fn table<P: Product>(
    name: &'static CStr,
    isa: &'static CStr,
    profile: &'static CStr,
) -> *const Table {
    static OPS: [i32; 1] = [6];
    let table = Box::leak(Box::new(abi::Table {
        size: size_of::<abi::Table>(),
        abi: abi::ABI,
        preconditions: 0,
        name: name.as_ptr(),
        isa: isa.as_ptr(),
        profile: profile.as_ptr(),
        ops: OPS.as_ptr(),
        op_count: OPS.len(),
        prepare: Some(prepare::<P>),
        run: Some(run::<P>),
        release: Some(release::<P>),
        chosen: Some(chosen::<P>),
        live: Some(live),
    }));
    std::ptr::from_mut(table).cast_const().cast()
}

/// # Safety
/// As `qassay.h` says: `why` has room for `size` bytes.
unsafe fn say(why: *mut c_char, size: usize, text: &str) {
    let len = text.len().min(size.saturating_sub(1));
    // SAFETY: no more than `size` bytes with the 0 behind them.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), why, len);
        *why.add(len) = 0;
    }
}

unsafe extern "C" fn prepare<P: Product>(
    op: *const abi::Op,
    handle: *mut *mut c_void,
    why: *mut c_char,
    size: usize,
) -> i32 {
    // SAFETY: an op and all that it points to lives during the call; linear is the one op declared,
    // and its weights are dense.
    let (asked, count) = unsafe {
        let op = &*op;
        let spec = &*op.spec.cast::<abi::Linear>();
        let (m, n, k) = (spec.m as usize, spec.n as usize, spec.k as usize);
        let weights = &*op.weights;
        let bias = (!op.bias.is_null()).then(|| {
            let bias = &*op.bias;
            if bias.dtype != abi::F32 {
                return Bias::S32;
            }
            Bias::F32(std::slice::from_raw_parts(bias.data.cast(), n))
        });
        let scales = spec.weights.count as usize;
        let asked = Asked {
            m,
            n,
            k,
            activation_kind: spec.activation_kind,
            dtype: spec.activation.dtype,
            zero_point: spec.activation.zero_point,
            output_kind: spec.output_kind,
            relu: spec.relu.kind != abi::RELU_NONE,
            weights: std::slice::from_raw_parts(weights.data.cast(), n * k),
            signed: weights.dtype == abi::S8,
            scales: std::slice::from_raw_parts(spec.weights.scales, scales),
            zero_points: std::slice::from_raw_parts(spec.weights.zero_points, scales),
            bias,
        };
        (asked, (m * k, m * n))
    };
    match P::prepare(&asked) {
        Ok(product) => {
            let held = Held {
                product,
                x: vec![P::In::default(); count.0],
                y: vec![P::Out::default(); count.1],
            };
            LIVE.fetch_add(1, Ordering::Relaxed);
            // SAFETY: `handle` is where the caller wants it.
            unsafe { *handle = Box::into_raw(Box::new(held)).cast() };
            abi::OK
        }
        Err(text) => {
            // SAFETY: as the caller says.
            unsafe { say(why, size, text) };
            abi::UNSUPPORTED
        }
    }
}

/// The values of a tensor where they are, if that is without gaps and aligned.
unsafe fn here<T>(tensor: &abi::Tensor, rows: usize, columns: usize) -> Option<*mut T> {
    let gaps = rows > 1 && tensor.row_stride as usize != columns;
    (!gaps && tensor.data.cast::<T>().is_aligned()).then_some(tensor.data.cast())
}

unsafe extern "C" fn run<P: Product>(
    handle: *mut c_void,
    input: *const abi::Tensor,
    output: *const abi::Tensor,
    why: *mut c_char,
    size: usize,
) -> i32 {
    // SAFETY: a handle of `prepare`; one input [m, k] and one output [m, n], whose rows lie
    // `row_stride` values apart, aligned or not.
    let done = unsafe {
        let held = &mut *handle.cast::<Held<P>>();
        let (x, y) = (&*input, &*output);
        let (rows, k, n) = (
            *x.shape as usize,
            *x.shape.add(1) as usize,
            *y.shape.add(1) as usize,
        );
        let from = here::<P::In>(x, rows, k).unwrap_or_else(|| {
            for row in 0..rows {
                let from = x
                    .data
                    .cast::<P::In>()
                    .wrapping_add(row * x.row_stride as usize)
                    .cast::<u8>();
                let to = held.x.as_mut_ptr().add(row * k).cast();
                std::ptr::copy_nonoverlapping(from, to, k * size_of::<P::In>());
            }
            held.x.as_mut_ptr()
        });
        let there = here::<P::Out>(y, rows, n);
        let to = there.unwrap_or(held.y.as_mut_ptr());
        let (from, into) = (
            std::slice::from_raw_parts(from, rows * k),
            std::slice::from_raw_parts_mut(to, rows * n),
        );
        let done = held.product.run(from, into);
        if there.is_none() {
            for row in 0..rows {
                let from = to.add(row * n).cast();
                let back = y
                    .data
                    .cast::<P::Out>()
                    .wrapping_add(row * y.row_stride as usize)
                    .cast::<u8>();
                std::ptr::copy_nonoverlapping::<u8>(from, back, n * size_of::<P::Out>());
            }
        }
        done
    };
    match done {
        Ok(()) => abi::OK,
        Err(text) => {
            // SAFETY: as the caller says.
            unsafe { say(why, size, &text) };
            abi::ERROR
        }
    }
}

unsafe extern "C" fn release<P: Product>(handle: *mut c_void) {
    // SAFETY: `prepare` made it so, and nobody uses it any more.
    drop(unsafe { Box::from_raw(handle.cast::<Held<P>>()) });
    LIVE.fetch_sub(1, Ordering::Relaxed);
}

unsafe extern "C" fn chosen<P: Product>(handle: *mut c_void) -> *const c_char {
    // SAFETY: a handle of `prepare`.
    unsafe { (*handle.cast::<Held<P>>()).product.chosen().as_ptr() }
}

unsafe extern "C" fn live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}
