"""A network whose weights lie in the C library's tiles.

Reads are one call of its step, as long as it is the faster way (see crossover.py). Longer ones go layer by
layer: a layer's weights are unpacked just before torch multiplies with them, and no second copy stays.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from core.model.one_step import FEWEST_ROWS, TILES, StepReader, TiledLayers, network_weights
from core.model.transformer import Transformer
from core.native.library import Library
from core.native.matrix import AS_NEEDED, GATE, UP, Bits, Matrix, Shape, empty_matrix, multiply, pack, unpack
from core.native.step import why_unsupported
from core.spec.config import ModelConfig

_PACKED_FROM = (torch.float32, torch.float16, torch.bfloat16)  # others are first made the first


def as_array(tensor: Tensor) -> NDArray[Any]:
    """The same memory, as the library takes it."""
    tensor = tensor.detach()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


class Tiles(nn.Module):
    """The packed bytes of a matrix, or of a pair."""

    def __init__(self, rows: int, columns: int, bits: Bits, *, is_pair: bool = False) -> None:
        super().__init__()
        self.shape = Shape(rows, columns, bits, is_pair)
        self.packed: Tensor = nn.Buffer(torch.empty(self.shape.packed_bytes, dtype=torch.uint8))

    @property
    def matrix(self) -> Matrix:
        return Matrix(self.shape, as_array(self.packed))


class Unpacker:
    """Room for one layer's weights as torch multiplies them; all layers of a network take turns in it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.most_packed_rows = FEWEST_ROWS  # beyond which weights are unpacked
        self.dtype = torch.float32
        self._room = torch.empty(0)

    def rows(self, tiles: Tiles, first: int, count: int, which: int) -> Tensor:
        """Until the next call."""
        size = count * tiles.shape.columns
        if self._room.dtype != self.dtype or self._room.numel() < size:
            self._room = torch.empty(size, dtype=self.dtype)
        weights = self._room[:size].view(count, tiles.shape.columns)
        unpack(self.library, tiles.matrix, as_array(weights), first, which)
        return weights


class TiledLinear(nn.Module):
    """Multiplies with some rows of tiles that it may share with others."""

    def __init__(
        self, unpacker: Unpacker, tiles: Tiles, rows: range, *, which: int = GATE, has_bias: bool = False
    ) -> None:
        super().__init__()
        self.unpacker, self._rows, self._which = unpacker, rows, which
        self._shared = (tiles,)  # in a tuple, because a module would become part of this one
        self.bias: Tensor | None = nn.Buffer(torch.empty(len(rows))) if has_bias else None

    @property
    def tiles(self) -> Tiles:
        return self._shared[0]

    def forward(self, x: Tensor) -> Tensor:
        shape = self.tiles.shape
        is_all = len(self._rows) == shape.rows and not shape.is_pair
        if is_all and x.numel() <= self.unpacker.most_packed_rows * shape.columns:
            rows, bias = as_array(x.float()), None if self.bias is None else as_array(self.bias)
            product = multiply(self.unpacker.library, self.tiles.matrix, rows, bias, AS_NEEDED)
            return torch.from_numpy(product).to(x.dtype)
        weights = self.unpacker.rows(self.tiles, self._rows.start, len(self._rows), self._which)
        wide = F.linear(x.to(weights.dtype), weights).to(x.dtype)
        return wide if self.bias is None else wide + self.bias


class TiledTable(nn.Module):
    """Rows of a table by number."""

    def __init__(self, unpacker: Unpacker, rows: int, columns: int) -> None:
        super().__init__()
        self.unpacker = unpacker
        self.tiles = Tiles(rows, columns, 8)

    def forward(self, ids: Tensor) -> Tensor:
        found = torch.empty(*ids.shape, self.tiles.shape.columns)
        rows, matrix = as_array(found.view(-1, found.shape[-1])), self.tiles.matrix
        for place, token in enumerate(ids.flatten().tolist()):
            unpack(self.unpacker.library, matrix, rows[place : place + 1], token)
        return found


