/* All that the library offers to those outside: what the Python modules beside this call, with the structures
   that they fill.

   Whoever calls owns all memory but a Step's. Nothing here prints, exits or keeps an address beyond the
   call, except that a Step keeps those of its Network. Functions that can fail return a Result. */
#ifndef SMALLCODER_API_H
#define SMALLCODER_API_H

#include "kernels.h"

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

typedef enum { DONE, NO_MEMORY, WRONG_ARGUMENT } Result;

/* ---- Processors and threads ---- */

/* The name of the i-th table of kernels that works here, the best one first; NULL beyond the last. */
EXPORTED const char *native_kernels_name(int i);
EXPORTED const Kernels *native_kernels(const char *name);
EXPORTED void native_set_threads(int wanted);
EXPORTED int native_threads(void);

/* ---- Matrices ---- */

/* 0 where the shape makes no sense. */
EXPORTED size_t native_packed_bytes(const Matrix *matrix);

/* `packed` of the matrix is where to write. `which` of a pair: 0 the gate, 1 up. `importance` of each column, or
   NULL, as in Weights; only four bits are so few that it changes anything. */
EXPORTED Result native_pack(const Kernels *kernels, const Matrix *matrix, int which, const Rows *from,
                            const float *importance);

/* The rows from first on, to rows that begin with the first of them. */
EXPORTED Result native_unpack(const Kernels *kernels, const Matrix *matrix, int which, int first, int count,
                              const Rows *to);

/* out[i] = x[i] times the matrix, plus bias or NULL; rows lie one after the other. Not for pairs. `planes` of
   activations: 1, 2 or PLANES_AS_NEEDED. */
EXPORTED Result native_multiply(const Kernels *kernels, const Matrix *matrix, const float *x, int rows,
                                const float *bias, int planes, float *out);

/* ---- The cache of keys and values ---- */

/* One layer's. Each KV head has `capacity` positions, a multiple of 16: keys in tiles of 16 positions,
   [tile][head_dim][16], values [position][value_width], where value_width is head_dim rounded up to a
   multiple of 16. All fp16. */
typedef struct {
    uint16_t *keys, *values;
    int32_t kv_heads, head_dim, capacity;
} LayerCache;

/* One head of it. */
CachedHead cached_head(const LayerCache *cache, int head);

/* How others keep keys or values: number (head, position, channel) is at head x head_stride + position x
   stride + channel. */
typedef struct {
    void *numbers;
    int64_t head_stride, stride;
    int32_t type;
} HeadRows;

/* Positions first to end of the cache from positions 0 to end - first of keys and values. */
EXPORTED Result native_write_cache(const Kernels *kernels, const LayerCache *cache, int first, int end,
                                   const HeadRows *keys, const HeadRows *values);
EXPORTED Result native_read_cache(const Kernels *kernels, const LayerCache *cache, int first, int end,
                                  const HeadRows *keys, const HeadRows *values);

/* ---- One step of a network ---- */

typedef struct {
    Matrix qkv; /* the rows of q, then of k, then of v */
    Matrix output;
    Matrix gate_up; /* a pair */
    Matrix down;
    const float *attention_norm, *mlp_norm;
    const float *qkv_bias, *output_bias, *gate_bias, *up_bias, *down_bias; /* or NULL */
    const float *q_norm, *k_norm;                                          /* of one head, or NULL */
    int32_t window; /* how many positions a query sees, itself included; 0: all */
} Layer;

typedef struct {
    int32_t vocab_size, dim, layers_count, heads, kv_heads, head_dim, ffn_dim;
    float norm_eps, attention_scale, embedding_multiplier, residual_multiplier, logits_divisor;
    float rope_magnitude;
    const float *rope_frequencies; /* [head_dim / 2], in radians a position */
    const float *final_norm;
    Matrix table; /* of embeddings */
    Matrix head;  /* may be the table */
    const Layer *layers;
} Network;

typedef struct Step Step;

/* NULL where memory is refused or the network makes no sense. One caller at a time. */
EXPORTED Step *native_new_step(const Kernels *kernels, const Network *network, int most_rows, int planes);
EXPORTED void native_free_step(Step *step);

typedef struct {
    const int32_t *tokens;
    int32_t count;            /* 1 to most_rows */
    int32_t position;         /* of the first token; the cache holds all before it */
    int32_t last;             /* how many tokens, at the end, logits are wanted of */
    const LayerCache *caches; /* [layer] */
    float *logits;            /* [last][vocab_size] */
} StepCall;

EXPORTED Result native_run_step(Step *step, const StepCall *call);

#endif
