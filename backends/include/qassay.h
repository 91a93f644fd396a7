/* qassay.h: kernels of your own under Qassay, by a shared library.
 *
 *     cc -std=c99 -O2 -shared -fPIC -I include -o libmine.so mine.c
 *     qassay conform --backend plugin:./libmine.so
 *
 * A library exports one function, qassay_plugin(), which gives a table of what
 * the library is and does. C99, no dependency. backends/examples/plugin.c is a
 * whole one.
 *
 * Calls. For each op: prepare(), then run() some times, then release().
 * prepare() may pack weights and allocate; run() should do neither. Memory that
 * is allocated and not freed by then is told as a leak. One thread calls at a
 * time, but not always the same one. A library is loaded in a process of its own
 * with a time limit: its crash or hang is the verdict of one case.
 *
 * Lifetimes. What qassay_plugin() returns lives as long as the library. An op
 * and all that it points to lives during prepare() only; tensors during run().
 *
 * Growth. The table and each spec begin with their size in bytes. Later versions
 * of one QASSAY_ABI only add fields at the end and numbers to enums; a library
 * says QASSAY_UNSUPPORTED to a number that it does not know.
 */
#ifndef QASSAY_H
#define QASSAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. Another number is another interface. */
#define QASSAY_ABI 1

/* What prepare() and run() return. Anything but QASSAY_OK comes with a reason
 * in `why`, one line without an end of line. */
enum {
    QASSAY_OK = 0,
    QASSAY_UNSUPPORTED = 1,  /* prepare: no such op, type or parameter here */
    QASSAY_PRECONDITION = 2, /* prepare: these operands are ruled out */
    QASSAY_ERROR = 3         /* prepare, run: it should have worked and did not */
};

/* Types of values. */
enum {
    QASSAY_U8 = 1,
    QASSAY_S8 = 2,
    QASSAY_S32 = 3,
    QASSAY_F32 = 4,
    QASSAY_F64 = 5
};

/* Ops, each with its spec. */
enum {
    QASSAY_QUANTIZE = 1,      /* qassay_elements: f32 to codes */
    QASSAY_DEQUANTIZE = 2,    /* qassay_elements: codes to f32 */
    QASSAY_REQUANTIZE = 3,    /* qassay_requantize: s32 sums to codes */
    QASSAY_CHOOSE_QPARAMS = 4,/* qassay_choose_qparams: f32 to scale and zero point */
    QASSAY_OBSERVE = 5,       /* qassay_observe: f32 batches to statistics */
    QASSAY_LINEAR = 6,        /* qassay_linear */
    QASSAY_CONV = 7,          /* qassay_conv, depthwise too */
    QASSAY_ADD = 8,           /* qassay_binary */
    QASSAY_MUL = 9,           /* qassay_binary */
    QASSAY_SUB = 10,          /* qassay_binary: the first less the second */
    QASSAY_RELU = 11,         /* qassay_function: max(q, zero point); output as input */
    QASSAY_CLAMP = 12,        /* qassay_clamp: min(max(q, low), high) */
    QASSAY_SIGMOID = 13,      /* qassay_function: 1 / (1 + e^-x) */
    QASSAY_TANH = 14,         /* qassay_function */
    QASSAY_AVG_POOL = 15,     /* qassay_pool */
    QASSAY_MAX_POOL = 16,     /* qassay_pool */
    QASSAY_HARDSWISH = 17,    /* qassay_function: x relu6(x + 3) / 6 */
    QASSAY_HARDSIGMOID = 18,  /* qassay_function: relu6(x + 3) / 6 */
    QASSAY_RECODE = 19        /* qassay_function: the same value in other codes */
};

/* What the library asks of operands; bits of qassay_backend.preconditions.
 * Qassay checks them; prepare() need not. */
enum {
    QASSAY_NO_MIN_WEIGHTS = 1,    /* weights never -128 */
    QASSAY_SYMMETRIC_WEIGHTS = 2, /* weight zero points are 0 */
    QASSAY_REDUCED_ACTIVATIONS = 4 /* u8 activations of products are at most 127 */
};

/* A tensor. The last dimension is contiguous; rows (all other dimensions, in
 * order) start row_stride values apart. Images are channel-last. Nothing is
 * aligned beyond the size of one value. Inputs must not be written; of outputs,
 * every value must be, and nothing between rows. */
typedef struct qassay_tensor {
    void *data;
    const int64_t *shape; /* rank lengths */
    int64_t row_stride;   /* in values */
    int32_t rank;
    int32_t dtype;
} qassay_tensor;

