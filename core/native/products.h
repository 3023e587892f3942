/* Activations to whole numbers, and their products with packed weights, for whatever processor includes this.

   Before it stand one of the vectors_*.h and what the processor does in its own way:

       MOST_ROWS              rows multiplied with a block of weights before the next is read: 8, 4 or 2
       HAS_PANELS             whether it has registers enough for panels.h, with LEAST_ROWS_OF_PANELS rows or
                              more, and then multiply_panel_block
       weight_offset          what its weights have too much: 128 or 8, or 0 where it takes that off itself
       has_two_planes         whether it uses the second plane
       LEAST_ROWS_LOOKED_AT   with how many rows it looks whether a block needs that
       has_words, store_words whether it has activations in 16 bits instead of planes, and in which order
       Quads, load_quads      a block of weights, ready to be multiplied
       multiply_block         its products with a block of some rows, in steps of the finest plane */
#include "vectors.h"

/* How far ahead weights are asked for. Processors ask by themselves too, but not across pages. */
enum { PREFETCHED_BYTES = 4096 };

/* The largest activations, and how many steps of the second plane make one of the first, whose rounding
   errors it holds: at most a half. A power of two, by which products are multiplied without rounding. */
enum { MOST_IN_PLANE = 127, MOST_IN_WORD = 32767, FINER_BITS = 8, FINER = 1 << FINER_BITS };

/* As needed, a block gets the second plane where more than so many of its numbers are fewer than so many steps
   of the first, which would lose them. */
enum { MOST_LOST = 12, LOST_STEPS = 2 };

typedef struct {
    const int8_t *first, *second; /* or words, from the first on */
    int32_t first_offset, second_offset;
} BlockOfActivations;

INLINE Quads load_quads(const uint8_t *block, const int bits);
INLINE void multiply_block(Quads weights, const BlockOfActivations *x, Floats *products, const int bits,
                           const int planes, const int rows);

/* ---- Activations to whole numbers ---- */

INLINE void set_plane(ActivationBlock *into, int plane, Floats a, Floats b, const int bits)
{
    Integers first = integers_of_floats(a), second = integers_of_floats(b);
    int8_t *numbers = into->numbers + plane * BLOCK_COLUMNS;
    int offset = weight_offset(bits);
    if (has_words(bits)) {
        store_words((int16_t *)numbers, first);
        store_words((int16_t *)numbers + 16, second);
    } else {
        integers_to_bytes(numbers, first);
        integers_to_bytes(numbers + 16, second);
    }
    into->offsets[plane] = offset ? -offset * integers_sum(integers_add(first, second)) : 0;
}

static void clear_block(ActivationBlock *into, float scale)
{
    *into = (ActivationBlock){.scale = scale};
}

/* `a` and `b` in steps of the first plane. */
INLINE bool wants_second_plane(const Activations *into, Floats a, Floats b)
{
    if (!into->as_needed) return true;
    Floats few = floats_all(LOST_STEPS), one = floats_all(1), none = floats_all(0);
    Floats lost = floats_add(floats_where_more(few, magnitude(a), one, none),
                             floats_where_more(few, magnitude(b), one, none));
    return floats_sum(lost) > MOST_LOST;
}

/* What rounding to the first plane has lost. A half is one step more than a byte holds. */
INLINE Floats finer_steps(Floats a, Floats steps, Floats rounded)
{
    Floats rest = floats_fma(a, steps, floats_multiply(rounded, floats_all(-1)));
    return floats_min(floats_all(MOST_IN_PLANE), floats_round(floats_multiply(rest, floats_all(FINER))));
}

