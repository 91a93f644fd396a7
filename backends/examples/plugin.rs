//! A whole Qassay plugin in Rust: clamp on 8-bit codes.
//!
//! ```text
//! rustc --edition 2024 -O --crate-type cdylib -o libplugin.so backends/examples/plugin.rs
//! qassay conform --backend plugin:./libplugin.so
//! ```
//! The types are those of `backends/include/qassay.h`, as far as this op needs them.

use std::ffi::{c_char, c_void};

const OK: i32 = 0;
const UNSUPPORTED: i32 = 1;
const U8: i32 = 1;
const S8: i32 = 2;
const CLAMP: i32 = 12;

#[repr(C)]
struct Tensor {
    data: *mut c_void,
    shape: *const i64,
    row_stride: i64,
    rank: i32,
    dtype: i32,
}

#[repr(C)]
struct ClampSpec {
    size: usize,
    shape: *const i64,
    rank: i32,
    dtype: i32,
    low: i32,
    high: i32,
}

#[repr(C)]
struct Op {
    size: usize,
    spec: *const c_void,
    weights: *const Tensor,
    bias: *const Tensor,
    op: i32,
    inputs: i32,
    outputs: i32,
    reserved: i32,
}

/// The table of `qassay.h`.
#[repr(C)]
pub struct Backend {
    size: usize,
    abi: u32,
    preconditions: u32,
    name: *const c_char,
    isa: *const c_char,
    profile: *const c_char,
    ops: *const i32,
    op_count: usize,
    prepare: unsafe extern "C" fn(*const Op, *mut *mut c_void, *mut c_char, usize) -> i32,
    run: unsafe extern "C" fn(*mut Held, *const Tensor, *const Tensor, *mut c_char, usize) -> i32,
    release: unsafe extern "C" fn(*mut Held),
    chosen: Option<unsafe extern "C" fn(*mut Held) -> *const c_char>,
    live: Option<extern "C" fn() -> i64>,
}

// SAFETY: nothing in the table is ever written.
unsafe impl Sync for Backend {}

/// A prepared op: the two codes between which codes are held.
struct Held(i32, i32);

unsafe extern "C" fn prepare(
    op: *const Op,
    handle: *mut *mut c_void,
    why: *mut c_char,
    size: usize,
) -> i32 {
    // SAFETY: the op and its spec live during the call; clamp is the one op declared.
    let spec = unsafe { &*(*op).spec.cast::<ClampSpec>() };
    if spec.dtype != U8 && spec.dtype != S8 {
        let text = c"codes of other than 8 bits".to_bytes_with_nul();
        let len = text.len().min(size);
        // SAFETY: `why` has room for `size` bytes.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), why.cast(), len) };
        return UNSUPPORTED;
    }
    let held = Box::new(Held(spec.low, spec.high));
    // SAFETY: `handle` is where the caller wants it.
    unsafe { *handle = Box::into_raw(held).cast() };
    OK
}

unsafe extern "C" fn run(
    held: *mut Held,
    input: *const Tensor,
    output: *const Tensor,
    _why: *mut c_char,
    _size: usize,
) -> i32 {
    // SAFETY: a handle of `prepare`, one input and one output of the op's shape and type.
    unsafe {
        let (held, x, y) = (&*held, &*input, &*output);
        let shape = std::slice::from_raw_parts(x.shape, x.rank as usize);
        let columns = shape.last().map_or(1, |&len| len);
        let rows: i64 = shape.iter().rev().skip(1).product();
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
            let from = x
                .data
                .cast::<u8>()
                .offset((row * x.row_stride + column) as isize);
            let to = y
                .data
                .cast::<u8>()
                .offset((row * y.row_stride + column) as isize);
            let signed = i32::from(*from as i8);
            let code = if x.dtype == S8 { signed } else { signed & 255 };
            *to = code.max(held.0).min(held.1) as u8;
        }
    }
    OK
}

unsafe extern "C" fn release(held: *mut Held) {
    // SAFETY: `prepare` made it so, and nobody uses it any more.
    drop(unsafe { Box::from_raw(held) });
}

/// What this library is and does.
#[unsafe(no_mangle)]
pub extern "C" fn qassay_plugin() -> &'static Backend {
    static OPS: [i32; 1] = [CLAMP];
    static TABLE: Backend = Backend {
        size: size_of::<Backend>(),
        abi: 1,
        preconditions: 0,
        name: c"exact in Rust".as_ptr(),
        isa: c"scalar".as_ptr(),
        profile: c"exact".as_ptr(),
        ops: OPS.as_ptr(),
        op_count: OPS.len(),
        prepare,
        run,
        release,
        chosen: None,
        live: None,
    };
    &TABLE
}
