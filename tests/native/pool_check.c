/* Tasks that notice when a pool of threads does not do what it says, and a program that asks it hard
   questions: many runs by several callers, while the number of threads changes, with forks and stops in
   between. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- Tasks ---- */

/* Plain memory, written by many threads: only the pool's own order keeps them apart. */
typedef struct {
    int32_t rounds;
    int32_t count;                       /* of threads, in the run that was */
    int32_t calls[POOL_MAX_THREADS];     /* of each id */
    int32_t round[POOL_MAX_THREADS];     /* that each is in */
    int32_t surprises[POOL_MAX_THREADS]; /* how often another was not in the same round */
    int32_t turns;                       /* taken by a different thread each round */
} Meeting;

/* In each round every thread writes its own number, meets the others, and reads theirs. */
void pool_check_meet(void *argument, int id, int count)
{
    Meeting *meeting = argument;
    meeting->calls[id]++;
    if (id == 0) meeting->count = count;
    for (int round = 1; round <= meeting->rounds; round++) {
        meeting->round[id] = round;
        if (round % count == id) meeting->turns++;
        pool_barrier(pool_shared());
        for (int other = 0; other < count; other++) meeting->surprises[id] += meeting->round[other] != round;
        pool_barrier(pool_shared());
    }
}

/* As much of the stack as a task may use. */
void pool_check_stack(void *argument, int id, int count)
{
    volatile char room[256 * 1024];
    for (size_t i = 0; i < sizeof room; i += 512) room[i] = (char)id;
    atomic_fetch_add((_Atomic int32_t *)argument, room[512 * (size_t)count] == (char)id);
}

/* Every thread stays until the argument is no longer 0, and says so first. */
typedef struct {
    _Atomic int32_t inside, open;
} Gate;

void pool_check_stay(void *argument, int id, int count)
{
    (void)id, (void)count;
    Gate *gate = argument;
    atomic_fetch_add(&gate->inside, 1);
    struct timespec moment = {.tv_nsec = 1000000};
    while (!atomic_load(&gate->open)) nanosleep(&moment, NULL);
}

/* ---- The program ---- */

static _Atomic int failures;
static _Atomic bool enough;

static void must(bool holds, const char *what)
{
    if (holds) return;
    atomic_fetch_add(&failures, 1);
    fprintf(stderr, "%s\n", what);
}

static void hold_meeting(int rounds)
{
    Meeting meeting = {.rounds = rounds};
    pool_run(pool_shared(), pool_check_meet, &meeting);
    must(meeting.count >= 1 && meeting.turns == rounds, "rounds were lost");
    for (int id = 0; id < POOL_MAX_THREADS; id++) {
        must(meeting.calls[id] == (id < meeting.count), "an id was not called once");
        must(meeting.surprises[id] == 0, "a barrier let somebody through");
    }
}

static void *keep_calling(void *runs)
{
    for (int i = 0; i < *(int *)runs; i++) hold_meeting(i % 12);
    return NULL;
}

static void *keep_changing(void *nothing)
{
    (void)nothing;
    struct timespec moment = {.tv_nsec = 300000};
    for (unsigned i = 1; !atomic_load(&enough); i = i * 1103515245 + 12345) {
        pool_set_threads(pool_shared(), (int)(i >> 16) % 9);
        must(pool_threads(pool_shared()) >= 1, "no thread is left");
        if ((i >> 20) % 8 == 0) pool_stop(pool_shared());
        nanosleep(&moment, NULL);
    }
    return NULL;
}

static void fork_and_call(void)
{
    pid_t child = fork();
    if (child == 0) {
        pool_set_threads(pool_shared(), 3);
        for (int i = 0; i < 20; i++) hold_meeting(i);
        pool_stop(pool_shared());
        _exit(atomic_load(&failures) ? 1 : 0);
    }
    int status = 1;
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child failed");
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 1000, forks = argc > 2 ? atoi(argv[2]) : 20;
    pthread_t callers[3], changer;
    for (int i = 0; i < 3; i++) pthread_create(&callers[i], NULL, keep_calling, &runs);
    pthread_create(&changer, NULL, keep_changing, NULL);
    for (int i = 0; i < forks; i++) fork_and_call();
    for (int i = 0; i < 3; i++) pthread_join(callers[i], NULL);
    atomic_store(&enough, true);
    pthread_join(changer, NULL);

    PoolCounts counts;
    pool_counts(pool_shared(), &counts);
    must(counts.runs == 3 * (uint64_t)runs, "runs were not counted");
    pool_stop(pool_shared());
    printf("%d runs, %d forks, %d failures\n", 3 * runs, forks, atomic_load(&failures));
    return atomic_load(&failures) != 0;
}
