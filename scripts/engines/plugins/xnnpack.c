/* XNNPACK's operators as a Qassay plugin.
 *
 * scripts/engines/setup.sh xnnpack builds it, with Debian's libxnnpack-dev. Products of
 * s8 by s8 with one scale run as qs8, with a scale per channel as qc8, all others as qu8.
 * Codes of the other sign are moved by 128, zero points with them: exact, but it is work
 * that XNNPACK's own users do not have; chosen() says where. */
#include <xnnpack.h>

#include "dense.h"

enum { FLIP = 0x80 };

/* A prepared operator. Tensors that XNNPACK may not use where they are have copies. */
typedef struct {
    xnn_operator_t op;
    int32_t kind, dtype; /* the op; the type of the codes that XNNPACK sees */
    int per_channel, fully_connected;
    size_t batch, height, width, count;
    size_t in_bytes, out_bytes;
    uint8_t flip_in, flip_out;
    char *in[2], *out;
    const void *last[3];
    char chosen[48];
} kernel;

static int64_t alive;

static const char *text_of(enum xnn_status status) {
    switch (status) {
    case xnn_status_invalid_parameter: return "XNNPACK takes these parameters for invalid";
    case xnn_status_unsupported_parameter: return "XNNPACK does not support these parameters";
    case xnn_status_unsupported_hardware: return "XNNPACK has no kernel for this CPU";
    case xnn_status_out_of_memory: return "XNNPACK is out of memory";
    default: return "XNNPACK failed";
    }
}

static int32_t told(char *why, size_t size, enum xnn_status status) {
    int refused = status == xnn_status_invalid_parameter || status == xnn_status_unsupported_parameter ||
                  status == xnn_status_unsupported_hardware;
    return refuse(why, size, refused ? QASSAY_UNSUPPORTED : QASSAY_ERROR, text_of(status));
}

static void destroy(kernel *k) {
    if (k->op) xnn_delete_operator(k->op);
    free(k->in[0]);
    free(k->in[1]);
    free(k->out);
    free(k);
    alive--;
}

static int codes(int32_t dtype) { return dtype == QASSAY_U8 || dtype == QASSAY_S8; }

/* Lowest and highest output code in the type that XNNPACK sees. */
static void range(const qassay_fused *relu, const qassay_quantized *output, uint8_t flip, int *low, int *high) {
    *low = output->dtype == QASSAY_U8 ? 0 : -128;
    *high = *low + 255;
    if (relu && relu->kind == QASSAY_RELU_ZERO) *low = output->zero_point;
    if (relu && relu->kind == QASSAY_RELU_CODES) {
        *low = relu->low;
        *high = relu->high;
    }
    int shift = !flip ? 0 : output->dtype == QASSAY_U8 ? -128 : 128;
    *low += shift;
    *high += shift;
}

static int moved(const qassay_quantized *given, uint8_t flip) {
    return given->zero_point + (!flip ? 0 : given->dtype == QASSAY_U8 ? -128 : 128);
}

/* --- products ---------------------------------------------------------------- */

/* A convolution in two dimensions; linear is one of one position. */
typedef struct {
    int64_t batch, groups, in_channels, out_channels;
    int64_t size[2], kernel[2], stride[2], begin[2], end[2], dilation[2];
    const qassay_quantized *activation, *output;
    const qassay_granularity *weights;
    const qassay_fused *relu;
    int32_t bias_kind;
} product;

