/* Memory in one piece: first all that is needed is added up, then taken, then handed out in the same
   order. */
#ifndef SMALLCODER_MEMORY_H
#define SMALLCODER_MEMORY_H

#include "kernels.h"

typedef struct {
    char *memory; /* NULL while it is added up */
    size_t used;
    void *block; /* what the system gave */
} Arena;

/* Room that begins at a line of the processor's caches; NULL while it is added up. */
void *arena_take(Arena *arena, size_t bytes);

/* Whether the system gave what was added up; from here on it is handed out. */
bool arena_open(Arena *arena);
void arena_close(Arena *arena);

/* Room for rows of activations with that many columns. */
void plan_activations(Arena *arena, Activations *activations, int rows, int columns);

/* A product with as many rows as one likes, of some tiles. */
void multiply_groups(const Kernels *kernels, Product product, Span tiles);

/* The part of `total` things that falls to one of some threads. */
Span share_of(int total, int id, int count);

#endif
