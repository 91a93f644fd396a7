/* A whole Qassay plugin: linear, quantize and dequantize in exact arithmetic.
 *
 *     cc -std=c99 -O2 -ffp-contract=off -shared -fPIC -I backends/include \
 *        -o libplugin.so backends/examples/plugin.c -lm
 *     qassay conform --backend plugin:./libplugin.so
 *
 * -D ROUND=roundf, ONE_BYTE_TOO_FAR, NULL_POINTER, NEVER_RETURNS, SATURATING_PAIRS and
 * LEAKING each build one mistake in, to see how it is told. */
#include <math.h>
#include <qassay.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { /* a prepared op: all that run() needs */
    qassay_linear linear;
    qassay_elements elements;
    int8_t *weights; /* [n, k] */
    void *bias;      /* [n] */
    double *scales;
    int32_t *zero_points, op;
} handle;

static void *copy(const void *from, size_t bytes) { return memcpy(malloc(bytes + 1), from, bytes); }

static int32_t prepare(const qassay_op *op, void **out, char *why, size_t size) {
    handle h = {.op = op->op};
    const qassay_granularity *scales;
    const char *no = NULL;
    if (op->op == QASSAY_LINEAR) {
        h.linear = *(const qassay_linear *)op->spec;
        scales = &h.linear.weights;
        if (h.linear.activation_kind != QASSAY_ACTIVATION_QUANTIZED) no = "f32 activations";
        if (h.linear.output_kind == QASSAY_OUTPUT_FLOAT) no = "f32 outputs";
        if (h.linear.relu.kind == QASSAY_RELU_CODES) no = "a clamp to codes";
        if (op->weights->dtype != QASSAY_S8) no = "weights other than s8";
    } else {
        h.elements = *(const qassay_elements *)op->spec;
        scales = &h.elements.granularity;
        if (scales->axis >= 0) no = "a scale per channel";
    }
    if (no) return snprintf(why, size, "%s", no), QASSAY_UNSUPPORTED;
    if (op->weights) h.weights = copy(op->weights->data, h.linear.n * h.linear.k);
    if (op->bias) h.bias = copy(op->bias->data, h.linear.n * 4);
    h.scales = copy(scales->scales, scales->count * sizeof(double));
    h.zero_points = copy(scales->zero_points, scales->count * sizeof(int32_t));
    *out = copy(&h, sizeof h);
    return QASSAY_OK;
}

static int32_t load(const qassay_tensor *t, int64_t at) {
    if (t->dtype == QASSAY_U8) return ((const uint8_t *)t->data)[at];
    if (t->dtype == QASSAY_S8) return ((const int8_t *)t->data)[at];
    return ((const int32_t *)t->data)[at];
}

