/* Every table of kernels that works here, without Python: for sanitizers, and for processors that are emulated.

   Products against arithmetic in double, and a small network against itself: row by row, in groups, and with other
   numbers of threads it must give the same bits; and nearly the same numbers as with the plain kernels. */
#include "api.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 300, VOCAB = 50, LAYERS = 2, CAPACITY = 304 };

/* Races do not depend on sizes, and finding them makes everything some ten times as slow. */
#if defined(__SANITIZE_THREAD__)
static const int SIZES[] = {17, 130}, HEAD_DIMS[] = {24, 80};
#else
static const int SIZES[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130};
static const int HEAD_DIMS[] = {2, 16, 24, 72, 80, 128, 256};
#endif
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static uint32_t luck = 1;

/* Between -1 and 1. */
static float random_number(void)
{
    luck = luck * 1664525u + 1013904223u;
    return (float)(int32_t)luck * 0x1p-31f;
}

static void *taken(size_t bytes)
{
    void *memory = NULL;
    size_t whole = (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    memory = aligned_alloc(LINE_BYTES, whole + LINE_BYTES);
    if (!memory) abort();
    return memset(memory, 0xff, whole + LINE_BYTES); /* numbers that nobody has written are NaN */
}

static float *random_numbers(size_t count)
{
    float *numbers = taken(count * sizeof *numbers);
    for (size_t i = 0; i < count; i++) numbers[i] = random_number();
    return numbers;
}

static void demand(bool holds, const char *kernels, const char *what)
{
    if (holds) return;
    printf("%s: %s\n", kernels, what);
    exit(1);
}

static Matrix packed(const Kernels *kernels, int rows, int columns, int bits, bool is_pair)
{
    Matrix matrix = {NULL, rows, columns, bits, is_pair};
    matrix.packed = taken(native_packed_bytes(&matrix));
    for (int which = 0; which <= is_pair; which++) {
        float *weights = random_numbers((size_t)rows * columns), *importance = random_numbers(columns);
        for (int i = 0; i < columns; i++) importance[i] = 1 + fabsf(importance[i]);
        Rows from = {weights, columns, FLOAT32};
        Result result = native_pack(kernels, &matrix, which, &from, which ? NULL : importance);
        demand(result == DONE, kernels->name, "packs");
        free(weights), free(importance);
    }
    return matrix;
}

/* ---- Products ---- */

static void check_row(const Kernels *kernels, const float *weights, const float *x, const float *out,
                      int rows, int columns, double most)
{
    for (int row = 0; row < rows; row++) {
        const float *weight = weights + (size_t)row * columns;
        double sum = 0, of_weights = 0, of_x = 0;
        for (int i = 0; i < columns; i++) {
            sum += (double)weight[i] * x[i];
            of_weights += (double)weight[i] * weight[i];
            of_x += (double)x[i] * x[i];
        }
        bool is_near = fabs(sum - out[row]) <= most * sqrt(of_weights * of_x) + 1e-6;
        demand(is_near, kernels->name, "multiplies exactly enough");
    }
}

static void check_product(const Kernels *kernels, int rows, int columns, int bits, int planes)
{
    enum { COUNT = 19 };
    Matrix matrix = packed(kernels, rows, columns, bits, false);
    float *weights = taken(sizeof(float) * rows * columns), *x = random_numbers((size_t)COUNT * columns);
    float *together = taken(sizeof(float) * COUNT * rows), *alone = taken(sizeof(float) * rows);
    Rows to = {weights, columns, FLOAT32};
    demand(native_unpack(kernels, &matrix, 0, 0, rows, &to) == DONE, kernels->name, "unpacks");
    native_multiply(kernels, &matrix, x, COUNT, NULL, planes, together);
    for (int i = 0; i < COUNT; i++) {
        check_row(kernels, weights, x + i * columns, together + i * rows, rows, columns,
                  planes == 2 || (planes == PLANES_AS_NEEDED && bits == 8) ? 6e-5 : 2e-2);
        native_multiply(kernels, &matrix, x + i * columns, 1, NULL, planes, alone);
        bool is_same = !memcmp(alone, together + i * rows, sizeof(float) * rows);
        demand(is_same, kernels->name, "gives a row the same bits alone");
    }
    x[columns / 2] = NAN;
    native_multiply(kernels, &matrix, x, 1, NULL, planes, alone);
    for (int row = 0; row < rows; row++) demand(isnan(alone[row]), kernels->name, "lets NaN through");
    free(alone), free(together), free(x), free(weights), free((void *)matrix.packed);
}

static void check_products(const Kernels *kernels)
{
    for (size_t i = 0; i < COUNT_OF(SIZES); i++)
        for (size_t j = 0; j < COUNT_OF(SIZES); j++)
            for (int planes = PLANES_AS_NEEDED; planes <= 2; planes++)
                for (int bits = 4; bits <= 8; bits += 4)
                    check_product(kernels, SIZES[i], SIZES[j], bits, planes);
}

/* ---- A whole step ---- */

typedef struct {
    Network network;
    Layer layers[LAYERS];
    LayerCache caches[LAYERS];
    int32_t tokens[TOKENS];
    float *logits; /* [TOKENS][VOCAB] */
} Example;

static void make_layer(const Kernels *kernels, Network *network, Layer *layer, int index)
{
    int dim = network->dim, ffn = network->ffn_dim, wide = network->heads * network->head_dim;
    int narrow = network->kv_heads * network->head_dim;
    *layer = (Layer){
        .qkv = packed(kernels, wide + 2 * narrow, dim, 8, false),
        .output = packed(kernels, dim, wide, 4, false),
        .gate_up = packed(kernels, ffn, dim, 8, true),
        .down = packed(kernels, dim, ffn, 4, false),
        .attention_norm = random_numbers(dim),
        .mlp_norm = random_numbers(dim),
        .qkv_bias = random_numbers(wide + 2 * narrow),
        .output_bias = random_numbers(dim),
        .gate_bias = random_numbers(ffn),
        .up_bias = random_numbers(ffn),
        .down_bias = random_numbers(dim),
        .q_norm = random_numbers(network->head_dim),
        .k_norm = random_numbers(network->head_dim),
        .window = index ? 40 : 0,
    };
}

static void make_example(const Kernels *kernels, Example *example, int head_dim, int group)
{
    int width = (head_dim + 15) / 16 * 16, kv_heads = 2;
    luck = 1;
    *example = (Example){.network = {
                             .vocab_size = VOCAB,
                             .dim = 41,
                             .layers_count = LAYERS,
                             .heads = kv_heads * group,
                             .kv_heads = kv_heads,
                             .head_dim = head_dim,
                             .ffn_dim = 70,
                             .norm_eps = 1e-5f,
                             .attention_scale = 1 / sqrtf((float)head_dim),
                             .embedding_multiplier = 2,
                             .residual_multiplier = 0.5f,
                             .logits_divisor = 3,
                             .rope_magnitude = 1,
                             .rope_frequencies = random_numbers(head_dim / 2),
                             .final_norm = random_numbers(41),
                             .table = packed(kernels, VOCAB, 41, 8, false),
                             .layers = example->layers,
                         }};
    example->network.head = example->network.table;
    for (int i = 0; i < LAYERS; i++) {
        make_layer(kernels, &example->network, &example->layers[i], i);
        size_t positions = (size_t)kv_heads * CAPACITY;
        example->caches[i] = (LayerCache){taken(positions * head_dim * 2), taken(positions * width * 2),
                                          kv_heads, head_dim, CAPACITY};
    }
    for (int i = 0; i < TOKENS; i++) example->tokens[i] = (i * 7 + i / 3) % VOCAB;
    example->logits = taken(sizeof(float) * TOKENS * VOCAB);
}

static void free_example(Example *example)
{
    for (int i = 0; i < LAYERS; i++) {
        Layer *layer = &example->layers[i];
        const void *all[] = {layer->qkv.packed,  layer->output.packed,    layer->gate_up.packed,
                             layer->down.packed, layer->mlp_norm,         layer->attention_norm,
                             layer->qkv_bias,    layer->output_bias,      layer->gate_bias,
                             layer->up_bias,     layer->down_bias,        layer->q_norm,
                             layer->k_norm,      example->caches[i].keys, example->caches[i].values};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++) free((void *)all[j]);
    }
    free((void *)example->network.rope_frequencies), free((void *)example->network.final_norm);
    free((void *)example->network.table.packed), free(example->logits);
}

