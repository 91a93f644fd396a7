/* ONNX Runtime's C interface as a Qassay plugin: each op is a model of one node, written
 * here byte by byte. Built with -DEXACT, sessions have session.x64quantprecision.
 *
 * scripts/engines/setup.sh onnxruntime builds both, on the library inside the wheel. The
 * wheel has no header: what is called stands below as slots of its table of functions,
 * which only grows at its end. Images stay channel-last (nodes of com.microsoft). */
#include "dense.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* --- the interface: onnxruntime_c_api.h, version 22 ---------------------------- */

enum { API_VERSION = 22, FLOAT = 1, UINT8 = 2, INT8 = 3, INT32 = 6 };
enum { NOT_IMPLEMENTED = 9, INVALID_ARGUMENT = 2, INVALID_GRAPH = 10, FAIL = 1 };

typedef struct status status;
typedef struct {
    const void *const *(*table)(uint32_t version);
    const char *(*version)(void);
} base;
const base *OrtGetApiBase(void);

static const void *const *api;
#define CALL(slot, result, ...) ((result(*)(__VA_ARGS__))(size_t)api[slot])
#define GetErrorCode CALL(1, int, const status *)
#define GetErrorMessage CALL(2, const char *, const status *)
#define CreateEnv CALL(3, status *, int, const char *, void **)
#define CreateSessionFromArray CALL(8, status *, const void *, const void *, size_t, const void *, void **)
#define Run CALL(9, status *, void *, const void *, const char *const *, void *const *, size_t, const char *const *, \
                 size_t, void **)
#define CreateSessionOptions CALL(10, status *, void **)
#define DisableMemPattern CALL(17, status *, void *)
#define DisableCpuMemArena CALL(19, status *, void *)
#define SetSessionLogSeverityLevel CALL(22, status *, void *, int)
#define SetIntraOpNumThreads CALL(24, status *, void *, int)
#define CreateTensorWithDataAsOrtValue CALL(49, status *, const void *, void *, size_t, const int64_t *, size_t, int, \
                                            void **)
#define CreateCpuMemoryInfo CALL(69, status *, int, int, void **)
#define ReleaseStatus CALL(93, void, status *)
#define ReleaseSession CALL(95, void, void *)
#define ReleaseValue CALL(96, void, void *)
#define AddSessionConfigEntry CALL(130, status *, void *, const char *, const char *)

static void *environment, *options, *memory;
static int64_t alive;

/* --- models: protocol buffers, onnx.proto --------------------------------------- */

typedef struct {
    char *bytes;
    size_t size, room;
} message;

