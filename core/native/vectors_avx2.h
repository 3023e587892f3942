/* Sixteen numbers at once: two registers of AVX2, with FMA and F16C. What each function does is said in
   vectors_plain.h. */
#ifndef SMALLCODER_VECTORS_H
#define SMALLCODER_VECTORS_H

#include "compiler.h"

#include <immintrin.h>
#include <stdint.h>

typedef struct {
    __m256 low, high;
} Floats;

typedef struct {
    __m256i low, high;
} Integers;

INLINE Floats floats_all(float number)
{
    return (Floats){_mm256_set1_ps(number), _mm256_set1_ps(number)};
}

INLINE Floats floats_load(const float *from)
{
    return (Floats){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

INLINE void floats_store(float *to, Floats a)
{
    _mm256_storeu_ps(to, a.low);
    _mm256_storeu_ps(to + 8, a.high);
}

INLINE Floats floats_from_halves(const uint16_t *from)
{
    const __m128i *halves = (const __m128i *)from;
    return (Floats){_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}

INLINE void floats_to_halves(uint16_t *to, Floats a)
{
    _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)to + 1, _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT));
}

INLINE Floats floats_add(Floats a, Floats b)
{
    return (Floats){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

INLINE Floats floats_subtract(Floats a, Floats b)
{
    return (Floats){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

INLINE Floats floats_multiply(Floats a, Floats b)
{
    return (Floats){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

INLINE Floats floats_divide(Floats a, Floats b)
{
    return (Floats){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}

INLINE Floats floats_fma(Floats a, Floats b, Floats c)
{
    return (Floats){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

INLINE Integers bits_of_floats(Floats a)
{
    return (Integers){_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)};
}

INLINE Floats floats_of_bits(Integers a)
{
    return (Floats){_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)};
}

INLINE Floats floats_where_more(Floats a, Floats b, Floats yes, Floats no)
{
    return (Floats){_mm256_blendv_ps(no.low, yes.low, _mm256_cmp_ps(a.low, b.low, _CMP_GT_OQ)),
                    _mm256_blendv_ps(no.high, yes.high, _mm256_cmp_ps(a.high, b.high, _CMP_GT_OQ))};
}

INLINE Floats floats_max(Floats a, Floats b)
{
    return (Floats){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

INLINE Floats floats_min(Floats a, Floats b)
{
    return (Floats){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

INLINE float floats_sum(Floats a)
{
    __m256 eight = _mm256_add_ps(a.low, a.high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

INLINE float floats_peak(Floats a)
{
    __m256 eight = _mm256_max_ps(a.low, a.high);
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

INLINE Floats floats_round(Floats a)
{
    return (Floats){_mm256_round_ps(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                    _mm256_round_ps(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

INLINE Integers integers_all(int32_t number)
{
    return (Integers){_mm256_set1_epi32(number), _mm256_set1_epi32(number)};
}

INLINE Integers integers_of_floats(Floats a)
{
    return (Integers){_mm256_cvttps_epi32(a.low), _mm256_cvttps_epi32(a.high)};
}

INLINE Floats floats_of_integers(Integers a)
{
    return (Floats){_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
}

INLINE Integers integers_load(const void *from)
{
    const __m256i *halves = from;
    return (Integers){_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}

INLINE void integers_store(void *to, Integers a)
{
    _mm256_storeu_si256((__m256i *)to, a.low);
    _mm256_storeu_si256((__m256i *)to + 1, a.high);
}

INLINE Integers integers_from_bytes(const uint8_t *from)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)from);
    return (Integers){_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}

INLINE void integers_to_bytes(int8_t *to, Integers a)
{
    __m256i shorts = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.low, a.high), 0xd8);
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(shorts), _mm256_extracti128_si256(shorts, 1));
    _mm_storeu_si128((__m128i *)to, bytes);
}

INLINE Integers integers_from_shorts(const uint16_t *from)
{
    const __m128i *shorts = (const __m128i *)from;
    return (Integers){_mm256_cvtepu16_epi32(_mm_loadu_si128(shorts)),
                      _mm256_cvtepu16_epi32(_mm_loadu_si128(shorts + 1))};
}

INLINE void integers_to_shorts(uint16_t *to, Integers a)
{
    __m256i shorts = _mm256_permute4x64_epi64(_mm256_packus_epi32(a.low, a.high), 0xd8);
    _mm256_storeu_si256((__m256i *)to, shorts);
}

INLINE Integers integers_add(Integers a, Integers b)
{
    return (Integers){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}

INLINE Integers integers_and(Integers a, Integers b)
{
    return (Integers){_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
}

INLINE Integers integers_or(Integers a, Integers b)
{
    return (Integers){_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
}

INLINE Integers integers_shift_left(Integers a, int places)
{
    return (Integers){_mm256_slli_epi32(a.low, places), _mm256_slli_epi32(a.high, places)};
}

INLINE Integers integers_shift_right(Integers a, int places)
{
    return (Integers){_mm256_srli_epi32(a.low, places), _mm256_srli_epi32(a.high, places)};
}

INLINE Integers integers_max(Integers a, Integers b)
{
    return (Integers){_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)};
}

INLINE int32_t integers_sum(Integers a)
{
    __m256i eight = _mm256_add_epi32(a.low, a.high);
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

INLINE int32_t integers_peak(Integers a)
{
    __m256i eight = _mm256_max_epi32(a.low, a.high);
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    __m128i two = _mm_max_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 1)));
}

#endif