INLINE void quantise_block(const Activations *all, ActivationBlock *into, Floats a, Floats b)
{
    const int32_t infinite = 0x7f800000, nothing = 0x0da24260 /* 1e-30 */;
    int32_t peak = integers_peak(integers_max(magnitude_bits(a), magnitude_bits(b)));
    if (peak >= infinite || peak < nothing) {
        clear_block(into, peak >= infinite ? float_of_bits(0x7fc00000) : 0); /* NaN, or zero */
        return;
    }
    const int bits = all->bits;
    float limit = has_words(bits) ? MOST_IN_WORD : MOST_IN_PLANE;
    float scale = float_of_bits((uint32_t)peak) / limit;
    Floats steps = floats_all(limit / float_of_bits((uint32_t)peak));
    Floats first = floats_round(floats_multiply(a, steps)), second = floats_round(floats_multiply(b, steps));
    set_plane(into, 0, first, second, bits);
    if (has_two_planes(bits, all->planes_used)) {
        into->is_fine = wants_second_plane(all, floats_multiply(a, steps), floats_multiply(b, steps));
        if (into->is_fine)
            set_plane(into, 1, finer_steps(a, steps, first), finer_steps(b, steps, second), bits);
        else
            set_plane(into, 1, floats_all(0), floats_all(0), bits);
        scale /= FINER;
    }
    into->scale = scale;
}

INLINE Floats prepared(const float *x, const float *gain, Floats multiplier, int count)
{
    Floats a = floats_multiply(load_part(x, count), multiplier);
    return gain ? floats_multiply(a, load_part(gain, count)) : a;
}

INLINE void quantise_part(const Activations *all, ActivationBlock *into, const float *x, const float *gain,
                          Floats m, int n)
{
    Floats a = prepared(x, gain, m, n),
           b = n > 16 ? prepared(x + 16, gain ? gain + 16 : NULL, m, n - 16) : floats_all(0);
    quantise_block(all, into, a, b);
}

static void quantise(const Activations *all, int row, const float *x, int columns, const float *gain,
                     float multiplier)
{
    Floats m = floats_all(multiplier);
    ActivationBlock *into = block_at(all, row, 0);
    for (int column = 0; column < all->columns; column += BLOCK_COLUMNS, into++) {
        int left = columns - column;
        if (left >= BLOCK_COLUMNS)
            quantise_part(all, into, x + column, gain ? gain + column : NULL, m, BLOCK_COLUMNS);
        else if (left > 0)
            quantise_part(all, into, x + column, gain ? gain + column : NULL, m, left);
        else
            clear_block(into, 0);
    }
}

static float sum_of_squares(const float *x, int count)
{
    Floats sums[2] = {floats_all(0), floats_all(0)};
    for (int i = 0; i < count; i += 32) {
        Floats a = load_part(x + i, count - i),
               b = i + 16 < count ? load_part(x + i + 16, count - i - 16) : floats_all(0);
        sums[0] = floats_fma(a, a, sums[0]);
        sums[1] = floats_fma(b, b, sums[1]);
    }
    return floats_sum(floats_add(sums[0], sums[1]));
}

/* ---- One tile of weights times some rows of activations ---- */

INLINE BlockOfActivations planes_of(const ActivationBlock *x)
{
    return (BlockOfActivations){x->numbers, x->numbers + BLOCK_COLUMNS, x->offsets[0], x->offsets[1]};
}

INLINE void prefetch_ahead(const uint8_t *lines, const int count)
{
    stand_apart();
    UNROLL
    for (int line = 0; line < count; line++)
        __builtin_prefetch(lines + line * LINE_BYTES + PREFETCHED_BYTES, 0, 3);
}

/* Adds the products with one block to the totals of some rows. */
INLINE void add_planes(Floats *totals, const uint8_t *weights, Floats scale, const Activations *x, int row,
                       int block, const int bits, const int planes, const int rows)
{
    BlockOfActivations inputs[MOST_ROWS];
    Floats products[MOST_ROWS];
    for (int i = 0; i < rows; i++) inputs[i] = planes_of(block_at(x, row + i, block));
    multiply_block(load_quads(weights, bits), inputs, products, bits, planes, rows);
    UNROLL
    for (int i = 0; i < rows; i++) {
        Floats both_scales = floats_multiply(scale, floats_all(block_at(x, row + i, block)->scale));
        totals[i] = floats_fma(products[i], both_scales, totals[i]);
    }
}

