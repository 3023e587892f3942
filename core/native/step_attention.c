/* A step's attention: new keys and values into the cache, queries against all of it.

   With a few rows, who attends to a chunk also writes the new positions that fall into it, so nobody waits
   for another. With many, all are written first. */
#include "step.h"

Span chunks_of(const StepCall *call, int window)
{
    int first = window > 0 && call->position >= window ? call->position + 1 - window : 0;
    return (Span){first / CHUNK, (call->position + call->count - 1) / CHUNK + 1};
}

/* All rows of a few; of many, those that one thread has at a time, for each thread that there may be. */
size_t parts_needed(const Step *step, const StepCall *call)
{
    const Network *network = &step->network;
    size_t chunks = 0, heads = (size_t)call->count * network->heads;
    for (int i = 0; i < network->layers_count; i++) {
        Span seen = chunks_of(call, network->layers[i].window);
        if ((size_t)(seen.end - seen.first) > chunks) chunks = seen.end - seen.first;
    }
    if (call->count > FEW_ROWS) heads = (size_t)POOL_MAX_THREADS * FEW_ROWS * group_of(network);
    return heads * chunks * part_length_of(network->head_dim);
}

static Span part_of_chunk(int position, int window, int chunk)
{
    int first = window > 0 && position >= window ? position + 1 - window : 0, end = position + 1;
    first = first < chunk * CHUNK ? 0 : first - chunk * CHUNK;
    end = end > (chunk + 1) * CHUNK ? CHUNK : end - chunk * CHUNK;
    return first < end ? (Span){first, end} : (Span){0, 0};
}

static HeadForm form_of(const Step *step, int row, const float *norm, float scale)
{
    int half = step->network.head_dim / 2;
    return (HeadForm){step->cosines + row * half, step->sines + row * half, norm, step->network.norm_eps,
                      scale};
}

/* One row's new key and value of one KV head. */
static void write_position(const Turn *turn, const Layer *layer, const CachedHead *cached, int head, int row)
{
    const Step *step = turn->step;
    const Network *network = &step->network;
    float key[MAX_HEAD_DIM];
    const float *keys =
        step->qkv + (size_t)row * qkv_width_of(network) + network->heads * network->head_dim;
    HeadForm form = form_of(step, row, layer->k_norm, 1);
    step->kernels->form_head(key, keys + head * network->head_dim, network->head_dim, &form);
    const float *value = keys + (network->kv_heads + head) * network->head_dim;
    step->kernels->write_position(cached, turn->call->position + row, key, value);
}

/* What a thread attends with at once: the queries of some rows that share a KV head. */
typedef struct {
    int head;
    Span rows, chunks;
    float *parts;     /* [row][head of a group][chunk][part_length] */
    size_t row_parts; /* from one row's to the next one's */
} Queries;

static float *parts_of(const Turn *turn, const Queries *queries, int row, int i)
{
    size_t chunks = queries->chunks.end - queries->chunks.first, before = row - queries->rows.first;
    size_t query_parts = chunks * part_length_of(turn->step->network.head_dim);
    return queries->parts + before * queries->row_parts + i * query_parts;
}

static void form_queries(const Turn *turn, const Layer *layer, int head, Span rows)
{
    const Step *step = turn->step;
    const Network *network = &step->network;
    int head_dim = network->head_dim, group = group_of(network);
    for (int row = rows.first; row < rows.end; row++) {
        const float *from = step->qkv + (size_t)row * qkv_width_of(network) + head * group * head_dim;
        HeadForm form = form_of(step, row, layer->q_norm, network->attention_scale);
        for (int i = 0; i < group; i++) {
            float *to = turn->lane->queries + ((row - rows.first) * group + i) * head_dim;
            step->kernels->form_head(to, from + i * head_dim, head_dim, &form);
        }
    }
}

/* With the queries that were formed last. */
static void attend_to_chunk(const Turn *turn, const Layer *layer, CachedHead cached, const Queries *queries,
                            int chunk)
{
    const Step *step = turn->step;
    Lane *lane = turn->lane;
    int group = group_of(&step->network), count = 0;
    for (int row = queries->rows.first; row < queries->rows.end; row++) {
        for (int i = 0; i < group; i++, count++) {
            size_t before = (size_t)(chunk - queries->chunks.first) * part_length_of(cached.head_dim);
            lane->parts[count] = parts_of(turn, queries, row, i) + before;
            lane->spans[count] = part_of_chunk(turn->call->position + row, layer->window, chunk);
        }
    }
    cached.keys += (size_t)chunk * CHUNK * cached.head_dim;
    cached.values += (size_t)chunk * CHUNK * value_width_of(cached.head_dim);
    ChunkTask task = {cached, lane->queries, lane->spans, count, lane->scores, lane->parts};
    step->kernels->attend(&task);
}