/* The type and parameters of quantized values: real = scale * (code - zero_point). */
typedef struct qassay_quantized {
    double scale;
    int32_t zero_point;
    int32_t dtype;
} qassay_quantized;

/* Scales and zero points, one each (axis -1) or one per index along an axis. */
typedef struct qassay_granularity {
    const double *scales;
    const int32_t *zero_points;
    int64_t count;
    int32_t axis;
    int32_t reserved;
} qassay_granularity;

/* What output codes are held to: nothing but their type, the zero point from
 * below, or two codes. */
enum { QASSAY_RELU_NONE = 0, QASSAY_RELU_ZERO = 1, QASSAY_RELU_CODES = 2 };
typedef struct qassay_fused {
    int32_t kind;
    int32_t low; /* QASSAY_RELU_CODES: the lowest and highest code */
    int32_t high;
    int32_t reserved;
} qassay_fused;

/* Quantize: input f32, output `dtype`. Dequantize: input `dtype`, output f32. */
typedef struct qassay_elements {
    size_t size;
    const int64_t *shape; /* of input and output */
    qassay_granularity granularity;
    int64_t low; /* quantize: the range of codes, the type's own unless narrower */
    int64_t high;
    int32_t rank;
    int32_t dtype;
} qassay_elements;

/* Input [rows, columns] s32, output [rows, columns] `dtype`: sums times a
 * multiplier (one, or one per column) plus the zero point. */
typedef struct qassay_requantize {
    size_t size;
    int64_t rows;
    int64_t columns;
    const float *multipliers;
    int64_t multiplier_count; /* 1 or columns */
    int32_t dtype;
    int32_t zero_point;
    int32_t relu; /* 1: codes below the zero point become it */
    int32_t reserved;
} qassay_requantize;

/* Input [len] f32. Outputs: scale [1] f64, zero point [1] s32. */
typedef struct qassay_choose_qparams {
    size_t size;
    int64_t len;
    int64_t low; /* the range of codes */
    int64_t high;
    int32_t dtype;
    int32_t symmetric;    /* 1: the zero point is in the middle */
    int32_t reduce_range; /* 1: one bit stays unused */
    int32_t reserved;
} qassay_choose_qparams;

/* Inputs: `batches` tensors of `shape` f32. Outputs: minima [channels] f32,
 * maxima [channels] f32, and for QASSAY_HISTOGRAM the bins [2048] f32. */
enum {
    QASSAY_MIN_MAX = 0,
    QASSAY_MOVING_AVERAGE = 1, /* of each batch's least and greatest, constant 0.01 */
    QASSAY_PER_CHANNEL_MIN_MAX = 2,
    QASSAY_PER_CHANNEL_MOVING_AVERAGE = 3,
    QASSAY_HISTOGRAM = 4
};
typedef struct qassay_observe {
    size_t size;
    const int64_t *shape; /* of each batch */
    int64_t batches;
    int32_t rank;
    int32_t kind;
    int32_t axis; /* of channels */
    int32_t reserved;
} qassay_observe;

/* What activations, outputs and a bias are. */
enum {
    QASSAY_ACTIVATION_QUANTIZED = 0, /* codes; see activation */
    QASSAY_ACTIVATION_DYNAMIC = 1,   /* f32, quantized to u8 from its own range at run time */
    QASSAY_ACTIVATION_FLOAT = 2      /* f32, times dequantized weights */
};
enum {
    QASSAY_OUTPUT_QUANTIZED = 0, /* codes; see output */
    QASSAY_OUTPUT_FLOAT = 1,     /* f32 */
    QASSAY_OUTPUT_SUMS = 2       /* the s32 sums, zero points corrected */
};
enum {
    QASSAY_BIAS_NONE = 0,
    QASSAY_BIAS_F32 = 1, /* real values */
    QASSAY_BIAS_S32 = 2  /* in steps of activation scale * weight scale */
};

/* y[m, n] = sum over k of x[m, k] * w[n, k], plus bias[n]. Input [m, k], weights
 * [n, k] s8 or u8, bias [n], output [m, n]. */
typedef struct qassay_linear {
    size_t size;
    int64_t m;
    int64_t n;
    int64_t k;
    qassay_quantized activation;
    qassay_quantized output;
    qassay_granularity weights; /* per channel: axis 0 */
    qassay_fused relu;
    int32_t activation_kind;
    int32_t reduce_range; /* QASSAY_ACTIVATION_DYNAMIC: 1: one bit stays unused */
    int32_t output_kind;
    int32_t bias_kind;
} qassay_linear;

