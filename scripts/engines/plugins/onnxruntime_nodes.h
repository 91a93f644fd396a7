/* The ops that ONNX Runtime has nodes for: a model of each, or why there is none. Images stay
 * channel-last (nodes of com.microsoft). */
#ifndef ONNXRUNTIME_NODES_H
#define ONNXRUNTIME_NODES_H

#include "onnxruntime_session.h"

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

static void window_attributes(model *m, const qassay_conv *s) {
    int64_t pads[6];
    for (int d = 0; d < s->spatial; d++) {
        pads[d] = s->pad_begin[d];
        pads[s->spatial + d] = s->pad_end[d];
    }
    wholes_attribute(m, "kernel_shape", s->kernel, s->spatial);
    wholes_attribute(m, "strides", s->stride, s->spatial);
    wholes_attribute(m, "dilations", s->dilation, s->spatial);
    wholes_attribute(m, "pads", pads, 2 * s->spatial);
    whole_attribute(m, "group", s->groups);
}

/* ConvInteger, which has its channels second, between two nodes that move them. */
static status *conv_sums(kernel *k, const qassay_op *op, model *m, int rank, const int64_t *x, const int64_t *y) {
    const qassay_conv *s = (const qassay_conv *)op->spec;
    int64_t second[5] = {0, rank - 1}, last[5] = {0};
    for (int d = 1; d + 1 < rank; d++) {
        second[d + 1] = d;
        last[d] = d + 1;
    }
    last[rank - 1] = 1;
    input(k, m, type_of(s->activation.dtype), rank, x);
    wholes_attribute(m, "perm", second, rank);
    between(m, 2, "turned");
    node(m, "Transpose", 0);
    between(m, 1, "turned");
    channels_second(m, op, s);
    scalar(m, type_of(s->activation.dtype), s->activation.zero_point);
    scalar(m, type_of(op->weights->dtype), s->weights.zero_points[0]);
    window_attributes(m, s);
    between(m, 2, "sums");
    node(m, "ConvInteger", 0);
    between(m, 1, "sums");
    wholes_attribute(m, "perm", last, rank);
    output(k, m, INT32, rank, y);
    snprintf(k->chosen, sizeof k->chosen, "ConvInteger");
    return finish(k, m, "Transpose", 0);
}

static status *conv(kernel *k, const qassay_op *op, model *m) {
    const qassay_conv *s = (const qassay_conv *)op->spec;
    int64_t x[5], y[5];
    int rank = image(x, s->batch, s->input, s->spatial, s->in_channels);
    image(y, s->batch, s->output_size, s->spatial, s->out_channels);
    if (s->output_kind == QASSAY_OUTPUT_SUMS) return conv_sums(k, op, m, rank, x, y);
    input(k, m, type_of(s->activation.dtype), rank, x);
    given(m, &s->activation);
    channels_second(m, op, s);
    weight_scales(m, &s->weights);
    weight_zero_points(m, &s->weights, type_of(op->weights->dtype));
    given(m, &s->output);
    if (s->bias_kind != QASSAY_BIAS_NONE)
        bias_constant(m, op, s->bias_kind, s->activation.scale, &s->weights, s->out_channels);
    window_attributes(m, s);
    whole_attribute(m, "channels_last", 1);
    output(k, m, type_of(s->output.dtype), rank, y);
    return finish(k, m, "QLinearConv", 1);
}

static const char *conv_refused(const qassay_op *op) {
    const qassay_conv *s = (const qassay_conv *)op->spec;
    if (s->relu.kind != QASSAY_RELU_NONE) return "a fused relu";
    if (s->output_kind == QASSAY_OUTPUT_FLOAT) return "convolutions to f32";
    if (s->output_kind == QASSAY_OUTPUT_QUANTIZED)
        return s->activation.dtype == s->output.dtype ? NULL : "convolutions of one type to another";
    if (op->bias) return "ConvInteger has no bias";
    if (s->activation.dtype != QASSAY_U8) return "ConvInteger of s8";
    for (int64_t i = 1; i < s->weights.count; i++)
        if (s->weights.zero_points[i] != s->weights.zero_points[0]) return "ConvInteger with a weight zero point per channel";
    return NULL;
}

/* Of DynamicQuantizeLinear, the parameters alone: its codes are no output of the model. */
static status *choose_qparams(kernel *k, const qassay_op *op, model *m) {
    const qassay_choose_qparams *s = (const qassay_choose_qparams *)op->spec;
    input(k, m, FLOAT, 1, &s->len);
    between(m, 2, "codes");
    output(k, m, FLOAT, 0, NULL);
    output(k, m, UINT8, 0, NULL);
    k->parameters = 1;
    return finish(k, m, "DynamicQuantizeLinear", 0);
}

static const char *choose_qparams_refused(const qassay_op *op) {
    const qassay_choose_qparams *s = (const qassay_choose_qparams *)op->spec;
    if (s->dtype != QASSAY_U8 || s->symmetric) return "only affine u8 (DynamicQuantizeLinear)";
    return s->low != 0 || s->high != 255 || s->reduce_range ? "a range of codes narrower than the type's" : NULL;
}

static status *clamp(kernel *k, const qassay_op *op, model *m) {
    const qassay_clamp *s = (const qassay_clamp *)op->spec;
    int type = type_of(s->dtype);
    input(k, m, type, s->rank, s->shape);
    scalar(m, type, s->low);
    scalar(m, type, s->high);
    output(k, m, type, s->rank, s->shape);
    return finish(k, m, "Clip", 0);
}

static const char *clamp_refused(const qassay_op *op) {
    const qassay_clamp *s = (const qassay_clamp *)op->spec;
    return s->dtype == QASSAY_U8 || s->dtype == QASSAY_S8 ? NULL : "Clip of codes that are not of 8 bits";
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

#endif