static void put(message *m, const void *bytes, size_t size) {
    if (m->size + size > m->room) {
        m->room = 2 * (m->size + size) + 64;
        m->bytes = (char *)realloc(m->bytes, m->room);
        if (!m->bytes) abort();
    }
    if (size) memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

static void varint(message *m, uint64_t value) {
    do {
        unsigned char byte = (unsigned char)((value & 127) | (value > 127 ? 128 : 0));
        put(m, &byte, 1);
        value >>= 7;
    } while (value);
}

static void number(message *m, int field, int64_t value) {
    varint(m, (uint64_t)field << 3);
    varint(m, (uint64_t)value);
}

static void bytes(message *m, int field, const void *value, size_t size) {
    varint(m, ((uint64_t)field << 3) | 2);
    varint(m, size);
    put(m, value, size);
}

static void text(message *m, int field, const char *value) { bytes(m, field, value, strlen(value)); }

static void nested(message *m, int field, message *inner) {
    bytes(m, field, inner->bytes, inner->size);
    free(inner->bytes);
    *inner = (message){0};
}

/* A model under construction, and what its run needs. */
typedef struct {
    message graph, node;
    int names;
} model;

static size_t width(int type) { return type == UINT8 || type == INT8 ? 1 : 4; }

static int type_of(int32_t dtype) {
    return dtype == QASSAY_U8 ? UINT8 : dtype == QASSAY_S8 ? INT8 : dtype == QASSAY_S32 ? INT32 : FLOAT;
}

/* The next input of the node: a constant. */
static void constant(model *m, int type, int rank, const int64_t *shape, const void *values) {
    message tensor = {0};
    char name[16];
    size_t size = width(type) * (size_t)count_of(shape, rank);
    snprintf(name, sizeof name, "c%d", m->names++);
    for (int d = 0; d < rank; d++) number(&tensor, 1, shape[d]);
    number(&tensor, 2, type);
    text(&tensor, 8, name);
    bytes(&tensor, 9, values, size);
    nested(&m->graph, 5, &tensor);
    text(&m->node, 1, name);
}

static void scalar(model *m, int type, double value) {
    float real = (float)value;
    int32_t whole = (int32_t)value;
    unsigned char code = (unsigned char)whole;
    constant(m, type, 0, NULL, type == FLOAT ? (void *)&real : width(type) == 1 ? (void *)&code : (void *)&whole);
}

static void declare(model *m, int field, const char *name, int type, int rank, const int64_t *shape) {
    message info = {0}, kind = {0}, tensor = {0}, dims = {0};
    for (int d = 0; d < rank; d++) {
        message dim = {0};
        number(&dim, 1, shape[d]);
        nested(&dims, 1, &dim);
    }
    number(&tensor, 1, type);
    nested(&tensor, 2, &dims);
    nested(&kind, 1, &tensor);
    text(&info, 1, name);
    nested(&info, 2, &kind);
    nested(&m->graph, field, &info);
}

/* The next input of the node: fed at run time. */
static void fed(model *m, const char *name, int type, int rank, const int64_t *shape) {
    declare(m, 11, name, type, rank, shape);
    text(&m->node, 1, name);
}

static void whole_attribute(model *m, const char *name, int64_t value) {
    message attribute = {0};
    text(&attribute, 1, name);
    number(&attribute, 3, value);
    number(&attribute, 20, 2);
    nested(&m->node, 5, &attribute);
}

static void wholes_attribute(model *m, const char *name, const int64_t *values, int count) {
    message attribute = {0};
    text(&attribute, 1, name);
    for (int i = 0; i < count; i++) number(&attribute, 8, values[i]);
    number(&attribute, 20, 7);
    nested(&m->node, 5, &attribute);
}

/* --- kernels --------------------------------------------------------------------- */

enum { MOST = 2 };

/* A session, and tensors that are not where it may use them. */
typedef struct {
    void *session;
    int inputs;
    int rank[MOST + 1], type[MOST + 1]; /* of inputs, then of the output */
    int64_t shape[MOST + 1][6];
    char *copy[MOST + 1];
    void *value[MOST + 1];
    const void *last[MOST + 1];
    char chosen[48];
} kernel;

static void destroy(kernel *k) {
    for (int i = 0; i <= MOST; i++) {
        if (k->value[i]) ReleaseValue(k->value[i]);
        free(k->copy[i]);
    }
    if (k->session) ReleaseSession(k->session);
    free(k);
    alive--;
}

/* The first line of what ONNX Runtime says. */
static int32_t told(char *why, size_t size, status *given) {
    int code = GetErrorCode(given);
    int refused = code == NOT_IMPLEMENTED || code == INVALID_ARGUMENT || code == INVALID_GRAPH || code == FAIL;
    const char *line = GetErrorMessage(given);
    snprintf(why, size, "%.*s", (int)strcspn(line, "\n"), line);
    ReleaseStatus(given);
    return refused ? QASSAY_UNSUPPORTED : QASSAY_ERROR;
}

static void input(kernel *k, model *m, int type, int rank, const int64_t *shape) {
    static const char *const names[] = {"x", "z"};
    k->type[k->inputs] = type;
    k->rank[k->inputs] = rank;
    memcpy(k->shape[k->inputs], shape, sizeof *shape * (size_t)rank);
    fed(m, names[k->inputs++], type, rank, shape);
}

static void output(kernel *k, model *m, int type, int rank, const int64_t *shape) {
    k->type[MOST] = type;
    k->rank[MOST] = rank;
    memcpy(k->shape[MOST], shape, sizeof *shape * (size_t)rank);
    declare(m, 12, "y", type, rank, shape);
    text(&m->node, 2, "y");
}

/* The node's name ends it; then the session. */
static status *finish(kernel *k, model *m, const char *op, int microsoft) {
    message whole = {0}, standard = {0}, own = {0};
    text(&m->node, 4, op);
    if (microsoft) text(&m->node, 7, "com.microsoft");
    nested(&m->graph, 1, &m->node);
    text(&m->graph, 2, "one");
    number(&whole, 1, 10);
    nested(&whole, 7, &m->graph);
    number(&standard, 2, 21);
    nested(&whole, 8, &standard);
    text(&own, 1, "com.microsoft");
    number(&own, 2, 1);
    nested(&whole, 8, &own);
    status *made = CreateSessionFromArray(environment, whole.bytes, whole.size, options, &k->session);
    free(whole.bytes);
    snprintf(k->chosen, sizeof k->chosen, "%s", op);
    return made;
}

static void given(model *m, const qassay_quantized *q) {
    scalar(m, FLOAT, q->scale);
    scalar(m, type_of(q->dtype), q->zero_point);
}

/* Scales of weights, or their zero points: one, or one per channel. */
static void weight_scales(model *m, const qassay_granularity *w) {
    if (w->axis < 0) {
        scalar(m, FLOAT, w->scales[0]);
        return;
    }
    float *narrow = (float *)malloc(sizeof(float) * (size_t)w->count + 1);
    if (!narrow) abort();
    for (int64_t i = 0; i < w->count; i++) narrow[i] = (float)w->scales[i];
    constant(m, FLOAT, 1, &w->count, narrow);
    free(narrow);
}

static void weight_zero_points(model *m, const qassay_granularity *w, int type) {
    if (w->axis < 0) {
        scalar(m, type, w->zero_points[0]);
        return;
    }
    char *codes = (char *)malloc((size_t)w->count + 1);
    if (!codes) abort();
    for (int64_t i = 0; i < w->count; i++) codes[i] = (char)w->zero_points[i];
    constant(m, type, 1, &w->count, codes);
    free(codes);
}

/* Weights [n, k] as [k, n], which nodes of products take. */
static void turned(model *m, const qassay_op *op, int64_t n, int64_t k) {
    const char *from = (const char *)op->weights->data;
    char *to = (char *)malloc((size_t)(n * k) + 1);
    int64_t shape[] = {k, n};
    if (!to) abort();
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) to[j * n + i] = from[i * k + j];
    constant(m, type_of(op->weights->dtype), 2, shape, to);
    free(to);
}

