/* One step of a network: from some tokens at consecutive positions to logits, the cache in between.

   All threads walk through the layers together and, with few rows, meet five times in each:

       normalise, multiply by qkv            every thread all rows of activations, and its share of the matrix
       write keys and values, attend         its share of KV heads and chunks of positions
       mix the chunks, multiply by output    as the first
       normalise, multiply by gate and up    as the first
       multiply by down                      as the first

   What one thread computes does not depend on how many there are, and a row's numbers not on the rows
   beside it, so that neither a busy machine nor guessing ahead changes a text. Many rows: step_many.c, with
   the same results to the bit. */
#include "step.h"

#include <math.h>
#include <stdlib.h>

/* ---- Activations ---- */

void quantise_row(const Step *step, Activations *into, const Matrix *matrix, int row, const float *x,
                  const float *gain, float multiplier)
{
    shape_activations(step, into, matrix);
    step->kernels->quantise(into, row, x, matrix->columns, gain, multiplier);
}

void normalise_row(const Step *step, Activations *into, const Matrix *matrix, int row, int to,
                   const float *gain)
{
    int dim = step->network.dim;
    const float *x = step->stream + (size_t)row * dim;
    float mean = step->kernels->sum_of_squares(x, dim) / (float)dim;
    quantise_row(step, into, matrix, to, x, gain, 1 / sqrtf(mean + step->network.norm_eps));
}

/* ---- What each product is of, whoever has quantised its activations ---- */

Product qkv_product(const Turn *turn, const Layer *layer)
{
    return (Product){.matrix = &layer->qkv,
                     .bias = layer->qkv_bias,
                     .out = turn->step->qkv,
                     .stride = qkv_width_of(&turn->step->network),
                     .rows = turn->call->count,
                     .finish = STORE,
                     .multiplier = 1};
}

Product branch_product(const Turn *turn, const Matrix *matrix, const float *bias)
{
    return (Product){.matrix = matrix,
                     .bias = bias,
                     .out = turn->step->stream,
                     .stride = turn->step->network.dim,
                     .rows = turn->call->count,
                     .finish = ADD,
                     .multiplier = turn->step->network.residual_multiplier};
}

Product gate_up_product(const Turn *turn, const Layer *layer)
{
    return (Product){.matrix = &layer->gate_up,
                     .bias = layer->up_bias,
                     .gate_bias = layer->gate_bias,
                     .out = turn->step->hidden,
                     .stride = turn->step->network.ffn_dim,
                     .rows = turn->call->count,
                     .finish = GATE_AND_STORE};
}

Product head_product(const Turn *turn)
{
    const Network *network = &turn->step->network;
    return (Product){.matrix = &network->head,
                     .out = turn->call->logits,
                     .stride = network->vocab_size,
                     .rows = turn->call->last,
                     .finish = STORE,
                     .multiplier = 1 / network->logits_divisor};
}

/* ---- Layers, of few rows ---- */

/* Rows of the residual stream from `first` on, normalised, for a product with `matrix`. */
static void normalise(const Turn *turn, const Matrix *matrix, int first, const float *gain)
{
    for (int row = first; row < turn->call->count; row++)
        normalise_row(turn->step, &turn->lane->activations, matrix, row, row - first, gain);
}

/* This thread's share of a product with what it quantised last. */
static void multiply(const Turn *turn, Product product)
{
    product.activations = &turn->lane->activations;
    Span share = share_of(tiles_of(product.matrix), turn->id, turn->count);
    turn->step->kernels->multiply(&product, share.first, share.end);
}

static void multiply_qkv(const Turn *turn, const Layer *layer)
{
    normalise(turn, &layer->qkv, 0, layer->attention_norm);
    multiply(turn, qkv_product(turn, layer));
}

static void multiply_output(const Turn *turn, const Layer *layer)
{
    Lane *lane = turn->lane;
    for (int row = 0; row < turn->call->count; row++) {
        merge_row(turn, layer, row, lane->attended);
        quantise_row(turn->step, &lane->activations, &layer->output, row, lane->attended, NULL, 1);
    }
    multiply(turn, branch_product(turn, &layer->output, layer->output_bias));
}

