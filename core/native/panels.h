/* Two tiles of weights times many rows, for processors with registers enough for both at once.

   A pass unpacks PANEL_BLOCKS blocks of the two tiles into a panel, numbers and scales as they are multiplied,
   which the nearest cache holds while all rows go by, PANEL_ROWS at a time; a row's sums wait in memory for
   the next pass. So unpacking costs next to nothing, and what the processor does is multiply.

       pass 0                                 pass 1
       +---------------+---------------+-- --+---------------+-- --
       | block 0       | block 1       | ... | block 14      | ...
       | tile 0 tile 1 | tile 0 tile 1 |     | tile 0 tile 1 |
       +---------------+---------------+-- --+---------------+-- --

   Every sum takes the blocks in the order that it takes them in when there are few rows, and what is added is
   the same: so are the bits.

   Before it the processor says what suits it, and how it unpacks and multiplies a block:

       PANEL_ROWS, PANEL_BLOCKS
       PANEL_LINE_BYTES       of a quad as it is multiplied, for all rows of a tile
       unpack_block, multiply_panel_block */

enum { PANEL_TILES = 2 };

typedef struct {
    uint8_t quads[PANEL_TILES][QUADS * PANEL_LINE_BYTES];
    float scales[PANEL_TILES][TILE_ROWS];
    float coarse_scales[PANEL_TILES][TILE_ROWS]; /* for products in steps of the first plane: times FINER */
} PanelBlock;

typedef float PanelSums[PANEL_TILES][TILE_ROWS]; /* of a row */
typedef Floats PanelFloats[PANEL_TILES][PANEL_ROWS];

/* Blocks of some rows, the first one's first; the same block of the next row is `stride` further. */
typedef struct {
    const ActivationBlock *blocks;
    size_t stride;
} PanelInputs;

INLINE void unpack_block(uint8_t *to, const uint8_t *from, const int bits);
/* Products of a block, in steps of the finest plane. */
INLINE void multiply_panel_block(const PanelBlock *weights, PanelInputs x, PanelFloats products,
                                 const int bits, const int planes);

/* A byte for each weight, quad after quad. */
INLINE void unpack_bytes(uint8_t *to, const uint8_t *from, const int bits)
{
    const Integers low = integers_all(0x0f0f0f0f);
    UNROLL
    for (int i = 0; i < bits; i++) {
        Integers quads = integers_load(from + i * LINE_BYTES);
        integers_store(to + i * LINE_BYTES, bits == 8 ? quads : integers_and(quads, low));
        if (bits == 4)
            integers_store(to + (i + 4) * LINE_BYTES, integers_and(integers_shift_right(quads, 4), low));
    }
}

/* Some records of a tile. */
INLINE void unpack_records(PanelBlock *to, int which, const uint8_t *record, int records, const int bits)
{
    for (int i = 0; i < records; i++, record += record_bytes(bits)) {
        for (int half = 0; half < 2; half++, to++) {
            const uint16_t *scales = (const uint16_t *)record + half * TILE_ROWS;
            Floats scale = floats_from_halves(scales);
            floats_store(to->scales[which], scale);
            floats_store(to->coarse_scales[which], floats_multiply(scale, floats_all(FINER)));
            unpack_block(to->quads[which], record + LINE_BYTES + half * block_bytes(bits), bits);
        }
    }
}

INLINE void add_panel_block(PanelFloats totals, const PanelBlock *weights, PanelInputs x,
                            const float (*scales)[TILE_ROWS], const int bits, const int planes)
{
    PanelFloats products;
    multiply_panel_block(weights, x, products, bits, planes);
    UNROLL
    for (int tile = 0; tile < PANEL_TILES; tile++) {
        Floats scale = floats_load(scales[tile]);
        UNROLL
        for (int row = 0; row < PANEL_ROWS; row++) {
            Floats both_scales = floats_multiply(scale, floats_all(x.blocks[row * x.stride].scale));
            totals[tile][row] = floats_fma(products[tile][row], both_scales, totals[tile][row]);
        }
    }
}