static void bias_constant(model *m, const qassay_op *op, int32_t kind, double activation,
                          const qassay_granularity *weights, int64_t channels) {
    int32_t *steps = bias_steps(op, kind, activation, weights, channels);
    if (!steps) abort();
    constant(m, INT32, 1, &channels, steps);
    free(steps);
}

static status *linear(kernel *k, const qassay_op *op, model *m) {
    const qassay_linear *s = (const qassay_linear *)op->spec;
    int weights = type_of(op->weights->dtype);
    int64_t x[] = {s->m, s->k}, y[] = {s->m, s->n};
    if (s->activation_kind == QASSAY_ACTIVATION_DYNAMIC) {
        input(k, m, FLOAT, 2, x);
        turned(m, op, s->n, s->k);
        weight_scales(m, &s->weights);
        text(&m->node, 1, ""); /* no zero points */
        if (op->bias) constant(m, FLOAT, 1, &s->n, op->bias->data);
        output(k, m, FLOAT, 2, y);
        return finish(k, m, "DynamicQuantizeMatMul", 1);
    }
    int codes = type_of(s->activation.dtype);
    input(k, m, codes, 2, x);
    if (s->output_kind == QASSAY_OUTPUT_SUMS) {
        turned(m, op, s->n, s->k);
        scalar(m, codes, s->activation.zero_point);
        weight_zero_points(m, &s->weights, weights);
        output(k, m, INT32, 2, y);
        return finish(k, m, "MatMulInteger", 0);
    }
    int biased = s->bias_kind != QASSAY_BIAS_NONE;
    given(m, &s->activation);
    turned(m, op, s->n, s->k);
    weight_scales(m, &s->weights);
    weight_zero_points(m, &s->weights, weights);
    if (biased) bias_constant(m, op, s->bias_kind, s->activation.scale, &s->weights, s->n);
    given(m, &s->output);
    output(k, m, type_of(s->output.dtype), 2, y);
    return finish(k, m, biased ? "QGemm" : "QLinearMatMul", biased);
}