static enum xnn_status make_product(kernel *k, const qassay_op *op, const product *p, const char **refused) {
    const qassay_granularity *w = p->weights;
    int one = uniform(w), s8 = op->weights->dtype == QASSAY_S8;
    int wide = one && !(s8 && no_zero_points(w) && p->activation->dtype == QASSAY_S8);
    if (!one && (!s8 || !no_zero_points(w))) {
        *refused = "scales per channel with weights of u8 or with zero points";
        return xnn_status_success;
    }
    k->per_channel = !one;
    k->dtype = wide ? QASSAY_U8 : QASSAY_S8;
    k->flip_in = p->activation->dtype == k->dtype ? 0 : FLIP;
    k->flip_out = p->output->dtype == k->dtype ? 0 : FLIP;
    int low, high;
    range(p->relu, p->output, k->flip_out, &low, &high);
    size_t in = (size_t)(p->in_channels / p->groups), out = (size_t)(p->out_channels / p->groups);
    size_t inputs = (size_t)p->in_channels, outputs = (size_t)p->out_channels, groups = (size_t)p->groups;
    size_t weights = (size_t)count_of(op->weights->shape, op->weights->rank);
    float sx = (float)p->activation->scale, sy = (float)p->output->scale, sw = (float)w->scales[0];
    int zx = moved(p->activation, k->flip_in), zy = moved(p->output, k->flip_out);
    int zw = (int)w->zero_points[0] + (s8 ? 128 : 0);
    int32_t *bias = bias_steps(op, p->bias_kind, p->activation->scale, w, p->out_channels);
    uint8_t *unsigned_weights = (uint8_t *)malloc(weights + 1);
    float *scales = (float *)malloc(sizeof(float) * (size_t)w->count);
    enum xnn_status status = xnn_status_out_of_memory;
    if (!bias || !unsigned_weights || !scales) goto done;
    for (size_t i = 0; i < weights; i++)
        unsigned_weights[i] = (uint8_t)(((const uint8_t *)op->weights->data)[i] ^ (s8 ? FLIP : 0));
    for (int64_t c = 0; c < w->count; c++) scales[c] = (float)w->scales[c];
    const int8_t *signed_weights = (const int8_t *)op->weights->data;
#define GEOMETRY                                                                                                     \
    (uint32_t)p->begin[0], (uint32_t)p->end[1], (uint32_t)p->end[0], (uint32_t)p->begin[1], (uint32_t)p->kernel[0],  \
        (uint32_t)p->kernel[1], (uint32_t)p->stride[0], (uint32_t)p->stride[1], (uint32_t)p->dilation[0],            \
        (uint32_t)p->dilation[1], (uint32_t)groups, in, out, inputs, outputs
    if (k->per_channel)
        status = xnn_create_convolution2d_nhwc_qc8(GEOMETRY, (int8_t)zx, sx, scales, signed_weights, bias, (int8_t)zy,
                                                   sy, (int8_t)low, (int8_t)high, 0, &k->op);
    else if (k->fully_connected && wide)
        status = xnn_create_fully_connected_nc_qu8(inputs, outputs, inputs, outputs, (uint8_t)zx, sx, (uint8_t)zw, sw,
                                                   unsigned_weights, bias, (uint8_t)zy, sy, (uint8_t)low,
                                                   (uint8_t)high, 0, &k->op);
    else if (k->fully_connected)
        status = xnn_create_fully_connected_nc_qs8(inputs, outputs, inputs, outputs, (int8_t)zx, sx, sw,
                                                   signed_weights, bias, (int8_t)zy, sy, (int8_t)low, (int8_t)high, 0,
                                                   &k->op);
    else if (wide)
        status = xnn_create_convolution2d_nhwc_qu8(GEOMETRY, (uint8_t)zx, sx, (uint8_t)zw, sw, unsigned_weights, bias,
                                                   (uint8_t)zy, sy, (uint8_t)low, (uint8_t)high, 0, &k->op);
    else
        status = xnn_create_convolution2d_nhwc_qs8(GEOMETRY, (int8_t)zx, sx, sw, signed_weights, bias, (int8_t)zy, sy,
                                                   (int8_t)low, (int8_t)high, 0, &k->op);
#undef GEOMETRY
    snprintf(k->chosen, sizeof k->chosen, "%s%s", k->per_channel ? "qc8" : wide ? "qu8" : "qs8",
             k->flip_in ? k->flip_out ? "-moved" : "-input-moved" : k->flip_out ? "-output-moved" : "");
done:
    free(bias);
    free(unsigned_weights);
    free(scales);
    return status;
}

static enum xnn_status linear(kernel *k, const qassay_op *op, const char **refused) {
    const qassay_linear *s = (const qassay_linear *)op->spec;
    if (s->activation_kind != QASSAY_ACTIVATION_QUANTIZED || s->output_kind != QASSAY_OUTPUT_QUANTIZED ||
        !codes(s->activation.dtype) || !codes(s->output.dtype)) {
        *refused = "products that are not of 8-bit codes to 8-bit codes";
        return xnn_status_success;
    }
    product p = {s->m, 1,      s->k,   s->n,   {1, 1}, {1, 1},         {1, 1},     {0, 0},
                 {0, 0}, {1, 1}, &s->activation, &s->output, &s->weights, &s->relu, s->bias_kind};
    k->batch = (size_t)s->m;
    k->height = k->width = 1;
    k->fully_connected = uniform(&s->weights);
    k->in_bytes = (size_t)(s->m * s->k);
    k->out_bytes = (size_t)(s->m * s->n);
    return make_product(k, op, &p, refused);
}

