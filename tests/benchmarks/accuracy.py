"""What fewer bits cost, ours beside llama.cpp's: `python -m tests.benchmarks.accuracy --help`.

Each way of computing gets the same weights and is compared with the network in fp32: the divergence of its
predictions (KL), the error of its logits, and on real text how much likelier or less likely that became.
"weights alone" is fp32 arithmetic with the quantised weights: what no way of computing can be better than.

Without --model the network is random, with outliers planted: in one channel, what comes out of each norm is
so many times larger than in its neighbours, as trained networks have it.
Needs `pip install llama-cpp-python==0.3.36`; --without-llama does without.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core import report
from core.checkpoint.gguf import open_gguf_model, write_gguf
from core.checkpoint.load import open_model
from core.model.cache import KVCache
from core.model.one_step import FEWEST_ROWS
from core.model.tiled import CacheTiles, LibraryPacking, TiledLinear
from core.model.transformer import Transformer, with_random_weights
from core.native import library
from core.native.matrix import AS_NEEDED, unpack
from core.native.step import Step
from core.spec.presets import PRESETS
from core.text.tokenizer import Tokenizer

FORMATS = {"int8": "Q8_0", "int4": "Q4_0"}
PLANTED = (1, 10, 100, 1000)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a trained model's folder")
    parser.add_argument("--text", type=Path, action="append", default=[], help="file the trained model reads")
    parser.add_argument("--preset", default="smallcoder-tiny", choices=PRESETS, help="shape of a random one")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--without-llama", action="store_true")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    rows = []
    for name, model, tokenizer, texts in networks(arguments):
        with tempfile.TemporaryDirectory() as folder:
            found = compared(model, tokenizer, texts, Path(folder), not arguments.without_llama)
        rows += [{"network": name, **row} for row in found]
        show(name, found)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


def networks(arguments: argparse.Namespace) -> Iterator[tuple[str, Transformer, Tokenizer, list[list[int]]]]:
    """Each with a vocabulary that its file can hold and with what it reads."""
    if arguments.model:
        stored = open_model(arguments.model)
        tokenizer = stored.tokenizer()
        texts = [tokenizer.encode(file.read_text(encoding="utf-8")) for file in arguments.text]
        yield (
            stored.path.name,
            stored.load(torch.float32),
            tokenizer,
            [text[: arguments.tokens] for text in texts],
        )
        return
    from tests.tiny import tiny_tokenizer

    generator = torch.Generator().manual_seed(2)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = tiny_tokenizer(Path(folder))
        config = replace(PRESETS[arguments.preset], max_context=arguments.tokens)
        for factor in PLANTED:
            model = with_random_weights(config, 1).eval().requires_grad_(False)
            plant_outliers(model, factor)
            tokens = torch.randint(5, config.vocab_size, (arguments.tokens,), generator=generator).tolist()
            yield f"{arguments.preset}, outliers x {factor}", model, tokenizer, [tokens]


def plant_outliers(model: Transformer, factor: float) -> None:
    """The column that reads the channel is smaller by the root, so it leads without drowning the rest."""
    generator = torch.Generator().manual_seed(3)
    layers: Any = model.layers
    for block in layers:
        attention = [block.attn.q, block.attn.k, block.attn.v]
        for norm, readers in ((block.attn_norm, attention), (block.mlp_norm, [block.mlp.gate, block.mlp.up])):
            channel = int(torch.randint(norm.weight.numel(), (1,), generator=generator))
            norm.weight[channel] *= factor
            for reader in readers:
                reader.weight[:, channel] /= math.sqrt(factor)


def compared(
    model: Transformer, tokenizer: Tokenizer, texts: list[list[int]], folder: Path, with_llama: bool
) -> list[dict[str, Any]]:
    exact = [logits_at_once(model, text) for text in texts]
    rows = []
    for precision, file_type in FORMATS.items():
        sides = {
            "ours": ours(model, precision, texts, AS_NEEDED),
            "ours, two planes": ours(model, precision, texts, 2),
            "ours, one plane": ours(model, precision, texts, 1),
            "weights of ours alone": weights_alone(model, precision, texts),
        }
        path = folder / f"{file_type}.gguf"
        write_gguf(model, tokenizer, path, file_type)
        if with_llama:
            sides[f"llama.cpp {file_type}"] = theirs(path, texts)
        stored = open_gguf_model(path).load(torch.float32)
        sides[f"weights of {file_type} alone"] = [logits_at_once(stored, text) for text in texts]
        rows += [
            {"precision": precision, "way": name, **measured(exact, logits, texts)}
            for name, logits in sides.items()
        ]
    return rows


def measured(exact: list[Tensor], other: list[Tensor], texts: list[list[int]]) -> dict[str, float]:
    right, wrong = torch.cat(exact).double(), torch.cat(other).double()
    divergence = F.kl_div(
        wrong.log_softmax(-1), right.log_softmax(-1), log_target=True, reduction="batchmean"
    )
    centred = right - right.mean(-1, keepdim=True)
    error = (wrong - wrong.mean(-1, keepdim=True) - centred).norm() / centred.norm()
    return {
        "divergence": float(divergence),
        "logit_error": float(error),
        "perplexity_rise": perplexity(other, texts) / perplexity(exact, texts) - 1,
        "same_likeliest": float((right.argmax(-1) == wrong.argmax(-1)).double().mean()),
    }


def perplexity(logits: list[Tensor], texts: list[list[int]]) -> float:
    losses = [
        F.cross_entropy(given[:-1].double(), torch.tensor(text[1:]), reduction="none")
        for given, text in zip(logits, texts, strict=True)
    ]
    return math.exp(float(torch.cat(losses).mean()))


@torch.inference_mode()
def logits_at_once(model: Transformer, text: list[int]) -> Tensor:
    return model(torch.tensor([text]))[0].float()


@torch.inference_mode()
def ours(model: Transformer, precision: str, texts: list[list[int]], planes: Any) -> list[Tensor]:
    """As it decodes, by steps of the C library, several tokens in one to be sooner done."""
    tiles = loaded_library()
    ready = packed_as_ours(model, precision)
    reader: Any = ready.short_reads
    step = reader._step
    reader._step = Step(tiles, model.config, step._weights, FEWEST_ROWS, planes)
    found = []
    for text in texts:
        cache = KVCache(len(text), CacheTiles(model.config, tiles, torch.float32))
        pieces = [text[start : start + FEWEST_ROWS] for start in range(0, len(text), FEWEST_ROWS)]
        read = [ready.read(piece, cache, last=len(piece)) for piece in pieces]
        found.append(torch.from_numpy(np.concatenate(read)))
    return found


def packed_as_ours(model: Transformer, precision: str) -> Transformer:
    packing = LibraryPacking(loaded_library())
    copy = with_weights_of(model)
    parameters = list(copy.named_parameters())
    ready = packing.prepare(copy, precision)
    ready.load_state_dict(dict(packing.state(ready, parameters)), assign=True)
    packing.finish(ready)
    return ready


@torch.inference_mode()
def weights_alone(model: Transformer, precision: str, texts: list[list[int]]) -> list[Tensor]:
    plain: Any = with_weights_of(model)
    ready: Any = packed_as_ours(model, precision)
    unpack(loaded_library(), ready.embed.tiles.matrix, plain.embed.weight.numpy())
    for name, layer in ready.named_modules():
        if isinstance(layer, TiledLinear) and (name != "head" or plain.head is not None):
            rows = layer.unpacker.rows(layer.tiles, layer._rows.start, len(layer._rows), layer._which)
            plain.get_submodule(name).weight.copy_(rows)
    return [logits_at_once(plain, text) for text in texts]


def with_weights_of(model: Transformer) -> Transformer:
    copy = Transformer(model.config).eval().requires_grad_(False)
    copy.load_state_dict(model.state_dict())
    return copy


def loaded_library() -> library.Library:
    found = library.load()
    if found is None:
        raise SystemExit(library.why_not())
    return found


def theirs(path: Path, texts: list[list[int]]) -> list[Tensor]:
    from llama_cpp import Llama

    longest = max(map(len, texts))
    llama = Llama(str(path), n_ctx=longest, n_batch=longest, n_threads=2, logits_all=True, verbose=False)
    found = []
    for text in texts:
        llama.reset()
        llama.eval(text)
        found.append(torch.from_numpy(llama.scores[: len(text)].copy()))
    return found


def show(name: str, rows: list[dict[str, Any]]) -> None:
    report.say(f"\n{name}")
    report.say(f"{'':34}{'KL':>11}{'logit error':>13}{'perplexity':>12}{'same first':>12}")
    for row in rows:
        report.say(
            f"{row['precision']:5} {row['way']:28}{row['divergence']:11.3g}{row['logit_error']:13.3g}"
            f"{row['perplexity_rise']:+12.2%}{row['same_likeliest']:12.1%}"
        )


if __name__ == "__main__":
    sys.exit(main())