static void multiply_gate_up(const Turn *turn, const Layer *layer)
{
    normalise(turn, &layer->gate_up, 0, layer->mlp_norm);
    multiply(turn, gate_up_product(turn, layer));
}

static void multiply_down(const Turn *turn, const Layer *layer)
{
    const Step *step = turn->step;
    for (int row = 0; row < turn->call->count; row++) {
        const float *hidden = step->hidden + (size_t)row * step->network.ffn_dim;
        quantise_row(step, &turn->lane->activations, &layer->down, row, hidden, NULL, 1);
    }
    multiply(turn, branch_product(turn, &layer->down, layer->down_bias));
}

static void multiply_head(const Turn *turn)
{
    const Network *network = &turn->step->network;
    normalise(turn, &network->head, turn->call->count - turn->call->last, network->final_norm);
    multiply(turn, head_product(turn));
}

/* The angles are those of torch: a product in fp32. */
void begin_row(const Turn *turn, int row)
{
    const Step *step = turn->step;
    const Network *network = &step->network;
    const Matrix *table = &network->table;
    int token = turn->call->tokens[row], half = network->head_dim / 2, place = token % TILE_ROWS;
    float *x = step->stream + (size_t)row * network->dim;
    Rows to = {x, network->dim, FLOAT32};
    const uint8_t *tile = tile_at(table, token / TILE_ROWS, 0);
    step->kernels->unpack_tile(tile, table->bits, &to, (Span){place, place + 1}, network->dim);
    for (int i = 0; i < network->dim; i++) x[i] *= network->embedding_multiplier;
    for (int i = 0; i < half; i++) {
        float angle = (float)(turn->call->position + row) * network->rope_frequencies[i];
        step->cosines[row * half + i] = cosf(angle) * network->rope_magnitude;
        step->sines[row * half + i] = sinf(angle) * network->rope_magnitude;
    }
}

typedef struct {
    Step *step;
    const StepCall *call;
} Run;

static void run_share(void *argument, int id, int count)
{
    const Run *run = argument;
    Turn turn = {run->step, run->call, &run->step->lanes[id], id, count};
    for (int row = id; row < run->call->count; row += count) begin_row(&turn, row);
    meet();
    if (run->call->count > FEW_ROWS) {
        run_many(&turn);
        return;
    }
    for (int i = 0; i < run->step->network.layers_count; i++) {
        const Layer *layer = &run->step->network.layers[i];
        multiply_qkv(&turn, layer);
        meet();
        attend_share(&turn, i);
        meet();
        multiply_output(&turn, layer);
        meet();
        multiply_gate_up(&turn, layer);
        meet();
        multiply_down(&turn, layer);
        meet();
    }
    if (run->call->last > 0) multiply_head(&turn);
}

/* ---- A step's memory ---- */

static bool has_shape(const Matrix *matrix, int rows, int columns)
{
    return matrix->packed && native_packed_bytes(matrix) && matrix->rows == rows &&
           matrix->columns == columns;
}

static bool is_sensible_layer(const Network *network, const Layer *layer)
{
    int dim = network->dim, attended = network->heads * network->head_dim;
    return has_shape(&layer->qkv, qkv_width_of(network), dim) && !layer->qkv.is_pair &&
           has_shape(&layer->output, dim, attended) && !layer->output.is_pair &&
           has_shape(&layer->gate_up, network->ffn_dim, dim) && layer->gate_up.is_pair &&
           has_shape(&layer->down, dim, network->ffn_dim) && !layer->down.is_pair;
}

static bool is_sensible(const Network *network)
{
    if (network->heads < 1 || network->kv_heads < 1 || network->heads % network->kv_heads) return false;
    if (network->head_dim < 2 || network->head_dim > MAX_HEAD_DIM || network->head_dim % 2) return false;
    if (!has_shape(&network->table, network->vocab_size, network->dim) || network->table.is_pair)
        return false;
    if (!has_shape(&network->head, network->vocab_size, network->dim) || network->head.is_pair) return false;
    for (int i = 0; i < network->layers_count; i++)
        if (!is_sensible_layer(network, &network->layers[i])) return false;
    return true;
}