static const char *linear_refused(const qassay_op *op) {
    const qassay_linear *s = (const qassay_linear *)op->spec;
    if (s->relu.kind != QASSAY_RELU_NONE) return "a fused relu";
    if (s->activation_kind == QASSAY_ACTIVATION_FLOAT) return "weight-only products of s8";
    if (s->activation_kind == QASSAY_ACTIVATION_DYNAMIC) {
        if (s->reduce_range) return "DynamicQuantizeMatMul with a reduced range";
        if (s->output_kind != QASSAY_OUTPUT_FLOAT) return "dynamic products to codes";
        if (s->bias_kind == QASSAY_BIAS_S32) return "DynamicQuantizeMatMul with a bias of s32";
        return no_zero_points(&s->weights) ? NULL : "weight zero points other than 0";
    }
    if (s->output_kind == QASSAY_OUTPUT_FLOAT) return "static products to f32";
    if (s->output_kind == QASSAY_OUTPUT_SUMS) return op->bias ? "MatMulInteger has no bias" : NULL;
    return s->activation.dtype == s->output.dtype ? NULL : "products of one type to another";
}

/* Weights [out, kernel.., in] as [out, in, kernel..]. */
static void channels_second(model *m, const qassay_op *op, const qassay_conv *s) {
    int64_t in = s->in_channels / s->groups, taps = count_of(s->kernel, s->spatial), shape[5];
    const char *from = (const char *)op->weights->data;
    char *to = (char *)malloc((size_t)(s->out_channels * in * taps) + 1);
    if (!to) abort();
    for (int64_t o = 0; o < s->out_channels; o++)
        for (int64_t t = 0; t < taps; t++)
            for (int64_t c = 0; c < in; c++) to[(o * in + c) * taps + t] = from[(o * taps + t) * in + c];
    shape[0] = s->out_channels;
    shape[1] = in;
    memcpy(shape + 2, s->kernel, sizeof *shape * (size_t)s->spatial);
    constant(m, type_of(op->weights->dtype), s->spatial + 2, shape, to);
    free(to);
}

/* Shape of an image, channels last. */
static int image(int64_t *shape, int64_t batch, const int64_t *size, int32_t spatial, int64_t channels) {
    shape[0] = batch;
    memcpy(shape + 1, size, sizeof *size * (size_t)spatial);
    shape[spatial + 1] = channels;
    return spatial + 2;
}

