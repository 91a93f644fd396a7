/* Sessions of ONNX Runtime: what is called of its C interface, and a model of one op that is
 * being prepared or runs.
 *
 * The wheel has no header: what is called stands below as slots of its table of functions,
 * which only grows at its end. */
#ifndef ONNXRUNTIME_SESSION_H
#define ONNXRUNTIME_SESSION_H

#include "onnx_model.h"

/* --- the interface: onnxruntime_c_api.h, version 22 ---------------------------- */

enum { API_VERSION = 22 };
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

/* --- kernels --------------------------------------------------------------------- */

enum { MOST = 2, OUTPUT = MOST, ALL = 2 * MOST };

/* A session, and tensors that are not where it may use them. */
typedef struct {
    void *session;
    int inputs, outputs;
    int rank[ALL], type[ALL]; /* of inputs, then of outputs from OUTPUT on */
    int64_t shape[ALL][6];
    char *copy[ALL];
    void *value[ALL];
    const void *last[ALL];
    int parameters; /* its outputs are a scale and a zero point, as ONNX types them */
    char chosen[48];
} kernel;

static const char *const IN[MOST] = {"x", "z"}, *const OUT[MOST] = {"y", "p"};

static void destroy(kernel *k) {
    for (int i = 0; i < ALL; i++) {
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
    k->type[k->inputs] = type;
    k->rank[k->inputs] = rank;
    memcpy(k->shape[k->inputs], shape, sizeof *shape * (size_t)rank);
    fed(m, IN[k->inputs++], type, rank, shape);
}

static void output(kernel *k, model *m, int type, int rank, const int64_t *shape) {
    int at = OUTPUT + k->outputs;
    k->type[at] = type;
    k->rank[at] = rank;
    if (rank) memcpy(k->shape[at], shape, sizeof *shape * (size_t)rank);
    declare(m, 12, OUT[k->outputs], type, rank, shape);
    text(&m->node, 2, OUT[k->outputs++]);
}

/* The last node's name, then the session. */
static status *finish(kernel *k, model *m, const char *op, int microsoft) {
    node(m, op, microsoft);
    message whole = whole_model(m);
    status *made = CreateSessionFromArray(environment, whole.bytes, whole.size, options, &k->session);
    free(whole.bytes);
    if (!k->chosen[0]) snprintf(k->chosen, sizeof k->chosen, "%s", op);
    return made;
}

#endif
