/* x86 with dot products of bytes in registers of 256 bits (AVX-VNNI): Intel's PCs since 2021, AMD's since Zen
   5.

   Made a second time in the encoding of AVX512VL ("vnni256"), with the same results to the bit: so this
   file is tested, and can be measured, on processors that have AVX-512 only. */
#include "kernels.h"

#if defined(WITH_AVX512VL)
#define TABLE_FUNCTION kernels_vnni256
#define KERNELS_NAME "vnni256"
#if defined(__AVX512VL__) && defined(__AVX512VNNI__)
#define ADD_DOT_PRODUCTS _mm256_dpbusd_epi32
#endif
#else
#define TABLE_FUNCTION kernels_avxvnni
#define KERNELS_NAME "avxvnni"
#if defined(__AVXVNNI__)
#define ADD_DOT_PRODUCTS _mm256_dpbusd_avx_epi32
#endif
#endif

#if defined(ADD_DOT_PRODUCTS) && defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "vectors_avx2.h"

#define MOST_ROWS 2
#define LEAST_ROWS_LOOKED_AT 2
#define HAS_PANELS 0
#define SCORE_CHAINS 1
#define MOST_MIXED 5

#define weight_offset(bits) ((bits) == 8 ? 128 : 8)
#define has_two_planes(bits, asked) ((asked) == 2)
#define has_words(bits) false
#define store_words(to, a) (void)0

typedef const uint8_t *Quads; /* too many for its registers */
#include "products.h"

INLINE Quads load_quads(const uint8_t *block, const int bits)
{
    (void)bits;
    return block;
}

INLINE __m256i four_to_all(const int8_t *numbers)
{
    int32_t four;
    memcpy(&four, numbers, sizeof four);
    return _mm256_set1_epi32(four);
}

INLINE Integers load_quad(const uint8_t *weights, int i, const int bits)
{
    if (bits == 8) return integers_load(weights + i * LINE_BYTES);
    const Integers low = integers_all(0x0f0f0f0f);
    Integers two = integers_load(weights + i % 4 * LINE_BYTES);
    return integers_and(i < 4 ? two : integers_shift_right(two, 4), low);
}

INLINE Integers add_products(Integers sums, Integers quad, const int8_t *x)
{
    __m256i four = four_to_all(x);
    return (Integers){ADD_DOT_PRODUCTS(sums.low, quad.low, four),
                      ADD_DOT_PRODUCTS(sums.high, quad.high, four)};
}

INLINE void multiply_block(Quads weights, const BlockOfActivations *x, Floats *products, const int bits,
                           const int planes, const int rows)
{
    Integers first[MOST_ROWS], second[MOST_ROWS];
    for (int row = 0; row < rows; row++) first[row] = integers_all(x[row].first_offset);
    for (int row = 0; row < rows; row++) second[row] = integers_all(x[row].second_offset);
    UNROLL
    for (int i = 0; i < QUADS; i++) {
        Integers quad = load_quad(weights, i, bits);
        UNROLL
        for (int row = 0; row < rows; row++) {
            first[row] = add_products(first[row], quad, x[row].first + 4 * i);
            if (planes == 2) second[row] = add_products(second[row], quad, x[row].second + 4 * i);
        }
    }
    for (int row = 0; row < rows; row++) {
        products[row] = floats_of_integers(first[row]);
        if (planes == 2)
            products[row] = floats_fma(products[row], floats_all(FINER), floats_of_integers(second[row]));
    }
}

#include "table.h"

const Kernels *TABLE_FUNCTION(void)
{
    return &TABLE;
}
#else
const Kernels *TABLE_FUNCTION(void)
{
    return NULL;
}
#endif