/* A second plane of zeros is left out, which changes no bit. */
INLINE bool is_panel_fine(PanelInputs x)
{
    int32_t any = 0;
    UNROLL
    for (int row = 0; row < PANEL_ROWS; row++) any |= x.blocks[row * x.stride].is_fine;
    return any != 0;
}

/* Adds a panel's products with some rows to their sums, and asks for a line of each of two tiles with every
   block. */
INLINE void multiply_panel(const PanelBlock *panel, int blocks, PanelInputs x, PanelSums *sums,
                           const uint8_t *next, size_t tile_bytes, const int bits, const int planes)
{
    PanelFloats totals;
    UNROLL
    for (int row = 0; row < PANEL_ROWS; row++) {
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++) totals[tile][row] = floats_load(sums[row][tile]);
    }
    for (int i = 0; i < blocks; i++, x.blocks++, panel++, next += LINE_BYTES) {
        __builtin_prefetch(next, 0, 3);
        __builtin_prefetch(next + tile_bytes, 0, 3);
        if (planes == 2 && is_panel_fine(x))
            add_panel_block(totals, panel, x, panel->scales, bits, 2);
        else
            add_panel_block(totals, panel, x, planes == 2 ? panel->coarse_scales : panel->scales, bits, 1);
    }
    UNROLL
    for (int row = 0; row < PANEL_ROWS; row++) {
        UNROLL
        for (int tile = 0; tile < PANEL_TILES; tile++) floats_store(sums[row][tile], totals[tile][row]);
    }
}

/* Blocks of a pass: whole records, and in each pass nearly as many. */
INLINE int blocks_of_pass(int blocks)
{
    int passes = (blocks + PANEL_BLOCKS - 1) / PANEL_BLOCKS;
    return round_up((blocks + passes - 1) / passes, 2);
}

/* All rows, a multiple of PANEL_ROWS, by two tiles that lie one after the other, and so do those that come
   next. */
INLINE void multiply_tiles(const uint8_t *tiles, const Activations *x, int rows, PanelSums *sums,
                           const int bits, const int planes)
{
    _Alignas(LINE_BYTES) PanelBlock panel[PANEL_BLOCKS];
    int blocks = x->columns / BLOCK_COLUMNS, most = blocks_of_pass(blocks);
    size_t tile_bytes = (size_t)blocks / 2 * record_bytes(bits);
    memset(sums, 0, sizeof(PanelSums) * (size_t)rows);
    for (int block = 0, count; block < blocks; block += count) {
        count = blocks - block < most ? blocks - block : most;
        size_t pass_bytes = (size_t)count / 2 * record_bytes(bits);
        for (int tile = 0; tile < PANEL_TILES; tile++)
            unpack_records(panel, tile, tiles + tile * tile_bytes, count / 2, bits);
        tiles += block + count < blocks ? pass_bytes : pass_bytes + tile_bytes;
        for (int row = 0; row < rows; row += PANEL_ROWS) {
            size_t asked = (size_t)(row / PANEL_ROWS * count) * LINE_BYTES;
            PanelInputs inputs = {block_at(x, row, block), (size_t)blocks};
            multiply_panel(panel, count, inputs, sums + row, tiles + (asked < pass_bytes ? asked : pass_bytes),
                           tile_bytes, bits, planes);
        }
    }
}

typedef void (*TilesProduct)(const uint8_t *tiles, const Activations *x, int rows, PanelSums *sums);

#define PANEL_CASE(bits, planes) \
    static __attribute__((noinline)) void multiply_tiles_##bits##_##planes( \
        const uint8_t *tiles, const Activations *x, int rows, PanelSums *sums) \
    { \
        multiply_tiles(tiles, x, rows, sums, bits, planes); \
    }
PANEL_CASE(4, 1)
PANEL_CASE(4, 2)
PANEL_CASE(8, 1)
PANEL_CASE(8, 2)

/* By bits and planes. */
static const TilesProduct TILES_PRODUCTS[2][2] = {{multiply_tiles_4_1, multiply_tiles_4_2},
                                                  {multiply_tiles_8_1, multiply_tiles_8_2}};
