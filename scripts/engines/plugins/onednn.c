/* oneDNN's CPU build as a Qassay plugin: matmul and convolution with the scales,
 * zero points, bias and relu of oneDNN 3, and reorders that quantize and dequantize.
 *
 * scripts/engines/setup.sh onednn builds it. One thread; held to AVX-512 VNNI at most
 * (with AMX, oneDNN picks kernels by shape), or to what ONEDNN_MAX_CPU_ISA says. */
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include "dense.h"

enum { MOST_ARGUMENTS = 10, MOST_DIMS = 6 };

/* A prepared primitive: what it is executed with, and rows without gaps. */
typedef struct {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[MOST_ARGUMENTS];
    void *values[MOST_ARGUMENTS]; /* what memories of scales, weights, .. point to */
    int count;
    dnnl_memory_desc_t source, target;
    char *dense_source, *dense_target;
    char chosen[64];
} kernel;

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static int64_t alive;

static dnnl_data_type_t type_of(int32_t dtype) {
    switch (dtype) {
    case QASSAY_U8: return dnnl_u8;
    case QASSAY_S8: return dnnl_s8;
    case QASSAY_S32: return dnnl_s32;
    default: return dnnl_f32;
    }
}

/* --- descriptors and arguments -------------------------------------------- */

/* Adds an argument whose values are copied. */
static dnnl_status_t add(kernel *k, int arg, dnnl_memory_desc_t desc, const void *values) {
    size_t size = dnnl_memory_desc_get_size(desc);
    dnnl_memory_t memory;
    void *copy = malloc(size + 64);
    if (!copy) return dnnl_out_of_memory;
    if (values) memcpy(copy, values, size);
    k->values[k->count] = copy;
    dnnl_status_t status = dnnl_memory_create(&memory, desc, engine, copy);
    k->arguments[k->count].arg = arg;
    k->arguments[k->count++].memory = status == dnnl_success ? memory : NULL;
    return status;
}

static dnnl_status_t add_vector(kernel *k, int arg, dnnl_data_type_t type, int64_t count, const void *values) {
    dnnl_memory_desc_t desc;
    dnnl_dims_t dims = {count};
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(&desc, 1, dims, type, dnnl_a);
    if (status == dnnl_success) {
        status = add(k, arg, desc, values);
        dnnl_memory_desc_destroy(desc);
    }
    return status;
}

static dnnl_status_t add_scales(kernel *k, dnnl_primitive_attr_t attr, int arg, int mask, const double *scales,
                                int64_t count) {
    float *narrow = malloc(sizeof(float) * (size_t)count);
    if (!narrow) return dnnl_out_of_memory;
    for (int64_t i = 0; i < count; i++) narrow[i] = (float)scales[i];
    dnnl_status_t status = dnnl_primitive_attr_set_scales_mask(attr, arg, mask);
    if (status == dnnl_success) status = add_vector(k, DNNL_ARG_ATTR_SCALES | arg, dnnl_f32, count, narrow);
    free(narrow);
    return status;
}

static dnnl_status_t add_zero_point(kernel *k, dnnl_primitive_attr_t attr, int arg, int32_t zero_point) {
    if (zero_point == 0) return dnnl_success;
    dnnl_status_t status = dnnl_primitive_attr_set_zero_points_mask(attr, arg, 0);
    if (status != dnnl_success) return status;
    return add_vector(k, DNNL_ARG_ATTR_ZERO_POINTS | arg, dnnl_s32, 1, &zero_point);
}

static void destroy(kernel *k) {
    if (k->primitive) dnnl_primitive_destroy(k->primitive);
    for (int i = 0; i < k->count; i++) {
        if (k->arguments[i].memory) dnnl_memory_destroy(k->arguments[i].memory);
        free(k->values[i]);
    }
    if (k->source) dnnl_memory_desc_destroy(k->source);
    if (k->target) dnnl_memory_desc_destroy(k->target);
    free(k->dense_source);
    free(k->dense_target);
    free(k);
    alive--;
}

static int32_t told(char *why, size_t size, dnnl_status_t status) {
    if (status == dnnl_unimplemented)
        return refuse(why, size, QASSAY_UNSUPPORTED, "oneDNN has no implementation");
    snprintf(why, size, "oneDNN gives status %d", (int)status);
    return QASSAY_ERROR;
}