static status *conv(kernel *k, const qassay_op *op, model *m) {
    const qassay_conv *s = (const qassay_conv *)op->spec;
    int64_t x[5], y[5], pads[6];
    int rank = image(x, s->batch, s->input, s->spatial, s->in_channels);
    image(y, s->batch, s->output_size, s->spatial, s->out_channels);
    for (int d = 0; d < s->spatial; d++) {
        pads[d] = s->pad_begin[d];
        pads[s->spatial + d] = s->pad_end[d];
    }
    input(k, m, type_of(s->activation.dtype), rank, x);
    given(m, &s->activation);
    channels_second(m, op, s);
    weight_scales(m, &s->weights);
    weight_zero_points(m, &s->weights, type_of(op->weights->dtype));
    given(m, &s->output);
    if (s->bias_kind != QASSAY_BIAS_NONE)
        bias_constant(m, op, s->bias_kind, s->activation.scale, &s->weights, s->out_channels);
    wholes_attribute(m, "kernel_shape", s->kernel, s->spatial);
    wholes_attribute(m, "strides", s->stride, s->spatial);
    wholes_attribute(m, "dilations", s->dilation, s->spatial);
    wholes_attribute(m, "pads", pads, 2 * s->spatial);
    whole_attribute(m, "group", s->groups);
    whole_attribute(m, "channels_last", 1);
    output(k, m, type_of(s->output.dtype), rank, y);
    return finish(k, m, "QLinearConv", 1);
}

static const char *conv_refused(const qassay_op *op) {
    const qassay_conv *s = (const qassay_conv *)op->spec;
    if (s->relu.kind != QASSAY_RELU_NONE) return "a fused relu";
    if (s->output_kind != QASSAY_OUTPUT_QUANTIZED) return "convolutions to sums, channels last";
    return s->activation.dtype == s->output.dtype ? NULL : "convolutions of one type to another";
}

static status *elements(kernel *k, const qassay_op *op, model *m) {
    const qassay_elements *s = (const qassay_elements *)op->spec;
    int quantize = op->op == QASSAY_QUANTIZE, codes = type_of(s->dtype);
    input(k, m, quantize ? FLOAT : codes, s->rank, s->shape);
    weight_scales(m, &s->granularity);
    if (codes != INT32) weight_zero_points(m, &s->granularity, codes);
    if (s->granularity.axis >= 0) whole_attribute(m, "axis", s->granularity.axis);
    output(k, m, quantize ? codes : FLOAT, s->rank, s->shape);
    return finish(k, m, quantize ? "QuantizeLinear" : "DequantizeLinear", 0);
}

static const char *elements_refused(const qassay_op *op) {
    const qassay_elements *s = (const qassay_elements *)op->spec;
    static const int64_t low[] = {0, 0, -128}, high[] = {0, 255, 127};
    if (s->dtype == QASSAY_S32) {
        if (op->op == QASSAY_QUANTIZE) return "QuantizeLinear to s32";
        return no_zero_points(&s->granularity) ? NULL : "DequantizeLinear of s32 with a zero point";
    }
    if (op->op == QASSAY_QUANTIZE && (s->low != low[s->dtype] || s->high != high[s->dtype]))
        return "a range of codes narrower than the type's";
    return NULL;
}

static status *binary(kernel *k, const qassay_op *op, model *m) {
    const qassay_binary *s = (const qassay_binary *)op->spec;
    input(k, m, type_of(s->a.dtype), s->rank, s->shape);
    given(m, &s->a);
    input(k, m, type_of(s->b.dtype), s->rank, s->shape);
    given(m, &s->b);
    given(m, &s->output);
    output(k, m, type_of(s->output.dtype), s->rank, s->shape);
    return finish(k, m, op->op == QASSAY_ADD ? "QLinearAdd" : "QLinearMul", 1);
}

static status *sigmoid(kernel *k, const qassay_op *op, model *m) {
    const qassay_function *s = (const qassay_function *)op->spec;
    input(k, m, type_of(s->input.dtype), s->rank, s->shape);
    given(m, &s->input);
    given(m, &s->output);
    output(k, m, type_of(s->output.dtype), s->rank, s->shape);
    return finish(k, m, "QLinearSigmoid", 1);
}

