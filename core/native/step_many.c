/* A step with many rows, as a prompt has: what is done row by row is shared too, at the price of meeting more
   often, and products go through the weights once for GROUP_ROWS.

   Each layer:

       normalise                             threads share the rows, here and below; then all meet
       multiply by qkv                       a share of the matrix each; meet
       write keys and values                 shared by head and row; meet
       attend                                shared by KV head and block of rows; meet
       quantise, meet, multiply by output    and so on, with a meeting after each
       normalise, meet, multiply by gate and up
       quantise, meet, multiply by down

   The results are those of a step with few rows, to the bit: each row goes through the same functions. */
#include "step.h"

/* This thread's share of a product with what all of them have quantised. */
static void multiply(const Turn *turn, Product product)
{
    const Step *step = turn->step;
    Activations activations = step->activations;
    shape_activations(step, &activations, product.matrix);
    product.activations = &activations;
    Span share = share_of(tiles_of(product.matrix), turn->id, turn->count);
    multiply_groups(step->kernels, product, share);
    meet();
}

/* Every row of a matrix of floats. */
static void quantise_rows(const Turn *turn, const Matrix *matrix, const float *rows)
{
    const Step *step = turn->step;
    Activations into = step->activations;
    for (int row = turn->id; row < turn->call->count; row += turn->count)
        quantise_row(step, &into, matrix, row, rows + (size_t)row * matrix->columns, NULL, 1);
    meet();
}

/* Rows of the residual stream from `first` on. */
static void normalise_rows(const Turn *turn, const Matrix *matrix, int first, const float *gain)
{
    Activations into = turn->step->activations;
    for (int row = first + turn->id; row < turn->call->count; row += turn->count)
        normalise_row(turn->step, &into, matrix, row, row - first, gain);
    meet();
}

static void multiply_head(const Turn *turn)
{
    const Network *network = &turn->step->network;
    normalise_rows(turn, &network->head, turn->call->count - turn->call->last, network->final_norm);
    multiply(turn, head_product(turn));
}

void run_many(const Turn *turn)
{
    const Step *step = turn->step;
    for (int i = 0; i < step->network.layers_count; i++) {
        const Layer *layer = &step->network.layers[i];
        normalise_rows(turn, &layer->qkv, 0, layer->attention_norm);
        multiply(turn, qkv_product(turn, layer));
        write_share(turn, i);
        meet();
        attend_many_share(turn, i);
        meet();
        quantise_rows(turn, &layer->output, step->attended);
        multiply(turn, branch_product(turn, &layer->output, layer->output_bias));
        normalise_rows(turn, &layer->gate_up, 0, layer->mlp_norm);
        multiply(turn, gate_up_product(turn, layer));
        quantise_rows(turn, &layer->down, step->hidden);
        multiply(turn, branch_product(turn, &layer->down, layer->down_bias));
    }
    if (turn->call->last > 0) multiply_head(turn);
}
