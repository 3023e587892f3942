/* Sixteen numbers at once: one register of AVX-512. What each function does is said in vectors_plain.h. */
#ifndef SMALLCODER_VECTORS_H
#define SMALLCODER_VECTORS_H

#include "compiler.h"

#include <immintrin.h>
#include <stdint.h>

typedef __m512 Floats;
typedef __m512i Integers;

INLINE Floats floats_all(float number)
{
    return _mm512_set1_ps(number);
}

INLINE Floats floats_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

INLINE void floats_store(float *to, Floats a)
{
    _mm512_storeu_ps(to, a);
}

INLINE Floats floats_from_halves(const uint16_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}

INLINE void floats_to_halves(uint16_t *to, Floats a)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

INLINE Floats floats_add(Floats a, Floats b)
{
    return _mm512_add_ps(a, b);
}

INLINE Floats floats_subtract(Floats a, Floats b)
{
    return _mm512_sub_ps(a, b);
}

INLINE Floats floats_multiply(Floats a, Floats b)
{
    return _mm512_mul_ps(a, b);
}

INLINE Floats floats_divide(Floats a, Floats b)
{
    return _mm512_div_ps(a, b);
}

INLINE Floats floats_fma(Floats a, Floats b, Floats c)
{
    return _mm512_fmadd_ps(a, b, c);
}

INLINE Integers bits_of_floats(Floats a)
{
    return _mm512_castps_si512(a);
}

INLINE Floats floats_of_bits(Integers a)
{
    return _mm512_castsi512_ps(a);
}

INLINE Floats floats_where_more(Floats a, Floats b, Floats yes, Floats no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), no, yes);
}

INLINE Floats floats_max(Floats a, Floats b)
{
    return _mm512_max_ps(a, b);
}

INLINE Floats floats_min(Floats a, Floats b)
{
    return _mm512_min_ps(a, b);
}

INLINE float floats_sum(Floats a)
{
    return _mm512_reduce_add_ps(a);
}

INLINE float floats_peak(Floats a)
{
    return _mm512_reduce_max_ps(a);
}

INLINE Floats floats_round(Floats a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE Integers integers_all(int32_t number)
{
    return _mm512_set1_epi32(number);
}

INLINE Integers integers_of_floats(Floats a)
{
    return _mm512_cvttps_epi32(a);
}

INLINE Floats floats_of_integers(Integers a)
{
    return _mm512_cvtepi32_ps(a);
}

INLINE Integers integers_load(const void *from)
{
    return _mm512_loadu_si512(from);
}

INLINE void integers_store(void *to, Integers a)
{
    _mm512_storeu_si512(to, a);
}

INLINE Integers integers_from_bytes(const uint8_t *from)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from));
}

INLINE void integers_to_bytes(int8_t *to, Integers a)
{
    _mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(a));
}

INLINE Integers integers_from_shorts(const uint16_t *from)
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
}

INLINE void integers_to_shorts(uint16_t *to, Integers a)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtepi32_epi16(a));
}

INLINE Integers integers_add(Integers a, Integers b)
{
    return _mm512_add_epi32(a, b);
}

INLINE Integers integers_and(Integers a, Integers b)
{
    return _mm512_and_si512(a, b);
}

INLINE Integers integers_or(Integers a, Integers b)
{
    return _mm512_or_si512(a, b);
}

INLINE Integers integers_shift_left(Integers a, int places)
{
    return _mm512_slli_epi32(a, (unsigned)places);
}

INLINE Integers integers_shift_right(Integers a, int places)
{
    return _mm512_srli_epi32(a, (unsigned)places);
}

INLINE Integers integers_max(Integers a, Integers b)
{
    return _mm512_max_epi32(a, b);
}

INLINE int32_t integers_sum(Integers a)
{
    return _mm512_reduce_add_epi32(a);
}

INLINE int32_t integers_peak(Integers a)
{
    return _mm512_reduce_max_epi32(a);
}

#endif