/* Whether the second plane of any of the rows holds anything. */
INLINE bool is_any_fine(const Activations *x, int row, int block, const int rows)
{
    int32_t any = 0;
    UNROLL
    for (int i = 0; i < rows; i++) any |= block_at(x, row + i, block)->is_fine;
    return any != 0;
}

/* With many rows, a second plane of zeros is left out, which changes no bit. */
INLINE void add_block(Floats *totals, const uint8_t *weights, const uint16_t *scales, const Activations *x,
                      int row, int block, const int bits, const int planes, const int rows)
{
    Floats scale = floats_from_halves(scales);
    if (planes == 2 && rows >= LEAST_ROWS_LOOKED_AT && !is_any_fine(x, row, block, rows))
        add_planes(totals, weights, floats_multiply(scale, floats_all(FINER)), x, row, block, bits, 1, rows);
    else
        add_planes(totals, weights, scale, x, row, block, bits, planes, rows);
}

typedef float TileSums[TILE_ROWS];

INLINE void multiply_tile(const uint8_t *tile, const Activations *activations, int row, TileSums *sums,
                          const int bits, const int planes, const int rows)
{
    const Activations copy = *activations, *x = &copy; /* nobody else can change it: kept in registers */
    Floats totals[MOST_ROWS];
    for (int i = 0; i < rows; i++) totals[i] = floats_all(0);
    for (int block = 0; block < x->columns / BLOCK_COLUMNS; block += 2, tile += record_bytes(bits)) {
        const uint16_t *scales = (const uint16_t *)tile;
        const uint8_t *first = tile + LINE_BYTES, *second = first + block_bytes(bits);
        prefetch_ahead(tile, bits + 1);
        add_block(totals, first, scales, x, row, block, bits, planes, rows);
        prefetch_ahead(second, bits);
        add_block(totals, second, scales + TILE_ROWS, x, row, block + 1, bits, planes, rows);
    }
    for (int i = 0; i < rows; i++) floats_store(sums[i], totals[i]);
}

typedef void (*TileProduct)(const uint8_t *tile, const Activations *x, int row, TileSums *sums);

/* A function for each case, in which the compiler can keep everything in registers. */
#define CASE(bits, planes, rows) \
    static __attribute__((noinline)) void multiply_##bits##_##planes##_##rows( \
        const uint8_t *tile, const Activations *x, int row, TileSums *sums) \
    { \
        multiply_tile(tile, x, row, sums, bits, planes, rows); \
    }
#define NAME(bits, planes, rows) multiply_##bits##_##planes##_##rows
#if MOST_ROWS == 8
#define CASES(bits, planes) \
    CASE(bits, planes, 1) CASE(bits, planes, 2) CASE(bits, planes, 4) CASE(bits, planes, 8)
#define NAMES(bits, planes) \
    {NAME(bits, planes, 1), NAME(bits, planes, 2), NAME(bits, planes, 4), NAME(bits, planes, 8)}
static const int CASE_ROWS[] = {1, 2, 4, 8};
#elif MOST_ROWS == 4
#define CASES(bits, planes) \
    CASE(bits, planes, 1) CASE(bits, planes, 2) CASE(bits, planes, 3) CASE(bits, planes, 4)
#define NAMES(bits, planes) \
    {NAME(bits, planes, 1), NAME(bits, planes, 2), NAME(bits, planes, 3), NAME(bits, planes, 4)}
