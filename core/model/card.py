"""int8 and int4 weights on a graphics card, by torch's plain operations, which run on every card.

int8 layers are those of quant.py. int4 has a layer of its own here, because torch's operation for it wants
bfloat16 and a card of 2020 or later. Both unpack a matrix when it is multiplied; what they save is memory.
"""

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.model.quant import GROUP, Linear8, Quantised, packed_state, share_table, with_quantised_layers
from core.model.transformer import Transformer

_STEPS = 15


class CardLinear4(nn.Module):
    """A byte holds a column of the first half of its group in its low half, one of the second in its high."""

    def __init__(self, rows: int, columns: int, has_bias: bool) -> None:
        super().__init__()
        groups = columns // GROUP
        self.weight: Tensor = nn.Buffer(torch.empty(rows, groups, GROUP // 2, dtype=torch.uint8))
        self.scale: Tensor = nn.Buffer(torch.empty(rows, groups, 1, dtype=torch.bfloat16))
        self.least: Tensor = nn.Buffer(torch.empty(rows, groups, 1, dtype=torch.bfloat16))
        self.bias: Tensor | None = nn.Buffer(torch.empty(rows)) if has_bias else None

    @staticmethod
    def packed(weight: Tensor) -> dict[str, Tensor]:
        groups = weight.float().view(weight.shape[0], -1, GROUP)
        least, most = groups.amin(dim=-1, keepdim=True), groups.amax(dim=-1, keepdim=True)
        # as they will be kept, so that rounding them costs nothing more
        scale, least = ((most - least) / _STEPS).clamp(min=1e-8).bfloat16(), least.bfloat16()
        steps = ((groups - least.float()) / scale.float()).round().clamp(0, _STEPS).to(torch.uint8)
        low, high = steps.chunk(2, dim=-1)
        return {"weight": low | high << 4, "scale": scale, "least": least}

    def unpacked(self, dtype: torch.dtype) -> Tensor:
        """(rows, columns)"""
        steps = torch.cat((self.weight & 15, self.weight >> 4), dim=-1).to(dtype)
        return steps.mul_(self.scale.to(dtype)).add_(self.least.to(dtype)).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        wide = torch.float32 if x.device.type == "cpu" else torch.float16
        result = F.linear(x.to(wide), self.unpacked(wide)).to(x.dtype)
        return result if self.bias is None else result + self.bias.to(x.dtype)


class CardPacking:
    """See Packing in quant.py. Packed on the processor; the network moves to the card afterwards."""

    name = "card"
    stays_on_processor = False

    def prepare(self, model: Transformer, precision: Quantised) -> Transformer:
        plain = [
            (name, layer)
            for name, layer in model.named_modules()
            if isinstance(layer, nn.Linear) and name != "head" and layer.in_features % GROUP == 0
        ]
        model = with_quantised_layers(model, "int8", torch.float32)
        for name, layer in plain if precision == "int4" else ():
            above, _, own_name = name.rpartition(".")
            has_bias = layer.bias is not None
            setattr(
                model.get_submodule(above),
                own_name,
                CardLinear4(layer.out_features, layer.in_features, has_bias),
            )
        return model

    def state(
        self, model: Transformer, parameters: Iterable[tuple[str, Tensor]]
    ) -> Iterator[tuple[str, Tensor]]:
        for name, weight in parameters:
            owner_name, _, kind = name.rpartition(".")
            owner = model.get_submodule(owner_name)
            if isinstance(owner, CardLinear4) and kind == "weight":
                yield from ((f"{owner_name}.{part}", held) for part, held in owner.packed(weight).items())
            else:
                yield from packed_state(model, [(name, weight)])

    def finish(self, model: Transformer) -> None:
        if model.config.tie_embeddings and isinstance(model.head, Linear8):
            share_table(model)