static status *pool(kernel *k, const qassay_op *op, model *m) {
    const qassay_pool *s = (const qassay_pool *)op->spec;
    int64_t x[5], y[5], pads[6];
    int rank = image(x, s->batch, s->input, s->spatial, s->channels), max = op->op == QASSAY_MAX_POOL;
    image(y, s->batch, s->output_size, s->spatial, s->channels);
    for (int d = 0; d < s->spatial; d++) {
        pads[d] = s->pad_begin[d];
        pads[s->spatial + d] = s->pad_end[d];
    }
    input(k, m, type_of(s->activation.dtype), rank, x);
    if (!max) {
        given(m, &s->activation);
        given(m, &s->output);
        whole_attribute(m, "count_include_pad", s->count_include_pad);
        whole_attribute(m, "channels_last", 1);
    }
    wholes_attribute(m, "kernel_shape", s->kernel, s->spatial);
    wholes_attribute(m, "strides", s->stride, s->spatial);
    wholes_attribute(m, "pads", pads, 2 * s->spatial);
    output(k, m, type_of(s->output.dtype), rank, y);
    return finish(k, m, max ? "NhwcMaxPool" : "QLinearAveragePool", 1);
}

/* --- the table -------------------------------------------------------------------- */

static const char *refused_by(const qassay_op *op) {
    const qassay_binary *b = (const qassay_binary *)op->spec;
    const qassay_function *f = (const qassay_function *)op->spec;
    switch (op->op) {
    case QASSAY_LINEAR: return linear_refused(op);
    case QASSAY_CONV: return conv_refused(op);
    case QASSAY_QUANTIZE:
    case QASSAY_DEQUANTIZE: return elements_refused(op);
    case QASSAY_ADD:
    case QASSAY_MUL:
        if (b->relu.kind != QASSAY_RELU_NONE) return "a fused relu";
        return b->a.dtype == b->b.dtype && b->a.dtype == b->output.dtype ? NULL : "tensors of different types";
    case QASSAY_SIGMOID: return f->input.dtype == f->output.dtype ? NULL : "tensors of different types";
    case QASSAY_AVG_POOL:
    case QASSAY_MAX_POOL: return NULL;
    default: return "no such op";
    }
}

static status *make(kernel *k, const qassay_op *op, model *m) {
    switch (op->op) {
    case QASSAY_LINEAR: return linear(k, op, m);
    case QASSAY_CONV: return conv(k, op, m);
    case QASSAY_QUANTIZE:
    case QASSAY_DEQUANTIZE: return elements(k, op, m);
    case QASSAY_ADD:
    case QASSAY_MUL: return binary(k, op, m);
    case QASSAY_SIGMOID: return sigmoid(k, op, m);
    default: return pool(k, op, m);
    }
}

static size_t size_at(const kernel *k, int i) {
    return width(k->type[i]) * (size_t)count_of(k->shape[i], k->rank[i]);
}

static int32_t prepare(const qassay_op *op, void **handle, char *why, size_t why_size) {
    const char *refused = refused_by(op);
    if (refused) return refuse(why, why_size, QASSAY_UNSUPPORTED, refused);
    kernel *k = (kernel *)calloc(1, sizeof *k);
    model m = {{0}, {0}, 0};
    if (!k) return refuse(why, why_size, QASSAY_ERROR, "out of memory");
    alive++;
    status *made = make(k, op, &m);
    if (made) {
        destroy(k);
        return told(why, why_size, made);
    }
    for (int i = 0; i <= MOST; i++) {
        if (i != MOST && i >= k->inputs) continue;
        k->copy[i] = (char *)malloc(size_at(k, i) + 1);
        if (!k->copy[i]) {
            destroy(k);
            return refuse(why, why_size, QASSAY_ERROR, "out of memory");
        }
    }
    *handle = k;
    return QASSAY_OK;
}

