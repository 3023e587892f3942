/* x86 with AVX-512 and its dot products of bytes (F, BW, VL, DQ, VNNI): servers, and desktops from Zen 4
   on. */
#include "kernels.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && \
    defined(__AVX512VNNI__)
#include "vectors_avx512.h"

#define KERNELS_NAME "avx512"
#define MOST_ROWS 8
#define LEAST_ROWS_LOOKED_AT 8
#define HAS_PANELS 1
#define LEAST_ROWS_OF_PANELS 24
#define PANEL_ROWS 4
#define PANEL_BLOCKS 16
#define PANEL_LINE_BYTES LINE_BYTES
#define SCORE_CHAINS 2
#define MOST_MIXED 20

typedef struct {
    __m512i quad[QUADS];
} Quads;

#define weight_offset(bits) ((bits) == 8 ? 128 : 8)
#define has_two_planes(bits, asked) ((asked) == 2)
#define has_words(bits) false
#define store_words(to, a) (void)0
#include "products.h"

INLINE Quads load_quads(const uint8_t *block, const int bits)
{
    const __m512i low = _mm512_set1_epi8(15);
    Quads quads;
    UNROLL
    for (int i = 0; i < bits; i++) {
        __m512i bytes = _mm512_loadu_si512(block + i * LINE_BYTES);
        quads.quad[i] = bits == 8 ? bytes : _mm512_and_si512(bytes, low);
        if (bits == 4) quads.quad[i + 4] = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low);
    }
    return quads;
}

INLINE __m512i four_to_all(const int8_t *numbers)
{
    int32_t four;
    memcpy(&four, numbers, sizeof four);
    return _mm512_set1_epi32(four);
}

INLINE __m512i add_quads(__m512i sums, const Quads *weights, const int8_t *plane, int i)
{
    return _mm512_dpbusd_epi32(sums, weights->quad[i], four_to_all(plane + 4 * i));
}

/* In two chains, because a dot product waits for the one before it. Together they fit 32 bits:
   127 x 127 x 32 x 256. */
INLINE Floats multiply_row(const Quads *weights, BlockOfActivations x, const int planes)
{
    __m512i first = _mm512_set1_epi32(x.first_offset), second = _mm512_set1_epi32(x.second_offset);
    if (planes == 1) second = _mm512_setzero_si512();
    UNROLL
    for (int i = 0; i < QUADS; i += 2) {
        first = add_quads(first, weights, x.first, i);
        if (planes == 2) {
            first = add_quads(first, weights, x.first, i + 1);
            second = add_quads(second, weights, x.second, i);
            second = add_quads(second, weights, x.second, i + 1);
        } else {
            second = add_quads(second, weights, x.first, i + 1);
        }
    }
    if (planes == 2) first = _mm512_slli_epi32(first, FINER_BITS);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(first, second));
}

INLINE void multiply_block(Quads weights, const BlockOfActivations *x, Floats *products, const int bits,
                           const int planes, const int rows)
{
    (void)bits; /* quads are bytes by now */
    UNROLL
    for (int i = 0; i < rows; i++) products[i] = multiply_row(&weights, x[i], planes);
}

INLINE void unpack_block(uint8_t *to, const uint8_t *from, const int bits)
{
    unpack_bytes(to, from, bits);
}

INLINE void multiply_panel_block(const PanelBlock *weights, PanelInputs x, PanelFloats products,
                                 const int bits, const int planes)
{
    (void)bits;
    __m512i first[PANEL_TILES][PANEL_ROWS], second[PANEL_TILES][PANEL_ROWS];
    UNROLL
    for (int row = 0; row < PANEL_ROWS; row++) {
        const ActivationBlock *block = x.blocks + row * x.stride;
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++) {
            first[tile][row] = _mm512_set1_epi32(block->offsets[0]);
            if (planes == 2) second[tile][row] = _mm512_set1_epi32(block->offsets[1]);
        }
    }
    UNROLL
    for (int i = 0; i < QUADS; i++) {
        __m512i quads[PANEL_TILES];
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++)
            quads[tile] = _mm512_load_si512(weights->quads[tile] + i * LINE_BYTES);
        UNROLL
        for (int row = 0; row < PANEL_ROWS; row++) {
            const int8_t *numbers = x.blocks[row * x.stride].numbers + 4 * i;
            UNROLL
            for (int tile = 0; tile < PANEL_TILES; tile++) {
                first[tile][row] = _mm512_dpbusd_epi32(first[tile][row], quads[tile], four_to_all(numbers));
                if (planes == 2)
                    second[tile][row] = _mm512_dpbusd_epi32(second[tile][row], quads[tile],
                                                            four_to_all(numbers + BLOCK_COLUMNS));
            }
        }
    }
    UNROLL
    for (int row = 0; row < PANEL_ROWS; row++) {
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++) {
            __m512i sum = first[tile][row];
            if (planes == 2) sum = _mm512_add_epi32(_mm512_slli_epi32(sum, FINER_BITS), second[tile][row]);
            products[tile][row] = _mm512_cvtepi32_ps(sum);
        }
    }
}

#include "table.h"

const Kernels *kernels_avx512(void)
{
    return &TABLE;
}
#else
const Kernels *kernels_avx512(void)
{
    return NULL;
}
#endif