static enum xnn_status conv(kernel *k, const qassay_op *op, const char **refused) {
    const qassay_conv *s = (const qassay_conv *)op->spec;
    if (s->output_kind != QASSAY_OUTPUT_QUANTIZED || s->spatial > 2 || !codes(s->output.dtype)) {
        *refused = s->spatial > 2 ? "convolutions in three dimensions" : "convolutions to sums";
        return xnn_status_success;
    }
    product p = {.batch = s->batch, .groups = s->groups, .in_channels = s->in_channels,
                 .out_channels = s->out_channels, .activation = &s->activation, .output = &s->output,
                 .weights = &s->weights, .relu = &s->relu, .bias_kind = s->bias_kind};
    for (int d = 0; d < 2; d++) { /* one dimension is the width of an image of height 1 */
        int from = d - (2 - s->spatial), there = from >= 0;
        p.size[d] = there ? s->input[from] : 1;
        p.kernel[d] = there ? s->kernel[from] : 1;
        p.stride[d] = there ? s->stride[from] : 1;
        p.dilation[d] = there ? s->dilation[from] : 1;
        p.begin[d] = there ? s->pad_begin[from] : 0;
        p.end[d] = there ? s->pad_end[from] : 0;
    }
    k->batch = (size_t)s->batch;
    k->height = (size_t)p.size[0];
    k->width = (size_t)p.size[1];
    k->in_bytes = k->batch * k->height * k->width * (size_t)s->in_channels;
    k->out_bytes = k->batch * (size_t)(count_of(s->output_size, s->spatial) * s->out_channels);
    return make_product(k, op, &p, refused);
}

/* --- element by element -------------------------------------------------------- */

static enum xnn_status elements(kernel *k, const qassay_op *op, const char **refused) {
    const qassay_elements *s = (const qassay_elements *)op->spec;
    int quantize = op->op == QASSAY_QUANTIZE;
    k->count = (size_t)count_of(s->shape, s->rank);
    if (!codes(s->dtype) || k->count == 0 || !uniform(&s->granularity)) {
        *refused = !codes(s->dtype) ? "codes of s32" : k->count == 0 ? "tensors without values" : "a scale per channel";
        return xnn_status_success;
    }
    k->dtype = s->dtype;
    k->in_bytes = k->count * (quantize ? 4 : 1);
    k->out_bytes = k->count * (quantize ? 1 : 4);
    float scale = (float)s->granularity.scales[0];
    int32_t zero_point = s->granularity.zero_points[0];
    size_t n = k->count;
    if (quantize && s->dtype == QASSAY_U8)
        return xnn_create_convert_nc_f32_qu8(n, n, n, scale, (uint8_t)zero_point, (uint8_t)s->low, (uint8_t)s->high, 0,
                                             &k->op);
    if (quantize)
        return xnn_create_convert_nc_f32_qs8(n, n, n, scale, (int8_t)zero_point, (int8_t)s->low, (int8_t)s->high, 0,
                                             &k->op);
    if (s->dtype == QASSAY_U8) return xnn_create_convert_nc_qu8_f32(n, n, n, scale, (uint8_t)zero_point, 0, &k->op);
    return xnn_create_convert_nc_qs8_f32(n, n, n, scale, (int8_t)zero_point, 0, &k->op);
}

static enum xnn_status binary(kernel *k, const qassay_op *op, const char **refused) {
    const qassay_binary *s = (const qassay_binary *)op->spec;
    if (!codes(s->a.dtype) || s->a.dtype != s->b.dtype || s->a.dtype != s->output.dtype) {
        *refused = "tensors of different types";
        return xnn_status_success;
    }
    k->count = k->in_bytes = k->out_bytes = (size_t)count_of(s->shape, s->rank);
    k->dtype = s->a.dtype;
    int low, high;
    range(&s->relu, &s->output, 0, &low, &high);
#define BINARY(make, type)                                                                                           \
    make((type)s->a.zero_point, (float)s->a.scale, (type)s->b.zero_point, (float)s->b.scale,                         \
         (type)s->output.zero_point, (float)s->output.scale, (type)low, (type)high, 0, &k->op)
    int u8 = k->dtype == QASSAY_U8;
    switch (op->op) {
    case QASSAY_ADD: return u8 ? BINARY(xnn_create_add_nd_qu8, uint8_t) : BINARY(xnn_create_add_nd_qs8, int8_t);
    case QASSAY_SUB:
        return u8 ? BINARY(xnn_create_subtract_nd_qu8, uint8_t) : BINARY(xnn_create_subtract_nd_qs8, int8_t);
    default: return u8 ? BINARY(xnn_create_multiply_nd_qu8, uint8_t) : BINARY(xnn_create_multiply_nd_qs8, int8_t);
    }
#undef BINARY
}

