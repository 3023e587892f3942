/* The thread pool of pool.h. Whatever a thread waits for, it spins a little, then sleeps. */
#include "pool_system.h" /* first: it says which names the system's headers offer */

#include "pool.h"

#include <stddef.h>
#include <string.h>

/* Waking a worker takes some 50 us, and meanwhile the caller is at its own share: not worth a longer spin. */
#define IDLE_SPIN_NS 50000
/* At a barrier it is worth a long one, for shares are never quite equal. But where the others are late
   because they have no core, the sooner this thread sleeps, the sooner the system gives them this one's. */
#define BARRIER_SPIN_NS 200000
#define CROWDED_SPIN_NS 20000

/* Losses are judged over so much time of running: a few slices of the system's scheduler. */
#if defined(_WIN32)
#define JUDGED_NS (SECOND_NS / 4)
#else
#define JUDGED_NS (SECOND_NS * 3 / 100)
#endif
/* A thread loses so much in a run without any neighbour, when it is woken or the system is at work. */
#define HARMLESS_NS 200000
#define SHORTEST_GIVE_UP_NS (SECOND_NS / 4)
#define LONGEST_GIVE_UP_NS (SECOND_NS * 2)

typedef struct {
    Signal order; /* moves on when there is a run for this worker, or its end */
    Thread thread;
    int id;
    int64_t lost_ns;
} Worker; /* the first stands for whoever calls pool_run: it gets no orders */

typedef struct {
    _Alignas(APART) int64_t waited_ns;
    int64_t slept_ns;
} Place;

struct Pool {
    Signal served; /* the queue of callers: whose ticket this is may go on */
    Signal phase;  /* moves on when all have arrived at a barrier */
    _Alignas(APART) atomic_int arrived; /* at this barrier */
    int64_t opened_ns;                  /* when the last one let all go on */
    _Alignas(APART) atomic_uint ticket; /* for the next caller */
    atomic_int planned;                 /* threads for the next run */

    /* this run, or the last one; from here on, everything is the caller's whose turn it is */
    _Alignas(APART) PoolTask task; /* NULL: the end */
    void *argument;
    int count;
    int64_t spin_ns; /* at barriers */
    int64_t begun_ns;

    int wanted, started, given_up; /* threads, the caller's included */
    bool trying;                   /* whether a thread that was given up is in use again, on trial */
    int64_t give_up_ns;            /* how long, the last time */
    int64_t try_at_ns;
    int64_t judged_ns, judged_lost_ns; /* running time since the last judgement, and what was lost of it */
    PoolCounts counts;

    Worker workers[POOL_MAX_THREADS];
    Place places[POOL_MAX_THREADS]; /* by the order of arrival at a barrier: one owner at a time */
};

static Pool shared;

static void reset(int wanted)
{
    memset(&shared, 0, sizeof shared);
    reset_signal(&shared.served);
    reset_signal(&shared.phase);
    atomic_store_explicit(&shared.planned, wanted, memory_order_relaxed);
    shared.wanted = wanted;
    shared.started = 1;
    shared.spin_ns = BARRIER_SPIN_NS;
}

/* A child of fork has no workers, and no caller but the one that forked, whatever the parent was at. */
static void forget_workers(void)
{
    reset(shared.wanted);
}

/* Before anyone can call, so that there is no first use to race for. */
__attribute__((constructor)) static void prepare(void)
{
    reset(1);
    in_child_of_fork(forget_workers);
}

/* ---- Waiting ---- */

static unsigned read_signal(Signal *signal)
{
    return atomic_load_explicit(&signal->word, memory_order_acquire) & ~1u;
}

/* Only one thread at a time has a signal to advance. */
static void advance(Signal *signal)
{
    unsigned next = read_signal(signal) + 2;
    if (atomic_exchange_explicit(&signal->word, next, memory_order_release) & 1) wake_all(signal);
}

static bool spin_past(Signal *signal, unsigned seen, int64_t until_ns)
{
    do {
        for (int i = 0; i < 32; i++) {
            if (read_signal(signal) != seen) return true;
            pause_briefly();
        }
    } while (now_ns() < until_ns);
    return false;
}

static void sleep_past(Signal *signal, unsigned seen)
{
    unsigned asleep = seen | 1;
    while (read_signal(signal) == seen) {
        unsigned found = seen;
        atomic_compare_exchange_strong_explicit(&signal->word, &found, asleep, memory_order_relaxed,
                                                memory_order_relaxed);
        sleep_while(signal, asleep); /* returns at once if the signal has moved on by now */
    }
}

/* Callers are served in the order in which they came: none can starve another. */
static void enter(Pool *pool)
{
    unsigned ticket = atomic_fetch_add_explicit(&pool->ticket, 2, memory_order_relaxed);
    for (unsigned seen; (seen = read_signal(&pool->served)) != ticket;) sleep_past(&pool->served, seen);
}

static void leave(Pool *pool)
{
    advance(&pool->served);
}

/* How many came before; the last to come lets all go on. */
static int arrive(Pool *pool, int count)
{
    int before = atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel);
    if (before == count - 1) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        pool->opened_ns = now_ns();
        advance(&pool->phase);
    }
    return before;
}

void pool_barrier(Pool *pool)
{
    int count = pool->count;
    unsigned phase = read_signal(&pool->phase);
    int before = arrive(pool, count);
    if (before == count - 1) return;

    Place *place = &pool->places[before];
    int64_t begun = now_ns();
    if (!spin_past(&pool->phase, phase, begun + pool->spin_ns)) {
        int64_t slept = now_ns();
        sleep_past(&pool->phase, phase);
        place->slept_ns += pool->opened_ns - slept; /* the rest, until it woke up, was not its own wish */
    }
    place->waited_ns += pool->opened_ns - begun;
}