static void store(const qassay_tensor *t, int64_t at, int64_t code) {
    if (t->dtype == QASSAY_S32) ((int32_t *)t->data)[at] = (int32_t)code;
    else ((uint8_t *)t->data)[at] = (uint8_t)code;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

#ifndef ROUND
#define ROUND nearbyintf /* ties to even */
#endif
/* Exact arithmetic leaves NaN and overflow open. */
static int64_t to_integer(float x) { return fabsf(x) < 9e18f ? (int64_t)ROUND(x) : 0; }

/* Sums wrap, as those of instructions do. */
static int32_t product(const handle *h, const qassay_tensor *x, int64_t row, int64_t n, int32_t zero) {
    const int8_t *w = h->weights + n * h->linear.k;
    uint32_t sum = 0, x_zero = (uint32_t)h->linear.activation.zero_point, w_zero = (uint32_t)zero;
    for (int64_t k = 0; k < h->linear.k; k++) {
        int32_t code = load(x, row * x->row_stride + k);
        sum -= x_zero * (uint32_t)w[k] + w_zero * (uint32_t)code - x_zero * w_zero;
#ifdef SATURATING_PAIRS /* two products at a time, as vpmaddubsw sums them */
        if (k % 2) continue;
        int32_t next = k + 1 < h->linear.k ? load(x, row * x->row_stride + k + 1) * w[k + 1] : 0;
        sum += (uint32_t)clamp(code * w[k] + next, INT16_MIN, INT16_MAX);
#else
        sum += (uint32_t)code * (uint32_t)w[k];
#endif
    }
    return (int32_t)sum;
}

static void linear(const handle *h, const qassay_tensor *x, const qassay_tensor *y, int64_t m, int64_t n) {
    const qassay_linear *s = &h->linear;
    int64_t channel = s->weights.axis < 0 ? 0 : n, zero = s->output.zero_point, at = m * y->row_stride + n;
    int32_t sum = product(h, x, m, n, h->zero_points[channel]);
    if (s->bias_kind == QASSAY_BIAS_S32) sum = (int32_t)((uint32_t)sum + ((uint32_t *)h->bias)[n]);
    if (s->output_kind == QASSAY_OUTPUT_SUMS) {
        store(y, at, s->relu.kind && sum < 0 ? 0 : sum);
        return;
    }
    float unit = (float)s->activation.scale * (float)h->scales[channel], real = (float)sum;
    float bias = s->bias_kind == QASSAY_BIAS_F32 ? ((float *)h->bias)[n] : 0;
    if (bias != 0) real += s->weights.axis < 0 ? bias * (1.0f / unit) : bias / unit;
    int64_t low = y->dtype == QASSAY_U8 ? 0 : -128, high = y->dtype == QASSAY_U8 ? 255 : 127;
    int64_t code = to_integer(real * (unit / (float)s->output.scale)) + zero;
    store(y, at, clamp(code, s->relu.kind && zero > low ? zero : low, high));
}

static int32_t run(void *of, const qassay_tensor *x, const qassay_tensor *y, char *why, size_t size) {
    const handle *h = ((void)why, (void)size, of); /* nothing can fail here */
#ifdef NULL_POINTER
    *(volatile int *)0 = 1;
#endif
#ifdef NEVER_RETURNS
    for (volatile int forever = 1; forever;) {}
#endif
    int64_t rows = 1, columns = y->rank ? y->shape[y->rank - 1] : 1;
    for (int32_t d = 0; d + 1 < y->rank; d++) rows *= y->shape[d];
    for (int64_t i = 0; i < rows * columns; i++) {
        int64_t row = i / columns, column = i % columns;
        int64_t from = row * x->row_stride + column, to = row * y->row_stride + column;
        float scale = (float)*h->scales;
        if (h->op == QASSAY_LINEAR) linear(h, x, y, row, column);
        else if (h->op == QASSAY_DEQUANTIZE) { /* an s32 difference wraps */
            uint32_t steps = (uint32_t)load(x, from) - (uint32_t)*h->zero_points;
            ((float *)y->data)[to] = scale * (float)(int32_t)steps;
        } else {
            int64_t code = to_integer(((float *)x->data)[from] * (1.0f / scale)) + *h->zero_points;
            store(y, to, clamp(code, h->elements.low, h->elements.high));
        }
    }
#ifdef ONE_BYTE_TOO_FAR
    ((uint8_t *)y->data)[(rows - 1) * y->row_stride + columns] = 1; /* where codes have 8 bits */
#endif
    return QASSAY_OK;
}

static void release(void *of) {
    handle *h = of;
    free(h->weights), free(h->bias), free(h->zero_points);
#ifndef LEAKING
    free(h->scales);
#endif
    free(h);
}

const qassay_backend *qassay_plugin(void) {
    static const int32_t ops[] = {QASSAY_LINEAR, QASSAY_QUANTIZE, QASSAY_DEQUANTIZE};
    static const qassay_backend table = {
        .size = sizeof(qassay_backend), .abi = QASSAY_ABI, .name = "exact in C", .isa = "scalar",
        .profile = "exact", .ops = ops, .op_count = 3, .prepare = prepare, .run = run, .release = release};
    return &table;
}
