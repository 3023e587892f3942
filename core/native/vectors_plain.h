/* Sixteen numbers at once, without a processor's own instructions: the compiler finds what it can.

   This file is also the definition: the other vectors_*.h have the same functions with the same results,
   except that `floats_fma` may round once instead of twice, and sums and products may differ in the last
   bit. */
#ifndef SMALLCODER_VECTORS_H
#define SMALLCODER_VECTORS_H

#include "compiler.h"
#include "half.h"

#include <stdint.h>
#include <string.h>

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Integers __attribute__((vector_size(64)));

INLINE Floats floats_all(float number)
{
    return (Floats){0} + number;
}

INLINE Floats floats_load(const float *from)
{
    Floats a;
    memcpy(&a, from, sizeof a);
    return a;
}

INLINE void floats_store(float *to, Floats a)
{
    memcpy(to, &a, sizeof a);
}

INLINE Floats floats_from_halves(const uint16_t *from)
{
    Floats a;
    for (int i = 0; i < 16; i++) a[i] = float_of_half(from[i]);
    return a;
}

/* To the nearest, to the even one between two. */
INLINE void floats_to_halves(uint16_t *to, Floats a)
{
    for (int i = 0; i < 16; i++) to[i] = half_of_float(a[i]);
}

INLINE Floats floats_add(Floats a, Floats b)
{
    return a + b;
}

INLINE Floats floats_subtract(Floats a, Floats b)
{
    return a - b;
}

INLINE Floats floats_multiply(Floats a, Floats b)
{
    return a * b;
}

INLINE Floats floats_divide(Floats a, Floats b)
{
    return a / b;
}

INLINE Floats floats_fma(Floats a, Floats b, Floats c)
{
    return a * b + c;
}

INLINE Integers bits_of_floats(Floats a)
{
    return (Integers)a;
}

INLINE Floats floats_of_bits(Integers a)
{
    return (Floats)a;
}

/* `yes` where a > b, else `no`, also where one of them is NaN. */
INLINE Floats floats_where_more(Floats a, Floats b, Floats yes, Floats no)
{
    Integers mask = a > b;
    return (Floats)((mask & (Integers)yes) | (~mask & (Integers)no));
}

/* A NaN in b stays. */
INLINE Floats floats_max(Floats a, Floats b)
{
    return floats_where_more(a, b, a, b);
}

/* A NaN in b stays. */
INLINE Floats floats_min(Floats a, Floats b)
{
    return floats_where_more(b, a, a, b);
}

INLINE float floats_sum(Floats a)
{
    float sum = 0;
    for (int i = 0; i < 16; i++) sum += a[i];
    return sum;
}

/* Whether a NaN gets through is not defined. */
INLINE float floats_peak(Floats a)
{
    float peak = a[0];
    for (int i = 1; i < 16; i++) peak = a[i] > peak ? a[i] : peak;
    return peak;
}

/* To the nearest, to the even one between two; for numbers below 2^22. */
INLINE Floats floats_round(Floats a)
{
    return (a + 12582912.0f) - 12582912.0f;
}

INLINE Integers integers_all(int32_t number)
{
    return (Integers){0} + number;
}

/* Of whole numbers; what NaN becomes is not defined. */
INLINE Integers integers_of_floats(Floats a)
{
    return __builtin_convertvector(a, Integers);
}

INLINE Floats floats_of_integers(Integers a)
{
    return __builtin_convertvector(a, Floats);
}

INLINE Integers integers_load(const void *from)
{
    Integers a;
    memcpy(&a, from, sizeof a);
    return a;
}

INLINE void integers_store(void *to, Integers a)
{
    memcpy(to, &a, sizeof a);
}

INLINE Integers integers_from_bytes(const uint8_t *from)
{
    Integers a;
    for (int i = 0; i < 16; i++) a[i] = from[i];
    return a;
}

/* Of numbers in -128..127. */
INLINE void integers_to_bytes(int8_t *to, Integers a)
{
    for (int i = 0; i < 16; i++) to[i] = (int8_t)a[i];
}

INLINE Integers integers_from_shorts(const uint16_t *from)
{
    Integers a;
    for (int i = 0; i < 16; i++) a[i] = from[i];
    return a;
}

/* Of numbers in 0..65535. */
INLINE void integers_to_shorts(uint16_t *to, Integers a)
{
    for (int i = 0; i < 16; i++) to[i] = (uint16_t)a[i];
}

INLINE Integers integers_add(Integers a, Integers b)
{
    return a + b;
}

INLINE Integers integers_and(Integers a, Integers b)
{
    return a & b;
}

INLINE Integers integers_or(Integers a, Integers b)
{
    return a | b;
}

INLINE Integers integers_shift_left(Integers a, int places)
{
    return a << places;
}

/* Zeros come in, whatever the sign. */
INLINE Integers integers_shift_right(Integers a, int places)
{
    typedef uint32_t Unsigned __attribute__((vector_size(64)));
    return (Integers)((Unsigned)a >> (uint32_t)places);
}

INLINE Integers integers_max(Integers a, Integers b)
{
    Integers mask = a > b;
    return (mask & a) | (~mask & b);
}

INLINE int32_t integers_sum(Integers a)
{
    int32_t sum = 0;
    for (int i = 0; i < 16; i++) sum += a[i];
    return sum;
}

INLINE int32_t integers_peak(Integers a)
{
    int32_t peak = a[0];
    for (int i = 1; i < 16; i++) peak = a[i] > peak ? a[i] : peak;
    return peak;
}

#endif
