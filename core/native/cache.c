/* The cache's keys and values from and to those who keep them row by row: torch, that is, which reads long
   texts. */
#include "api.h"
#include "memory.h"
#include "pool.h"

typedef struct {
    const Kernels *kernels;
    const LayerCache *cache;
    Span positions;
    const HeadRows *keys, *values;
} Transfer;

static bool is_sensible(const LayerCache *cache, int first, int end)
{
    return cache->kv_heads > 0 && cache->head_dim > 0 && cache->head_dim <= MAX_HEAD_DIM &&
           cache->capacity % 16 == 0 && first >= 0 && first <= end && end <= cache->capacity;
}

CachedHead cached_head(const LayerCache *cache, int head)
{
    size_t before = (size_t)head * cache->capacity;
    return (CachedHead){cache->keys + before * cache->head_dim,
                        cache->values + before * value_width_of(cache->head_dim), cache->head_dim};
}

static Rows rows_of(const HeadRows *all, int head, int row)
{
    int64_t bytes = all->type == FLOAT32 ? 4 : 2, before = head * all->head_stride + row * all->stride;
    return (Rows){(char *)all->numbers + before * bytes, all->stride, (Type)all->type};
}

static void write_tile(const Transfer *transfer, int head, Span positions)
{
    CachedHead to = cached_head(transfer->cache, head);
    Rows keys = rows_of(transfer->keys, head, positions.first - transfer->positions.first);
    Rows values = rows_of(transfer->values, head, positions.first - transfer->positions.first);
    float key[MAX_HEAD_DIM], value[MAX_HEAD_DIM];
    for (int position = positions.first; position < positions.end; position++) {
        transfer->kernels->load_numbers(key, &keys, position - positions.first, to.head_dim);
        transfer->kernels->load_numbers(value, &values, position - positions.first, to.head_dim);
        transfer->kernels->write_position(&to, position, key, value);
    }
}

static void read_tile(const Transfer *transfer, int head, Span positions)
{
    CachedHead from = cached_head(transfer->cache, head);
    Rows keys = rows_of(transfer->keys, head, positions.first - transfer->positions.first);
    Rows values = rows_of(transfer->values, head, positions.first - transfer->positions.first);
    transfer->kernels->read_positions(&from, positions.first, positions.end, &keys, &values);
}

/* Threads share whole tiles of positions, so that no two of them write to one. */
static void transfer_share(const Transfer *transfer, int id, int count,
                           void (*transfer_tile)(const Transfer *, int, Span))
{
    Span all = transfer->positions;
    int first_tile = all.first / 16, tiles = (all.end + 15) / 16 - first_tile;
    Span share = share_of(transfer->cache->kv_heads * tiles, id, count);
    for (int i = share.first; i < share.end; i++) {
        int begin = (first_tile + i % tiles) * 16;
        Span tile = {begin < all.first ? all.first : begin, begin + 16 > all.end ? all.end : begin + 16};
        transfer_tile(transfer, i / tiles, tile);
    }
}

static void write_share(void *transfer, int id, int count)
{
    transfer_share(transfer, id, count, write_tile);
}

static void read_share(void *transfer, int id, int count)
{
    transfer_share(transfer, id, count, read_tile);
}

Result native_write_cache(const Kernels *kernels, const LayerCache *cache, int first, int end,
                          const HeadRows *keys, const HeadRows *values)
{
    if (!is_sensible(cache, first, end)) return WRONG_ARGUMENT;
    Transfer transfer = {kernels, cache, {first, end}, keys, values};
    pool_run(pool_shared(), write_share, &transfer);
    return DONE;
}

Result native_read_cache(const Kernels *kernels, const LayerCache *cache, int first, int end,
                         const HeadRows *keys, const HeadRows *values)
{
    if (!is_sensible(cache, first, end)) return WRONG_ARGUMENT;
    Transfer transfer = {kernels, cache, {first, end}, keys, values};
    pool_run(pool_shared(), read_share, &transfer);
    return DONE;
}
