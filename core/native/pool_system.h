/* What the pool asks of a system: clocks, sleeping until a word changes, and threads. For Linux, Windows,
   and whatever else has POSIX threads. Only pool.c includes this. */
#ifndef SMALLCODER_POOL_SYSTEM_H
#define SMALLCODER_POOL_SYSTEM_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* for syscall and for the names of threads */
#endif

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <pthread.h>
#include <signal.h>
#include <time.h>
#endif
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Room for a task's 256 KB, for the C library and for what a sanitizer adds; untouched, it costs nothing. */
#define STACK_BYTES (1 << 20)
/* Variables this far apart share neither a cache line nor a pair of lines that is fetched together. */
#define APART 128

#define SECOND_NS INT64_C(1000000000)

/* A counter that threads wait for. It counts in twos; its lowest bit says that somebody sleeps until then. */
typedef struct {
    _Alignas(APART) atomic_uint word;
#if defined(_WIN32)
    SRWLOCK lock;
    CONDITION_VARIABLE changed;
#elif !defined(__linux__)
    pthread_mutex_t lock;
    pthread_cond_t changed;
#endif
} Signal;

typedef struct {
#if defined(_WIN32)
    HANDLE handle;
#else
    pthread_t handle;
#endif
    void (*body)(void *argument);
    void *argument;
} Thread;

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* `yield` does nothing on most of these processors */
#endif
}

#if defined(_WIN32)

/* ---- Windows. Unlike WaitOnAddress, its locks and conditions ask for no further library ---- */

static void reset_signal(Signal *signal)
{
    atomic_store_explicit(&signal->word, 0, memory_order_relaxed);
    InitializeSRWLock(&signal->lock);
    InitializeConditionVariable(&signal->changed);
}

static void sleep_while(Signal *signal, unsigned value)
{
    AcquireSRWLockExclusive(&signal->lock);
    while (atomic_load_explicit(&signal->word, memory_order_relaxed) == value)
        SleepConditionVariableSRW(&signal->changed, &signal->lock, INFINITE, 0);
    ReleaseSRWLockExclusive(&signal->lock);
}

static void wake_all(Signal *signal)
{
    AcquireSRWLockExclusive(&signal->lock); /* nobody is between looking at the word and falling asleep */
    ReleaseSRWLockExclusive(&signal->lock);
    WakeAllConditionVariable(&signal->changed);
}

static int64_t now_ns(void)
{
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    int64_t seconds = ticks.QuadPart / rate.QuadPart, rest = ticks.QuadPart % rate.QuadPart;
    return seconds * SECOND_NS + rest * SECOND_NS / rate.QuadPart;
}

/* Counts whole ticks of 16 ms, each for the thread that had the core at its end: right in the long run. */
static int64_t worked_ns(void)
{
    FILETIME begun, ended, kernel, user;
    if (!GetThreadTimes(GetCurrentThread(), &begun, &ended, &kernel, &user)) return 0;
    uint64_t high = (uint64_t)kernel.dwHighDateTime + user.dwHighDateTime;
    uint64_t low = (uint64_t)kernel.dwLowDateTime + user.dwLowDateTime;
    return (int64_t)((high << 32) + low) * 100;
}

static DWORD WINAPI run_thread(void *thread)
{
    ((Thread *)thread)->body(((Thread *)thread)->argument);
    return 0;
}

static bool start_thread(Thread *thread)
{
    DWORD flags = STACK_SIZE_PARAM_IS_A_RESERVATION;
    thread->handle = CreateThread(NULL, STACK_BYTES, run_thread, thread, flags, NULL);
    return thread->handle != NULL;
}

static void join_thread(Thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
}

static void in_child_of_fork(void (*reset)(void))
{
    (void)reset; /* nothing forks here */
}

#else

#if defined(__linux__)

/* ---- Linux sleeps on the word itself ---- */

static void reset_signal(Signal *signal)
{
    atomic_store_explicit(&signal->word, 0, memory_order_relaxed);
}

static void sleep_while(Signal *signal, unsigned value)
{
    syscall(SYS_futex, &signal->word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake_all(Signal *signal)
{
    syscall(SYS_futex, &signal->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void name_this_thread(void)
{
    pthread_setname_np(pthread_self(), "smallcoder");
}

#else

/* ---- macOS and others ---- */

static void reset_signal(Signal *signal)
{
    atomic_store_explicit(&signal->word, 0, memory_order_relaxed);
    pthread_mutex_init(&signal->lock, NULL); /* in a child of fork, whoever held the old one is gone */
    pthread_cond_init(&signal->changed, NULL);
}

static void sleep_while(Signal *signal, unsigned value)
{
    pthread_mutex_lock(&signal->lock);
    while (atomic_load_explicit(&signal->word, memory_order_relaxed) == value)
        pthread_cond_wait(&signal->changed, &signal->lock);
    pthread_mutex_unlock(&signal->lock);
}

static void wake_all(Signal *signal)
{
    pthread_mutex_lock(&signal->lock); /* nobody is between looking at the word and falling asleep */
    pthread_cond_broadcast(&signal->changed);
    pthread_mutex_unlock(&signal->lock);
}

static void name_this_thread(void)
{
#if defined(__APPLE__)
    pthread_setname_np("smallcoder");
#endif
}

#endif

/* ---- Linux, macOS and others ---- */

static int64_t read_clock_ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time)) return 0;
    return (int64_t)time.tv_sec * SECOND_NS + time.tv_nsec;
}

static int64_t now_ns(void)
{
#if defined(__APPLE__)
    return read_clock_ns(CLOCK_UPTIME_RAW); /* its CLOCK_MONOTONIC counts whole microseconds */
#else
    return read_clock_ns(CLOCK_MONOTONIC);
#endif
}

static int64_t worked_ns(void)
{
    return read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void *run_thread(void *thread)
{
    name_this_thread();
    ((Thread *)thread)->body(((Thread *)thread)->argument);
    return NULL;
}

/* Signals are for the program's own threads; but a crash in a task must reach whoever reports crashes. */
static void block_signals(sigset_t *before)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t blocked;
    sigfillset(&blocked);
    for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++) sigdelset(&blocked, crashes[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static bool start_thread(Thread *thread)
{
    pthread_attr_t attributes;
    sigset_t before;
    if (pthread_attr_init(&attributes)) return false;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    block_signals(&before); /* a thread starts with its maker's */
    bool started = !pthread_create(&thread->handle, &attributes, run_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static void join_thread(Thread *thread)
{
    pthread_join(thread->handle, NULL);
}

static void in_child_of_fork(void (*reset)(void))
{
    pthread_atfork(NULL, NULL, reset);
}

#endif

#endif
