/* What the parts of a step share: its memory, one thread's place in a call, and attention. */
#ifndef SMALLCODER_STEP_H
#define SMALLCODER_STEP_H

#include "api.h"
#include "memory.h"
#include "pool.h"

/* What a thread has to itself. */
typedef struct {
    Activations activations;
    float *queries;  /* [row][head of a group][head_dim] */
    float *scores;   /* as ChunkTask wants them */
    float *attended; /* [heads][head_dim], of one row */
    float **parts;   /* [row][head of a group] */
    Span *spans;     /* [row][head of a group] */
} Lane;

struct Step {
    const Kernels *kernels;
    Network network;
    int most_rows, planes;
    float *stream;          /* [row][dim] */
    float *qkv;             /* [row][qkv_width] */
    float *hidden;          /* [row][ffn_dim] */
    float *cosines, *sines; /* [row][head_dim / 2] */
    float *parts;           /* [row][head][chunk][part_length], for as many chunks as there were so far */
    size_t parts_room;
    Lane lanes[POOL_MAX_THREADS];
    Arena arena;
};

/* One thread's part in a call. */
typedef struct {
    const Step *step;
    const StepCall *call;
    Lane *lane;
    int id, count;
} Turn;

static inline int qkv_width_of(const Network *network)
{
    return (network->heads + 2 * network->kv_heads) * network->head_dim;
}

static inline int group_of(const Network *network)
{
    return network->heads / network->kv_heads;
}

/* The chunks that the rows of a call see together. */
Span chunks_of(const StepCall *call, int window);

/* This thread's share of writing new keys and values and of attending to all; what it finds are parts. */
void attend_share(const Turn *turn, int layer);

/* What attention has found for a row, [heads][head_dim]. */
void merge_row(const Turn *turn, const Layer *layer, int row, float *to);

#endif