static enum xnn_status function(kernel *k, const qassay_op *op, const char **refused) {
    const qassay_function *s = (const qassay_function *)op->spec;
    if (!codes(s->input.dtype) || s->input.dtype != s->output.dtype) {
        *refused = "tensors of different types";
        return xnn_status_success;
    }
    size_t n = k->count = k->in_bytes = k->out_bytes = (size_t)count_of(s->shape, s->rank);
    k->dtype = s->input.dtype;
    int u8 = k->dtype == QASSAY_U8, low, high;
    range(NULL, &s->output, 0, &low, &high);
    if (op->op == QASSAY_RELU) {
        int zero = s->input.zero_point;
        return u8 ? xnn_create_clamp_nc_u8(n, n, n, (uint8_t)zero, 255, 0, &k->op)
                  : xnn_create_clamp_nc_s8(n, n, n, (int8_t)zero, 127, 0, &k->op);
    }
#define FUNCTION(make, type)                                                                                         \
    make(n, n, n, (type)s->input.zero_point, (float)s->input.scale, (type)s->output.zero_point,                      \
         (float)s->output.scale, (type)low, (type)high, 0, &k->op)
    if (op->op == QASSAY_SIGMOID)
        return u8 ? FUNCTION(xnn_create_sigmoid_nc_qu8, uint8_t) : FUNCTION(xnn_create_sigmoid_nc_qs8, int8_t);
    return u8 ? FUNCTION(xnn_create_tanh_nc_qu8, uint8_t) : FUNCTION(xnn_create_tanh_nc_qs8, int8_t);
#undef FUNCTION
}

static enum xnn_status clamp(kernel *k, const qassay_op *op) {
    const qassay_clamp *s = (const qassay_clamp *)op->spec;
    size_t n = k->count = k->in_bytes = k->out_bytes = (size_t)count_of(s->shape, s->rank);
    k->dtype = s->dtype;
    return k->dtype == QASSAY_U8 ? xnn_create_clamp_nc_u8(n, n, n, (uint8_t)s->low, (uint8_t)s->high, 0, &k->op)
                                 : xnn_create_clamp_nc_s8(n, n, n, (int8_t)s->low, (int8_t)s->high, 0, &k->op);
}

static enum xnn_status pool(kernel *k, const qassay_op *op, const char **refused) {
    const qassay_pool *s = (const qassay_pool *)op->spec;
    int max = op->op == QASSAY_MAX_POOL;
    if (s->spatial != 2 || (!max && s->activation.dtype != QASSAY_U8) || s->activation.dtype != s->output.dtype) {
        *refused = s->spatial != 2 ? "pools that are not of images" : "average pools that are not of u8";
        return xnn_status_success;
    }
    k->batch = (size_t)s->batch;
    k->height = (size_t)s->input[0];
    k->width = (size_t)s->input[1];
    k->dtype = s->activation.dtype;
    size_t c = (size_t)s->channels;
    k->in_bytes = k->batch * k->height * k->width * c;
    k->out_bytes = k->batch * (size_t)(s->output_size[0] * s->output_size[1]) * c;
#define WINDOW                                                                                                       \
    (uint32_t)s->pad_begin[0], (uint32_t)s->pad_end[1], (uint32_t)s->pad_end[0], (uint32_t)s->pad_begin[1],          \
        (uint32_t)s->kernel[0], (uint32_t)s->kernel[1], (uint32_t)s->stride[0], (uint32_t)s->stride[1]
    if (!max)
        return xnn_create_average_pooling2d_nhwc_qu8(
            WINDOW, c, c, c, (uint8_t)s->activation.zero_point, (float)s->activation.scale,
            (uint8_t)s->output.zero_point, (float)s->output.scale, 0, 255, 0, &k->op);
    if (k->dtype == QASSAY_U8) return xnn_create_max_pooling2d_nhwc_u8(WINDOW, 1, 1, c, c, c, 0, 255, 0, &k->op);
    return xnn_create_max_pooling2d_nhwc_s8(WINDOW, 1, 1, c, c, c, -128, 127, 0, &k->op);
#undef WINDOW
}

/* --- running ------------------------------------------------------------------- */

