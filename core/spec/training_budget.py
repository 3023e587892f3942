"""Bytes, by arithmetic alone: what a training run holds at its fullest moment.

What each part is follows from how the trainer works: exact weights in fp32 beside those it computes with,
gradients added up in fp32, activations kept for the way back, logits a chunk at a time.
"""

from dataclasses import dataclass

from core.spec.budget import RUNTIME_BYTES, parameters, weight_bytes
from core.spec.config import ModelConfig

_EXACT_BYTES = 4
_LONGEST_KEPT_SCORES = 1024  # tokens; what longer rows saw is computed again
_SCORES_BLOCK = 64
# a chunk of logits: on a processor in the type it is computed in, of which a part is made exact at a time; on
# a card all of it, and its gradient too
_CHUNK_BYTES, _LEARNING_CHUNK_BYTES = 2**26, 2**27
_PART_BYTES, _PART_BYTES_WITH_TEACHER = 2**19 * 12, 2**22 * 24
_CARD_LOGITS, _CARD_LOGIT_BYTES = 2**22, 16
_STATE_BYTES = {"adamw": 8.0, "lion": 4.0, "adamw8": 2.0 + 8 / 256}
_WAITING_BYTES = 2**27  # of gradients that wait for those of a batch before theirs, where one fits into it
_MOST_WAITING = 4  # of them for each lane
_LARGEST_PART = 2**20 * 4 * 4  # of a table whose 8-bit memory is being unpacked
# what libraries take for their first products, and what of freed memory stays with us because nothing new
# fits into its holes, unless memory goes before time: measured on Linux, tests/benchmarks/training_memory.py
_FIRST_PRODUCTS_BYTES = 40 * 2**20
_HOLES_OF_KEPT, _HOLES_OF_PASSING = 0.12, 0.8
_HOLES_OF_REFERENCE = 0.25  # and what a way forward just before the one that counts has left


@dataclass(frozen=True)
class TrainingShape:
    """The choices of a run that cost memory. `adapter_rank` is 0 where the whole network learns."""

    rows: int
    context_tokens: int
    element_bytes: int
    optimizer: str
    base_precision: str = "fp32"
    adapter_rank: int = 0
    adapter_layers: tuple[str, ...] = ()
    batches: int = 2  # of a step
    recomputes_layers: bool = False
    in_backward: bool = False
    teacher: ModelConfig | None = None
    has_reference: bool = False  # the network itself as it was, asked first
    is_on_processor: bool = True
    lanes: int = 1


@dataclass(frozen=True)
class TrainingBudget:
    """Parts of the most memory that is ever held at once."""

    runtime_bytes: int
    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    logits_bytes: int

    @property
    def total_bytes(self) -> int:
        return sum(
            (
                *(self.runtime_bytes, self.weights_bytes, self.gradients_bytes),
                *(self.optimizer_bytes, self.activations_bytes, self.logits_bytes),
            )
        )


def to_train(
    config: ModelConfig, shape: TrainingShape, *, runtime_bytes: int = RUNTIME_BYTES
) -> TrainingBudget:
    learning = learning_parameters(config, shape)
    activations = activation_bytes(config, shape)
    return TrainingBudget(
        runtime_bytes=runtime_bytes + _FIRST_PRODUCTS_BYTES,
        weights_bytes=_weights(config, shape, learning),
        gradients_bytes=_gradients(config, shape, learning, activations),
        optimizer_bytes=_optimizer(config, shape, learning),
        activations_bytes=activations,
        logits_bytes=_logits(config, shape),
    )


def layer_matrices(config: ModelConfig) -> dict[str, tuple[int, int]]:
    """(rows, columns) by kind."""
    wide, narrow = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    dim, ffn = config.dim, config.ffn_dim
    matrices = {"q": (wide, dim), "k": (narrow, dim), "v": (narrow, dim), "o": (dim, wide)}
    if config.mlp == "swiglu":
        matrices["gate"] = (ffn, dim)
    return matrices | {"up": (ffn, dim), "down": (dim, ffn)}


def learning_parameters(config: ModelConfig, shape: TrainingShape) -> int:
    if not shape.adapter_rank:
        return parameters(config)
    sides = (
        rows + columns
        for kind, (rows, columns) in layer_matrices(config).items()
        if kind in shape.adapter_layers
    )
    return config.n_layers * shape.adapter_rank * sum(sides)


def activation_bytes(config: ModelConfig, shape: TrainingShape) -> int:
    """What all layers keep for the way back, and one of them on its way."""
    tokens, element = shape.rows * shape.context_tokens, shape.element_bytes
    layer = tokens * _kept_a_token(config, shape)
    widest = 5 if shape.adapter_rank else 3
    on_the_way = tokens * (widest * config.ffn_dim + 4 * config.dim) * element
    ends = 4 * tokens * config.dim * element
    if shape.recomputes_layers:
        passing = layer + on_the_way
        if shape.is_on_processor:  # where the logits have gone before a layer is made again
            passing = max(0, passing - _logits_of_a_lane(config, shape))
        return shape.lanes * (config.n_layers * tokens * config.dim * element + passing + ends)
    total = shape.lanes * (config.n_layers * layer + on_the_way + ends)
    if shape.is_on_processor:
        holes = _HOLES_OF_KEPT + (_HOLES_OF_REFERENCE if shape.has_reference else 0)
        total += int(holes * total + _HOLES_OF_PASSING * (layer + on_the_way))
    return total


