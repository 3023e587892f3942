#include "memory.h"
#include "api.h"

#include <stdlib.h>

static size_t round_up_bytes(size_t bytes, size_t multiple)
{
    return (bytes + multiple - 1) / multiple * multiple;
}

void *arena_take(Arena *arena, size_t bytes)
{
    void *taken = arena->memory ? arena->memory + arena->used : NULL;
    arena->used += round_up_bytes(bytes, LINE_BYTES);
    return taken;
}

bool arena_open(Arena *arena)
{
    arena->block = malloc(arena->used + LINE_BYTES);
    if (!arena->block) return false;
    arena->memory = (char *)round_up_bytes((uintptr_t)arena->block, LINE_BYTES);
    arena->used = 0;
    return true;
}

void arena_close(Arena *arena)
{
    free(arena->block);
    *arena = (Arena){0};
}

void plan_activations(Arena *arena, Activations *activations, int rows, int columns)
{
    activations->columns = round_up(columns, RECORD_COLUMNS);
    size_t blocks = (size_t)activations->columns / BLOCK_COLUMNS;
    activations->blocks = arena_take(arena, rows * blocks * sizeof *activations->blocks);
}

Span share_of(int total, int id, int count)
{
    return (Span){(int)((int64_t)total * id / count), (int)((int64_t)total * (id + 1) / count)};
}
