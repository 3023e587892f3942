"""Gradients through quantised layers: their weights stay as they are, what comes before them learns.

The operations that decode fast have no backward and are slow for the many rows of a training batch. So a
layer is unpacked for each product and forgotten again; nothing but its input's gradient is computed.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.model.quant import GROUP, Linear4, Linear8

_MIDDLE4 = 8  # the step that stands for the zero point


def multiply_frozen(x: Tensor, layer: Linear8 | Linear4) -> Tensor:
    """What the layer computes, without its bias, so that x gets a gradient."""
    return _Product.apply(x, layer)  # type: ignore[no-untyped-call]


def frozen_weight(layer: nn.Linear | Linear8 | Linear4, dtype: torch.dtype) -> Tensor:
    """(rows, columns): a plain layer's own, else unpacked for this once."""
    return layer.weight if isinstance(layer, nn.Linear) else unpacked(layer, dtype)


def unpacked(layer: Linear8 | Linear4, dtype: torch.dtype) -> Tensor:
    """The weights that a quantised layer stands for, (rows, columns)."""
    if isinstance(layer, Linear8):
        return layer.weight.to(dtype).mul_(layer.scale.to(dtype).unsqueeze(1))
    return _unpacked4(layer, dtype)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Linear8 | Linear4) -> Tensor:
        ctx.layer = layer
        return F.linear(x, unpacked(layer, x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] @ unpacked(ctx.layer, gradients[0].dtype), None


def _unpacked4(layer: Linear4, dtype: torch.dtype) -> Tensor:
    """Rows lie in blocks; in a block, column after column, two rows a byte."""
    block = _block_rows()
    whole = layer.rows // block * block
    result = torch.empty(layer.columns, layer.rows, dtype=dtype, device=layer.weight.device)
    for rows, height in ((slice(0, whole), block), (slice(whole, layer.rows), layer.rows - whole)):
        if height and rows.stop > rows.start:
            steps = _steps(layer.weight[rows].reshape(-1, layer.columns, height // 2), height)
            scale, zero = layer.scale_and_zero[:, rows].to(dtype).unbind(-1)
            here = result[:, rows].view(layer.columns // GROUP, GROUP, -1)
            here.copy_(steps.permute(1, 0, 2).reshape(here.shape))
            here.sub_(_MIDDLE4).mul_(scale.unsqueeze(1)).add_(zero.unsqueeze(1))
    return result.t()


def _steps(packed: Tensor, height: int) -> Tensor:
    """(blocks, columns, height / 2) bytes to (blocks, columns, height) steps, rows in order."""
    steps = torch.cat((packed & 15, packed >> 4), dim=-1)
    order = _order(height)
    return steps if order is None else steps[..., torch.tensor(order, device=steps.device)]


@cache
def _order(height: int) -> tuple[int, ...] | None:
    """Where in a block of this height each row is; None where they stand in order.

    It differs between processors, so a block is packed whose rows can be told apart.
    """
    rows = torch.arange(height, dtype=torch.int32).unsqueeze(1).expand(height, GROUP)
    low, high = (_packed(part)[: height // 2] for part in (rows % 16, rows // 16))
    found = torch.cat(((low & 15) + 16 * (high & 15), (low >> 4) + 16 * (high >> 4)))
    order = tuple(found.argsort().tolist())
    return None if order == tuple(range(height)) else order


@cache
def _block_rows() -> int:
    """Rows until the first is met again, a column further on."""
    rows = torch.arange(256, dtype=torch.int32).unsqueeze(1).expand(256, GROUP)
    low, high = (_packed(part) & 15 for part in (rows % 16, rows // 16))
    first = ((low + 16 * high) == 0).nonzero().flatten()
    return 2 * int(first[1])


def _packed(steps: Tensor) -> Tensor:
    return torch.ops.aten._convert_weight_to_int4pack_for_cpu(steps.contiguous(), 1).view(-1)
