//! A Qassay plugin that supports nothing yet. `qassay.h` says what everything means.

#[allow(dead_code)]
mod abi;

use std::ffi::{c_char, c_void};

/// What `run` needs of a prepared op: packed weights, parameters, shapes. Copy it
/// out of the op, which lives during `prepare` only.
struct Held {
    op: i32,
}

/// Numbers of ops, as `qassay.h` has them.
const QUANTIZE: i32 = 1;
const LINEAR: i32 = 6;

unsafe extern "C" fn prepare(
    op: *const abi::Op,
    handle: *mut *mut c_void,
    why: *mut c_char,
    why_size: usize,
) -> i32 {
    // SAFETY: qassay.h: the op lives during the call.
    let op = unsafe { &*op };
    match op.op {
        LINEAR => {
            // SAFETY: qassay.h: the spec is of the type that goes with the op's number.
            let _spec = unsafe { &*op.spec.cast::<abi::Linear>() };
            // Refuse what you do not have, by type or parameter, then make a handle:
            //
            //     unsafe { *handle = Box::into_raw(Box::new(Held { op: op.op })).cast() };
            //     return abi::OK;
            let _ = handle;
            tell(why, why_size, "linear is not written yet");
            abi::UNSUPPORTED
        }
        other => {
            tell(why, why_size, &format!("op {other} is not written yet"));
            abi::UNSUPPORTED
        }
    }
}

unsafe extern "C" fn run(
    handle: *mut c_void,
    _inputs: *const abi::Tensor,
    _outputs: *const abi::Tensor,
    why: *mut c_char,
    why_size: usize,
) -> i32 {
    // SAFETY: a handle of `prepare` that was not released.
    let held = unsafe { &*handle.cast::<Held>() };
    // Write every value of every output: rows start row_stride values apart.
    tell(why, why_size, &format!("op {} is not written yet", held.op));
    abi::ERROR
}

unsafe extern "C" fn release(handle: *mut c_void) {
    // SAFETY: a handle of `prepare`, released once.
    drop(unsafe { Box::from_raw(handle.cast::<Held>()) });
}

/// Writes a reason, shortened to its room.
fn tell(why: *mut c_char, why_size: usize, text: &str) {
    let len = text.len().min(why_size.saturating_sub(1));
    // SAFETY: qassay.h: `why` has room for `why_size` bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), why.cast(), len);
        *why.add(len) = 0;
    }
}

/// The table can be shared: nothing in it is ever written.
struct Shared(abi::Table);
// SAFETY: as above.
unsafe impl Sync for Shared {}

#[unsafe(no_mangle)]
extern "C" fn qassay_plugin() -> *const abi::Table {
    // The ops that `prepare` may take; others are not asked.
    static OPS: [i32; 2] = [LINEAR, QUANTIZE];
    static TABLE: Shared = Shared(abi::Table {
        size: size_of::<abi::Table>(),
        abi: abi::ABI,
        preconditions: 0,
        name: c"mine".as_ptr(),
        isa: c"scalar".as_ptr(),
        // `qassay list profiles`; or "unknown", and Qassay finds out.
        profile: c"exact".as_ptr(),
        ops: OPS.as_ptr(),
        op_count: OPS.len(),
        prepare: Some(prepare),
        run: Some(run),
        release: Some(release),
        chosen: None,
        live: None,
    });
    &TABLE.0
}
