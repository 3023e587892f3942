/* What a processor family computes in its own way, as a table of functions, and the choice between the
   tables.

   Each kernels_*.c makes one table: it takes its vectors from a vectors_*.h, says how it multiplies one block
   of weights, and gets the rest from products.h, attention.h and packing.h, which are written once for all.

   One row's results have the same bits however many rows are computed with it, and whichever thread does
   so; tables differ from each other in the last bits. */
#ifndef SMALLCODER_KERNELS_H
#define SMALLCODER_KERNELS_H

#include "layout.h"

#include <stdbool.h>

/* 32 activations of a row as whole numbers with one scale. A second plane holds what rounding to the first one
   lost, in steps so much finer that both together are worth 13 to 15 bits.

   Weights of four bits are so coarse that most blocks get by with the first plane. Where planes are taken as
   needed, the second one holds zeros for them, unless a channel stands so far above its neighbours that the
   first has no steps left for these. */
typedef struct {
    int8_t numbers[2 * BLOCK_COLUMNS]; /* the first plane, then the second; or words instead */
    int32_t offsets[2];                /* of each plane: takes off again what stored weights have too much */
    float scale;                       /* of one step of the finest plane */
    int32_t is_fine;                   /* whether the second plane holds anything, where there is one */
} ActivationBlock;

typedef struct {
    ActivationBlock *blocks; /* [row][block] */
    int32_t columns;         /* a multiple of RECORD_COLUMNS */
    int32_t planes_used;     /* 1 or 2 */
    bool as_needed;
    int32_t bits; /* of the weights that they will be multiplied with */
} Activations;

enum { PLANES_AS_NEEDED = 0 };

static inline ActivationBlock *block_at(const Activations *activations, int row, int block)
{
    return activations->blocks + (size_t)row * (activations->columns / BLOCK_COLUMNS) + block;
}

/* For products with `matrix`. As needed, weights of eight bits always get both planes: one alone would add more
   to the error of a network's predictions than the weights do (tests/benchmarks/README.md). */
static inline void use_planes(Activations *activations, const Matrix *matrix, int planes)
{
    activations->bits = matrix->bits;
    activations->planes_used = planes == 1 ? 1 : 2;
    activations->as_needed = planes == PLANES_AS_NEEDED && matrix->bits == 4;
}

/* Rows multiplied while a tile of weights is in the nearest cache; their own numbers are in the next one. */
enum { GROUP_ROWS = 128 };

typedef enum {
    STORE,          /* out = (product + bias) x multiplier */
    ADD,            /* out += (product + bias) x multiplier */
    GATE_AND_STORE, /* out = silu(gate + gate_bias) x (up + bias), of a pair */
} Finish;

/* A matrix times rows of activations, and what becomes of the result. */
typedef struct {
    const Matrix *matrix;
    const Activations *activations;
    const float *bias, *gate_bias; /* or NULL */
    float *out;                    /* [row][stride] */
    int64_t stride;
    int32_t rows;
    Finish finish;
    float multiplier;
} Product;

/* Positions of one KV head. Keys lie in tiles of 16 positions, [tile][head_dim][16], values one position
   after the other, [position][value_width]; both as fp16. */
typedef struct {
    uint16_t *keys, *values;
    int32_t head_dim;
} CachedHead;

/* Attention takes the positions in chunks: so threads can share a long text, and one row gets the same
   bits however many threads there are. */
enum { CHUNK = 256, QUERIES_AT_ONCE = 4, MAX_HEAD_DIM = 256 };

typedef struct {
    int first, end;
} Span;

/* Some queries' attention to a chunk. Its results are parts, to be mixed with those of other chunks:
   PART_HEAD floats, of which the first is the peak of the scores and the second their weight, then
   value_width floats. */
typedef struct {
    CachedHead chunk;     /* from its first position on */
    const float *queries; /* [query][head_dim] */
    const Span *spans;    /* [query]: what it sees of the chunk; may be empty */
    int32_t count;
    float *scores; /* room for QUERIES_AT_ONCE x CHUNK */
    float **parts; /* [query] */
} ChunkTask;

enum { PART_HEAD = 16 };

typedef enum { FLOAT32, BFLOAT16, FLOAT16 } Type;

/* Rows as others keep them, one after the other. */
typedef struct {
    void *numbers;
    int64_t stride; /* from row to row, in numbers */
    Type type;
} Rows;

/* A matrix to be packed. */
typedef struct {
    Rows rows;
    const float *importance; /* [column]: how much an error there counts, above zero; or NULL: all alike */
} Weights;

typedef struct {
    const float *cosines, *sines; /* [head_dim / 2] */
    const float *norm;            /* [head_dim], or NULL */
    float norm_eps;
    float scale;
} HeadForm;

typedef struct Kernels {
    const char *name;
    /* x times multiplier, and times gain where there is one; a row that is not finite makes every product
       NaN */
    void (*quantise)(const Activations *into, int row, const float *x, int columns, const float *gain,
                     float multiplier);
    float (*sum_of_squares)(const float *x, int count);
    /* the tiles from first to end; of a pair, a tile of its result */
    void (*multiply)(const Product *product, int first, int end);

    /* a query or key as attention wants it: normalised, rotated, scaled */
    void (*form_head)(float *to, const float *from, int head_dim, const HeadForm *form);
    void (*attend)(const ChunkTask *task);
    /* one query's attention, made of its parts */
    void (*merge_parts)(float *to, const float *parts, int count, int head_dim);
    void (*write_position)(const CachedHead *head, int position, const float *key, const float *value);
    void (*read_positions)(const CachedHead *head, int first, int end, const Rows *keys, const Rows *values);

    /* one tile of a matrix from the rows that it has, and back */
    void (*pack_tile)(uint8_t *tile, int bits, const Weights *weights, int count, int columns);
    void (*unpack_tile)(const uint8_t *tile, int bits, const Rows *rows, Span which, int columns);
    /* the first `count` numbers of a row */
    void (*load_numbers)(float *to, const Rows *from, int row, int count);
} Kernels;

static inline int value_width_of(int head_dim)
{
    return round_up(head_dim, 16);
}

static inline int part_length_of(int head_dim)
{
    return PART_HEAD + value_width_of(head_dim);
}

/* NULL where the compiler could not make it; whether this processor has what it needs is another matter. */
const Kernels *kernels_avx512(void);
const Kernels *kernels_avxvnni(void);
const Kernels *kernels_vnni256(void);
const Kernels *kernels_avx2(void);
const Kernels *kernels_neon(void);
const Kernels *kernels_plain(void);

/* Those that work on this processor, the best one first; how many there are. */
enum { MOST_KERNELS = 6 };
int usable_kernels(const Kernels *found[MOST_KERNELS]);

/* NULL where it does not work here. */
const Kernels *kernels_named(const char *name);

#endif
