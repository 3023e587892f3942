/* Tiles of weights, packed and unpacked as layout.h draws them, for whatever processor includes this.

   Packing takes a tile's 16 rows side by side, one in each place of a vector. */
#include "vectors.h"

#define LEAST_WEIGHT(bits) ((bits) == 8 ? -127.0f : -8.0f)
#define MOST_WEIGHT(bits) ((bits) == 8 ? 127.0f : 7.0f)
#define STORED_OFFSET(bits) ((bits) == 8 ? 128 : 8)

typedef float Column[TILE_ROWS]; /* of a tile; BLOCK_COLUMNS of them are a block */

/* ---- Scales ---- */

INLINE Floats steps_of(Floats x, Floats inverse, const int bits)
{
    Floats steps = floats_round(floats_multiply(x, inverse));
    return floats_min(floats_all(MOST_WEIGHT(bits)), floats_max(floats_all(LEAST_WEIGHT(bits)), steps));
}

/* In each row, the number that is farthest from zero, with its sign. */
static Floats extremes(const Column *block)
{
    Floats extreme = floats_load(block[0]);
    for (int i = 1; i < BLOCK_COLUMNS; i++) {
        Floats x = floats_load(block[i]);
        extreme = floats_where_more(magnitude(x), magnitude(extreme), x, extreme);
    }
    return extreme;
}

/* How much an error of each number counts: by how large the activations are that meet it, which `of_columns`
   says, and the more, the larger the number is itself, for clipped outliers do most harm; yet not by its square,
   for which the many small ones would pay. */
static void weigh_errors(const Column *block, const float *of_columns, Column *importance)
{
    Floats squares = floats_all(0);
    for (int i = 0; i < BLOCK_COLUMNS; i++)
        squares = floats_fma(floats_load(block[i]), floats_load(block[i]), squares);
    Column usual;
    floats_store(usual, floats_multiply(squares, floats_all(1.0f / BLOCK_COLUMNS)));
    for (int row = 0; row < TILE_ROWS; row++) usual[row] = sqrtf(usual[row]);
    for (int i = 0; i < BLOCK_COLUMNS; i++) {
        Floats of_size = floats_add(floats_load(usual), magnitude(floats_load(block[i])));
        floats_store(importance[i], floats_multiply(of_size, floats_all(of_columns[i])));
    }
}

/* Four bits are so few that the largest number is not best put at the end of the range. Of some scales
   around that, on either side of zero, the one whose steps fit the block best, once the scale is fitted to
   the steps (least squares). */
static Floats best_scales4(const Column *block, const float *of_columns)
{
    static const float ENDS[] = {-9.0f, -8.74f, -8.48f, -8.22f, -7.97f, -7.71f, -7.45f, -7.2f,
                                 6.2f,  6.46f,  6.72f,  6.97f,  7.22f,  7.48f,  7.74f,  8.0f};
    Column importance[BLOCK_COLUMNS];
    Floats extreme = extremes(block), best = floats_all(0), best_fit = floats_all(0);
    weigh_errors(block, of_columns, importance);
    for (size_t end = 0; end < sizeof ENDS / sizeof *ENDS; end++) {
        Floats inverse = floats_divide(floats_all(ENDS[end]), extreme), products = floats_all(0),
               squares = floats_all(0);
        for (int i = 0; i < BLOCK_COLUMNS; i++) {
            Floats x = floats_load(block[i]), steps = steps_of(x, inverse, 4);
            Floats weighed = floats_multiply(steps, floats_load(importance[i]));
            products = floats_fma(weighed, x, products);
            squares = floats_fma(weighed, steps, squares);
        }
        Floats scale = floats_divide(products, squares), fit = floats_multiply(products, scale);
        best = floats_where_more(fit, best_fit, scale, best);
        best_fit = floats_max(best_fit, fit);
    }
    return best;
}

/* Zero where all is zero; NaN where something is not finite. */
static void choose_scales(const Column *block, const float *importance, uint16_t *scales, const int bits)
{
    Floats nothing_or_nan = floats_all(0), peaks = magnitude(extremes(block));
    for (int i = 0; i < BLOCK_COLUMNS; i++) {
        Floats x = floats_load(block[i]);
        nothing_or_nan = floats_add(nothing_or_nan, floats_subtract(x, x));
    }
    Floats best = bits == 8 ? floats_multiply(peaks, floats_all(1.0f / 127)) : best_scales4(block, importance);
    Floats most = floats_all(65504.0f), least = floats_all(-65504.0f);
    floats_to_halves(scales, floats_add(floats_min(most, floats_max(least, best)), nothing_or_nan));
    Column peak;
    floats_store(peak, peaks);
    /* very small ones are coarse: not so small that the largest weight is cut off */
    for (int row = 0; row < TILE_ROWS; row++)
        if ((scales[row] & 0x7fff) < 0x400 &&
            fabsf(float_of_half(scales[row])) * MOST_WEIGHT(bits) < peak[row])
            scales[row]++;
}

/* ---- Packing ---- */

/* The next 64 columns of a tile's rows; zeros where it has none. */
static void gather(const Rows *rows, int count, int column, int columns, Column *record)
{
    float numbers[RECORD_COLUMNS] = {0};
    for (int row = 0; row < TILE_ROWS; row++) {
        if (row < count)
            load_row(numbers, rows, row, column, columns < RECORD_COLUMNS ? columns : RECORD_COLUMNS);
        else
            memset(numbers, 0, sizeof numbers);
        for (int i = 0; i < RECORD_COLUMNS; i++) record[i][row] = numbers[i];
    }
}

