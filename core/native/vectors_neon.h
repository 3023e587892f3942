/* Sixteen numbers at once: four registers of NEON on arm64. What each function does is said in
   vectors_plain.h. */
#ifndef SMALLCODER_VECTORS_H
#define SMALLCODER_VECTORS_H

#include "compiler.h"

#include <arm_neon.h>
#include <stdint.h>

typedef float32x4x4_t Floats;
typedef int32x4x4_t Integers;

/* The same function of each of the four registers. */
#define FOUR(type, expression) \
    type result; \
    UNROLL \
    for (int i = 0; i < 4; i++) result.val[i] = (expression); \
    return result

INLINE Floats floats_all(float number)
{
    FOUR(Floats, vdupq_n_f32(number));
}

INLINE Floats floats_load(const float *from)
{
    FOUR(Floats, vld1q_f32(from + 4 * i));
}

INLINE void floats_store(float *to, Floats a)
{
    for (int i = 0; i < 4; i++) vst1q_f32(to + 4 * i, a.val[i]);
}

INLINE Floats floats_from_halves(const uint16_t *from)
{
    FOUR(Floats, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + 4 * i))));
}

INLINE void floats_to_halves(uint16_t *to, Floats a)
{
    for (int i = 0; i < 4; i++) vst1_u16(to + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.val[i])));
}

INLINE Floats floats_add(Floats a, Floats b)
{
    FOUR(Floats, vaddq_f32(a.val[i], b.val[i]));
}

INLINE Floats floats_subtract(Floats a, Floats b)
{
    FOUR(Floats, vsubq_f32(a.val[i], b.val[i]));
}

INLINE Floats floats_multiply(Floats a, Floats b)
{
    FOUR(Floats, vmulq_f32(a.val[i], b.val[i]));
}

INLINE Floats floats_divide(Floats a, Floats b)
{
    FOUR(Floats, vdivq_f32(a.val[i], b.val[i]));
}

INLINE Floats floats_fma(Floats a, Floats b, Floats c)
{
    FOUR(Floats, vfmaq_f32(c.val[i], a.val[i], b.val[i]));
}

INLINE Integers bits_of_floats(Floats a)
{
    FOUR(Integers, vreinterpretq_s32_f32(a.val[i]));
}

INLINE Floats floats_of_bits(Integers a)
{
    FOUR(Floats, vreinterpretq_f32_s32(a.val[i]));
}

INLINE Floats floats_where_more(Floats a, Floats b, Floats yes, Floats no)
{
    FOUR(Floats, vbslq_f32(vcgtq_f32(a.val[i], b.val[i]), yes.val[i], no.val[i]));
}

INLINE Floats floats_max(Floats a, Floats b)
{
    FOUR(Floats, vmaxq_f32(a.val[i], b.val[i]));
}

INLINE Floats floats_min(Floats a, Floats b)
{
    FOUR(Floats, vminq_f32(a.val[i], b.val[i]));
}

INLINE float floats_sum(Floats a)
{
    return vaddvq_f32(vaddq_f32(vaddq_f32(a.val[0], a.val[1]), vaddq_f32(a.val[2], a.val[3])));
}

INLINE float floats_peak(Floats a)
{
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.val[0], a.val[1]), vmaxq_f32(a.val[2], a.val[3])));
}

INLINE Floats floats_round(Floats a)
{
    FOUR(Floats, vrndnq_f32(a.val[i]));
}

INLINE Integers integers_all(int32_t number)
{
    FOUR(Integers, vdupq_n_s32(number));
}

INLINE Integers integers_of_floats(Floats a)
{
    FOUR(Integers, vcvtq_s32_f32(a.val[i]));
}

INLINE Floats floats_of_integers(Integers a)
{
    FOUR(Floats, vcvtq_f32_s32(a.val[i]));
}

INLINE Integers integers_load(const void *from)
{
    FOUR(Integers, vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)from + 16 * i)));
}

INLINE void integers_store(void *to, Integers a)
{
    for (int i = 0; i < 4; i++) vst1q_u8((uint8_t *)to + 16 * i, vreinterpretq_u8_s32(a.val[i]));
}

INLINE Integers integers_from_bytes(const uint8_t *from)
{
    uint8x16_t bytes = vld1q_u8(from);
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
    return (Integers){{vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))),
                       vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(low))),
                       vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))),
                       vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(high)))}};
}

INLINE void integers_to_bytes(int8_t *to, Integers a)
{
    int16x8_t low = vcombine_s16(vmovn_s32(a.val[0]), vmovn_s32(a.val[1]));
    int16x8_t high = vcombine_s16(vmovn_s32(a.val[2]), vmovn_s32(a.val[3]));
    vst1q_s8(to, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

INLINE Integers integers_from_shorts(const uint16_t *from)
{
    FOUR(Integers, vreinterpretq_s32_u32(vmovl_u16(vld1_u16(from + 4 * i))));
}

INLINE void integers_to_shorts(uint16_t *to, Integers a)
{
    for (int i = 0; i < 4; i++) vst1_u16(to + 4 * i, vmovn_u32(vreinterpretq_u32_s32(a.val[i])));
}

INLINE Integers integers_add(Integers a, Integers b)
{
    FOUR(Integers, vaddq_s32(a.val[i], b.val[i]));
}

INLINE Integers integers_and(Integers a, Integers b)
{
    FOUR(Integers, vandq_s32(a.val[i], b.val[i]));
}

INLINE Integers integers_or(Integers a, Integers b)
{
    FOUR(Integers, vorrq_s32(a.val[i], b.val[i]));
}

INLINE Integers integers_shift_left(Integers a, int places)
{
    FOUR(Integers, vshlq_s32(a.val[i], vdupq_n_s32(places)));
}

INLINE Integers integers_shift_right(Integers a, int places)
{
    FOUR(Integers, vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a.val[i]), vdupq_n_s32(-places))));
}

INLINE Integers integers_max(Integers a, Integers b)
{
    FOUR(Integers, vmaxq_s32(a.val[i], b.val[i]));
}

INLINE int32_t integers_sum(Integers a)
{
    return vaddvq_s32(vaddq_s32(vaddq_s32(a.val[0], a.val[1]), vaddq_s32(a.val[2], a.val[3])));
}

INLINE int32_t integers_peak(Integers a)
{
    return vmaxvq_s32(vmaxq_s32(vmaxq_s32(a.val[0], a.val[1]), vmaxq_s32(a.val[2], a.val[3])));
}

#undef FOUR

#endif