/* Tells the operator where its tensors lie. */
static enum xnn_status setup(kernel *k, const void *a, const void *b, void *y) {
    size_t n = k->batch, h = k->height, w = k->width;
    int u8 = k->dtype == QASSAY_U8;
#define BY_TYPE(of, ...)                                                                                             \
    (u8 ? xnn_setup_##of##_u8(k->op, __VA_ARGS__, (const uint8_t *)a, (uint8_t *)y, NULL)                          \
        : xnn_setup_##of##_s8(k->op, __VA_ARGS__, (const int8_t *)a, (int8_t *)y, NULL))
#define BY_CODES(of, ...)                                                                                            \
    (u8 ? xnn_setup_##of##_qu8(k->op, __VA_ARGS__, (const uint8_t *)a, (uint8_t *)y, NULL)                         \
        : xnn_setup_##of##_qs8(k->op, __VA_ARGS__, (const int8_t *)a, (int8_t *)y, NULL))
#define BY_PAIR(of)                                                                                                  \
    (u8 ? xnn_setup_##of##_qu8(k->op, 1, &k->count, 1, &k->count, (const uint8_t *)a, (const uint8_t *)b,            \
                               (uint8_t *)y, NULL)                                                                   \
        : xnn_setup_##of##_qs8(k->op, 1, &k->count, 1, &k->count, (const int8_t *)a, (const int8_t *)b, (int8_t *)y, \
                               NULL))
    switch (k->kind) {
    case QASSAY_LINEAR:
    case QASSAY_CONV:
        if (k->per_channel)
            return xnn_setup_convolution2d_nhwc_qc8(k->op, n, h, w, (const int8_t *)a, (int8_t *)y, NULL);
        return k->fully_connected ? BY_CODES(fully_connected_nc, n) : BY_CODES(convolution2d_nhwc, n, h, w);
    case QASSAY_QUANTIZE:
        return u8 ? xnn_setup_convert_nc_f32_qu8(k->op, 1, (const float *)a, (uint8_t *)y, NULL)
                  : xnn_setup_convert_nc_f32_qs8(k->op, 1, (const float *)a, (int8_t *)y, NULL);
    case QASSAY_DEQUANTIZE:
        return u8 ? xnn_setup_convert_nc_qu8_f32(k->op, 1, (const uint8_t *)a, (float *)y, NULL)
                  : xnn_setup_convert_nc_qs8_f32(k->op, 1, (const int8_t *)a, (float *)y, NULL);
    case QASSAY_ADD: return BY_PAIR(add_nd);
    case QASSAY_SUB: return BY_PAIR(subtract_nd);
    case QASSAY_MUL: return BY_PAIR(multiply_nd);
    case QASSAY_SIGMOID: return BY_CODES(sigmoid_nc, 1);
    case QASSAY_TANH: return BY_CODES(tanh_nc, 1);
    case QASSAY_RELU:
    case QASSAY_CLAMP: return BY_TYPE(clamp_nc, 1);
    case QASSAY_AVG_POOL:
        return xnn_setup_average_pooling2d_nhwc_qu8(k->op, n, h, w, (const uint8_t *)a, (uint8_t *)y, NULL);
    default: return BY_TYPE(max_pooling2d_nhwc, n, h, w);
    }
}

static int32_t prepare(const qassay_op *op, void **handle, char *why, size_t why_size) {
    kernel *k = (kernel *)calloc(1, sizeof *k);
    if (!k) return refuse(why, why_size, QASSAY_ERROR, "out of memory");
    alive++;
    k->kind = op->op;
    const char *refused = NULL;
    enum xnn_status status;
    switch (op->op) {
    case QASSAY_LINEAR: status = linear(k, op, &refused); break;
    case QASSAY_CONV: status = conv(k, op, &refused); break;
    case QASSAY_QUANTIZE:
    case QASSAY_DEQUANTIZE: status = elements(k, op, &refused); break;
    case QASSAY_ADD:
    case QASSAY_SUB:
    case QASSAY_MUL: status = binary(k, op, &refused); break;
    case QASSAY_RELU:
    case QASSAY_SIGMOID:
    case QASSAY_TANH: status = function(k, op, &refused); break;
    case QASSAY_CLAMP: status = clamp(k, op); break;
    case QASSAY_AVG_POOL:
    case QASSAY_MAX_POOL: status = pool(k, op, &refused); break;
    default: refused = "no such op"; status = xnn_status_success;
    }
    if (!refused && status == xnn_status_success && (k->in_bytes == 0 || k->out_bytes == 0))
        refused = "tensors without values"; /* XNNPACK takes them for invalid */
    if (!refused && status == xnn_status_success) {
        k->in[0] = (char *)malloc(k->in_bytes + XNN_EXTRA_BYTES);
        k->out = (char *)malloc(k->out_bytes + XNN_EXTRA_BYTES);
        if (op->inputs == 2) k->in[1] = (char *)malloc(k->in_bytes + XNN_EXTRA_BYTES);
        if (!k->in[0] || !k->out || (op->inputs == 2 && !k->in[1])) status = xnn_status_out_of_memory;
    }
    if (!refused && status == xnn_status_success) status = setup(k, k->in[0], k->in[1], k->out);
    if (refused || status != xnn_status_success) {
        destroy(k);
        return refused ? refuse(why, why_size, QASSAY_UNSUPPORTED, refused) : told(why, why_size, status);
    }
    *handle = k;
    return QASSAY_OK;
}