static const int CASE_ROWS[] = {1, 2, 3, 4};
#elif MOST_ROWS == 2
#define CASES(bits, planes) CASE(bits, planes, 1) CASE(bits, planes, 2)
#define NAMES(bits, planes) {NAME(bits, planes, 1), NAME(bits, planes, 2)}
static const int CASE_ROWS[] = {1, 2};
#endif
enum { CASES_COUNT = sizeof CASE_ROWS / sizeof *CASE_ROWS };
CASES(4, 1)
CASES(4, 2)
CASES(8, 1)
CASES(8, 2)

    /* By bits, planes, and the place of the rows among CASE_ROWS. */
    static const TileProduct TILE_PRODUCTS[2][2][CASES_COUNT] = {{NAMES(4, 1), NAMES(4, 2)},
                                                                 {NAMES(8, 1), NAMES(8, 2)}};

#if HAS_PANELS
#include "panels.h"
#endif

/* ---- A matrix times rows, and what becomes of the result ---- */

INLINE Floats with_bias(const float *sums, const float *bias, int first, int count)
{
    Floats a = floats_load(sums);
    return bias ? floats_add(a, load_part(bias + first, count)) : a;
}

INLINE void finish_row(const Product *product, int tile, int row, const float *sums, const float *gate_sums)
{
    int first = tile * TILE_ROWS, count = product->matrix->rows - first;
    float *out = product->out + row * product->stride + first;
    Floats a = with_bias(sums, product->bias, first, count);
    if (product->finish == GATE_AND_STORE)
        a = floats_multiply(floats_silu(with_bias(gate_sums, product->gate_bias, first, count)), a);
    else if (product->finish == ADD)
        a = floats_fma(a, floats_all(product->multiplier), load_part(out, count));
    else
        a = floats_multiply(a, floats_all(product->multiplier));
    store_part(out, a, count);
}

/* Rows from `first` on by a tile, or by a pair's two. */
static void multiply_rows(const Product *product, int tile, int first)
{
    const Activations *x = product->activations;
    const TileProduct *variants = TILE_PRODUCTS[x->bits == 8][has_two_planes(x->bits, x->planes_used)];
    int is_pair = product->matrix->is_pair;
    TileSums sums[MOST_ROWS], gate_sums[MOST_ROWS];
    for (int row = first, size = CASES_COUNT - 1; row < product->rows; row += CASE_ROWS[size]) {
        while (row + CASE_ROWS[size] > product->rows) size--;
        if (is_pair) variants[size](tile_at(product->matrix, tile, 0), x, row, gate_sums);
        variants[size](tile_at(product->matrix, tile, is_pair), x, row, sums);
        for (int i = 0; i < CASE_ROWS[size]; i++) finish_row(product, tile, row + i, sums[i], gate_sums[i]);
    }
}

#if HAS_PANELS

/* As many of the rows as panels take, by a tile and the next one, or by a pair's two; how many those are. */
static int multiply_panels(const Product *product, int tile)
{
    const Activations *x = product->activations;
    int is_pair = product->matrix->is_pair, rows = product->rows / PANEL_ROWS * PANEL_ROWS;
    TilesProduct multiply_tiles = TILES_PRODUCTS[x->bits == 8][has_two_planes(x->bits, x->planes_used)];
    PanelSums sums[GROUP_ROWS];
    multiply_tiles(tile_at(product->matrix, tile, 0), x, rows, sums);
    for (int row = 0; row < rows; row++) {
        finish_row(product, tile, row, sums[row][is_pair], sums[row][0]);
        if (!is_pair) finish_row(product, tile + 1, row, sums[row][1], NULL);
    }
    return rows;
}

static void multiply(const Product *product, int first, int end)
{
    int at_once = product->matrix->is_pair ? 1 : 2;
    for (int tile = first; tile < end; tile += at_once) {
        bool has_panel = product->rows >= LEAST_ROWS_OF_PANELS && tile + at_once <= end;
        int row = has_panel ? multiply_panels(product, tile) : 0;
        multiply_rows(product, tile, row);
        if (at_once == 2 && tile + 1 < end) multiply_rows(product, tile + 1, row);
    }
}

#else

static void multiply(const Product *product, int first, int end)
{
    for (int tile = first; tile < end; tile++) multiply_rows(product, tile, 0);
}

#endif