/* The primitive of a descriptor, its weights in the form that it wants. */
static dnnl_status_t finish(kernel *k, dnnl_primitive_desc_t desc, dnnl_memory_desc_t plain, const void *weights) {
    const char *name = "";
    dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
    snprintf(k->chosen, sizeof k->chosen, "%s", name);
    dnnl_status_t status = dnnl_primitive_create(&k->primitive, desc);
    if (status != dnnl_success || !plain) return status;
    const_dnnl_memory_desc_t wanted = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    status = add(k, DNNL_ARG_WEIGHTS, (dnnl_memory_desc_t)wanted, NULL);
    if (status != dnnl_success) return status;
    dnnl_memory_t from;
    status = dnnl_memory_create(&from, plain, engine, (void *)weights);
    if (status != dnnl_success) return status;
    dnnl_primitive_desc_t reorder_desc = NULL;
    dnnl_primitive_t reorder = NULL;
    status = dnnl_reorder_primitive_desc_create(&reorder_desc, plain, engine, wanted, engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(&reorder, reorder_desc);
    if (status == dnnl_success) {
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, k->arguments[k->count - 1].memory}};
        status = dnnl_primitive_execute(reorder, stream, 2, arguments);
        dnnl_stream_wait(stream);
    }
    if (reorder) dnnl_primitive_destroy(reorder);
    if (reorder_desc) dnnl_primitive_desc_destroy(reorder_desc);
    dnnl_memory_destroy(from);
    return status;
}

/* --- linear and conv ------------------------------------------------------- */

/* Scales, zero points and relu of a product. */
static dnnl_status_t parameters(kernel *k, dnnl_primitive_attr_t attr, qassay_quantized source,
                                const qassay_granularity *weights, int mask, int32_t output_kind,
                                qassay_quantized output, int relu) {
    dnnl_status_t status = add_zero_point(k, attr, DNNL_ARG_SRC, source.zero_point);
    if (status == dnnl_success && output_kind != QASSAY_OUTPUT_SUMS) {
        status = add_scales(k, attr, DNNL_ARG_SRC, 0, &source.scale, 1);
        if (status == dnnl_success)
            status = add_scales(k, attr, DNNL_ARG_WEIGHTS, weights->axis < 0 ? 0 : mask, weights->scales, weights->count);
    }
    if (status == dnnl_success && output_kind == QASSAY_OUTPUT_QUANTIZED) {
        status = add_scales(k, attr, DNNL_ARG_DST, 0, &output.scale, 1);
        if (status == dnnl_success) status = add_zero_point(k, attr, DNNL_ARG_DST, output.zero_point);
    }
    if (status == dnnl_success && relu) {
        dnnl_post_ops_t post;
        status = dnnl_post_ops_create(&post);
        if (status != dnnl_success) return status;
        status = dnnl_post_ops_append_eltwise(post, dnnl_eltwise_relu, 0, 0);
        if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attr, post);
        dnnl_post_ops_destroy(post);
    }
    return status;
}

static int32_t output_type(int32_t kind, qassay_quantized output) {
    return kind == QASSAY_OUTPUT_FLOAT ? QASSAY_F32 : kind == QASSAY_OUTPUT_SUMS ? QASSAY_S32 : output.dtype;
}

/* What linear and conv have in common: NULL, or why it is refused. */
static const char *common(const qassay_op *op, int32_t bias_kind, int32_t output_kind, int32_t relu) {
    if (op->weights->dtype != QASSAY_S8) return "weights of u8";
    if (bias_kind == QASSAY_BIAS_S32) return "a bias of s32: biases are f32";
    if (bias_kind != QASSAY_BIAS_NONE && output_kind == QASSAY_OUTPUT_SUMS) return "sums with a bias";
    if (relu == QASSAY_RELU_CODES) return "a fused clamp to two codes";
    return NULL;
}