def _kept_a_token(config: ModelConfig, shape: TrainingShape) -> int:
    """Of one layer: both norms' inputs and outputs, heads, what they saw, the MLP's inside."""
    wide, narrow = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    kept = 4 * config.dim + 2 * wide + 2 * narrow
    if config.qk_norm:
        kept += wide + narrow
    kept += config.ffn_dim * (3 if config.mlp == "swiglu" else 2)
    if not shape.is_on_processor or shape.context_tokens > _LONGEST_KEPT_SCORES or config.dropout:
        kept += wide
    else:
        kept += config.n_heads * (shape.context_tokens + _SCORES_BLOCK) // 2
    if shape.adapter_rank:
        kept += shape.adapter_rank * len(shape.adapter_layers)
    masks = 2 * config.dim if config.dropout else 0
    return kept * shape.element_bytes + masks


def _weights(config: ModelConfig, shape: TrainingShape, learning: int) -> int:
    """What is computed with, and exact ones beside it where that is in fewer bits."""
    copies = shape.element_bytes if shape.element_bytes < _EXACT_BYTES else 0
    total = learning * (_EXACT_BYTES + copies)
    if shape.adapter_rank:
        total += weight_bytes(config, shape.base_precision)
        if shape.base_precision in ("int8", "int4"):
            largest = max(rows * columns for rows, columns in layer_matrices(config).values())
            total += (config.vocab_size * config.dim + 2 * largest) * shape.element_bytes
    if shape.teacher is not None:
        total += parameters(shape.teacher) * shape.element_bytes
    return total


def gradients_waiting(lanes: int, one_bytes: int) -> int:
    """How many batches' gradients may wait for a slower lane: some, where they are small."""
    return max(1, min(_MOST_WAITING * lanes, _WAITING_BYTES // one_bytes))


def _gradients(config: ModelConfig, shape: TrainingShape, learning: int, activations: int) -> int:
    """Without accumulation they come while activations go, so that only what they exceed them by is more."""
    table = 0 if shape.adapter_rank else config.vocab_size * config.dim * shape.element_bytes
    if not shape.adapter_rank and _logits_of_a_batch(config, shape) > _at_once(config, shape):
        table += config.vocab_size * config.dim * _EXACT_BYTES  # where those of several chunks are added up
    if shape.in_backward:
        return table
    accumulates = shape.batches > 1
    is_kept_narrow = shape.is_on_processor and not accumulates
    every = learning * (shape.element_bytes if is_kept_narrow else _EXACT_BYTES)
    if shape.lanes > 1:
        every += _gradients_of_lanes(shape, learning * shape.element_bytes)
    return every + table if accumulates else max(every - activations, table)


def _gradients_of_lanes(shape: TrainingShape, one: int) -> int:
    """Beside those that are added up: of batches that wait, and of those under way, unless their activations
    go meanwhile."""
    held = min(shape.lanes + gradients_waiting(shape.lanes, one), shape.batches - 1)
    return one * (held if shape.recomputes_layers else max(0, held - (shape.lanes - 1)))


def _optimizer(config: ModelConfig, shape: TrainingShape, learning: int) -> int:
    if shape.optimizer == "muon":
        hidden = config.n_layers * sum(rows * columns for rows, columns in layer_matrices(config).values())
        return hidden * 4 + (learning - hidden) * 8
    extra = _LARGEST_PART if shape.optimizer == "adamw8" else 0
    return int(learning * _STATE_BYTES[shape.optimizer]) + extra


def _logits_of_a_batch(config: ModelConfig, shape: TrainingShape) -> int:
    return shape.rows * shape.context_tokens * config.vocab_size


def _at_once(config: ModelConfig, shape: TrainingShape) -> int:
    chunk_bytes = _CHUNK_BYTES if shape.adapter_rank else _LEARNING_CHUNK_BYTES
    most = chunk_bytes // shape.element_bytes if shape.is_on_processor else _CARD_LOGITS
    return max(config.vocab_size, min(most, _logits_of_a_batch(config, shape)))


def _logits(config: ModelConfig, shape: TrainingShape) -> int:
    if not shape.is_on_processor:
        return _at_once(config, shape) * _CARD_LOGIT_BYTES * (2 if shape.teacher is not None else 1)
    return shape.lanes * _logits_of_a_lane(config, shape)


def _logits_of_a_lane(config: ModelConfig, shape: TrainingShape) -> int:
    part = _PART_BYTES if shape.teacher is None else _PART_BYTES_WITH_TEACHER
    return _at_once(config, shape) * shape.element_bytes + part
