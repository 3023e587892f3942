/* x86 with AVX2, FMA and F16C: nearly every PC since 2013, and AMD's before Zen 4.

   Its products of bytes add two at a time into 16 bits. Weights of four bits are small enough for that;
   against weights of eight the activations have 16 bits instead of planes, which costs no more and is
   finer than two planes. */
#include "kernels.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "vectors_avx2.h"

#define KERNELS_NAME "avx2"
#define MOST_ROWS 4
#define LEAST_ROWS_LOOKED_AT 2
#define HAS_PANELS 1
#define LEAST_ROWS_OF_PANELS 12
#define PANEL_ROWS 2
#define PANEL_BLOCKS 8
#define PANEL_LINE_BYTES (2 * LINE_BYTES)
#define SCORE_CHAINS 1
#define MOST_MIXED 5

#define weight_offset(bits) ((bits) == 8 ? 128 : 8)
#define has_two_planes(bits, asked) ((bits) == 4 && (asked) == 2)
#define has_words(bits) ((bits) == 8)

/* The columns of a quad in the order 0, 2, 1, 3. */
INLINE void store_words(int16_t *to, Integers a)
{
    const __m256i order = _mm256_set_epi8(15, 14, 11, 10, 13, 12, 9, 8, 7, 6, 3, 2, 5, 4, 1, 0, 15, 14, 11,
                                          10, 13, 12, 9, 8, 7, 6, 3, 2, 5, 4, 1, 0);
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.low, a.high), 0xd8);
    _mm256_storeu_si256((__m256i *)to, _mm256_shuffle_epi8(words, order));
}

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

/* A sum that GCC can't take apart: in the order that it likes better, the next ones would need more registers
   than there are. */
INLINE Integers as_one(Integers sum)
{
    __asm__("" : "+x"(sum.low), "+x"(sum.high));
    return sum;
}

INLINE Integers add_words(Integers sums, Integers words, const int8_t *x)
{
    __m256i two = four_to_all(x);
    Integers products = {_mm256_madd_epi16(words.low, two), _mm256_madd_epi16(words.high, two)};
    return as_one(integers_add(sums, products));
}

/* Even columns and odd ones become words without moving. */
INLINE Integers words_of(const uint8_t *quad, const int is_odd)
{
    const __m256i low = _mm256_set1_epi16(255);
    Integers bytes = integers_load(quad);
    if (is_odd) return (Integers){_mm256_srli_epi16(bytes.low, 8), _mm256_srli_epi16(bytes.high, 8)};
    return (Integers){_mm256_and_si256(bytes.low, low), _mm256_and_si256(bytes.high, low)};
}

INLINE void multiply_bytes(const uint8_t *weights, const BlockOfActivations *x, Floats *products,
                           const int rows)
{
    Integers sums[MOST_ROWS];
    for (int row = 0; row < rows; row++) sums[row] = integers_all(x[row].first_offset);
    UNROLL
    for (int half = 0; half < 2 * QUADS; half++) {
        Integers words = words_of(weights + half / 2 * LINE_BYTES, half % 2);
        UNROLL
        for (int row = 0; row < rows; row++) sums[row] = add_words(sums[row], words, x[row].first + 4 * half);
    }
    for (int row = 0; row < rows; row++) products[row] = floats_of_integers(sums[row]);
}

/* Pairs of products in 16 bits. All of a block's fit: 15 x 127 x 2 x 8. */
INLINE Integers add_pairs(Integers pairs, Integers quad, const int8_t *x)
{
    __m256i four = four_to_all(x);
    return (Integers){_mm256_add_epi16(pairs.low, _mm256_maddubs_epi16(quad.low, four)),
                      _mm256_add_epi16(pairs.high, _mm256_maddubs_epi16(quad.high, four))};
}

/* To sums of four in 32 bits, times what their plane counts. */
INLINE Integers sum_pairs(Integers pairs, int16_t count)
{
    __m256i counts = _mm256_set1_epi16(count);
    return (Integers){_mm256_madd_epi16(pairs.low, counts), _mm256_madd_epi16(pairs.high, counts)};
}

/* Half a block's columns are in the lower halves of its bytes, and then come those of the upper ones. */
INLINE Integers half_bytes_of(const uint8_t *weights, const int quad)
{
    const Integers low = integers_all(0x0f0f0f0f);
    Integers two = integers_load(weights + quad / 2 * LINE_BYTES);
    return integers_and(quad % 2 ? integers_shift_right(two, 4) : two, low);
}

/* Planes from `first` on. */
INLINE void add_planes_of_pairs(Integers (*pairs)[MOST_ROWS], const uint8_t *weights,
                                const BlockOfActivations *x, const int first, const int end, const int rows)
{
    UNROLL
    for (int i = 0; i < QUADS; i++) {
        Integers quad = half_bytes_of(weights, i);
        UNROLL
        for (int plane = first; plane < end; plane++) {
            UNROLL
            for (int row = 0; row < rows; row++) {
                const int8_t *numbers = (plane ? x[row].second : x[row].first) + i / 2 * 4 + i % 2 * 16;
                pairs[plane][row] = as_one(add_pairs(pairs[plane][row], quad, numbers));
            }
        }
    }
}