/* Convolution in `spatial` (1 to 3) dimensions; of the arrays, the first
 * `spatial` values count. Input [batch, input.., in_channels], weights
 * [out_channels, kernel.., in_channels / groups] s8 or u8, bias [out_channels],
 * output [batch, output.., out_channels]. */
typedef struct qassay_conv {
    size_t size;
    int64_t batch;
    int64_t in_channels;
    int64_t out_channels;
    int64_t groups;
    int64_t input[3];
    int64_t output_size[3];
    int64_t kernel[3];
    int64_t stride[3];
    int64_t pad_begin[3]; /* padding holds the activation's zero point */
    int64_t pad_end[3];
    int64_t dilation[3];
    qassay_quantized activation;
    qassay_quantized output;
    qassay_granularity weights; /* per channel: axis 0 */
    qassay_fused relu;
    int32_t spatial;
    int32_t output_kind; /* never QASSAY_OUTPUT_FLOAT */
    int32_t bias_kind;
    int32_t reserved;
} qassay_conv;

/* Element by element, two inputs and an output of one shape. */
typedef struct qassay_binary {
    size_t size;
    const int64_t *shape;
    qassay_quantized a;
    qassay_quantized b;
    qassay_quantized output;
    qassay_fused relu;
    int32_t rank;
    int32_t reserved;
} qassay_binary;

/* Codes to codes, value by value. */
typedef struct qassay_function {
    size_t size;
    const int64_t *shape;
    qassay_quantized input;
    qassay_quantized output;
    int32_t rank;
    int32_t reserved;
} qassay_function;

/* On codes of one type; scale and zero point do not matter. */
typedef struct qassay_clamp {
    size_t size;
    const int64_t *shape;
    int32_t rank;
    int32_t dtype;
    int32_t low;
    int32_t high;
} qassay_clamp;

/* Windows in `spatial` (1 to 3) dimensions. Input [batch, input.., channels],
 * output [batch, output.., channels]. */
typedef struct qassay_pool {
    size_t size;
    int64_t batch;
    int64_t channels;
    int64_t input[3];
    int64_t output_size[3];
    int64_t kernel[3];
    int64_t stride[3];
    int64_t pad_begin[3];
    int64_t pad_end[3];
    qassay_quantized activation;
    qassay_quantized output;
    int32_t spatial;
    int32_t count_include_pad; /* average: 1: positions outside the image count */
} qassay_pool;

/* What is asked: an op and all that is known before it runs. */
typedef struct qassay_op {
    size_t size;
    const void *spec;             /* of the type that stands beside the op's number */
    const qassay_tensor *weights; /* linear, conv; else NULL. Rows are dense */
    const qassay_tensor *bias;    /* NULL where there is none */
    int32_t op;
    int32_t inputs;  /* how many tensors run() gets */
    int32_t outputs;
    int32_t reserved;
} qassay_op;

/* What a library is and does. */
typedef struct qassay_backend {
    size_t size;  /* sizeof(qassay_backend) */
    uint32_t abi; /* QASSAY_ABI */
    uint32_t preconditions;
    const char *name; /* what it calls itself, such as "mine 1.2" */
    const char *isa;  /* the instruction set it runs on, such as "avx2" */
    /* Whose bits it computes: a profile of `qassay list profiles`; one with other
     * choices on some axes, "fbgemm+requantize.rounding=ties-away"; or "unknown",
     * and Qassay finds out. */
    const char *profile;
    const int32_t *ops; /* the ops it has, op_count numbers */
    size_t op_count;
    /* Makes a handle for one op. `why` has room for why_size bytes. */
    int32_t (*prepare)(const qassay_op *op, void **handle, char *why, size_t why_size);
    /* Computes. inputs and outputs are as many as the op says. */
    int32_t (*run)(void *handle, const qassay_tensor *inputs, const qassay_tensor *outputs,
                   char *why, size_t why_size);
    void (*release)(void *handle);
    /* May be NULL: what prepare() chose inside, such as "u8s8-12x8", for records.
     * Lives as long as the handle. */
    const char *(*chosen)(void *handle);
    /* May be NULL: handles that are alive, by the library's own count. */
    int64_t (*live)(void);
} qassay_backend;

#if defined(_WIN32)
#define QASSAY_EXPORT __declspec(dllexport)
#else
#define QASSAY_EXPORT __attribute__((visibility("default")))
#endif

/* The one function that a library exports. NULL: it cannot run here; a reason
 * may stand on standard error. */
QASSAY_EXPORT const qassay_backend *qassay_plugin(void);

#ifdef __cplusplus
}
#endif

#endif
