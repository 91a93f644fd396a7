//! The types of `qassay.h`, field by field; see there for what they mean. A test of
//! Qassay holds both to each other; `qassay scaffold rust` writes this file as it is.

use std::ffi::{c_char, c_void};

/// The version of the interface that this build speaks.
pub(super) const ABI: u32 = 1;
/// The name of the one function that a library exports.
pub(super) const ENTRY: &str = "qassay_plugin";

macro_rules! mirror {
    ($($(#[$meta:meta])* $name:ident = $c:literal { $($field:ident: $t:ty,)+ })+) => {
        $($(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $name { $(pub(super) $field: $t,)+ })+

        /// The name in C, the size, and the offset of each field of every type.
        #[cfg(test)]
        pub(super) fn layouts() -> Vec<(&'static str, usize, Vec<(&'static str, usize)>)> {
            vec![$((
                $c,
                size_of::<$name>(),
                vec![$((stringify!($field), std::mem::offset_of!($name, $field)),)+],
            ),)+]
        }
    };
}

mirror! {
    /// A tensor at run time, or a constant.
    Tensor = "qassay_tensor" {
        data: *mut c_void,
        shape: *const i64,
        row_stride: i64,
        rank: i32,
        dtype: i32,
    }
    /// Type, scale and zero point.
    Quantized = "qassay_quantized" {
        scale: f64,
        zero_point: i32,
        dtype: i32,
    }
    /// One scale and zero point, or one per index along an axis.
    Granularity = "qassay_granularity" {
        scales: *const f64,
        zero_points: *const i32,
        count: i64,
        axis: i32,
        reserved: i32,
    }
    /// What output codes are held to.
    Fused = "qassay_fused" {
        kind: i32,
        low: i32,
        high: i32,
        reserved: i32,
    }
    /// Quantize and dequantize.
    Elements = "qassay_elements" {
        size: usize,
        shape: *const i64,
        granularity: Granularity,
        low: i64,
        high: i64,
        rank: i32,
        dtype: i32,
    }
    /// Requantize.
    Requantize = "qassay_requantize" {
        size: usize,
        rows: i64,
        columns: i64,
        multipliers: *const f32,
        multiplier_count: i64,
        dtype: i32,
        zero_point: i32,
        relu: i32,
        reserved: i32,
    }
    /// Scale and zero point from values.
    ChooseQparams = "qassay_choose_qparams" {
        size: usize,
        len: i64,
        low: i64,
        high: i64,
        dtype: i32,
        symmetric: i32,
        reduce_range: i32,
        reserved: i32,
    }
    /// Observers.
    Observe = "qassay_observe" {
        size: usize,
        shape: *const i64,
        batches: i64,
        rank: i32,
        kind: i32,
        axis: i32,
        reserved: i32,
    }
    /// Linear.
    Linear = "qassay_linear" {
        size: usize,
        m: i64,
        n: i64,
        k: i64,
        activation: Quantized,
        output: Quantized,
        weights: Granularity,
        relu: Fused,
        activation_kind: i32,
        reduce_range: i32,
        output_kind: i32,
        bias_kind: i32,
    }
    /// Convolution.
    Conv = "qassay_conv" {
        size: usize,
        batch: i64,
        in_channels: i64,
        out_channels: i64,
        groups: i64,
        input: [i64; 3],
        output_size: [i64; 3],
        kernel: [i64; 3],
        stride: [i64; 3],
        pad_begin: [i64; 3],
        pad_end: [i64; 3],
        dilation: [i64; 3],
        activation: Quantized,
        output: Quantized,
        weights: Granularity,
        relu: Fused,
        spatial: i32,
        output_kind: i32,
        bias_kind: i32,
        reserved: i32,
    }
    /// Two inputs, element by element.
    Binary = "qassay_binary" {
        size: usize,
        shape: *const i64,
        a: Quantized,
        b: Quantized,
        output: Quantized,
        relu: Fused,
        rank: i32,
        reserved: i32,
    }
    /// Codes to codes, value by value.
    Function = "qassay_function" {
        size: usize,
        shape: *const i64,
        input: Quantized,
        output: Quantized,
        rank: i32,
        reserved: i32,
    }
    /// Clamp.
    Clamp = "qassay_clamp" {
        size: usize,
        shape: *const i64,
        rank: i32,
        dtype: i32,
        low: i32,
        high: i32,
    }
    /// Pools.
    Pool = "qassay_pool" {
        size: usize,
        batch: i64,
        channels: i64,
        input: [i64; 3],
        output_size: [i64; 3],
        kernel: [i64; 3],
        stride: [i64; 3],
        pad_begin: [i64; 3],
        pad_end: [i64; 3],
        activation: Quantized,
        output: Quantized,
        spatial: i32,
        count_include_pad: i32,
    }
    /// An op with its constants.
    Op = "qassay_op" {
        size: usize,
        spec: *const c_void,
        weights: *const Tensor,
        bias: *const Tensor,
        op: i32,
        inputs: i32,
        outputs: i32,
        reserved: i32,
    }
    /// What a library is and does. Its first two fields stay what they are in
    /// every version; functions that must be there are `None` where they are NULL.
    Table = "qassay_backend" {
        size: usize,
        abi: u32,
        preconditions: u32,
        name: *const c_char,
        isa: *const c_char,
        profile: *const c_char,
        ops: *const i32,
        op_count: usize,
        prepare: Option<Prepare>,
        run: Option<Run>,
        release: Option<Release>,
        chosen: Option<Chosen>,
        live: Option<Live>,
    }
}

/// The exported function.
pub(super) type Entry = unsafe extern "C" fn() -> *const Table;
/// Makes a handle for one op.
pub(super) type Prepare =
    unsafe extern "C" fn(*const Op, *mut *mut c_void, *mut c_char, usize) -> i32;
/// Computes.
pub(super) type Run =
    unsafe extern "C" fn(*mut c_void, *const Tensor, *const Tensor, *mut c_char, usize) -> i32;
/// Frees a handle.
pub(super) type Release = unsafe extern "C" fn(*mut c_void);
/// What was chosen inside.
pub(super) type Chosen = unsafe extern "C" fn(*mut c_void) -> *const c_char;
/// Handles that are alive.
pub(super) type Live = unsafe extern "C" fn() -> i64;

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident = $value:literal,)+) => {
        $($(#[$meta])* pub(super) const $name: i32 = $value;)+
        /// Every number with its name in C.
        #[cfg(test)]
        pub(super) const NUMBERS: &[(&str, i32)] = &[$((concat!("QASSAY_", stringify!($name)), $value),)+];
    };
}

numbers! {
    OK = 0,
    UNSUPPORTED = 1,
    PRECONDITION = 2,
    ERROR = 3,
    U8 = 1,
    S8 = 2,
    S32 = 3,
    F32 = 4,
    F64 = 5,
    NO_MIN_WEIGHTS = 1,
    SYMMETRIC_WEIGHTS = 2,
    REDUCED_ACTIVATIONS = 4,
    RELU_NONE = 0,
    RELU_ZERO = 1,
    RELU_CODES = 2,
    MIN_MAX = 0,
    MOVING_AVERAGE = 1,
    PER_CHANNEL_MIN_MAX = 2,
    PER_CHANNEL_MOVING_AVERAGE = 3,
    HISTOGRAM = 4,
    ACTIVATION_QUANTIZED = 0,
    ACTIVATION_DYNAMIC = 1,
    ACTIVATION_FLOAT = 2,
    OUTPUT_QUANTIZED = 0,
    OUTPUT_FLOAT = 1,
    OUTPUT_SUMS = 2,
    BIAS_NONE = 0,
    BIAS_F32 = 1,
    BIAS_S32 = 2,
}

/// The number of each op in C, with its name in declarations.
pub(super) const OP_NUMBERS: &[(i32, &str)] = &[
    (1, "quantize"),
    (2, "dequantize"),
    (3, "requantize"),
    (4, "choose_qparams"),
    (5, "observe"),
    (6, "linear"),
    (7, "conv"),
    (8, "add"),
    (9, "mul"),
    (10, "sub"),
    (11, "relu"),
    (12, "clamp"),
    (13, "sigmoid"),
    (14, "tanh"),
    (15, "avg_pool"),
    (16, "max_pool"),
    (17, "hardswish"),
    (18, "hardsigmoid"),
    (19, "recode"),
];