static int few_of(const Step *step)
{
    return step->most_rows < FEW_ROWS ? step->most_rows : FEW_ROWS;
}

static int widest_of(const Network *network)
{
    int widest = network->dim > network->ffn_dim ? network->dim : network->ffn_dim;
    int attended = network->heads * network->head_dim;
    return widest > attended ? widest : attended;
}

static void plan_lane(Step *step, Lane *lane)
{
    const Network *network = &step->network;
    int queries = few_of(step) * group_of(network);
    plan_activations(&step->arena, &lane->activations, few_of(step), widest_of(network));
    lane->queries = arena_take(&step->arena, sizeof(float) * queries * network->head_dim);
    lane->scores = arena_take(&step->arena, sizeof(float) * QUERIES_AT_ONCE * CHUNK);
    lane->attended = arena_take(&step->arena, sizeof(float) * network->heads * network->head_dim);
    lane->parts = arena_take(&step->arena, sizeof(float *) * queries);
    lane->spans = arena_take(&step->arena, sizeof(Span) * queries);
}

static void plan_memory(Step *step)
{
    const Network *network = &step->network;
    size_t row = sizeof(float) * step->most_rows;
    step->stream = arena_take(&step->arena, row * network->dim);
    step->qkv = arena_take(&step->arena, row * qkv_width_of(network));
    step->hidden = arena_take(&step->arena, row * network->ffn_dim);
    step->cosines = arena_take(&step->arena, row * network->head_dim / 2);
    step->sines = arena_take(&step->arena, row * network->head_dim / 2);
    if (step->most_rows > FEW_ROWS) {
        plan_activations(&step->arena, &step->activations, step->most_rows, widest_of(network));
        step->attended = arena_take(&step->arena, row * network->heads * network->head_dim);
    }
    for (int id = 0; id < POOL_MAX_THREADS; id++) plan_lane(step, &step->lanes[id]);
}

Step *native_new_step(const Kernels *kernels, const Network *network, int most_rows, int planes)
{
    if (most_rows < 1 || most_rows > 1024 || planes < PLANES_AS_NEEDED || planes > 2) return NULL;
    if (!is_sensible(network)) return NULL;
    Step *step = calloc(1, sizeof *step);
    if (!step) return NULL;
    *step = (Step){.kernels = kernels, .network = *network, .most_rows = most_rows, .planes = planes};
    plan_memory(step);
    if (!arena_open(&step->arena)) {
        free(step);
        return NULL;
    }
    plan_memory(step);
    return step;
}

void native_free_step(Step *step)
{
    if (!step) return;
    arena_close(&step->arena);
    free(step->parts);
    free(step);
}

/* ---- A call ---- */

static bool is_sensible_call(const Step *step, const StepCall *call)
{
    if (call->count < 1 || call->count > step->most_rows || call->last < 0 || call->last > call->count)
        return false;
    if (call->position < 0) return false;
    for (int i = 0; i < step->network.layers_count; i++) {
        const LayerCache *cache = &call->caches[i];
        if (cache->kv_heads != step->network.kv_heads || cache->head_dim != step->network.head_dim)
            return false;
        if (cache->capacity % 16 || call->position > cache->capacity - call->count) return false;
    }
    for (int row = 0; row < call->count; row++)
        if (call->tokens[row] < 0 || call->tokens[row] >= step->network.vocab_size) return false;
    return true;
}

static bool make_room_for_parts(Step *step, const StepCall *call)
{
    size_t needed = parts_needed(step, call);
    if (needed <= step->parts_room) return true;
    free(step->parts);
    step->parts = malloc(needed * sizeof(float));
    step->parts_room = step->parts ? needed : 0;
    return step->parts != NULL;
}

Result native_run_step(Step *step, const StepCall *call)
{
    if (!is_sensible_call(step, call)) return WRONG_ARGUMENT;
    if (!make_room_for_parts(step, call)) return NO_MEMORY;
    Run run = {step, call};
    pool_run(pool_shared(), run_share, &run);
    return DONE;
}
