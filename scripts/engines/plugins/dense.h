/* What plugins of real engines share: tensors with gaps between their rows to
 * memory without, biases in steps of sums, and refusals. */
#ifndef DENSE_H
#define DENSE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qassay.h"

static inline size_t size_of(int32_t dtype) {
    return dtype == QASSAY_U8 || dtype == QASSAY_S8 ? 1 : dtype == QASSAY_F64 ? 8 : 4;
}

static inline int64_t rows_of(const qassay_tensor *tensor) {
    int64_t rows = 1;
    for (int32_t d = 0; d + 1 < tensor->rank; d++) rows *= tensor->shape[d];
    return rows;
}

static inline int64_t count_of(const int64_t *shape, int32_t rank) {
    int64_t count = 1;
    for (int32_t d = 0; d < rank; d++) count *= shape[d];
    return count;
}

/* Whether an engine may use the tensor where it is: no gaps, values aligned. */
static inline int dense(const qassay_tensor *tensor) {
    int gaps = rows_of(tensor) > 1 && tensor->row_stride != tensor->shape[tensor->rank - 1];
    return !gaps && (size_t)tensor->data % size_of(tensor->dtype) == 0;
}

/* Rows of a tensor to memory without gaps, or back. */
static inline void copy_rows(const qassay_tensor *tensor, char *dense_rows, int back) {
    size_t size = size_of(tensor->dtype), row = (size_t)tensor->shape[tensor->rank - 1] * size;
    char *rows = (char *)tensor->data;
    for (int64_t r = 0; r < rows_of(tensor); r++) {
        char *there = rows + (size_t)r * (size_t)tensor->row_stride * size;
        if (back)
            memcpy(there, dense_rows + (size_t)r * row, row);
        else
            memcpy(dense_rows + (size_t)r * row, there, row);
    }
}

static inline int32_t refuse(char *why, size_t size, int32_t code, const char *text) {
    snprintf(why, size, "%s", text);
    return code;
}

/* One scale and one zero point for all channels, also where they come one by one. */
static inline int uniform(const qassay_granularity *given) {
    for (int64_t i = 1; i < given->count; i++)
        if (given->scales[i] != given->scales[0] || given->zero_points[i] != given->zero_points[0]) return 0;
    return 1;
}

static inline int no_zero_points(const qassay_granularity *given) {
    for (int64_t i = 0; i < given->count; i++)
        if (given->zero_points[i] != 0) return 0;
    return 1;
}

/* A bias for engines that take s32 only: a real one is rounded to steps of activation
 * scale times weight scale, as those who prepare models for them do. To be freed. */
static inline int32_t *bias_steps(const qassay_op *op, int32_t kind, double activation,
                                  const qassay_granularity *weights, int64_t channels) {
    int32_t *steps = (int32_t *)calloc((size_t)channels + 1, sizeof *steps);
    if (!steps || kind == QASSAY_BIAS_NONE) return steps;
    for (int64_t c = 0; c < channels; c++) {
        if (kind == QASSAY_BIAS_S32) {
            steps[c] = ((const int32_t *)op->bias->data)[c];
            continue;
        }
        double scale = activation * weights->scales[weights->count == 1 ? 0 : c];
        double value = nearbyint(((const float *)op->bias->data)[c] / scale);
        steps[c] = value >= 2147483647.0 ? INT32_MAX : value <= -2147483648.0 ? INT32_MIN : (int32_t)value;
    }
    return steps;
}

#endif