static dnnl_status_t linear(kernel *k, const qassay_op *op, const qassay_linear *s, dnnl_primitive_attr_t attr) {
    dnnl_dims_t x = {s->m, s->k}, w = {s->k, s->n}, y = {s->m, s->n}, b = {1, s->n}, turned = {1, s->k};
    dnnl_memory_desc_t any = NULL, plain = NULL, bias = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_data_type_t out = type_of(output_type(s->output_kind, s->output));
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(&k->source, 2, x, type_of(s->activation.dtype), dnnl_ab);
    if (!status) status = dnnl_memory_desc_create_with_tag(&k->target, 2, y, out, dnnl_ab);
    if (!status) status = dnnl_memory_desc_create_with_tag(&any, 2, w, dnnl_s8, dnnl_format_tag_any);
    if (!status) status = dnnl_memory_desc_create_with_strides(&plain, 2, w, dnnl_s8, turned);
    if (!status && op->bias) {
        status = dnnl_memory_desc_create_with_tag(&bias, 2, b, dnnl_f32, dnnl_ab);
        if (!status) status = add(k, DNNL_ARG_BIAS, bias, op->bias->data);
    }
    if (!status)
        status = parameters(k, attr, s->activation, &s->weights, 2, s->output_kind, s->output,
                            s->relu.kind == QASSAY_RELU_ZERO);
    if (!status) status = dnnl_matmul_primitive_desc_create(&desc, engine, k->source, any, bias, k->target, attr);
    if (!status) status = finish(k, desc, plain, op->weights->data);
    if (desc) dnnl_primitive_desc_destroy(desc);
    if (any) dnnl_memory_desc_destroy(any);
    if (plain) dnnl_memory_desc_destroy(plain);
    if (bias) dnnl_memory_desc_destroy(bias);
    return status;
}

/* Dimensions and strides of a channel-last image as oneDNN orders them: batch, channel, size. */
static void image(int64_t batch, int64_t channels, int32_t spatial, const int64_t *size, dnnl_dims_t dims,
                  dnnl_dims_t strides) {
    dims[0] = batch;
    dims[1] = channels;
    strides[1] = 1;
    int64_t step = channels;
    for (int32_t d = spatial - 1; d >= 0; d--) {
        dims[2 + d] = size[d];
        strides[2 + d] = step;
        step *= size[d];
    }
    strides[0] = step;
}

static dnnl_status_t conv(kernel *k, const qassay_op *op, const qassay_conv *s, dnnl_primitive_attr_t attr) {
    dnnl_dims_t x, y, w, xs, ys, ws, stride = {0}, between = {0}, begin = {0}, end = {0}, b = {s->out_channels};
    int32_t n = s->spatial, first = s->groups > 1 ? 1 : 0;
    image(s->batch, s->in_channels, n, s->input, x, xs);
    image(s->batch, s->out_channels, n, s->output_size, y, ys);
    int64_t each = s->in_channels / s->groups, step = each;
    for (int32_t d = n - 1; d >= 0; d--) {
        w[first + 2 + d] = s->kernel[d];
        ws[first + 2 + d] = step;
        step *= s->kernel[d];
        stride[d] = s->stride[d];
        between[d] = s->dilation[d] - 1;
        begin[d] = s->pad_begin[d];
        end[d] = s->pad_end[d];
    }
    w[first] = s->out_channels / s->groups;
    ws[first] = step;
    w[first + 1] = each;
    ws[first + 1] = 1;
    if (first) {
        w[0] = s->groups;
        ws[0] = step * w[1];
    }
    dnnl_memory_desc_t any = NULL, plain = NULL, bias = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_data_type_t out = type_of(output_type(s->output_kind, s->output));
    dnnl_status_t status =
        dnnl_memory_desc_create_with_strides(&k->source, n + 2, x, type_of(s->activation.dtype), xs);
    if (!status) status = dnnl_memory_desc_create_with_strides(&k->target, n + 2, y, out, ys);
    if (!status) status = dnnl_memory_desc_create_with_tag(&any, n + 2 + first, w, dnnl_s8, dnnl_format_tag_any);
    if (!status) status = dnnl_memory_desc_create_with_strides(&plain, n + 2 + first, w, dnnl_s8, ws);
    if (!status && op->bias) {
        status = dnnl_memory_desc_create_with_tag(&bias, 1, b, dnnl_f32, dnnl_a);
        if (!status) status = add(k, DNNL_ARG_BIAS, bias, op->bias->data);
    }
    if (!status)
        status = parameters(k, attr, s->activation, &s->weights, first ? 3 : 1, s->output_kind, s->output,
                            s->relu.kind == QASSAY_RELU_ZERO);
    if (!status)
        status = dnnl_convolution_forward_primitive_desc_create(
            &desc, engine, dnnl_forward_inference, dnnl_convolution_direct, k->source, any, bias, k->target, stride,
            between, begin, end, attr);
    if (!status) status = finish(k, desc, plain, op->weights->data);
    if (desc) dnnl_primitive_desc_destroy(desc);
    if (any) dnnl_memory_desc_destroy(any);
    if (plain) dnnl_memory_desc_destroy(plain);
    if (bias) dnnl_memory_desc_destroy(bias);
    return status;
}

