/* A Qassay plugin that supports nothing yet. qassay.h says what everything means. */
#include <qassay.h>
#include <stdio.h>
#include <stdlib.h>

/* What run() needs of a prepared op: packed weights, parameters, shapes. Copy it
 * out of the op, which lives during prepare() only. */
typedef struct {
    int32_t op;
} handle;

static int32_t prepare(const qassay_op *op, void **out, char *why, size_t why_size) {
    switch (op->op) {
    case QASSAY_LINEAR: {
        const qassay_linear *spec = op->spec;
        /* Refuse what you do not have, by type or parameter, then make a handle:
         *
         *     handle *made = malloc(sizeof *made);
         *     made->op = op->op;
         *     *out = made;
         *     return QASSAY_OK;
         */
        (void)spec, (void)out;
        snprintf(why, why_size, "linear is not written yet");
        return QASSAY_UNSUPPORTED;
    }
    default:
        snprintf(why, why_size, "op %d is not written yet", (int)op->op);
        return QASSAY_UNSUPPORTED;
    }
}

static int32_t run(void *of, const qassay_tensor *inputs, const qassay_tensor *outputs, char *why, size_t why_size) {
    const handle *h = of;
    /* Write every value of every output: rows start row_stride values apart. */
    (void)inputs, (void)outputs;
    snprintf(why, why_size, "op %d is not written yet", (int)h->op);
    return QASSAY_ERROR;
}

static void release(void *of) { free(of); }

const qassay_backend *qassay_plugin(void) {
    /* The ops that prepare() may take; others are not asked. */
    static const int32_t ops[] = {QASSAY_LINEAR, QASSAY_QUANTIZE};
    static const qassay_backend table = {
        .size = sizeof(qassay_backend),
        .abi = QASSAY_ABI,
        .name = "mine",
        .isa = "scalar",
        .profile = "exact", /* `qassay list profiles`; or "unknown", and Qassay finds out */
        .ops = ops,
        .op_count = sizeof ops / sizeof ops[0],
        .prepare = prepare,
        .run = run,
        .release = release,
    };
    return &table;
}
