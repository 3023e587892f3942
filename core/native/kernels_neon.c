/* arm64 with dot products of bytes (Armv8.2 and later): Apple's, and most boards and servers of today. */
#include "kernels.h"

#if defined(__ARM_NEON) && defined(__ARM_FEATURE_DOTPROD)
#include "vectors_neon.h"

#define KERNELS_NAME "neon"
#define MOST_ROWS 4
#define LEAST_ROWS_LOOKED_AT 4
#define HAS_PANELS 0
#define SCORE_CHAINS 1
#define MOST_MIXED 5

/* Both sides of its dot products have a sign: weights of eight bits get theirs back, those of four pass
   without one. */
#define weight_offset(bits) ((bits) == 8 ? 0 : 8)
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

/* Four of the tile's rows. */
INLINE int8x16_t load_quad(const uint8_t *weights, int i, const int bits)
{
    if (bits == 8) return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(weights + i * LINE_BYTES), vdupq_n_u8(128)));
    uint8x16_t two = vld1q_u8(weights + i % 4 * LINE_BYTES);
    return vreinterpretq_s8_u8(i < 4 ? vandq_u8(two, vdupq_n_u8(15)) : vshrq_n_u8(two, 4));
}

INLINE float32x4_t multiply_four_rows(const uint8_t *weights, BlockOfActivations x, const int bits,
                                      const int planes)
{
    int8x16_t low = vld1q_s8(x.first), high = vld1q_s8(x.first + 16);
    int8x16_t second_low = vld1q_s8(x.second), second_high = vld1q_s8(x.second + 16);
    int32x4_t first = vdupq_n_s32(x.first_offset), second = vdupq_n_s32(x.second_offset);
#define ADD_QUADS(i) \
    do { \
        int8x16_t lower = load_quad(weights, i, bits), upper = load_quad(weights, i + 4, bits); \
        first = vdotq_laneq_s32(vdotq_laneq_s32(first, lower, low, i), upper, high, i); \
        if (planes == 2) \
            second = vdotq_laneq_s32(vdotq_laneq_s32(second, lower, second_low, i), upper, second_high, i); \
    } while (0)
    ADD_QUADS(0); /* the place in a vector must be a constant */
    ADD_QUADS(1);
    ADD_QUADS(2);
    ADD_QUADS(3);
#undef ADD_QUADS
    float32x4_t product = vcvtq_f32_s32(first);
    return planes == 1 ? product : vfmaq_n_f32(vcvtq_f32_s32(second), product, FINER);
}

INLINE void multiply_block(Quads weights, const BlockOfActivations *x, Floats *products, const int bits,
                           const int planes, const int rows)
{
    for (int i = 0; i < rows; i++)
        for (int four = 0; four < 4; four++)
            products[i].val[four] = multiply_four_rows(weights + 16 * four, x[i], bits, planes);
}

#include "table.h"

const Kernels *kernels_neon(void)
{
    return &TABLE;
}
#else
const Kernels *kernels_neon(void)
{
    return NULL;
}
#endif