/* --- quantize, dequantize, requantize ------------------------------------------------ */

static dnnl_status_t elements(kernel *k, int32_t op, const qassay_elements *s, dnnl_primitive_attr_t attr) {
    int64_t count = 1;
    for (int32_t d = 0; d < s->rank; d++) count *= s->shape[d];
    dnnl_dims_t dims = {count};
    int quantize = op == QASSAY_QUANTIZE, arg = quantize ? DNNL_ARG_DST : DNNL_ARG_SRC;
    dnnl_data_type_t codes = type_of(s->dtype);
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(&k->source, 1, dims, quantize ? dnnl_f32 : codes, dnnl_a);
    if (!status) status = dnnl_memory_desc_create_with_tag(&k->target, 1, dims, quantize ? codes : dnnl_f32, dnnl_a);
    if (!status) status = add_scales(k, attr, arg, 0, s->granularity.scales, 1);
    if (!status) status = add_zero_point(k, attr, arg, s->granularity.zero_points[0]);
    if (!status) status = dnnl_reorder_primitive_desc_create(&desc, k->source, engine, k->target, engine, attr);
    if (!status) status = finish(k, desc, NULL, NULL);
    if (desc) dnnl_primitive_desc_destroy(desc);
    return status;
}

/* Sums to codes: a reorder whose source has scales. */
static dnnl_status_t requantize(kernel *k, const qassay_requantize *s, dnnl_primitive_attr_t attr) {
    dnnl_dims_t dims = {s->rows, s->columns};
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(&k->source, 2, dims, dnnl_s32, dnnl_ab);
    if (!status) status = dnnl_memory_desc_create_with_tag(&k->target, 2, dims, type_of(s->dtype), dnnl_ab);
    if (!status) status = dnnl_primitive_attr_set_scales_mask(attr, DNNL_ARG_SRC, s->multiplier_count > 1 ? 2 : 0);
    if (!status)
        status = add_vector(k, DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, dnnl_f32, s->multiplier_count, s->multipliers);
    if (!status) status = add_zero_point(k, attr, DNNL_ARG_DST, s->zero_point);
    if (!status) status = dnnl_reorder_primitive_desc_create(&desc, k->source, engine, k->target, engine, attr);
    if (!status) status = finish(k, desc, NULL, NULL);
    if (desc) dnnl_primitive_desc_destroy(desc);
    return status;
}

static const char *requantize_refused(const qassay_requantize *s) {
    if (s->relu) return "a relu: a reorder has none";
    return s->rows == 0 || s->columns == 0 ? "tensors without values" : NULL;
}

static const char *elements_refused(const qassay_op *op, const qassay_elements *s) {
    static const int64_t low[] = {0, 0, -128, INT32_MIN}, high[] = {0, 255, 127, INT32_MAX};
    if (s->granularity.axis >= 0) return "a scale per channel";
    if (op->op == QASSAY_QUANTIZE && (s->low != low[s->dtype] || s->high != high[s->dtype]))
        return "a range of codes narrower than the type's";
    for (int32_t d = 0; d < s->rank; d++)
        if (s->shape[d] == 0) return "tensors without values";
    return NULL;
}

/* --- the table --------------------------------------------------------------- */

