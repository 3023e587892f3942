/* What the thread pool costs, and what it does beside a busy neighbour. Takes the number of threads, the
   seconds of each part (0.2) and how often all parts take turns (10); Linux. From the root of the
   repository:

       cc -O3 -march=native -pthread -Icore/native tests/native/pool_bench.c -o pool_bench && ./pool_bench 2

   The task reads as much memory as a decode step of a model of 300M parameters in int8, between 90
   barriers. Figures are medians of a part's turns; parts take turns, so whatever else the machine does
   meets all of them. */
#include "pool.c" /* to keep its number of threads fixed, which it does not offer */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define STEP_BYTES (300u << 20)
#define PHASES 90
#define MOST_TURNS 100

static const char *memory;
static double seconds;
static int turns;

static double now(void)
{
    return (double)now_ns() * 1e-9;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

/* ---- Tasks ---- */

static uint64_t read_memory(const char *bytes, size_t count)
{
    const uint64_t *words = (const uint64_t *)bytes;
    uint64_t sum = 0;
    for (size_t i = 0; i < count / 8; i += 8) {
        __builtin_prefetch(bytes + i * 8 + 4096);
        for (int j = 0; j < 8; j++) sum += words[i + (size_t)j];
    }
    return sum;
}

static void step(void *sums, int id, int count)
{
    size_t lines = STEP_BYTES / PHASES / 64;
    for (size_t phase = 0; phase < PHASES; phase++) {
        size_t first = lines * (size_t)id / (size_t)count, end = lines * ((size_t)id + 1) / (size_t)count;
        ((uint64_t *)sums)[id * 16] += read_memory(memory + (phase * lines + first) * 64, (end - first) * 64);
        pool_barrier(&shared);
    }
}

static void meet(void *times, int id, int count)
{
    (void)id, (void)count;
    for (int i = *(int *)times; i > 0; i--) pool_barrier(&shared);
}

static void note_time(void *time_ns, int id, int count)
{
    if (id == count - 1) *(int64_t *)time_ns = now_ns();
}

/* ---- Small costs ---- */

static double barrier_us(void)
{
    double results[MOST_TURNS];
    int times = 10000;
    for (int i = 0; i < turns; i++) {
        shared.given_up = 0;
        double begun = now();
        pool_run(&shared, meet, &times);
        results[i] = (now() - begun) / times * 1e6;
    }
    return median(results, turns);
}

/* From pool_run until its last worker is at work, after so long a rest. */
static double wake_us(long rest_us)
{
    double results[MOST_TURNS];
    struct timespec rest = {.tv_nsec = rest_us * 1000};
    for (int i = 0; i < turns; i++) {
        int64_t woken = 0;
        shared.given_up = 0;
        nanosleep(&rest, NULL);
        int64_t begun = now_ns();
        pool_run(&shared, note_time, &woken);
        results[i] = (double)(woken - begun) * 1e-3;
    }
    return median(results, turns);
}

static double idle_percent(void)
{
    int once = 1;
    pool_run(&shared, meet, &once);
    double worked = (double)read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    struct timespec second = {.tv_sec = 1};
    nanosleep(&second, NULL);
    return ((double)read_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - worked) * 1e-7;
}

/* ---- Beside a neighbour ---- */

static pid_t start_neighbour(void)
{
    pid_t neighbour = fork();
    if (neighbour == 0) {
        setsid(); /* a program of another terminal gets a whole program's share of the machine */
        for (volatile int forever = 1; forever;) continue;
    }
    return neighbour;
}

static void stop_neighbour(pid_t neighbour)
{
    kill(neighbour, SIGKILL);
    waitpid(neighbour, NULL, 0);
}

static double steps_per_second(int threads, bool fixed)
{
    static uint64_t sums[POOL_MAX_THREADS * 16];
    pool_set_threads(&shared, threads);
    double begun = now(), ended = begun;
    int steps = 0;
    for (; ended - begun < seconds; steps++, ended = now()) {
        pool_run(&shared, step, sums);
        if (fixed) shared.given_up = 0;
    }
    return steps / (ended - begun);
}

/* What the pool has learnt about the machine, kept while other parts have their turns. */
typedef struct {
    int given_up;
    bool trying;
    int64_t spin_ns, give_up_ns, try_at_ns;
} Learnt;

static Learnt learnt(void)
{
    return (Learnt){shared.given_up, shared.trying, shared.spin_ns, shared.give_up_ns, shared.try_at_ns};
}

static void learn(Learnt from)
{
    shared.given_up = from.given_up, shared.trying = from.trying, shared.spin_ns = from.spin_ns;
    shared.give_up_ns = from.give_up_ns, shared.try_at_ns = from.try_at_ns;
}

static void compare(int threads, bool crowded)
{
    double one[MOST_TURNS], fixed[MOST_TURNS], giving[MOST_TURNS];
    pool_set_threads(&shared, threads);
    learn((Learnt){.spin_ns = BARRIER_SPIN_NS});
    Learnt kept = learnt();
    pid_t neighbour = crowded ? start_neighbour() : 0;
    for (int i = 0; i < turns; i++) {
        one[i] = steps_per_second(1, true);
        fixed[i] = steps_per_second(threads, true);
        learn(kept);
        giving[i] = steps_per_second(threads, false);
        kept = learnt();
    }
    if (crowded) stop_neighbour(neighbour);
    double alone = median(one, turns);
    printf("%-18s 1 thread %6.1f steps/s   %d fixed %.2f x   giving way %.2f x\n",
           crowded ? "a busy neighbour:" : "no neighbour:", alone, threads, median(fixed, turns) / alone,
           median(giving, turns) / alone);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    seconds = argc > 2 ? atof(argv[2]) : 0.2;
    turns = argc > 3 ? atoi(argv[3]) : 10;
    if (turns < 1 || turns > MOST_TURNS) return 2;
    char *bytes = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) return 1;
    madvise(bytes, STEP_BYTES, MADV_HUGEPAGE);
    memset(bytes, 1, STEP_BYTES);
    memory = bytes;

    pool_set_threads(&shared, threads);
    printf("a barrier %.2f us, a start %.1f us, ", barrier_us(), wake_us(0));
    printf("after a rest of 2 ms %.0f us, idle %.2f %% of a core\n", wake_us(2000), idle_percent());
    compare(threads, false);
    compare(threads, true);
    pool_stop(&shared);
    return 0;
}