class CacheTiles(TiledLayers):
    """Torch gets copies."""

    def __init__(self, config: ModelConfig, library: Library, dtype: torch.dtype) -> None:
        super().__init__(config)
        self._library, self._dtype = library, dtype

    def emptied(self) -> "CacheTiles":
        return CacheTiles(self.config, self._library, self._dtype)

    def write(self, layer: int, first: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.tiled.write(self._library, layer, first, as_array(keys[0]), as_array(values[0]))
        shape = (1, self.tiled.kv_heads, first + keys.shape[2], self.tiled.head_dim)
        all_keys, all_values = torch.empty(shape, dtype=self._dtype), torch.empty(shape, dtype=self._dtype)
        self.tiled.read(self._library, layer, as_array(all_keys[0]), as_array(all_values[0]))
        return all_keys, all_values


class LibraryPacking:
    """Tiles instead of plain weights; see Packing in quant.py."""

    name = TILES
    stays_on_processor = True

    def __init__(self, library: Library) -> None:
        self._library = library

    def prepare(self, model: Transformer, precision: str) -> Transformer:
        bits: Bits = 4 if precision == "int4" else 8
        unpacker = Unpacker(self._library)
        is_one_step = not why_unsupported(model.config)
        blocks: Any = model.layers
        for block in blocks:
            if is_one_step:
                _join_attention(block.attn, unpacker, bits)
                _join_mlp(block.mlp, unpacker, bits)
            for name, layer in list(block.named_modules()):
                if isinstance(layer, nn.Linear):
                    _replace(block, name, _alone(layer, unpacker, bits))
        config = model.config
        table = TiledTable(unpacker, config.vocab_size, config.dim)
        tiles = table.tiles if config.tie_embeddings else Tiles(config.vocab_size, config.dim, 8)
        head = TiledLinear(unpacker, tiles, range(config.vocab_size))
        if not config.tie_embeddings:
            head.own = tiles
        _replace(model, "embed", table)
        _replace(model, "head", head)
        return model

    def state(
        self, model: Transformer, parameters: Iterable[tuple[str, Tensor]]
    ) -> Iterator[tuple[str, Tensor]]:
        """Parts of a matrix and the norm before it wait for each other; layers come one by one."""
        waiting: dict[str, dict[str, Tensor]] = {}
        for name, weight in parameters:
            owner_name, _, kind = name.rpartition(".")
            wanted = _tiles_of(model, owner_name) if kind == "weight" else None
            if wanted is None:
                yield name, weight.float()
            if wanted is None and not (wanted := _tiles_behind(model, name)):
                continue
            tiles_name, parts = wanted
            held = waiting.setdefault(tiles_name, {})
            held[owner_name] = weight if weight.dtype in _PACKED_FROM else weight.float()
            if len(held) == len(parts):
                del waiting[tiles_name]
                tiles: Any = model.get_submodule(tiles_name)
                yield f"{tiles_name}.packed", self._packed(tiles.shape, [held[part] for part in parts])

    def finish(self, model: Transformer) -> None:
        if not why_unsupported(model.config):
            model.short_reads = step_reader(self._library, model, FEWEST_ROWS)

    def _packed(self, shape: Shape, parts: list[Tensor]) -> Tensor:
        matrix = empty_matrix(shape)
        importance = as_array(_importance(parts.pop())) if parts[-1].ndim == 1 else None
        if shape.is_pair:
            for which, part in ((GATE, parts[0]), (UP, parts[1])):
                pack(self._library, as_array(part), matrix, which, importance)
        else:
            weight = parts[0] if len(parts) == 1 else torch.cat(parts)
            pack(self._library, as_array(weight), matrix, importance=importance)
        return torch.from_numpy(matrix.packed)


def step_reader(library: Library, model: Transformer, most_tokens: int) -> StepReader:
    """Reads of a network whose tiles are in their place."""
    state = {name: as_array(tensor) for name, tensor in model.state_dict().items()}
    weights = network_weights(model.config, _bits(model), state)
    return StepReader(library, model.config, weights, most_tokens)


def _bits(model: Transformer) -> Bits:
    return next(layer.tiles.shape.bits for layer in model.layers.modules() if isinstance(layer, TiledLinear))


def _importance(norm: Tensor) -> Tensor:
    """Of what comes out of a norm, channels differ most by its weights. No channel is left out."""
    squares = norm.float().square()
    return (squares + 1e-3 * squares.mean()).clamp(min=torch.finfo(torch.float32).tiny)


_JOINED = {"q": "qkv", "k": "qkv", "v": "qkv", "gate": "gate_up", "up": "gate_up"}
_NORMS = {"qkv": "attn_norm", "gate_up": "mlp_norm"}


def _join_attention(attention: Any, unpacker: Unpacker, bits: Bits) -> None:
    """The rows of q, then of k, then of v: read in one stream."""
    layers: list[Any] = [attention.q, attention.k, attention.v]
    attention.qkv = Tiles(sum(layer.out_features for layer in layers), layers[0].in_features, bits)
    start = 0
    for name, layer in zip("qkv", layers, strict=True):
        rows = range(start, start + layer.out_features)
        tiled = TiledLinear(unpacker, attention.qkv, rows, has_bias=layer.bias is not None)
        setattr(attention, name, tiled)
        start = rows.stop


def _join_mlp(mlp: Any, unpacker: Unpacker, bits: Bits) -> None:
    plain: Any = mlp.gate
    rows, has_bias = range(plain.out_features), plain.bias is not None
    mlp.gate_up = Tiles(plain.out_features, plain.in_features, bits, is_pair=True)
    mlp.gate = TiledLinear(unpacker, mlp.gate_up, rows, which=GATE, has_bias=has_bias)
    mlp.up = TiledLinear(unpacker, mlp.gate_up, rows, which=UP, has_bias=has_bias)


def _alone(layer: nn.Linear, unpacker: Unpacker, bits: Bits) -> TiledLinear:
    tiles = Tiles(layer.out_features, layer.in_features, bits)
    tiled = TiledLinear(unpacker, tiles, range(layer.out_features), has_bias=layer.bias is not None)
    tiled.own = tiles
    return tiled


def _tiles_of(model: Transformer, owner_name: str) -> tuple[str, list[str]] | None:
    """Where a layer's weights go, and all whose weights go there, in order; None where they stay plain."""
    owner = model.get_submodule(owner_name)
    if isinstance(owner, TiledTable):
        return f"{owner_name}.tiles", [owner_name]
    if not isinstance(owner, TiledLinear):
        return None
    above, _, own_name = owner_name.rpartition(".")
    joined = _JOINED.get(own_name)
    if joined is None or not hasattr(model.get_submodule(above), joined):
        return f"{owner_name}.own", [owner_name]
    return f"{above}.{joined}", _parts(f"{above}.{joined}")


def _tiles_behind(model: Transformer, name: str) -> tuple[str, list[str]] | None:
    """The joined matrix that reads what a norm of this weight gives."""
    block, _, norm_name = name.removesuffix(".weight").rpartition(".")
    for joined, norm in _NORMS.items():
        above = f"{block}.{'attn' if joined == 'qkv' else 'mlp'}"
        if norm == norm_name and hasattr(model.get_submodule(above), joined):
            return f"{above}.{joined}", _parts(f"{above}.{joined}")
    return None


def _parts(tiles_name: str) -> list[str]:
    """Owners of the weights that a joined matrix is made of, and last of the norm before it."""
    above, _, joined = tiles_name.rpartition(".")
    owners = [f"{above}.{name}" for name, other in _JOINED.items() if other == joined]
    return [*owners, f"{above.rpartition('.')[0]}.{_NORMS[joined]}"]


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(owner), attribute, layer)