static void flip(char *values, const char *from, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = (char)(from[i] ^ FLIP);
}

/* XNNPACK reads up to XNN_EXTRA_BYTES behind a tensor. They are there if they lie on the
 * page that the tensor ends on. */
static int room_behind(const char *data, size_t bytes) {
    size_t end = (size_t)data + bytes;
    return bytes != 0 && (end - 1) / 4096 == (end - 1 + XNN_EXTRA_BYTES) / 4096;
}

static int32_t run(void *handle, const qassay_tensor *inputs, const qassay_tensor *outputs, char *why,
                   size_t why_size) {
    kernel *k = (kernel *)handle;
    const char *from[2] = {NULL, NULL};
    for (int i = 0; i < (k->in[1] ? 2 : 1); i++) {
        const char *data = (const char *)inputs[i].data;
        from[i] = data;
        if (!dense(&inputs[i])) {
            copy_rows(&inputs[i], k->in[i], 0);
            from[i] = k->in[i];
        }
        if (k->flip_in) {
            flip(k->in[i], from[i], k->in_bytes);
            from[i] = k->in[i];
        } else if (from[i] == data && !room_behind(data, k->in_bytes)) {
            memcpy(k->in[i], data, k->in_bytes);
            from[i] = k->in[i];
        }
    }
    /* Pools read behind their output, too, where they go on with what stands there. */
    int here = dense(outputs) && !k->flip_out && room_behind((const char *)outputs->data, k->out_bytes);
    char *to = here ? (char *)outputs->data : k->out;
    if (from[0] != k->last[0] || from[1] != k->last[1] || to != k->last[2]) {
        enum xnn_status status = setup(k, from[0], from[1], to);
        if (status != xnn_status_success) return told(why, why_size, status);
        k->last[0] = from[0];
        k->last[1] = from[1];
        k->last[2] = to;
    }
    enum xnn_status status = xnn_run_operator(k->op, NULL);
    if (status != xnn_status_success) return refuse(why, why_size, QASSAY_ERROR, text_of(status));
    if (k->flip_out) flip(k->out, k->out, k->out_bytes);
    if (!here) copy_rows(outputs, k->out, 1);
    return QASSAY_OK;
}

static void release(void *handle) { destroy((kernel *)handle); }
static const char *chosen(void *handle) { return ((kernel *)handle)->chosen; }
static int64_t live(void) { return alive; }

const qassay_backend *qassay_plugin(void) {
    static const int32_t ops[] = {QASSAY_QUANTIZE, QASSAY_DEQUANTIZE, QASSAY_LINEAR,   QASSAY_CONV, QASSAY_ADD,
                                  QASSAY_MUL,      QASSAY_SUB,        QASSAY_RELU,     QASSAY_CLAMP, QASSAY_SIGMOID,
                                  QASSAY_TANH,     QASSAY_AVG_POOL,   QASSAY_MAX_POOL};
    static qassay_backend table;
    if (xnn_initialize(NULL) != xnn_status_success) {
        fprintf(stderr, "XNNPACK does not run on this CPU\n");
        return NULL;
    }
    table = (qassay_backend){
        .size = sizeof table,
        .abi = QASSAY_ABI,
        .name = "XNNPACK 2022-02",
#if defined(__x86_64__)
        .isa = __builtin_cpu_supports("avx512bw") ? "avx512" : __builtin_cpu_supports("avx2") ? "avx2" : "sse",
#else
        .isa = "neon",
#endif
        .profile = "xnnpack-fp32",
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
