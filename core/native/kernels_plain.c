/* Any processor: what the compiler makes of plain C. */
#include "kernels.h"

#include "vectors_plain.h"

#define KERNELS_NAME "plain"
#define MOST_ROWS 4
#define LEAST_ROWS_LOOKED_AT 4
#define HAS_PANELS 0
#define SCORE_CHAINS 1
#define MOST_MIXED 5

#define weight_offset(bits) ((bits) == 8 ? 128 : 8)
#define has_two_planes(bits, asked) ((asked) == 2)
#define has_words(bits) false
#define store_words(to, a) (void)0

typedef const uint8_t *Quads;
#include "products.h"

INLINE Quads load_quads(const uint8_t *block, const int bits)
{
    (void)bits;
    return block;
}

INLINE Floats multiply_plane(const uint8_t *weights, const int8_t *plane, int32_t offset, const int bits)
{
    int32_t sums[TILE_ROWS];
    for (int row = 0; row < TILE_ROWS; row++) sums[row] = offset;
    for (int quad = 0; quad < QUADS; quad++) {
        const uint8_t *line = weights + quad % bits * LINE_BYTES;
        int shift = quad < bits ? 0 : 4, mask = bits == 8 ? 255 : 15;
        for (int row = 0; row < TILE_ROWS; row++)
            for (int i = 0; i < 4; i++)
                sums[row] += (line[4 * row + i] >> shift & mask) * plane[4 * quad + i];
    }
    return floats_of_integers(integers_load(sums));
}

INLINE void multiply_block(Quads weights, const BlockOfActivations *x, Floats *products, const int bits,
                           const int planes, const int rows)
{
    for (int i = 0; i < rows; i++) {
        products[i] = multiply_plane(weights, x[i].first, x[i].first_offset, bits);
        if (planes == 2) {
            Floats rest = multiply_plane(weights, x[i].second, x[i].second_offset, bits);
            products[i] = floats_fma(products[i], floats_all(FINER), rest);
        }
    }
}

#include "table.h"

const Kernels *kernels_plain(void)
{
    return &TABLE;
}
