"""Adapters: narrow detours beside the linear layers of a network, learnt while the layers stay as they are.

Several can be attached to one network, each with a name and a strength; merged, one becomes part of the
weights. How they are stored is told in core/checkpoint/adapter.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.model.frozen import frozen_weight, multiply_frozen
from core.model.quant import Linear4, Linear8
from core.model.transformer import Transformer
from core.spec.errors import UsageError

_KINDS = ("q", "k", "v", "o", "gate", "up", "down")


@dataclass(frozen=True)
class Detour:
    """The width of one adapter at one layer, and what its output is multiplied by."""

    rank: int
    scaling: float


class LowRank(nn.Module):
    """x (..., columns) -> (..., rows), through `rank` numbers."""

    def __init__(self, down: Tensor, up: Tensor, scaling: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.down, self.up = nn.Parameter(down), nn.Parameter(up)
        self.scaling, self.strength = scaling, 1.0
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        narrow = F.linear(self.dropout(x).to(self.down.dtype), self.down) * (self.scaling * self.strength)
        return F.linear(narrow, self.up).to(x.dtype)

    def product(self) -> Tensor:
        """What it adds to the layer's weight, in fp32."""
        return (self.up.float() @ self.down.float()) * (self.scaling * self.strength)


class Adapted(nn.Module):
    """A linear layer with what is attached to it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.adapters: Mapping[str, LowRank] = nn.ModuleDict()  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        active = [adapter for adapter in self.adapters.values() if adapter.strength]
        if len(active) == 1 and self._can_be_written_out(x, active[0]):
            return _Detoured.apply(  # type: ignore[no-untyped-call]
                x, self.layer, active[0].down, active[0].up, active[0].scaling * active[0].strength
            )
        y = self._plain(x)
        for adapter in active:
            y += adapter(x)
        return y

    def _can_be_written_out(self, x: Tensor, adapter: LowRank) -> bool:
        """Only what the adapter holds learns, and all is computed in one type."""
        is_learning = torch.is_grad_enabled() and adapter.down.requires_grad and adapter.up.requires_grad
        is_dropping = adapter.dropout.p > 0 and adapter.training
        if not is_learning or is_dropping or adapter.down.dtype != x.dtype or adapter.up.dtype != x.dtype:
            return False
        if isinstance(self.layer, Linear8 | Linear4):
            return True
        is_frozen = not any(parameter.requires_grad for parameter in self.layer.parameters())
        return isinstance(self.layer, nn.Linear) and is_frozen and self.layer.weight.dtype == x.dtype

    def _plain(self, x: Tensor) -> Tensor:
        if not (isinstance(self.layer, Linear8 | Linear4) and torch.is_grad_enabled() and x.requires_grad):
            return self.layer(x)
        y = multiply_frozen(x, self.layer)
        return y if self.layer.bias is None else y + self.layer.bias.to(y.dtype)


class _Detoured(torch.autograd.Function):
    """A frozen layer and the detour beside it, which is added in place to what the layer gives; so are their
    gradients."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, layer: nn.Linear | Linear8 | Linear4, down: Tensor, up: Tensor, scaling: float
    ) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        narrow = F.linear(flat, down).mul_(scaling)
        bias = None if layer.bias is None else layer.bias.to(x.dtype)
        y = F.linear(flat, frozen_weight(layer, x.dtype), bias).addmm_(narrow, up.t())
        ctx.layer, ctx.scaling, ctx.shape = layer, scaling, x.shape
        ctx.save_for_backward(flat, narrow, down, up)
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None]:
        flat, narrow, down, up = ctx.saved_tensors
        gradient = gradients[0].reshape(len(flat), -1)
        for_narrow = (gradient @ up).mul_(ctx.scaling)
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = gradient @ frozen_weight(ctx.layer, gradient.dtype)
            for_x = for_x.addmm_(for_narrow, down).view(ctx.shape)
        return for_x, None, for_narrow.t() @ flat, gradient.t() @ narrow, None


def attach_new(
    model: Transformer, name: str, layers: tuple[str, ...], detour: Detour, *, dropout: float, seed: int
) -> None:
    """At every layer of these kinds; it changes nothing until it has learnt."""
    generator = torch.Generator().manual_seed(seed)
    state, detours = {}, {}
    for place, layer in _linear_layers(model, layers):
        rows, columns = shape_of(layer)
        edge = 1 / math.sqrt(columns)
        state[f"{place}.down"] = torch.empty(detour.rank, columns).uniform_(-edge, edge, generator=generator)
        state[f"{place}.up"] = torch.zeros(rows, detour.rank)
        detours[place] = detour
    attach(model, name, state, detours, dropout=dropout)


