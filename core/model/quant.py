"""int8 and int4 weights: how they are packed, and the layers that compute with them.

Activations are not quantised: one channel far above the others would leave no steps for the rest. int8 has a
scale a row, int4 a scale and a zero point for each group of a row; tables of tokens are int8 in both.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from core.model import kernels
from core.model.kernels import Kernels
from core.model.transformer import Transformer

GROUP = 32
_STEPS8, _STEPS4 = 127, 15
_MIDDLE4 = 8  # the step that stands for the zero point
_BLOCK_ROWS = 1024  # of int4 too, whose operation lays rows out by 64 at most
_ROWS_OF_4 = 16  # the int4 operation takes rows by so many
_WIDTH_OF_8 = 32  # the int8 operation reads beyond the end of other widths

Quantised = Literal["int8", "int4"]


class Linear8(nn.Module):
    def __init__(self, rows: int, columns: int, has_bias: bool) -> None:
        super().__init__()
        self.weight: Tensor = nn.Buffer(torch.empty(rows, columns, dtype=torch.int8))
        self.scale: Tensor = nn.Buffer(torch.empty(rows))
        self.bias: Tensor | None = nn.Buffer(torch.empty(rows)) if has_bias else None
        self.kernels = Kernels(0, torch.float32)

    @staticmethod
    def packed(weight: Tensor) -> dict[str, Tensor]:
        return _pack8(weight)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.weight.shape
        flat = x.reshape(-1, columns)
        if flat.shape[0] <= self.kernels.few_rows and columns % _WIDTH_OF_8 == 0:
            result = kernels.multiply_packed8(flat, self.weight, self.scale)
        else:
            result = kernels.multiply_unpacked8(flat, self.weight, self.scale, self.kernels.wide)
        return _shaped(result, x, rows, self.bias)


class Linear4(nn.Module):
    def __init__(self, rows: int, columns: int, has_bias: bool) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self.weight: Tensor = nn.Buffer(torch.empty(rows, columns // 2, dtype=torch.uint8))
        self.scale_and_zero: Tensor = nn.Buffer(torch.empty(columns // GROUP, rows, 2, dtype=torch.bfloat16))
        self.bias: Tensor | None = nn.Buffer(torch.empty(rows)) if has_bias else None

    @staticmethod
    def packed(weight: Tensor) -> dict[str, Tensor]:
        return _pack4(weight)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, self.columns).bfloat16()
        result = torch.ops.aten._weight_int4pack_mm_for_cpu(flat, self.weight, GROUP, self.scale_and_zero)
        return _shaped(result, x, self.rows, self.bias)


class Table8(nn.Module):
    """Rows of an int8 table by number."""

    def __init__(self, rows: int, columns: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight: Tensor = nn.Buffer(torch.empty(rows, columns, dtype=torch.int8))
        self.scale: Tensor = nn.Buffer(torch.empty(rows))
        self.dtype = dtype

    @staticmethod
    def packed(weight: Tensor) -> dict[str, Tensor]:
        return _pack8(weight)

    def forward(self, ids: Tensor) -> Tensor:
        return (self.weight[ids] * self.scale[ids].unsqueeze(-1)).to(self.dtype)


class Packing(Protocol):
    """A way to hold quantised weights: torch's operations here, or the C library's in tiled.py."""

    @property
    def name(self) -> str:
        """Different for what must not be taken for each other on disk."""
        ...

    @property
    def stays_on_processor(self) -> bool:
        """Whether it is the processor that multiplies with them."""
        ...

    def prepare(self, model: Transformer, precision: Quantised) -> Transformer:
        """The network with quantised layers instead of its own, their weights yet to be filled in."""
        ...

    def state(
        self, model: Transformer, parameters: Iterable[tuple[str, Tensor]]
    ) -> Iterator[tuple[str, Tensor]]:
        """What the state of `model` is to hold, made of plain weights one by one; all but a tied head."""
        ...

    def finish(self, model: Transformer) -> None:
        """Once the weights are in their place."""
        ...


class TorchPacking:
    stays_on_processor = True

    @property
    def name(self) -> str:
        # how int4 lies in memory differs between processors
        return f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}"

    def prepare(self, model: Transformer, precision: Quantised) -> Transformer:
        return with_quantised_layers(model, precision, torch.float32)

    def state(
        self, model: Transformer, parameters: Iterable[tuple[str, Tensor]]
    ) -> Iterator[tuple[str, Tensor]]:
        return packed_state(model, parameters)

    def finish(self, model: Transformer) -> None:
        if model.config.tie_embeddings:
            share_table(model)


def with_quantised_layers(model: Transformer, precision: Quantised, dtype: torch.dtype) -> Transformer:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and name != "head":
            has_bias = module.bias is not None
            _replace(model, name, _layer(module.out_features, module.in_features, has_bias, precision))
    vocab_size, dim = model.config.vocab_size, model.config.dim
    _replace(model, "embed", Table8(vocab_size, dim, dtype))
    _replace(model, "head", Linear8(vocab_size, dim, has_bias=False))
    return model


def packed_state(
    model: Transformer, parameters: Iterable[tuple[str, Tensor]]
) -> Iterator[tuple[str, Tensor]]:
    for name, weight in parameters:
        owner_name, _, kind = name.rpartition(".")
        owner = model.get_submodule(owner_name)
        if isinstance(owner, Linear8 | Linear4 | Table8) and kind == "weight":
            yield from ((f"{owner_name}.{part}", tensor) for part, tensor in owner.packed(weight).items())
        else:
            yield name, weight.float()


def share_table(model: Transformer) -> None:
    if isinstance(model.embed, Table8) and isinstance(model.head, Linear8):
        model.head.weight, model.head.scale = model.embed.weight, model.embed.scale


def choose_kernels(model: Transformer) -> Kernels:
    chosen = kernels.for_device(model.device)
    for module in model.modules():
        if isinstance(module, Linear8):
            module.kernels = chosen
    return chosen


def _layer(rows: int, columns: int, has_bias: bool, precision: Quantised) -> Linear8 | Linear4:
    if precision == "int4" and columns % GROUP == 0 and rows % _ROWS_OF_4 == 0:
        return Linear4(rows, columns, has_bias)
    return Linear8(rows, columns, has_bias)


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(owner), attribute, layer)


def _pack8(weight: Tensor) -> dict[str, Tensor]:
    packed = torch.empty(weight.shape, dtype=torch.int8)
    scale = torch.empty(weight.shape[0])
    for rows in _blocks(weight):
        block = weight[rows].float()
        scale[rows] = (block.abs().amax(dim=1) / _STEPS8).clamp(min=torch.finfo(torch.float32).tiny)
        packed[rows] = (block / scale[rows, None]).round().clamp(-_STEPS8, _STEPS8).to(torch.int8)
    return {"weight": packed, "scale": scale}


def _pack4(weight: Tensor) -> dict[str, Tensor]:
    rows, columns = weight.shape
    packed = torch.empty(rows, columns // 2, dtype=torch.uint8)
    scale_and_zero = torch.empty(columns // GROUP, rows, 2, dtype=torch.bfloat16)
    for block in _blocks(weight):
        groups = weight[block].float().view(-1, columns // GROUP, GROUP)
        low, high = groups.amin(dim=-1), groups.amax(dim=-1)
        # as the operation will see them, so that rounding them costs nothing more
        scale = ((high - low) / _STEPS4).clamp(min=1e-8).bfloat16().float()
        zero = (low + scale * _MIDDLE4).bfloat16().float()
        steps = ((groups - zero[..., None]) / scale[..., None] + _MIDDLE4).round().clamp(0, _STEPS4)
        steps = steps.view(-1, columns).to(torch.int32)
        packed[block] = torch.ops.aten._convert_weight_to_int4pack_for_cpu(steps, 1)
        scale_and_zero[:, block] = torch.stack((scale, zero), dim=-1).transpose(0, 1).bfloat16()
    return {"weight": packed, "scale_and_zero": scale_and_zero}


def _blocks(weight: Tensor) -> Iterator[slice]:
    """Some rows at a time, so that packing a large table needs little more than its result."""
    return (slice(start, start + _BLOCK_ROWS) for start in range(0, weight.shape[0], _BLOCK_ROWS))


def _shaped(result: Tensor, like: Tensor, rows: int, bias: Tensor | None) -> Tensor:
    result = result.to(like.dtype).view(*like.shape[:-1], rows)
    return result if bias is None else result + bias.to(like.dtype)
