/* Attention of one KV head's queries to a chunk of the cache, for whatever processor includes this.

   Before it stand one of the vectors_*.h and how much the processor can keep in registers:

       SCORE_CHAINS  sums that make a score: 1, or 2 where four queries' sums would wait for each other
       MOST_MIXED    vectors of mixed values, 16 channels for a query each

   Every sum runs over channels or positions in their order, whatever is computed beside it. */
#include "vectors.h"

#include <math.h>

/* ---- Heads, as they come out of a projection ---- */

static void form_head(float *to, const float *from, int head_dim, const HeadForm *form)
{
    float normalised[MAX_HEAD_DIM];
    int half = head_dim / 2;
    float scale = form->scale;
    if (form->norm) {
        scale /= sqrtf(sum_of_squares(from, head_dim) / (float)head_dim + form->norm_eps);
        for (int i = 0; i < head_dim; i++) normalised[i] = from[i] * form->norm[i];
        from = normalised;
    }
    for (int i = 0; i < half; i++) {
        float left = from[i] * scale, right = from[i + half] * scale;
        to[i] = left * form->cosines[i] - right * form->sines[i];
        to[i + half] = right * form->cosines[i] + left * form->sines[i];
    }
}

/* ---- The cache ---- */

/* What fp16 cannot hold is as large as it can be; what is not finite becomes NaN. */
INLINE void store_halves(uint16_t *to, const float *from, int count)
{
    Floats a = load_part(from, count), most = floats_all(65504.0f), least = floats_all(-65504.0f);
    Floats nothing_or_nan = floats_subtract(a, a);
    floats_to_halves(to, floats_add(floats_min(most, floats_max(least, a)), nothing_or_nan));
}

static void write_position(const CachedHead *head, int position, const float *key, const float *value)
{
    uint16_t sixteen[16];
    uint16_t *keys = head->keys + (size_t)(position / 16) * 16 * head->head_dim + position % 16;
    uint16_t *values = head->values + (size_t)position * value_width_of(head->head_dim);
    for (int channel = 0; channel < head->head_dim; channel += 16) {
        int left = head->head_dim - channel;
        store_halves(values + channel, value + channel, left);
        store_halves(sixteen, key + channel, left);
        for (int i = 0; i < (left < 16 ? left : 16); i++) keys[(channel + i) * 16] = sixteen[i];
    }
}

static void read_keys(const uint16_t *tile, int head_dim, float (*keys)[MAX_HEAD_DIM])
{
    float sixteen[16];
    for (int channel = 0; channel < head_dim; channel++) {
        floats_store(sixteen, floats_from_halves(tile + channel * 16));
        for (int i = 0; i < 16; i++) keys[i][channel] = sixteen[i];
    }
}

static void read_positions(const CachedHead *head, int first, int end, const Rows *keys, const Rows *values)
{
    float tile[16][MAX_HEAD_DIM], value[MAX_HEAD_DIM];
    int width = value_width_of(head->head_dim);
    for (int position = first; position < end; position++) {
        if (position == first || position % 16 == 0)
            read_keys(head->keys + (size_t)(position / 16) * 16 * head->head_dim, head->head_dim, tile);
        store_row(keys, position - first, 0, tile[position % 16], head->head_dim);
        for (int channel = 0; channel < width; channel += 16)
            floats_store(value + channel,
                         floats_from_halves(head->values + (size_t)position * width + channel));
        store_row(values, position - first, 0, value, head->head_dim);
    }
}

/* ---- Scores ---- */

INLINE void score_tile(const ChunkTask *task, int query, int tile, const int queries)
{
    int head_dim = task->chunk.head_dim;
    const float *from = task->queries + (size_t)query * head_dim;
    const uint16_t *keys = task->chunk.keys + (size_t)tile * 16 * head_dim;
    Floats sums[QUERIES_AT_ONCE][SCORE_CHAINS];
    UNROLL
    for (int q = 0; q < queries; q++) {
        UNROLL
        for (int i = 0; i < SCORE_CHAINS; i++) sums[q][i] = floats_all(0);
    }
    for (int channel = 0; channel < head_dim; channel += SCORE_CHAINS) {
        __builtin_prefetch(keys + channel * 16 + PREFETCHED_BYTES / sizeof *keys, 0, 3);
        UNROLL
        for (int i = 0; i < SCORE_CHAINS; i++) {
            Floats key = floats_from_halves(keys + (channel + i) * 16);
            UNROLL
            for (int q = 0; q < queries; q++)
                sums[q][i] = floats_fma(floats_all(from[q * head_dim + channel + i]), key, sums[q][i]);
        }
    }
    UNROLL
    for (int q = 0; q < queries; q++) {
        Floats sum = SCORE_CHAINS == 2 ? floats_add(sums[q][0], sums[q][SCORE_CHAINS - 1]) : sums[q][0];
        floats_store(task->scores + q * CHUNK + tile * 16, sum);
    }
}

/* Scores to weights, of which the largest is 1; returns their sum. What is not seen may hold anything,
   even NaN. */
static float weigh(float *scores, Span seen, float *peak)
{
    int first = seen.first / 16 * 16, end = round_up(seen.end, 16);
    *peak = -INFINITY;
    if (seen.first >= seen.end) return 0;
    for (int i = first; i < seen.first; i++) scores[i] = -INFINITY;
    for (int i = seen.end; i < end; i++) scores[i] = -INFINITY;
    Floats most = floats_load(scores + first), sum = floats_all(0);
    for (int i = first + 16; i < end; i += 16) most = floats_max(most, floats_load(scores + i));
    *peak = floats_peak(most);
    for (int i = first; i < end; i += 16) {
        Floats weights = floats_exp(floats_subtract(floats_load(scores + i), floats_all(*peak)));
        floats_store(scores + i, weights);
        sum = floats_add(sum, weights);
    }
    return floats_sum(sum);
}