static bool run_part(Step *step, Example *example, int first, int end, int rows)
{
    for (int count; first < end; first += count) {
        count = end - first < rows ? end - first : rows;
        StepCall call = {example->tokens + first,        count, first, count, example->caches,
                         example->logits + first * VOCAB};
        if (native_run_step(step, &call) != DONE) return false;
    }
    return true;
}

/* All tokens, some at a time: up to `first` sixteen, and from there on `rows`. */
static void run(const Kernels *kernels, Example *example, int first, int rows, int planes)
{
    Step *step = native_new_step(kernels, &example->network, rows > 16 ? rows : 16, planes);
    demand(step != NULL, kernels->name, "makes a step");
    bool is_done = run_part(step, example, 0, first, 16) && run_part(step, example, first, TOKENS, rows);
    demand(is_done, kernels->name, "runs steps");
    native_free_step(step);
}

static float *expected_logits(Example *example)
{
    size_t bytes = sizeof(float) * TOKENS * VOCAB;
    return memcpy(taken(bytes), example->logits, bytes);
}

static void check_step(const Kernels *kernels, int head_dim, int group)
{
    const Kernels *plain = native_kernels("plain");
    Example example;
    make_example(plain, &example, head_dim, group);
    run(plain, &example, 0, 16, 2);
    float *theirs = expected_logits(&example);
    run(kernels, &example, 0, 16, 2);
    double difference = 0, size = 0;
    for (int i = 0; i < TOKENS * VOCAB; i++) {
        difference += pow((double)example.logits[i] - theirs[i], 2);
        size += pow(theirs[i], 2);
    }
    demand(difference <= 1e-5 * size, kernels->name, "agrees with the plain kernels"); /* by 3 in 1,000 */
    run(kernels, &example, 0, 1, PLANES_AS_NEEDED);
    float *expected = expected_logits(&example);
    /* from which token on so many rows by so many threads; small steps mean thousands of meetings, each of
       which takes long where others use the cores, so only some of them, on both sides of a chunk's end */
    const int ways[][3] = {{0, 2, 1}, {200, 5, 2}, {0, 16, 3}, {0, 64, 4}, {CHUNK - 6, 1, 3}};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        native_set_threads(ways[i][2]);
        memset(example.logits, 0xff, sizeof(float) * TOKENS * VOCAB);
        run(kernels, &example, ways[i][0], ways[i][1], PLANES_AS_NEEDED);
        native_set_threads(1);
        bool is_same = !memcmp(expected, example.logits, sizeof(float) * TOKENS * VOCAB);
        demand(is_same, kernels->name, "gives the same bits however it is called");
    }
    free(theirs), free(expected), free_example(&example);
}

