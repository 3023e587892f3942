/* A step's attention: new keys and values into the cache, queries against all of it. Threads share KV heads and
   chunks of positions.

   Who attends to a chunk also writes the new positions that fall into it, so nobody waits for another. */
#include "step.h"

Span chunks_of(const StepCall *call, int window)
{
    int first = window > 0 && call->position >= window ? call->position + 1 - window : 0;
    return (Span){first / CHUNK, (call->position + call->count - 1) / CHUNK + 1};
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

static void write_new_positions(const Turn *turn, const Layer *layer, const CachedHead *cached, int head,
                                int chunk)
{
    const Step *step = turn->step;
    const Network *network = &step->network;
    float key[MAX_HEAD_DIM];
    for (int row = 0; row < turn->call->count; row++) {
        int position = turn->call->position + row;
        if (position / CHUNK != chunk) continue;
        const float *keys =
            step->qkv + (size_t)row * qkv_width_of(network) + network->heads * network->head_dim;
        HeadForm form = form_of(step, row, layer->k_norm, 1);
        step->kernels->form_head(key, keys + head * network->head_dim, network->head_dim, &form);
        const float *value = keys + (network->kv_heads + head) * network->head_dim;
        step->kernels->write_position(cached, position, key, value);
    }
}

/* The queries that share a KV head, of all rows. */
static void form_queries(const Turn *turn, const Layer *layer, int head)
{
    const Step *step = turn->step;
    const Network *network = &step->network;
    int head_dim = network->head_dim, group = group_of(network);
    for (int row = 0; row < turn->call->count; row++) {
        const float *from = step->qkv + (size_t)row * qkv_width_of(network) + head * group * head_dim;
        HeadForm form = form_of(step, row, layer->q_norm, network->attention_scale);
        for (int i = 0; i < group; i++) {
            float *to = turn->lane->queries + (row * group + i) * head_dim;
            step->kernels->form_head(to, from + i * head_dim, head_dim, &form);
        }
    }
}

static float *parts_of(const Step *step, int row, int head, int chunks)
{
    const Network *network = &step->network;
    return step->parts + ((size_t)row * network->heads + head) * chunks * part_length_of(network->head_dim);
}

static void attend_to_chunk(const Turn *turn, const Layer *layer, CachedHead cached, int head, int chunk)
{
    const Step *step = turn->step;
    Lane *lane = turn->lane;
    Span chunks = chunks_of(turn->call, layer->window);
    int group = group_of(&step->network), length = part_length_of(cached.head_dim);
    write_new_positions(turn, layer, &cached, head, chunk);
    for (int row = 0; row < turn->call->count; row++) {
        for (int i = 0; i < group; i++) {
            float *parts = parts_of(step, row, head * group + i, chunks.end - chunks.first);
            lane->parts[row * group + i] = parts + (chunk - chunks.first) * length;
            lane->spans[row * group + i] = part_of_chunk(turn->call->position + row, layer->window, chunk);
        }
    }
    cached.keys += (size_t)chunk * CHUNK * cached.head_dim;
    cached.values += (size_t)chunk * CHUNK * value_width_of(cached.head_dim);
    ChunkTask task = {cached,       lane->queries, lane->spans, turn->call->count * group,
                      lane->scores, lane->parts};
    step->kernels->attend(&task);
}

void attend_share(const Turn *turn, int index)
{
    const Layer *layer = &turn->step->network.layers[index];
    const Network *network = &turn->step->network;
    Span chunks = chunks_of(turn->call, layer->window);
    int chunks_count = chunks.end - chunks.first, formed = -1;
    Span share = share_of(network->kv_heads * chunks_count, turn->id, turn->count);
    for (int i = share.first; i < share.end; i++) {
        int head = i / chunks_count;
        if (head != formed) form_queries(turn, layer, formed = head);
        CachedHead cached = cached_head(&turn->call->caches[index], head);
        attend_to_chunk(turn, layer, cached, head, chunks.first + i % chunks_count);
    }
}

void merge_row(const Turn *turn, const Layer *layer, int row, float *to)
{
    const Step *step = turn->step;
    int head_dim = step->network.head_dim;
    Span chunks = chunks_of(turn->call, layer->window);
    for (int head = 0; head < step->network.heads; head++) {
        const float *parts = parts_of(step, row, head, chunks.end - chunks.first);
        step->kernels->merge_parts(to + head * head_dim, parts, chunks.end - chunks.first, head_dim);
    }
}
