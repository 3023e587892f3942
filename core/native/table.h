/* The table of a processor's functions, at the end of its kernels_*.c, which has defined KERNELS_NAME. */
#include "attention.h"
#include "packing.h"

static const Kernels TABLE = {
    .name = KERNELS_NAME,
    .quantise = quantise,
    .sum_of_squares = sum_of_squares,
    .multiply = multiply,
    .form_head = form_head,
    .attend = attend,
    .merge_parts = merge_parts,
    .write_position = write_position,
    .read_positions = read_positions,
    .pack_tile = pack_tile,
    .unpack_tile = unpack_tile,
    .load_numbers = load_numbers,
};
