/* What the parts of a step share: its memory, one thread's place in a call, and attention. */
#ifndef SMALLCODER_STEP_H
#define SMALLCODER_STEP_H

#include "api.h"
#include "memory.h"
#include "pool.h"

/* Up to so many rows, threads normalise and quantise all of them once each, because that is cheaper than to
   meet once more; beyond, they share that work too (step_many.c), and attend to so many at once. */
enum { FEW_ROWS = 16 };

/* What a thread has to itself, for FEW_ROWS. */
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
    float *stream;           /* [row][dim] */
    float *qkv;              /* [row][qkv_width] */
    float *hidden;           /* [row][ffn_dim] */
    float *cosines, *sines;  /* [row][head_dim / 2] */
    Activations activations; /* of many rows */
    float *attended;         /* [row][heads][head_dim], of many rows */
    float *parts;            /* [row][head][chunk][part_length], for as many chunks as there were so far;
                                of many rows, [thread][row][head of a group][chunk][part_length] */
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

static inline void meet(void)
{
    pool_barrier(pool_shared());
}

/* A row's embedding, and the angles of its position. */
void begin_row(const Turn *turn, int row);

/* This thread's part in a call with many rows, all layers and the head. */
void run_many(const Turn *turn);

/* ---- Activations ---- */

/* For products with `matrix`. */
static inline void shape_activations(const Step *step, Activations *activations, const Matrix *matrix)
{
    use_planes(activations, matrix, step->planes);
    activations->columns = round_up(matrix->columns, RECORD_COLUMNS);
}

/* One row for a product with `matrix`. */
void quantise_row(const Step *step, Activations *into, const Matrix *matrix, int row, const float *x,
                  const float *gain, float multiplier);

/* One row of the residual stream, normalised, becomes the row `to`. */
void normalise_row(const Step *step, Activations *into, const Matrix *matrix, int row, int to,
                   const float *gain);

/* ---- Products; what they lack are the activations ---- */

Product qkv_product(const Turn *turn, const Layer *layer);
/* Added to the residual stream. */
Product branch_product(const Turn *turn, const Matrix *matrix, const float *bias);
Product gate_up_product(const Turn *turn, const Layer *layer);
Product head_product(const Turn *turn);

/* ---- Attention ---- */

/* The chunks that the rows of a call see together. */
Span chunks_of(const StepCall *call, int window);

/* This thread's share of writing new keys and values and of attending to all; what it finds are parts. */
void attend_share(const Turn *turn, int layer);

/* As many of them as a thread needs for some rows' parts. */
size_t parts_needed(const Step *step, const StepCall *call);

/* This thread's share, of many rows: writing, and then, once all have met, attending, which fills
   `attended`. */
void write_share(const Turn *turn, int layer);
void attend_many_share(const Turn *turn, int layer);

/* What attention has found for a row, [heads][head_dim]. */
void merge_row(const Turn *turn, const Layer *layer, int row, float *to);

#endif