/* ---- Workers ---- */

static void take_part(Pool *pool, Worker *worker)
{
    int count = pool->count;
    int64_t worked = worked_ns();
    pool->task(pool->argument, worker->id, count);
    if (worker->id == 0) pool_barrier(pool);
    worker->lost_ns = now_ns() - pool->begun_ns - (worked_ns() - worked);
    if (worker->id != 0) arrive(pool, count); /* on to the next order: only the caller waits for the others */
}

static void serve(void *argument)
{
    Worker *worker = argument;
    for (unsigned done = 0;; done += 2) {
        if (!spin_past(&worker->order, done, now_ns() + IDLE_SPIN_NS)) sleep_past(&worker->order, done);
        if (!shared.task) return;
        take_part(&shared, worker);
    }
}

/* How many of `count` threads there are now. A system that refuses one is asked again at the next run. */
static int start_workers(Pool *pool, int count)
{
    for (; pool->started < count; pool->started++) {
        Worker *worker = &pool->workers[pool->started];
        worker->id = pool->started;
        worker->thread = (Thread){.body = serve, .argument = worker};
        reset_signal(&worker->order);
        if (!start_thread(&worker->thread)) break;
    }
    return count < pool->started ? count : pool->started;
}

/* ---- Giving cores up, between runs ---- */

static void judge_afresh(Pool *pool)
{
    pool->judged_ns = pool->judged_lost_ns = 0;
    atomic_store_explicit(&pool->planned, pool->wanted - pool->given_up, memory_order_relaxed);
}

static void begin_trial(Pool *pool)
{
    pool->trying = true;
    pool->given_up--;
    pool->spin_ns = CROWDED_SPIN_NS;
    judge_afresh(pool);
}

static void give_up_one(Pool *pool)
{
    int64_t longer = pool->trying ? 2 * pool->give_up_ns : SHORTEST_GIVE_UP_NS;
    pool->give_up_ns = longer < LONGEST_GIVE_UP_NS ? longer : LONGEST_GIVE_UP_NS;
    pool->try_at_ns = pool->begun_ns + pool->give_up_ns;
    pool->given_up = pool->wanted - pool->count + 1;
}

/* Of threads with equal shares, all wait for what any of them loses: n threads that lose a fraction f of
   the time do less than n - 1 undisturbed ones when f > 1/n. A fifth earlier, because the neighbour gains
   as well. */
static void judge(Pool *pool)
{
    bool crowded = pool->judged_lost_ns * pool->count * 5 > pool->judged_ns * 4;
    if (crowded && pool->count > 1) give_up_one(pool);
    pool->trying = false;
    pool->spin_ns = pool->judged_lost_ns * 10 > pool->judged_ns ? CROWDED_SPIN_NS : BARRIER_SPIN_NS;
    judge_afresh(pool);
}

/* Takes down what the threads were kept from working, other than by waiting for each other. */
static int64_t sum_losses(Pool *pool)
{
    int64_t lost = -(int64_t)HARMLESS_NS * pool->count;
    for (int id = 0; id < pool->count; id++) {
        Place *place = &pool->places[id];
        lost += pool->workers[id].lost_ns - place->slept_ns;
        pool->counts.waited_ns += place->waited_ns > 0 ? (uint64_t)place->waited_ns : 0;
        place->waited_ns = place->slept_ns = 0;
    }
    return lost;
}

static void take_stock(Pool *pool)
{
    int64_t lost = sum_losses(pool);
    pool->counts.runs++;
    pool->counts.fewer_runs += pool->count < pool->wanted;
    pool->counts.lost_ns += lost > 0 ? (uint64_t)lost : 0;
    pool->judged_ns += now_ns() - pool->begun_ns;
    pool->judged_lost_ns += lost;
    if (pool->judged_ns >= JUDGED_NS) judge(pool);
}

/* ---- What is called from outside ---- */

Pool *pool_shared(void)
{
    return &shared;
}

void pool_set_threads(Pool *pool, int wanted)
{
    enter(pool);
    int before = pool->wanted;
    pool->wanted = wanted < 1 ? 1 : wanted > POOL_MAX_THREADS ? POOL_MAX_THREADS : wanted;
    if (pool->wanted != before) {
        pool->given_up = 0;
        pool->trying = false;
        judge_afresh(pool);
    }
    leave(pool);
}

int pool_threads(const Pool *pool)
{
    return atomic_load_explicit(&pool->planned, memory_order_relaxed);
}

void pool_run(Pool *pool, PoolTask task, void *argument)
{
    enter(pool);
    if (pool->given_up && !pool->trying && now_ns() >= pool->try_at_ns) begin_trial(pool);
    pool->count = start_workers(pool, pool->wanted - pool->given_up);
    pool->task = task;
    pool->argument = argument;
    pool->begun_ns = now_ns();
    for (int id = 1; id < pool->count; id++) advance(&pool->workers[id].order);
    take_part(pool, &pool->workers[0]);
    take_stock(pool);
    leave(pool);
}

void pool_counts(Pool *pool, PoolCounts *counts)
{
    enter(pool);
    *counts = pool->counts;
    leave(pool);
}

void pool_stop(Pool *pool)
{
    enter(pool);
    pool->task = NULL;
    for (int id = 1; id < pool->started; id++) advance(&pool->workers[id].order);
    for (int id = 1; id < pool->started; id++) join_thread(&pool->workers[id].thread);
    pool->started = 1;
    leave(pool);
}
