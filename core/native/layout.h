/* How weights lie in memory: packed so that a processor reads them once, in order, and never rearranges them.

   A matrix is cut into tiles of 16 rows, and a tile into records of 64 columns; rows and columns that are
   missing at the edges are there as zeros. Tiles follow each other, and so do the records of a tile:

       tile 0 (rows 0..15)             tile 1 (rows 16..31)
       +----------+----------+-- --+   +----------+-- --+
       | record 0 | record 1 | ... |   | record 0 | ... |
       +----------+----------+-- --+   +----------+-- --+
        columns 0..63  64..127           columns 0..63

   A record holds two blocks, of 32 columns each, and one scale for every row of a block:

       +---------------------------------------+-----------------+-----------------+
       | 2 x 16 fp16 scales: [block][row] 64 B | block 0         | block 1         |
       +---------------------------------------+-----------------+-----------------+

   Columns are multiplied four at a time, a quad, for which all 16 rows lie side by side in 64 bytes,
   [row][4 columns]:

       int8 block, 512 B:   quad 0 | quad 1 | ... | quad 7
                            a byte is weight + 128, the weight in -127..127
       int4 block, 256 B:   quads 0 and 4 | quads 1 and 5 | quads 2 and 6 | quads 3 and 7
                            a byte is weight + 8, of the first quad in its low half, of the second in its high

   Weights are stored without sign because that is what the dot products of x86 want on one side; what was
   added is taken off again with one sum of activations a block. The scale times a weight is its value.

   A pair is two matrices of one shape whose tiles take turns: the gate's tile 0, up's tile 0, the gate's tile
   1, and so on. What a pair computes (silu(gate) x up) then needs no second pass, and both are read in one
   stream.

   Every record starts at a multiple of 64 bytes. */
#ifndef SMALLCODER_LAYOUT_H
#define SMALLCODER_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

enum { TILE_ROWS = 16, RECORD_COLUMNS = 64, BLOCK_COLUMNS = 32, QUADS = 8, LINE_BYTES = 64 };

typedef struct {
    const uint8_t *packed;
    int32_t rows; /* of one of the two, where it is a pair */
    int32_t columns;
    int32_t bits; /* 8 or 4 */
    int32_t is_pair;
} Matrix;

static inline int round_up(int number, int multiple)
{
    return (number + multiple - 1) / multiple * multiple;
}

/* In rows of tiles: a pair's two tiles count as one. */
static inline int tiles_of(const Matrix *matrix)
{
    return (matrix->rows + TILE_ROWS - 1) / TILE_ROWS;
}

static inline int records_of(int columns)
{
    return (columns + RECORD_COLUMNS - 1) / RECORD_COLUMNS;
}

static inline size_t block_bytes(int bits)
{
    return (size_t)LINE_BYTES * bits;
}

static inline size_t record_bytes(int bits)
{
    return LINE_BYTES + 2 * block_bytes(bits);
}

static inline size_t tile_bytes(const Matrix *matrix)
{
    return records_of(matrix->columns) * record_bytes(matrix->bits);
}

/* `which` of a pair: 0 the gate, 1 up. */
static inline const uint8_t *tile_at(const Matrix *matrix, int tile, int which)
{
    return matrix->packed + ((size_t)tile * (matrix->is_pair ? 2 : 1) + which) * tile_bytes(matrix);
}

static inline size_t packed_bytes_of(const Matrix *matrix)
{
    return (size_t)tiles_of(matrix) * (matrix->is_pair ? 2 : 1) * tile_bytes(matrix);
}

#endif