static int32_t prepare(const qassay_op *op, void **handle, char *why, size_t why_size) {
    const char *refused = NULL;
    const qassay_linear *l = op->spec;
    const qassay_conv *c = op->spec;
    switch (op->op) {
    case QASSAY_LINEAR:
        refused = l->activation_kind != QASSAY_ACTIVATION_QUANTIZED
                      ? "activations of f32"
                      : common(op, l->bias_kind, l->output_kind, l->relu.kind);
        break;
    case QASSAY_CONV: refused = common(op, c->bias_kind, c->output_kind, c->relu.kind); break;
    case QASSAY_QUANTIZE:
    case QASSAY_DEQUANTIZE: refused = elements_refused(op, op->spec); break;
    case QASSAY_REQUANTIZE: refused = requantize_refused(op->spec); break;
    default: refused = "no such op";
    }
    if (refused) return refuse(why, why_size, QASSAY_UNSUPPORTED, refused);
    kernel *k = calloc(1, sizeof *k);
    dnnl_primitive_attr_t attr;
    omp_set_num_threads(1);
    if (!k) return refuse(why, why_size, QASSAY_ERROR, "out of memory");
    alive++;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (!status) {
        status = op->op == QASSAY_LINEAR       ? linear(k, op, l, attr)
                 : op->op == QASSAY_CONV       ? conv(k, op, c, attr)
                 : op->op == QASSAY_REQUANTIZE ? requantize(k, op->spec, attr)
                                               : elements(k, op->op, op->spec, attr);
        dnnl_primitive_attr_destroy(attr);
    }
    if (!status) {
        k->dense_source = malloc(dnnl_memory_desc_get_size(k->source) + 64);
        k->dense_target = malloc(dnnl_memory_desc_get_size(k->target) + 64);
        if (!k->dense_source || !k->dense_target) status = dnnl_out_of_memory;
    }
    if (status) {
        destroy(k);
        return told(why, why_size, status);
    }
    *handle = k;
    return QASSAY_OK;
}

static int32_t run(void *handle, const qassay_tensor *inputs, const qassay_tensor *outputs, char *why,
                   size_t why_size) {
    kernel *k = handle;
    omp_set_num_threads(1); /* of this thread, which need not be the one that loaded the library */
    /* Vectors of oneDNN need no alignment, but s32 and f32 values do. */
    int x_here = dense(inputs), y_here = dense(outputs);
    if (!x_here) copy_rows(inputs, k->dense_source, 0);
    dnnl_exec_arg_t arguments[MOST_ARGUMENTS + 2];
    memcpy(arguments, k->arguments, sizeof k->arguments);
    dnnl_memory_t x = NULL, y = NULL;
    dnnl_status_t status = dnnl_memory_create(&x, k->source, engine, x_here ? inputs->data : k->dense_source);
    if (!status) status = dnnl_memory_create(&y, k->target, engine, y_here ? outputs->data : k->dense_target);
    if (!status) {
        arguments[k->count] = (dnnl_exec_arg_t){DNNL_ARG_SRC, x};
        arguments[k->count + 1] = (dnnl_exec_arg_t){DNNL_ARG_DST, y};
        status = dnnl_primitive_execute(k->primitive, stream, k->count + 2, arguments);
        dnnl_stream_wait(stream);
    }
    if (x) dnnl_memory_destroy(x);
    if (y) dnnl_memory_destroy(y);
    if (status) return told(why, why_size, status);
    if (!y_here) copy_rows(outputs, k->dense_target, 1);
    return QASSAY_OK;
}

static void release(void *handle) { destroy(handle); }
static const char *chosen(void *handle) { return ((kernel *)handle)->chosen; }
static int64_t live(void) { return alive; }

const qassay_backend *qassay_plugin(void) {
    static const int32_t ops[] = {QASSAY_QUANTIZE, QASSAY_DEQUANTIZE, QASSAY_REQUANTIZE, QASSAY_LINEAR,
                                  QASSAY_CONV};
    static qassay_backend table;
    omp_set_num_threads(1);
    dnnl_set_primitive_cache_capacity(0);
    if (!getenv("ONEDNN_MAX_CPU_ISA")) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core_vnni);
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) || dnnl_stream_create(&stream, engine, dnnl_stream_in_order)) {
        fprintf(stderr, "oneDNN makes no engine for this CPU\n");
        return NULL;
    }
    int isa = dnnl_get_effective_cpu_isa();
    int vnni = (isa & dnnl_cpu_isa_avx512_core_vnni) == dnnl_cpu_isa_avx512_core_vnni ||
               (isa & dnnl_cpu_isa_avx2_vnni) == dnnl_cpu_isa_avx2_vnni;
    table = (qassay_backend){
        .size = sizeof table,
        .abi = QASSAY_ABI,
        .preconditions = QASSAY_SYMMETRIC_WEIGHTS,
        .name = "oneDNN 3.2",
        .isa = vnni ? "avx512_core_vnni" : "avx2",
        .profile = vnni ? "onednn-3-jit" : "onednn-3-jit-avx2",
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
