"""Operations of the network whose gradients are written out: faster and smaller than what torch would record.

They compute what the plain ones compute, within rounding, and serve only while something learns. Attention is
for the processor, where torch's own kernel is slow in short contexts.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

LONGEST_ATTENTION = 1024  # tokens; beyond, what is kept for the way back grows out of proportion
_BLOCK = 64  # queries at a time, which see no more keys than they may


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return _RmsNorm.apply(x, weight, eps)  # type: ignore[no-untyped-call]


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up"""
    return _Gated.apply(gate, up)  # type: ignore[no-untyped-call]


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x (batch, heads, positions, head_dim); a table's halves are alike."""
    half = x.shape[-1] // 2
    return _Rotated.apply(x, cos[:, :half], sin[:, :half])  # type: ignore[no-untyped-call]


def serves_attention(q: Tensor) -> bool:
    return q.device.type == "cpu" and 1 < q.shape[2] <= LONGEST_ATTENTION


def causal_attention(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """q (batch, heads, positions, head_dim); k and v may have fewer heads, each for a group of queries'."""
    positions = q.shape[2]
    missing = -positions % _BLOCK
    if missing:  # behind all others, so nobody sees them
        q, k, v = (F.pad(each, (0, 0, 0, missing)) for each in (q, k, v))
    return _Attention.apply(q, k, v, scale)[:, :, :positions]  # type: ignore[no-untyped-call]


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        exact = x.float()
        length = torch.linalg.vector_norm(exact, dim=-1, keepdim=True)  # which stays fp32 under autocast
        inverse = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        return (exact * inverse).to(x.dtype) * weight

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        # LayerNorm's with a mean of zero; it takes the gradient's mean away too, which is given back
        found, for_weight, _ = torch.ops.aten.native_layer_norm_backward(
            gradient.to(x.dtype),
            x,
            [x.shape[-1]],
            torch.zeros_like(inverse),
            inverse,
            weight.float(),
            None,
            [True, ctx.needs_input_grad[1], False],
        )
        mean = (gradient.to(weight.dtype) @ weight).float().unsqueeze(-1).div_(x.shape[-1])
        found.add_(mean.mul_(inverse).to(x.dtype))  # else torch widens all of it for this
        return found, for_weight if for_weight is None else for_weight.to(weight.dtype), None


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        for_up = F.silu(gate).mul_(gradients[0])
        return torch.ops.aten.silu_backward(gradients[0] * up, gate), for_up


class _Rotated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(gradients[0], cos, -sin), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    result = torch.empty_like(x)
    first, second = result.chunk(2, dim=-1)
    torch.mul(left, cos, out=first)
    first.addcmul_(right, sin, value=-1)
    torch.mul(right, cos, out=second)
    second.addcmul_(left, sin)
    return result


class _Attention(torch.autograd.Function):
    """Blocks of queries against the keys up to them; all queries that share keys go together.

    Scores are made in fp32, since rounding them would be the largest error by far.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        ctx.shape, ctx.scale = q.shape, scale
        blocks, keys, values = _blocks(q, k.shape[1]), k.flatten(0, 1), v.flatten(0, 1)
        exact, exact_keys = blocks.float(), keys.float() * scale
        unseen = torch.full((_BLOCK, _BLOCK), -math.inf).triu_(1)
        result, kept = torch.empty_like(blocks), []
        for block in range(blocks.shape[1]):
            end = (block + 1) * _BLOCK
            scores = torch.bmm(exact[:, block], exact_keys[:, :end].transpose(1, 2))
            scores.view(len(keys), -1, _BLOCK, end)[..., end - _BLOCK :].add_(unseen)
            kept.append(scores.softmax(dim=-1).to(q.dtype))
            torch.bmm(kept[-1], values[:, :end], out=result[:, block])
        ctx.save_for_backward(blocks, keys, values, *kept)
        return _unblocked(result, q.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        blocks, keys, values, *kept = ctx.saved_tensors
        gradient = _blocks(gradients[0], gradients[0].shape[1] * len(keys) // (ctx.shape[0] * ctx.shape[1]))
        scaled = keys * ctx.scale
        for_q = torch.empty_like(blocks)
        for_k, for_v = (torch.zeros(each.shape, dtype=torch.float32) for each in (keys, values))
        for block, chances in enumerate(kept):
            end = (block + 1) * _BLOCK
            for_v[:, :end] += torch.bmm(chances.transpose(1, 2), gradient[:, block])
            for_chances = torch.bmm(gradient[:, block], values[:, :end].transpose(1, 2))
            for_scores = torch._softmax_backward_data(for_chances, chances, -1, chances.dtype)
            torch.bmm(for_scores, scaled[:, :end], out=for_q[:, block])
            for_k[:, :end] += torch.bmm(for_scores.transpose(1, 2), blocks[:, block])
        shape = (ctx.shape[0], -1, *ctx.shape[2:])
        for_keys = for_k.mul_(ctx.scale).to(keys.dtype).view(shape)
        return _unblocked(for_q, ctx.shape), for_keys, for_v.to(keys.dtype).view(shape), None


def _blocks(q: Tensor, kv_heads: int) -> Tensor:
    """(batch, heads, positions, head_dim) to (batch * kv_heads, blocks, group * block, head_dim)."""
    batch, heads, positions, head_dim = q.shape
    split = q.reshape(batch * kv_heads, heads // kv_heads, positions // _BLOCK, _BLOCK, head_dim)
    return split.transpose(1, 2).reshape(batch * kv_heads, positions // _BLOCK, -1, head_dim)


def _unblocked(blocks: Tensor, shape: torch.Size) -> Tensor:
    split = blocks.view(blocks.shape[0], blocks.shape[1], -1, _BLOCK, blocks.shape[-1])
    return split.transpose(1, 2).reshape(shape)
