/* ONNX Runtime's C interface as a Qassay plugin: each op is a model of one node, or of one
 * between two that move channels. Built with -DEXACT, sessions have session.x64quantprecision.
 *
 * scripts/engines/setup.sh onnxruntime builds both, on the library inside the wheel. */
#include "onnxruntime_nodes.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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
    case QASSAY_CHOOSE_QPARAMS: return choose_qparams_refused(op);
    case QASSAY_CLAMP: return clamp_refused(op);
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
    case QASSAY_CHOOSE_QPARAMS: return choose_qparams(k, op, m);
    case QASSAY_CLAMP: return clamp(k, op, m);
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
    for (int i = 0; i < ALL; i++) {
        if (i < OUTPUT ? i >= k->inputs : i - OUTPUT >= k->outputs) continue;
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
    kernel *k = (kernel *)handle;
    status *failed = NULL;
    int here[MOST] = {0};
    for (int i = 0; i < k->inputs && !failed; i++) {
        int usable = dense(&inputs[i]);
        if (!usable) copy_rows(&inputs[i], k->copy[i], 0);
        failed = bind(k, i, usable ? inputs[i].data : k->copy[i]);
    }
    for (int i = 0; i < k->outputs && !failed; i++) {
        here[i] = !k->parameters && dense(&outputs[i]);
        failed = bind(k, OUTPUT + i, here[i] ? outputs[i].data : k->copy[OUTPUT + i]);
    }
    if (!failed)
        failed = Run(k->session, NULL, IN, k->value, (size_t)k->inputs, OUT, (size_t)k->outputs, &k->value[OUTPUT]);
    if (failed) {
        told(why, why_size, failed);
        return QASSAY_ERROR;
    }
    if (k->parameters) {
        float scale;
        memcpy(&scale, k->copy[OUTPUT], sizeof scale);
        *(double *)outputs[0].data = scale;
        *(int32_t *)outputs[1].data = (unsigned char)k->copy[OUTPUT + 1][0];
        return QASSAY_OK;
    }
    for (int i = 0; i < k->outputs; i++)
        if (!here[i]) copy_rows(&outputs[i], k->copy[OUTPUT + i], 1);
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
    static const int32_t ops[] = {QASSAY_QUANTIZE, QASSAY_DEQUANTIZE, QASSAY_CHOOSE_QPARAMS, QASSAY_LINEAR,
                                  QASSAY_CONV,     QASSAY_ADD,        QASSAY_MUL,            QASSAY_CLAMP,
                                  QASSAY_SIGMOID,  QASSAY_AVG_POOL,   QASSAY_MAX_POOL};
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