/* Both planes at once where there are registers for it. */
INLINE void multiply_half_bytes(const uint8_t *weights, const BlockOfActivations *x, Floats *products,
                                const int planes, const int rows)
{
    Integers pairs[2][MOST_ROWS];
    for (int row = 0; row < rows; row++) pairs[0][row] = pairs[1][row] = integers_all(0);
    const bool is_both = planes == 2 && rows <= MOST_ROWS / 2;
    add_planes_of_pairs(pairs, weights, x, 0, is_both ? 2 : 1, rows);
    if (planes == 2 && !is_both) add_planes_of_pairs(pairs, weights, x, 1, 2, rows);
    for (int row = 0; row < rows; row++) {
        const int16_t count = planes == 2 ? FINER : 1;
        Integers sum = integers_add(integers_all(x[row].first_offset * count), sum_pairs(pairs[0][row], count));
        Integers rest = integers_add(integers_all(x[row].second_offset), sum_pairs(pairs[1][row], 1));
        products[row] = floats_of_integers(planes == 2 ? integers_add(sum, rest) : sum);
    }
}

INLINE void multiply_block(Quads weights, const BlockOfActivations *x, Floats *products, const int bits,
                           const int planes, const int rows)
{
    if (bits == 8)
        multiply_bytes(weights, x, products, rows);
    else
        multiply_half_bytes(weights, x, products, planes, rows);
}

/* Weights of eight bits as words without offset, in each quad the even columns of all rows and then the odd
   ones: as the activations have them. */
INLINE void unpack_words(uint8_t *to, const uint8_t *from)
{
    const __m256i low = _mm256_set1_epi16(255), offset = _mm256_set1_epi16(128);
    __m256i *words = (__m256i *)to;
    UNROLL
    for (int i = 0; i < QUADS; i++, words += 4) {
        Integers quad = integers_load(from + i * LINE_BYTES);
        _mm256_store_si256(words, _mm256_sub_epi16(_mm256_and_si256(quad.low, low), offset));
        _mm256_store_si256(words + 1, _mm256_sub_epi16(_mm256_and_si256(quad.high, low), offset));
        _mm256_store_si256(words + 2, _mm256_sub_epi16(_mm256_srli_epi16(quad.low, 8), offset));
        _mm256_store_si256(words + 3, _mm256_sub_epi16(_mm256_srli_epi16(quad.high, 8), offset));
    }
}

INLINE void unpack_block(uint8_t *to, const uint8_t *from, const int bits)
{
    if (bits == 8)
        unpack_words(to, from);
    else
        unpack_bytes(to, from, bits);
}

typedef Integers PanelIntegers[PANEL_TILES][PANEL_ROWS];

INLINE void clear_panel(PanelIntegers sums)
{
    UNROLL
    for (int tile = 0; tile < PANEL_TILES; tile++) {
        UNROLL
        for (int row = 0; row < PANEL_ROWS; row++) sums[tile][row] = integers_all(0);
    }
}

INLINE void multiply_panel_words(const PanelBlock *weights, PanelInputs x, PanelIntegers sums)
{
    clear_panel(sums);
    UNROLL
    for (int half = 0; half < 2 * QUADS; half++) {
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++) {
            Integers words = integers_load(weights->quads[tile] + half * LINE_BYTES);
            UNROLL
            for (int row = 0; row < PANEL_ROWS; row++) {
                const int8_t *numbers = x.blocks[row * x.stride].numbers + 4 * half;
                sums[tile][row] = add_words(sums[tile][row], words, numbers);
            }
        }
    }
}

/* With one of the planes, times what it counts. */
INLINE void multiply_panel_plane(const PanelBlock *weights, PanelInputs x, PanelIntegers sums,
                                 const int plane, const int16_t count)
{
    PanelIntegers pairs;
    clear_panel(pairs);
    UNROLL
    for (int i = 0; i < QUADS; i++) {
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++) {
            Integers quad = integers_load(weights->quads[tile] + i * LINE_BYTES);
            UNROLL
            for (int row = 0; row < PANEL_ROWS; row++) {
                const int8_t *numbers = x.blocks[row * x.stride].numbers + plane * BLOCK_COLUMNS;
                pairs[tile][row] = as_one(add_pairs(pairs[tile][row], quad, numbers + 4 * i));
            }
        }
    }
    UNROLL
    for (int row = 0; row < PANEL_ROWS; row++) {
        Integers offset = integers_all(x.blocks[row * x.stride].offsets[plane] * count);
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++)
            sums[tile][row] = integers_add(offset, sum_pairs(pairs[tile][row], count));
    }
}

INLINE void multiply_panel_block(const PanelBlock *weights, PanelInputs x, PanelFloats products,
                                 const int bits, const int planes)
{
    PanelIntegers sums, finer;
    if (bits == 8)
        multiply_panel_words(weights, x, sums);
    else
        multiply_panel_plane(weights, x, sums, 0, planes == 2 ? FINER : 1);
    if (bits == 4 && planes == 2) multiply_panel_plane(weights, x, finer, 1, 1);
    UNROLL
    for (int tile = 0; tile < PANEL_TILES; tile++) {
        UNROLL
        for (int row = 0; row < PANEL_ROWS; row++) {
            Integers sum = sums[tile][row];
            if (bits == 4 && planes == 2) sum = integers_add(sum, finer[tile][row]);
            products[tile][row] = floats_of_integers(sum);
        }
    }
}

#include "table.h"

const Kernels *kernels_avx2(void)
{
    return &TABLE;
}
#else
const Kernels *kernels_avx2(void)
{
    return NULL;
}
#endif
