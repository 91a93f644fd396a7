/* Models of ONNX, written byte by byte: protocol buffers as onnx.proto has them, one node
 * after the other, its inputs and attributes in order. */
#ifndef ONNX_MODEL_H
#define ONNX_MODEL_H

#include <stdint.h>

#include "dense.h"

/* Element types of onnx.proto. */
enum { FLOAT = 1, UINT8 = 2, INT8 = 3, INT32 = 6 };

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

/* A model under construction. */
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

/* An input or an output of the node that another node of the model has. */
static void between(model *m, int field, const char *name) { text(&m->node, field, name); }

/* The op's name ends a node; the next one starts. */
static void node(model *m, const char *op, int microsoft) {
    text(&m->node, 4, op);
    if (microsoft) text(&m->node, 7, "com.microsoft");
    nested(&m->graph, 1, &m->node);
}

/* The whole model, of opset 21. To be freed. */
static message whole_model(model *m) {
    message whole = {0}, standard = {0}, own = {0};
    text(&m->graph, 2, "one");
    number(&whole, 1, 10);
    nested(&whole, 7, &m->graph);
    number(&standard, 2, 21);
    nested(&whole, 8, &standard);
    text(&own, 1, "com.microsoft");
    number(&own, 2, 1);
    nested(&whole, 8, &own);
    return whole;
}

#endif