/* The value for a tensor at this address. */
static status *bind(kernel *k, int i, void *data) {
    if (k->value[i] && k->last[i] == data) return NULL;
    if (k->value[i]) ReleaseValue(k->value[i]);
    k->value[i] = NULL;
    k->last[i] = data;
    return CreateTensorWithDataAsOrtValue(memory, data, size_at(k, i), k->shape[i], (size_t)k->rank[i], k->type[i],
                                          &k->value[i]);
}

static int32_t run(void *handle, const qassay_tensor *inputs, const qassay_tensor *outputs, char *why,
                   size_t why_size) {
    static const char *const names[] = {"x", "z"}, *const result[] = {"y"};
    kernel *k = (kernel *)handle;
    status *failed = NULL;
    for (int i = 0; i < k->inputs && !failed; i++) {
        int here = dense(&inputs[i]);
        if (!here) copy_rows(&inputs[i], k->copy[i], 0);
        failed = bind(k, i, here ? inputs[i].data : k->copy[i]);
    }
    int here = dense(outputs);
    if (!failed) failed = bind(k, MOST, here ? outputs->data : k->copy[MOST]);
    if (!failed) failed = Run(k->session, NULL, names, k->value, (size_t)k->inputs, result, 1, &k->value[MOST]);
    if (failed) {
        told(why, why_size, failed);
        return QASSAY_ERROR;
    }
    if (!here) copy_rows(outputs, k->copy[MOST], 1);
    return QASSAY_OK;
}

static void release(void *handle) { destroy((kernel *)handle); }
static const char *chosen(void *handle) { return ((kernel *)handle)->chosen; }
static int64_t live(void) { return alive; }

/* Whether this CPU sums products of four bytes exactly in one instruction. */
static int has_vnni(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (__builtin_cpu_supports("avx512vnni")) return 1;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
#else
    return 1; /* where it is not x86, sums are exact */
#endif
}

static int failed(status *given) {
    if (!given) return 0;
    fprintf(stderr, "ONNX Runtime: %s\n", GetErrorMessage(given));
    ReleaseStatus(given);
    return 1;
}

const qassay_backend *qassay_plugin(void) {
    static const int32_t ops[] = {QASSAY_QUANTIZE, QASSAY_DEQUANTIZE, QASSAY_LINEAR,   QASSAY_CONV,    QASSAY_ADD,
                                  QASSAY_MUL,      QASSAY_SIGMOID,    QASSAY_AVG_POOL, QASSAY_MAX_POOL};
    static qassay_backend table;
    static char name[64];
    const base *found = OrtGetApiBase();
    api = found->table(API_VERSION);
    if (!api) {
        fprintf(stderr, "ONNX Runtime %s does not have version %d of its interface\n", found->version(), API_VERSION);
        return NULL;
    }
    /* 3: errors only. 0, 0: memory of the device's own allocator. */
    if (failed(CreateEnv(3, "qassay", &environment)) || failed(CreateSessionOptions(&options)) ||
        failed(SetSessionLogSeverityLevel(options, 4)) || failed(SetIntraOpNumThreads(options, 1)) ||
        failed(DisableCpuMemArena(options)) || failed(DisableMemPattern(options)) ||
        failed(CreateCpuMemoryInfo(0, 0, &memory)))
        return NULL;
#ifdef EXACT
    if (failed(AddSessionConfigEntry(options, "session.x64quantprecision", "1"))) return NULL;
#endif
    int vnni = has_vnni();
    snprintf(name, sizeof name, "ONNX Runtime %s", found->version());
    table = (qassay_backend){
        .size = sizeof table,
        .abi = QASSAY_ABI,
        .name = name,
        .isa = vnni ? "vnni" : "avx2",
#ifdef EXACT
        .profile = "onnxruntime",
#else
        .profile = vnni ? "onnxruntime" : "onnxruntime-avx2",
#endif
        .ops = ops,
        .op_count = sizeof ops / sizeof *ops,
        .prepare = prepare,
        .run = run,
        .release = release,
        .chosen = chosen,
        .live = live,
    };
    return &table;
}
