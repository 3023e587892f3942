/* Threads that take one task together, and meet at barriers within it.

   One pool serves the process, whoever calls: a second caller sleeps until the first one's run has ended.
   The workers sleep between runs. Where another program has one of our cores, the pool runs with a thread
   less, because threads with equal shares of a task are as slow as the slowest of them; now and then it
   tries one more again.

   Deliberately not here: how a task is split (the task knows best), priorities, and pinning to cores. */
#ifndef SMALLCODER_POOL_H
#define SMALLCODER_POOL_H

#include <stdint.h>

enum { POOL_MAX_THREADS = 64 };

typedef struct Pool Pool;
typedef void (*PoolTask)(void *argument, int id, int count);

typedef struct {
    uint64_t runs;
    uint64_t fewer_runs; /* of these, runs with fewer threads than wanted */
    uint64_t waited_ns;  /* at barriers and for the end of runs, all threads together */
    uint64_t lost_ns;    /* in tasks, without a core: other programs had it, or the task slept */
} PoolCounts;

/* The process's pool: one thread, the caller's, until more are wanted. A child of fork has a pool of its
   own. */
Pool *pool_shared(void);

/* How many threads work on a run, the caller's included: 1 to POOL_MAX_THREADS. Waits for a run to end. */
void pool_set_threads(Pool *pool, int wanted);

/* How many threads the next run would use, unless it tries one more. */
int pool_threads(const Pool *pool);

/* Calls task(argument, id, count) once for each id below count, id 0 in the caller's thread, and returns
   when all have ended. `count` may be less than what is wanted, and differs from run to run. A task may
   use 256 KB of stack; it calls nothing of the pool but pool_barrier and pool_threads, and does not fork. */
void pool_run(Pool *pool, PoolTask task, void *argument);

/* Within a task: returns when all `count` threads of this run have called it. */
void pool_barrier(Pool *pool);

void pool_counts(Pool *pool, PoolCounts *counts);

/* Ends the workers; the next run starts new ones. No need for it before the process ends. */
void pool_stop(Pool *pool);

#endif
