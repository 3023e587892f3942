/* What is made of the vectors of one of the vectors_*.h, which a kernels_*.c includes before this: the
   exponential, other types of numbers, and rows whose length is not a multiple of sixteen. */
#ifndef SMALLCODER_VECTORS_MORE_H
#define SMALLCODER_VECTORS_MORE_H

#include "half.h"
#include "kernels.h"

#include <string.h>

INLINE Integers magnitude_bits(Floats a)
{
    return integers_and(bits_of_floats(a), integers_all(0x7fffffff));
}

INLINE Floats magnitude(Floats a)
{
    return floats_of_bits(magnitude_bits(a));
}

/* e to the a, to 7 digits: 2^n of the nearest n, and a polynomial for what is left. NaN stays NaN. */
INLINE Floats floats_exp(Floats a)
{
    static const float FACTORS[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                                    5.0000001201e-1f};
    a = floats_min(floats_all(88.0f), floats_max(floats_all(-87.0f), a));
    Floats n = floats_round(floats_multiply(a, floats_all(1.44269504f)));
    Floats rest =
        floats_fma(n, floats_all(-0.693359375f), a); /* ln 2 in two parts, the first of few digits */
    rest = floats_fma(n, floats_all(2.12194440e-4f), rest);
    Floats sum = floats_all(1.9875691500e-4f);
    for (int i = 0; i < 5; i++) sum = floats_fma(sum, rest, floats_all(FACTORS[i]));
    sum = floats_add(floats_fma(floats_multiply(rest, rest), sum, rest), floats_all(1));
    Integers exponent = integers_shift_left(integers_add(integers_of_floats(n), integers_all(127)), 23);
    return floats_multiply(sum, floats_of_bits(exponent));
}

INLINE Floats floats_silu(Floats a)
{
    Floats denominator = floats_add(floats_all(1), floats_exp(floats_subtract(floats_all(0), a)));
    return floats_divide(a, denominator);
}

/* The first `count` of sixteen; zeros follow. */
INLINE Floats load_part(const float *from, int count)
{
    if (count >= 16) return floats_load(from);
    float sixteen[16] = {0};
    memcpy(sixteen, from, sizeof(float) * count);
    return floats_load(sixteen);
}

INLINE void store_part(float *to, Floats a, int count)
{
    if (count >= 16) {
        floats_store(to, a);
    } else {
        float sixteen[16];
        floats_store(sixteen, a);
        memcpy(to, sixteen, sizeof(float) * count);
    }
}

INLINE Floats floats_from_bfloats(const uint16_t *from)
{
    return floats_of_bits(integers_shift_left(integers_from_shorts(from), 16));
}

/* To the nearest, to the even one between two. */
INLINE void floats_to_bfloats(uint16_t *to, Floats a)
{
    Integers bits = bits_of_floats(a);
    Integers odd = integers_and(integers_shift_right(bits, 16), integers_all(1));
    Integers rounded = integers_add(bits, integers_add(odd, integers_all(0x7fff)));
    integers_to_shorts(to, integers_shift_right(rounded, 16));
}

INLINE size_t bytes_of(Type type)
{
    return type == FLOAT32 ? 4 : 2;
}

INLINE Floats load_typed(const void *from, Type type)
{
    if (type == FLOAT32) return floats_load(from);
    return type == BFLOAT16 ? floats_from_bfloats(from) : floats_from_halves(from);
}

INLINE void store_typed(void *to, Floats a, Type type)
{
    if (type == FLOAT32)
        floats_store(to, a);
    else if (type == BFLOAT16)
        floats_to_bfloats(to, a);
    else
        floats_to_halves(to, a);
}

INLINE void *number_at(const Rows *rows, int64_t row, int64_t column)
{
    return (char *)rows->numbers + (row * rows->stride + column) * (int64_t)bytes_of(rows->type);
}

/* `count` numbers of a row, from `column` on. */
INLINE void load_row(float *to, const Rows *rows, int64_t row, int column, int count)
{
    const char *from = number_at(rows, row, column);
    size_t size = bytes_of(rows->type);
    int done = 0;
    for (; done + 16 <= count; done += 16)
        floats_store(to + done, load_typed(from + done * size, rows->type));
    if (done < count) {
        char sixteen[16 * sizeof(float)] = {0};
        memcpy(sixteen, from + done * size, (count - done) * size);
        store_part(to + done, load_typed(sixteen, rows->type), count - done);
    }
}

/* Reads from beyond `count`, up to a multiple of sixteen. */
INLINE void store_row(const Rows *rows, int64_t row, int column, const float *from, int count)
{
    char *to = number_at(rows, row, column);
    size_t size = bytes_of(rows->type);
    int done = 0;
    for (; done + 16 <= count; done += 16)
        store_typed(to + done * size, floats_load(from + done), rows->type);
    if (done < count) {
        char sixteen[16 * sizeof(float)];
        store_typed(sixteen, floats_load(from + done), rows->type);
        memcpy(to + done * size, sixteen, (count - done) * size);
    }
}

#endif