/* ---- Values, mixed by weight ---- */

INLINE void mix_channels(const ChunkTask *task, int query, int local, Span seen, int channel,
                         const int queries, const int vectors)
{
    int width = value_width_of(task->chunk.head_dim);
    const float *weights = task->scores + local * CHUNK;
    Floats sums[QUERIES_AT_ONCE][MOST_MIXED];
    UNROLL
    for (int q = 0; q < queries; q++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sums[q][v] = floats_load(task->parts[query + q] + PART_HEAD + channel + 16 * v);
    }
    for (int position = seen.first; position < seen.end; position++) {
        const uint16_t *from = task->chunk.values + (size_t)position * width + channel;
        Floats values[MOST_MIXED];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            values[v] = floats_from_halves(from + 16 * v);
            __builtin_prefetch(from + 16 * v + PREFETCHED_BYTES / sizeof *from, 0, 3);
        }
        UNROLL
        for (int q = 0; q < queries; q++) {
            Floats weight = floats_all(weights[q * CHUNK + position]);
            UNROLL
            for (int v = 0; v < vectors; v++) sums[q][v] = floats_fma(weight, values[v], sums[q][v]);
        }
    }
    UNROLL
    for (int q = 0; q < queries; q++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            floats_store(task->parts[query + q] + PART_HEAD + channel + 16 * v, sums[q][v]);
    }
}

/* Of `left` vectors, so that few remain for the end. */
INLINE int vectors_at_once(int left, const int most)
{
    if (most >= 5 && left % 4 == 1 && left > 1) return 5;
    if (most >= 4 && left >= 4) return 4;
    return most >= 2 && left >= 2 ? 2 : 1;
}

INLINE void mix_values(const ChunkTask *task, int query, int local, Span seen, const int queries)
{
    const int most = MOST_MIXED / queries;
    for (int left = value_width_of(task->chunk.head_dim) / 16, channel = 0, vectors; left > 0;
         left -= vectors) {
        vectors = vectors_at_once(left, most);
        if (most >= 5 && vectors == 5)
            mix_channels(task, query, local, seen, channel, queries, 5);
        else if (most >= 4 && vectors == 4)
            mix_channels(task, query, local, seen, channel, queries, 4);
        else if (most >= 2 && vectors == 2)
            mix_channels(task, query, local, seen, channel, queries, 2);
        else
            mix_channels(task, query, local, seen, channel, queries, 1);
        channel += 16 * vectors;
    }
}

/* ---- Together ---- */

static Span span_of_all(const Span *spans, int count)
{
    Span all = spans[0];
    for (int i = 1; i < count; i++) {
        if (spans[i].first < all.first) all.first = spans[i].first;
        if (spans[i].end > all.end) all.end = spans[i].end;
    }
    return all;
}

static Span span_in_common(const Span *spans, int count)
{
    Span common = spans[0];
    for (int i = 1; i < count; i++) {
        if (spans[i].first > common.first) common.first = spans[i].first;
        if (spans[i].end < common.end) common.end = spans[i].end;
    }
    return common;
}

/* Queries of different rows do not see the same: what only some see is mixed for each of them alone,
   because a weight of zero would not keep out a NaN. */
INLINE void attend_together(const ChunkTask *task, int query, const int queries)
{
    const Span *spans = task->spans + query;
    Span common = span_in_common(spans, queries);
    bool is_shared = common.first < common.end;
    Span all = span_of_all(spans, queries);
    for (int tile = all.first / 16; tile < (all.end + 15) / 16; tile++)
        score_tile(task, query, tile, queries);
    for (int q = 0; q < queries; q++) {
        float *part = task->parts[query + q];
        memset(part, 0, sizeof(float) * part_length_of(task->chunk.head_dim));
        part[1] = weigh(task->scores + q * CHUNK, spans[q], part);
        mix_values(task, query + q, q, (Span){spans[q].first, is_shared ? common.first : spans[q].end}, 1);
    }
    if (!is_shared) return;
    mix_values(task, query, 0, common, queries);
    for (int q = 0; q < queries; q++) mix_values(task, query + q, q, (Span){common.end, spans[q].end}, 1);
}

static void attend(const ChunkTask *task)
{
    int query = 0;
    for (; query + 4 <= task->count; query += 4) attend_together(task, query, 4);
    for (; query + 2 <= task->count; query += 2) attend_together(task, query, 2);
    for (; query < task->count; query++) attend_together(task, query, 1);
}

static void merge_parts(float *to, const float *parts, int count, int head_dim)
{
    Floats mixed[MAX_HEAD_DIM / 16], weight = floats_all(0);
    int length = part_length_of(head_dim), vectors = value_width_of(head_dim) / 16;
    float peak = -INFINITY;
    for (int c = 0; c < count; c++) peak = parts[c * length] > peak ? parts[c * length] : peak;
    for (int v = 0; v < vectors; v++) mixed[v] = floats_all(0);
    for (int c = 0; c < count; c++, parts += length) {
        Floats factor = floats_exp(floats_all(parts[0] - peak));
        weight = floats_fma(floats_all(parts[1]), factor, weight);
        for (int v = 0; v < vectors; v++)
            mixed[v] = floats_fma(floats_load(parts + PART_HEAD + 16 * v), factor, mixed[v]);
    }
    for (int v = 0; v < vectors; v++)
        store_part(to + 16 * v, floats_divide(mixed[v], weight), head_dim - 16 * v);
}