/* One byte for each column, the first lowest. */
INLINE Integers stored_quad(const Column *quad, Floats inverse, const int bits)
{
    Integers bytes = integers_all(0);
    for (int i = 3; i >= 0; i--) {
        Integers steps = integers_of_floats(steps_of(floats_load(quad[i]), inverse, bits));
        Integers stored =
            integers_and(integers_add(steps, integers_all(STORED_OFFSET(bits))), integers_all(255));
        bytes = integers_or(integers_shift_left(bytes, 8), stored);
    }
    return bytes;
}

INLINE void pack_block(const Column *block, const float *importance, uint16_t *scales, uint8_t *to,
                       const int bits)
{
    choose_scales(block, importance, scales, bits);
    Floats scale = floats_from_halves(scales), zero = floats_all(0);
    Floats inverse = floats_where_more(magnitude(scale), zero, floats_divide(floats_all(1), scale), zero);
    for (int i = 0; i < bits; i++) {
        Integers bytes = stored_quad(block + 4 * i, inverse, bits);
        if (bits == 4) {
            Integers upper = integers_shift_left(stored_quad(block + 4 * (i + 4), inverse, bits), 4);
            bytes = integers_or(bytes, upper);
        }
        integers_store(to + i * LINE_BYTES, bytes);
    }
}

/* Of 64 columns from `column` on; all alike where nothing is known. */
INLINE void gather_importance(const float *importance, int column, int columns, float *record)
{
    for (int i = 0; i < RECORD_COLUMNS; i++)
        record[i] = importance && column + i < columns ? importance[column + i] : 1;
}

INLINE void pack_tile_of(uint8_t *tile, const Weights *weights, int count, int columns, const int bits)
{
    Column record[RECORD_COLUMNS];
    float importance[RECORD_COLUMNS];
    for (int column = 0; column < columns; column += RECORD_COLUMNS, tile += record_bytes(bits)) {
        gather(&weights->rows, count, column, columns - column, record);
        gather_importance(weights->importance, column, columns, importance);
        for (int half = 0; half < 2; half++)
            pack_block(record + half * BLOCK_COLUMNS, importance + half * BLOCK_COLUMNS,
                       (uint16_t *)tile + half * TILE_ROWS, tile + LINE_BYTES + half * block_bytes(bits),
                       bits);
    }
}

static void pack_tile(uint8_t *tile, int bits, const Weights *weights, int count, int columns)
{
    if (bits == 8)
        pack_tile_of(tile, weights, count, columns, 8);
    else
        pack_tile_of(tile, weights, count, columns, 4);
}

/* ---- Unpacking ---- */

/* A record's weights as they are stored, row by row. */
INLINE void spread(const uint8_t *record, uint8_t (*rows)[RECORD_COLUMNS], const int bits)
{
    const Integers low = integers_all(0x0f0f0f0f);
    for (int line = 0; line < 2 * bits; line++) {
        Integers quads = integers_load(record + LINE_BYTES + line * LINE_BYTES);
        uint32_t words[2][TILE_ROWS];
        integers_store(words[0], bits == 8 ? quads : integers_and(quads, low));
        if (bits == 4) integers_store(words[1], integers_and(integers_shift_right(quads, 4), low));
        int column = bits == 8 ? 4 * line : line / 4 * BLOCK_COLUMNS + line % 4 * 4;
        for (int row = 0; row < TILE_ROWS; row++) {
            memcpy(rows[row] + column, &words[0][row], 4);
            if (bits == 4) memcpy(rows[row] + column + 16, &words[1][row], 4);
        }
    }
}

INLINE void unpack_tile_of(const uint8_t *tile, const Rows *rows, Span which, int columns, const int bits)
{
    uint8_t stored[TILE_ROWS][RECORD_COLUMNS];
    float numbers[RECORD_COLUMNS];
    for (int column = 0; column < columns; column += RECORD_COLUMNS, tile += record_bytes(bits)) {
        spread(tile, stored, bits);
        for (int row = which.first; row < which.end; row++) {
            for (int i = 0; i < RECORD_COLUMNS; i += 16) {
                float scale = float_of_half(((const uint16_t *)tile)[i / BLOCK_COLUMNS * TILE_ROWS + row]);
                Integers steps =
                    integers_add(integers_from_bytes(stored[row] + i), integers_all(-STORED_OFFSET(bits)));
                floats_store(numbers + i, floats_multiply(floats_of_integers(steps), floats_all(scale)));
            }
            int left = columns - column;
            store_row(rows, row - which.first, column, numbers,
                      left < RECORD_COLUMNS ? left : RECORD_COLUMNS);
        }
    }
}

static void unpack_tile(const uint8_t *tile, int bits, const Rows *rows, Span which, int columns)
{
    if (bits == 8)
        unpack_tile_of(tile, rows, which, columns, 8);
    else
        unpack_tile_of(tile, rows, which, columns, 4);
}

static void load_numbers(float *to, const Rows *from, int row, int count)
{
    load_row(to, from, row, 0, count);
}
