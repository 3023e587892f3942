/* Matrices, shared among the pool's threads: packing, unpacking, and products with any number of rows. */
#include "api.h"
#include "memory.h"
#include "pool.h"

static bool is_sensible(const Matrix *matrix)
{
    const int32_t most = 1 << 24;
    return matrix->rows > 0 && matrix->rows <= most && matrix->columns > 0 && matrix->columns <= most &&
           (matrix->bits == 8 || matrix->bits == 4);
}

size_t native_packed_bytes(const Matrix *matrix)
{
    return is_sensible(matrix) ? packed_bytes_of(matrix) : 0;
}

/* ---- Packing and unpacking ---- */

typedef struct {
    const Kernels *kernels;
    const Matrix *matrix;
    int which;
    Span rows;
    const Rows *numbers;     /* begin with the first of `rows` */
    const float *importance; /* for packing */
} Transfer;

static Rows rows_from(const Rows *rows, int64_t row)
{
    int64_t bytes = rows->type == FLOAT32 ? 4 : 2;
    return (Rows){(char *)rows->numbers + row * rows->stride * bytes, rows->stride, rows->type};
}

static void pack_share(void *argument, int id, int count)
{
    const Transfer *transfer = argument;
    const Matrix *matrix = transfer->matrix;
    Span tiles = share_of(tiles_of(matrix), id, count);
    for (int tile = tiles.first; tile < tiles.end; tile++) {
        int row = tile * TILE_ROWS, left = matrix->rows - row;
        Weights from = {rows_from(transfer->numbers, row), transfer->importance};
        uint8_t *to = (uint8_t *)tile_at(matrix, tile, transfer->which);
        transfer->kernels->pack_tile(to, matrix->bits, &from, left < TILE_ROWS ? left : TILE_ROWS,
                                     matrix->columns);
    }
}

Result native_pack(const Kernels *kernels, const Matrix *matrix, int which, const Rows *from,
                   const float *importance)
{
    if (!is_sensible(matrix) || which < 0 || which > (matrix->is_pair != 0)) return WRONG_ARGUMENT;
    Transfer transfer = {kernels, matrix, which, {0, matrix->rows}, from, importance};
    pool_run(pool_shared(), pack_share, &transfer);
    return DONE;
}

static void unpack_share(void *argument, int id, int count)
{
    const Transfer *transfer = argument;
    const Matrix *matrix = transfer->matrix;
    int first_tile = transfer->rows.first / TILE_ROWS;
    Span tiles = share_of((transfer->rows.end + TILE_ROWS - 1) / TILE_ROWS - first_tile, id, count);
    for (int tile = first_tile + tiles.first; tile < first_tile + tiles.end; tile++) {
        Span wanted = {transfer->rows.first - tile * TILE_ROWS, transfer->rows.end - tile * TILE_ROWS};
        if (wanted.first < 0) wanted.first = 0;
        if (wanted.end > TILE_ROWS) wanted.end = TILE_ROWS;
        Rows to = rows_from(transfer->numbers, tile * TILE_ROWS + wanted.first - transfer->rows.first);
        const uint8_t *from = tile_at(matrix, tile, transfer->which);
        transfer->kernels->unpack_tile(from, matrix->bits, &to, wanted, matrix->columns);
    }
}

Result native_unpack(const Kernels *kernels, const Matrix *matrix, int which, int first, int count,
                     const Rows *to)
{
    if (!is_sensible(matrix) || which < 0 || which > (matrix->is_pair != 0)) return WRONG_ARGUMENT;
    if (first < 0 || count < 0 || first > matrix->rows - count) return WRONG_ARGUMENT;
    Transfer transfer = {kernels, matrix, which, {first, first + count}, to, NULL};
    pool_run(pool_shared(), unpack_share, &transfer);
    return DONE;
}

/* ---- Products ---- */

void multiply_groups(const Kernels *kernels, Product product, Span tiles)
{
    Activations all = *product.activations;
    float *out = product.out;
    for (int first = 0, rows = product.rows; first < rows; first += GROUP_ROWS) {
        Activations group = all;
        group.blocks = block_at(&all, first, 0);
        product.activations = &group;
        product.out = out + first * product.stride;
        product.rows = rows - first < GROUP_ROWS ? rows - first : GROUP_ROWS;
        kernels->multiply(&product, tiles.first, tiles.end);
    }
}

typedef struct {
    const Kernels *kernels;
    const float *x;
    int rows;
    Product product; /* of the first group */
} Multiplication;

static void multiply_share(void *argument, int id, int count)
{
    const Multiplication *all = argument;
    const Matrix *matrix = all->product.matrix;
    Span tiles = share_of(tiles_of(matrix), id, count);
    Product product = all->product;
    for (int first = 0; first < all->rows; first += GROUP_ROWS) {
        product.rows = all->rows - first < GROUP_ROWS ? all->rows - first : GROUP_ROWS;
        product.out = all->product.out + first * product.stride;
        for (int row = id; row < product.rows; row += count) {
            const float *x = all->x + (size_t)(first + row) * matrix->columns;
            all->kernels->quantise(product.activations, row, x, matrix->columns, NULL, 1);
        }
        pool_barrier(pool_shared());
        all->kernels->multiply(&product, tiles.first, tiles.end);
        pool_barrier(pool_shared());
    }
}

Result native_multiply(const Kernels *kernels, const Matrix *matrix, const float *x, int rows,
                       const float *bias, int planes, float *out)
{
    if (!is_sensible(matrix) || matrix->is_pair || rows < 0 || planes < PLANES_AS_NEEDED || planes > 2)
        return WRONG_ARGUMENT;
    if (rows == 0) return DONE;
    Arena arena = {0};
    Activations activations;
    int room = rows < GROUP_ROWS ? rows : GROUP_ROWS;
    plan_activations(&arena, &activations, room, matrix->columns);
    if (!arena_open(&arena)) return NO_MEMORY;
    plan_activations(&arena, &activations, room, matrix->columns);
    use_planes(&activations, matrix, planes);
    Product product = {matrix, &activations, bias, NULL, out, matrix->rows, 0, STORE, 1};
    Multiplication all = {kernels, x, rows, product};
    pool_run(pool_shared(), multiply_share, &all);
    arena_close(&arena);
    return DONE;
}