def attach(
    model: Transformer,
    name: str,
    state: Mapping[str, Tensor],
    detours: Mapping[str, Detour],
    *,
    dropout: float = 0.0,
) -> None:
    """`state` as adapter_state gives it: two tensors a layer; `detours` by layer."""
    if not name or "." in name or name in attached(model):
        raise UsageError(f"An adapter cannot be called {name!r} here; choose another name.")
    for place, detour in detours.items():
        down, up = state[f"{place}.down"], state[f"{place}.up"]
        layer = model.get_submodule(place)
        inner = layer.layer if isinstance(layer, Adapted) else layer
        rows, columns = shape_of(inner)
        if down.shape != (detour.rank, columns) or up.shape != (rows, detour.rank):
            raise UsageError(
                f"The adapter does not belong to this model: at {place} it is for {up.shape[0]} x "
                f"{down.shape[1]} weights, not {rows} x {columns}; choose the model that it was made for."
            )
    for place, detour in detours.items():
        layer = model.get_submodule(place)
        if not isinstance(layer, Adapted):
            layer = Adapted(layer)
            _put(model, place, layer)
        down, up = (state[f"{place}.{part}"].to(model.device) for part in ("down", "up"))
        part = LowRank(down, up, detour.scaling, dropout).train(model.training)
        layer.adapters[name] = part.requires_grad_(False)  # type: ignore[index]


def detach(model: Transformer, name: str) -> None:
    """Layers without another adapter become what they were."""
    for place, layer in _adapted(model, name):
        del layer.adapters[name]  # type: ignore[attr-defined]
        if not layer.adapters:
            _put(model, place, layer.layer)


def merge(model: Transformer, name: str) -> None:
    """Adds the adapter to the weights, as strong as it is set, and detaches it."""
    layers = _adapted(model, name)
    if any(not isinstance(layer.layer, nn.Linear) for _, layer in layers):
        raise UsageError(
            "An adapter cannot become part of quantised weights without loss; load the model as fp32, bf16 "
            "or fp16 to merge it."
        )
    with torch.no_grad():
        for _, layer in layers:
            weight = layer.layer.weight
            weight.copy_(weight.float() + layer.adapters[name].product())  # type: ignore[operator]
    detach(model, name)


def set_strength(model: Transformer, name: str, strength: float) -> None:
    """0 turns it off, 1 is as it was learnt."""
    for _, layer in _adapted(model, name):
        layer.adapters[name].strength = strength


def attached(model: Transformer) -> tuple[str, ...]:
    names = dict.fromkeys(
        name for module in model.modules() if isinstance(module, Adapted) for name in module.adapters
    )
    return tuple(names)


def adapter_parameters(model: Transformer, name: str) -> dict[str, nn.Parameter]:
    """By layer: `layers.0.attn.q.down` and `.up`."""
    return {
        f"{place}.{kind}": getattr(layer.adapters[name], kind)
        for place, layer in _adapted(model, name)
        for kind in ("down", "up")
    }


def detours_of(model: Transformer, name: str) -> dict[str, Detour]:
    """With what its strength is set to counted in."""
    return {
        place: Detour(part.down.shape[0], part.scaling * part.strength)
        for place, layer in _adapted(model, name)
        for part in (layer.adapters[name],)
    }


def shape_of(layer: nn.Module) -> tuple[int, int]:
    """(rows, columns) of a linear layer of any kind."""
    if isinstance(layer, Linear4):
        return layer.rows, layer.columns
    if isinstance(layer, Linear8 | nn.Linear):
        return layer.weight.shape[0], layer.weight.shape[1]
    raise UsageError(f"An adapter cannot be attached to a layer of type {type(layer).__name__}.")


def _adapted(model: Transformer, name: str) -> list[tuple[str, Adapted]]:
    found = [
        (place, module)
        for place, module in model.named_modules()
        if isinstance(module, Adapted) and name in module.adapters
    ]
    if not found:
        raise UsageError(
            f"No adapter {name!r} is attached; attached are: {', '.join(attached(model)) or '-'}."
        )
    return found


def _linear_layers(model: Transformer, kinds: tuple[str, ...]) -> Iterator[tuple[str, nn.Module]]:
    """In the blocks alone; the output projection stays as it is."""
    for number, block in enumerate(model.layers):
        for part in ("attn", "mlp"):
            for kind in _KINDS:
                layer = getattr(getattr(block, part), kind, None)
                if kind in kinds and layer is not None:
                    inner = layer.layer if isinstance(layer, Adapted) else layer
                    yield f"layers.{number}.{part}.{kind}", inner


def _put(model: nn.Module, place: str, layer: nn.Module) -> None:
    owner, _, attribute = place.rpartition(".")
    setattr(model.get_submodule(owner), attribute, layer)