/* ---- The cache ---- */

static void check_cache(const Kernels *kernels, int head_dim)
{
    enum { HEADS = 2, POSITIONS = 37, ROOM = 48 };
    size_t count = (size_t)HEADS * POSITIONS * head_dim;
    float *numbers = random_numbers(count), *keys = taken(count * 4), *values = taken(count * 4);
    LayerCache cache = {taken((size_t)HEADS * ROOM * head_dim * 2),
                        taken((size_t)HEADS * ROOM * (head_dim + 15) * 2), HEADS, head_dim, ROOM};
    HeadRows from = {numbers, (int64_t)POSITIONS * head_dim, head_dim, FLOAT32};
    HeadRows to_keys = {keys, from.head_stride, head_dim, FLOAT32};
    HeadRows to_values = {values, from.head_stride, head_dim, FLOAT32};
    demand(native_write_cache(kernels, &cache, 0, POSITIONS, &from, &from) == DONE, kernels->name, "writes");
    demand(native_read_cache(kernels, &cache, 0, POSITIONS, &to_keys, &to_values) == DONE, kernels->name,
           "reads");
    for (size_t i = 0; i < count; i++) {
        bool is_near = fabsf(keys[i] - numbers[i]) <= 1e-3f && keys[i] == values[i];
        demand(is_near, kernels->name, "gives back what was written to the cache");
    }
    free(numbers), free(keys), free(values), free(cache.keys), free(cache.values);
}

int main(void)
{
    const char *name;
    for (int i = 0; (name = native_kernels_name(i)); i++) {
        const Kernels *kernels = native_kernels(name);
        native_set_threads(1 + i % 2);
        check_products(kernels);
        for (size_t j = 0; j < COUNT_OF(HEAD_DIMS); j++) {
            check_cache(kernels, HEAD_DIMS[j] - 1);
            check_step(kernels, HEAD_DIMS[j], 1 + (int)j);
        }
        printf("%s\n", name);
    }
    return 0;
}
