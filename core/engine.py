"""Engine: a network and its tokenizer, ready to write. The Python API for scripts; see `load`."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from core.checkpoint.load import open_model
from core.generate.loop import decode
from core.model.cache import KVCache
from core.model.transformer import Transformer
from core.spec.errors import DoesNotFit
from core.spec.sampling import Sampling
from core.text import fim
from core.text.stops import until_stop
from core.text.tokenizer import StreamDecoder, Tokenizer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def load(path: str | Path, precision: str = "fp32") -> "Engine":
    stored = open_model(Path(path))
    return Engine(stored.load(DTYPES[precision]), stored.tokenizer())


def _never() -> bool:
    return False


class Engine:
    def __init__(self, model: Transformer, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer

    @torch.inference_mode()
    def logits(self, ids: list[int]) -> Tensor:
        """(len(ids), vocab_size), computed afresh."""
        return self.model(torch.tensor([ids]))[0]

    def complete(self, prefix: str, suffix: str = "", sampling: Sampling | None = None) -> str:
        return "".join(self.stream(prefix, suffix, sampling or Sampling()))

    def stream(
        self,
        prefix: str,
        suffix: str,
        sampling: Sampling,
        is_cancelled: Callable[[], bool] = _never,
    ) -> Iterator[str]:
        """The completion in pieces of whole characters; special tokens end it and are never part of it."""
        tokens = self._prompt(prefix, suffix, sampling.max_tokens)
        return until_stop(self._texts(tokens, sampling, is_cancelled), sampling.stop)

    @torch.inference_mode()
    def _texts(
        self, tokens: list[int], sampling: Sampling, is_cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        cache = KVCache(self.model.config, self.model.embed.weight.dtype, self.model.embed.weight.device)
        decoder = StreamDecoder(self.tokenizer)
        written = decode(self.model, cache, tokens, sampling=sampling, is_cancelled=is_cancelled)
        for token in islice(written, sampling.max_tokens):
            if token in self.tokenizer.special_ids:
                break
            yield decoder.feed([token])
        yield decoder.finish()

    def _prompt(self, prefix: str, suffix: str, max_tokens: int) -> list[int]:
        """What lies furthest from the cursor is left out where the context is too small."""
        before, after = self.tokenizer.encode(prefix), self.tokenizer.encode(suffix)
        room = self.model.config.max_context - max_tokens - 8
        if room < 1:
            raise DoesNotFit(
                f"{max_tokens} new tokens leave no room in the model's context of "
                f"{self.model.config.max_context}; ask for fewer."
            )
        start = (
            [self.tokenizer.bos_id] if self.tokenizer.add_bos and self.tokenizer.bos_id is not None else []
        )
        marks = fim.find_marks(self.tokenizer) if after else None
        if marks is None:
            return (start + before[-room:]) or [self._any_start()]
        after = after[: room // 2]
        return start + fim.build(marks, before[-(room - len(after)) :], after)

    def _any_start(self) -> int:
        """A network must be fed something: where there is no text, a mark that stands between texts."""
        candidates = (self.tokenizer.bos_id, self.tokenizer.eos_id, 0)
        return next(token for token in candidates if token is not None)
