/* One number in 16 bits (IEEE half precision) to one in 32 and back, on any processor. Sixteen at once:
   vectors_*.h. */
#ifndef SMALLCODER_HALF_H
#define SMALLCODER_HALF_H

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static inline uint32_t bits_of_float(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static inline float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
    uint32_t bits = rest >= 0x0f800000 ? rest | 0x7f800000 : bits_of_float(float_of_bits(rest) * 0x1p112f);
    return float_of_bits(sign | bits);
}

/* To the nearest, to the even one between two; what is too large becomes infinite. */
static inline uint16_t half_of_float(float number)
{
    uint32_t bits = bits_of_float(number), sign = (bits >> 16) & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (rest < 0x38800000) /* below the normal ones; adding 0.5 leaves steps of 2^-24 */
        return (uint16_t)(sign | (bits_of_float(float_of_bits(rest) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | ((rest - 0x38000000 + 0xfff + ((rest >> 13) & 1)) >> 13));
}

#endif