/* ---- A few rows: threads share heads and chunks ---- */

static Queries all_queries(const Turn *turn, const Layer *layer, int head)
{
    const Network *network = &turn->step->network;
    Span chunks = chunks_of(turn->call, layer->window);
    size_t head_parts = (size_t)(chunks.end - chunks.first) * part_length_of(network->head_dim);
    return (Queries){.head = head,
                     .rows = {0, turn->call->count},
                     .chunks = chunks,
                     .parts = turn->step->parts + head * group_of(network) * head_parts,
                     .row_parts = network->heads * head_parts};
}

void attend_share(const Turn *turn, int index)
{
    const Layer *layer = &turn->step->network.layers[index];
    Span chunks = chunks_of(turn->call, layer->window);
    int chunks_count = chunks.end - chunks.first, formed = -1;
    Span share = share_of(turn->step->network.kv_heads * chunks_count, turn->id, turn->count);
    for (int i = share.first; i < share.end; i++) {
        int head = i / chunks_count, chunk = chunks.first + i % chunks_count;
        Queries queries = all_queries(turn, layer, head);
        if (head != formed) form_queries(turn, layer, formed = head, queries.rows);
        CachedHead cached = cached_head(&turn->call->caches[index], head);
        for (int row = 0; row < turn->call->count; row++)
            if ((turn->call->position + row) / CHUNK == chunk)
                write_position(turn, layer, &cached, head, row);
        attend_to_chunk(turn, layer, cached, &queries, chunk);
    }
}

static void merge(const Turn *turn, const Queries *queries, int row, float *to)
{
    const Network *network = &turn->step->network;
    for (int i = 0; i < group_of(network); i++)
        turn->step->kernels->merge_parts(to + i * network->head_dim, parts_of(turn, queries, row, i),
                                         queries->chunks.end - queries->chunks.first, network->head_dim);
}

void merge_row(const Turn *turn, const Layer *layer, int row, float *to)
{
    const Network *network = &turn->step->network;
    for (int head = 0; head < network->kv_heads; head++) {
        Queries queries = all_queries(turn, layer, head);
        merge(turn, &queries, row, to + head * group_of(network) * network->head_dim);
    }
}

/* ---- Many rows: threads share heads and blocks of rows ---- */

void write_share(const Turn *turn, int index)
{
    const Network *network = &turn->step->network;
    Span share = share_of(network->kv_heads * turn->call->count, turn->id, turn->count);
    for (int i = share.first; i < share.end; i++) {
        int head = i / turn->call->count;
        CachedHead cached = cached_head(&turn->call->caches[index], head);
        write_position(turn, &network->layers[index], &cached, head, i % turn->call->count);
    }
}

static void attend_with_block(const Turn *turn, int index, int head, Span rows)
{
    const Step *step = turn->step;
    const Network *network = &step->network;
    const Layer *layer = &network->layers[index];
    StepCall those = *turn->call; /* as if they were called for alone */
    those.position += rows.first;
    those.count = rows.end - rows.first;
    Span chunks = chunks_of(&those, layer->window);
    size_t row_parts =
        (size_t)group_of(network) * (chunks.end - chunks.first) * part_length_of(network->head_dim);
    float *parts = step->parts + step->parts_room / POOL_MAX_THREADS * turn->id;
    Queries queries = {head, rows, chunks, parts, row_parts};
    CachedHead cached = cached_head(&turn->call->caches[index], head);
    form_queries(turn, layer, head, rows);
    for (int chunk = chunks.first; chunk < chunks.end; chunk++)
        attend_to_chunk(turn, layer, cached, &queries, chunk);
    for (int row = rows.first; row < rows.end; row++) {
        size_t before = (size_t)row * network->heads + head * group_of(network);
        merge(turn, &queries, row, step->attended + before * network->head_dim);
    }
}

/* Later rows see more, so threads take turns. */
void attend_many_share(const Turn *turn, int index)
{
    int heads = turn->step->network.kv_heads, count = turn->call->count;
    int blocks = (count + FEW_ROWS - 1) / FEW_ROWS;
    for (int i = turn->id; i < blocks * heads; i += turn->count) {
        int first = i / heads * FEW_ROWS, end = first + FEW_ROWS;
        attend_with_block(turn, index, i % heads, (Span){first, end < count ? end : count});
    }
}
