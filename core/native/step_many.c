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

static void multiply(const Turn *turn, Product product)
{
    Span share = share_of(tiles_of(product.matrix), turn->id, turn->count);
    multiply_groups(turn->step->kernels, product, share);
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

static Activations activations_for(const Step *step, const Matrix *matrix)
{
    Activations activations = step->activations;
    shape_activations(step, &activations, matrix);
    return activations;
}

static void multiply_qkv(const Turn *turn, const Layer *layer)
{
    const Step *step = turn->step;
    normalise_rows(turn, &layer->qkv, 0, layer->attention_norm);
    Activations activations = activations_for(step, &layer->qkv);
    multiply(turn, (Product){.matrix = &layer->qkv,
                             .activations = &activations,
                             .bias = layer->qkv_bias,
                             .out = step->qkv,
                             .stride = qkv_width_of(&step->network),
                             .rows = turn->call->count,
                             .finish = STORE,
                             .multiplier = 1});
}

/* Added to the residual stream. */
static void multiply_branch(const Turn *turn, const Matrix *matrix, const float *bias)
{
    const Step *step = turn->step;
    Activations activations = activations_for(step, matrix);
    multiply(turn, (Product){.matrix = matrix,
                             .activations = &activations,
                             .bias = bias,
                             .out = step->stream,
                             .stride = step->network.dim,
                             .rows = turn->call->count,
                             .finish = ADD,
                             .multiplier = step->network.residual_multiplier});
}

static void multiply_gate_up(const Turn *turn, const Layer *layer)
{
    const Step *step = turn->step;
    normalise_rows(turn, &layer->gate_up, 0, layer->mlp_norm);
    Activations activations = activations_for(step, &layer->gate_up);
    multiply(turn, (Product){.matrix = &layer->gate_up,
                             .activations = &activations,
                             .bias = layer->up_bias,
                             .gate_bias = layer->gate_bias,
                             .out = step->hidden,
                             .stride = step->network.ffn_dim,
                             .rows = turn->call->count,
                             .finish = GATE_AND_STORE});
}

static void multiply_head(const Turn *turn)
{
    const Step *step = turn->step;
    const Network *network = &step->network;
    normalise_rows(turn, &network->head, turn->call->count - turn->call->last, network->final_norm);
    Activations activations = activations_for(step, &network->head);
    multiply(turn, (Product){.matrix = &network->head,
                             .activations = &activations,
                             .out = turn->call->logits,
                             .stride = network->vocab_size,
                             .rows = turn->call->last,
                             .finish = STORE,
                             .multiplier = 1 / network->logits_divisor});
}

void run_many(const Turn *turn)
{
    const Step *step = turn->step;
    for (int i = 0; i < step->network.layers_count; i++) {
        const Layer *layer = &step->network.layers[i];
        multiply_qkv(turn, layer);
        write_share(turn, i);
        meet();
        attend_many_share(turn, i);
        meet();
        quantise_rows(turn, &layer->output, step->attended);
        multiply_branch(turn, &layer->output, layer->output_bias);
        multiply_gate_up(turn, layer);
        quantise_rows(turn, &layer->down, step->hidden);
        multiply_branch(turn, &layer->down, layer->down_bias);
    }
    if (turn->call->last > 0) multiply_head(turn);
}
