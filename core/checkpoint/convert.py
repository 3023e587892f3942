"""One format to another, called done only when what was written, loaded back, gives the logits it should."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from core.checkpoint.gguf import round_as_gguf, write_gguf
from core.checkpoint.huggingface import write_huggingface
from core.checkpoint.load import open_model
from core.checkpoint.native import write_native
from core.checkpoint.onnx import OnnxModel, write_onnx
from core.checkpoint.staging import new_path
from core.model.transformer import Transformer
from core.spec.about import NOTHING_MORE, About
from core.spec.disk import require_room
from core.spec.errors import ModelFormatError, TokenizerError, UsageError
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer

Format = Literal["native", "hf", "gguf", "onnx"]
Precision = Literal["fp32", "bf16", "fp16", "int8", "int4"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_GGUF_TYPES = {"fp32": "F32", "bf16": "BF16", "fp16": "F16", "int8": "Q8_0", "int4": "Q4_0"}
_BITS = {"fp32": 32.0, "bf16": 16.0, "fp16": 16.0, "int8": 8.5, "int4": 4.5}
_PROBE_TOKENS = 48
_TOLERANCE = 1e-4
_NO_NATS = 1e-7  # less is how sums are rounded
_ONNX_NAME = "model.onnx"
_SAMPLE_TEXT = "def greet(name: str) -> str:\n    return f'Grüße, {name}! 你好 🚀'  # 1234567\r\n\t\n"


@dataclass(frozen=True)
class Conversion:
    """`difference`: the worst logit against the same weights in memory, as a share of the largest logit.

    `divergence`: mean KL from the source's predictions, in nats a token: what the precision itself costs.
    """

    path: Path
    size_bytes: int
    difference: float
    divergence: float

    @property
    def found(self) -> str:
        """What loading it back has shown, for a person."""
        if self.difference == 0:
            return "Loaded back, it computes exactly what was written"
        return f"Loaded back, its logits are right within {self.difference:.1e}"

    @property
    def is_without_loss(self) -> bool:
        return self.difference == 0 and abs(self.divergence) < _NO_NATS


def convert(
    model: Transformer,
    tokenizer: Tokenizer | None,
    destination: Path,
    to: Format,
    precision: Precision,
    about: About = NOTHING_MORE,
) -> Conversion:
    """Takes the network in fp32 and leaves it rounded as it was written. A preset has no tokenizer.

    Only our own folders say what is known `about` it.
    """
    _refuse_impossible(to, precision, destination)
    parameters = sum(weight.numel() for weight in model.parameters())
    require_room(destination, int(parameters * _BITS[precision] / 8))
    probe = _probe(model)
    original = _logits(model, probe)
    with new_path(destination) as path:
        if to == "native":
            write_native(model, tokenizer, path, DTYPES[precision], about)
        else:
            _write_foreign(model, tokenizer, path, to, precision)
        if to == "gguf":
            round_as_gguf(model, _GGUF_TYPES[precision])
        else:
            _round(model, DTYPES[precision])
        expected = _logits(model, probe)
        found = _written_logits(model, path, to, probe)
        difference = float((found - expected).abs().max() / expected.abs().max())
        if not difference <= _TOLERANCE:  # also where it is no number
            raise ModelFormatError(
                f"{destination} was not made: loaded back, its logits are off by {difference:.1e}; "
                "please report this model."
            )
        if tokenizer is not None:
            _compare_tokenizers(tokenizer, open_tokenizer(path), destination)
        size = sum(item.stat().st_size for item in (path, *path.rglob("*")) if item.is_file())
    return Conversion(destination, size, difference, _divergence(original, expected))


def _written_logits(model: Transformer, path: Path, to: Format, probe: Tensor) -> Tensor:
    """ONNX in three parts, so that the cache which it hands in and out is tried too."""
    if to != "onnx":
        return _logits(open_model(path).load(torch.float32), probe)
    session, tokens = OnnxModel(path / _ONNX_NAME, model), probe[0].tolist()
    parts = (tokens[:1], tokens[1:2], tokens[2:])
    return torch.cat([session.logits(part) for part in parts if part])


def _write_foreign(
    model: Transformer, tokenizer: Tokenizer | None, path: Path, to: Format, precision: Precision
) -> None:
    if to == "gguf":
        write_gguf(model, tokenizer, path, _GGUF_TYPES[precision])
    elif to == "hf":
        write_huggingface(model, tokenizer, path, DTYPES[precision])
    else:
        path.mkdir()
        write_onnx(model, path / _ONNX_NAME)
        if tokenizer is not None:
            tokenizer.save(path)


def _refuse_impossible(to: Format, precision: Precision, destination: Path) -> None:
    if to == "gguf" and destination.suffix.lower() != ".gguf":
        raise UsageError(f"{destination} must end in .gguf, so that programs know it for what it is.")
    if to == "onnx" and precision != "fp32":
        raise UsageError(f"ONNX is written as fp32 only, not as {precision}; add --precision fp32.")
    if to in ("native", "hf") and precision not in DTYPES:
        raise UsageError(f"A {to} folder holds {', '.join(DTYPES)}; for {precision} convert to gguf.")


def _round(model: Transformer, dtype: torch.dtype) -> None:
    for weight in model.parameters():
        weight.data = weight.data.to(dtype).float()


def _probe(model: Transformer) -> Tensor:
    count = min(_PROBE_TOKENS, model.config.max_context)
    return torch.randint(model.config.vocab_size, (1, count), generator=torch.Generator().manual_seed(42))


@torch.inference_mode()
def _logits(model: Transformer, ids: Tensor) -> Tensor:
    return model(ids)[0]


def _divergence(original: Tensor, rounded: Tensor) -> float:
    return float(
        F.kl_div(rounded.log_softmax(-1), original.log_softmax(-1), log_target=True, reduction="batchmean")
    )


def _compare_tokenizers(written: Tokenizer, found: Tokenizer, path: Path) -> None:
    if written.encode(_SAMPLE_TEXT) != found.encode(_SAMPLE_TEXT):
        raise TokenizerError(f"{path} was not made: its tokenizer, loaded back, gives other tokens.")
