"""Engine: a network and its tokenizer, ready to write. The Python API for scripts; see `load`.

What a prompt looks like is in core/text, how tokens come about in core/generate, where it runs in placing.
"""

import time
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.checkpoint.load import open_model
from core.generate.answer import Answer, Statistics
from core.generate.drafting import PromptLookup
from core.generate.loop import decode
from core.generate.prefixes import PrefixStore
from core.model.cache import KVCache
from core.placing import PlacedModel, Say, place
from core.spec.budget import weight_bytes
from core.spec.errors import DoesNotFit
from core.spec.placement import Placement
from core.spec.sampling import Sampling
from core.text import fim
from core.text.stops import until_stop
from core.text.tokenizer import StreamDecoder, Tokenizer

OnRead = Callable[[int, int], None]
IsCancelled = Callable[[], bool]


def load(
    path: str | Path, placement: Placement | None = None, on_step: Say | None = None, **settings: Any
) -> "Engine":
    """`settings` are fields of Placement: load("model", precision="int8", threads=2)."""
    stored = open_model(Path(path))
    tokenizer = stored.tokenizer()
    placed = place(stored, placement or Placement(**settings), on_step or _ignore)
    return Engine(placed, tokenizer, stored.path.name)


def _ignore(*_: object) -> None: ...


def _never() -> bool:
    return False


class Engine:
    """For one thread at a time. `close` gives the memory back."""

    def __init__(self, placed: PlacedModel, tokenizer: Tokenizer, name: str) -> None:
        self.name, self.tokenizer = name, tokenizer
        self._placed = placed
        self._model = placed.model
        self._marks = fim.find_marks(tokenizer)
        self._prefixes = PrefixStore(placed.new_cache, placed.attempt.cache_mb * 2**20)

    @property
    def max_context(self) -> int:
        return self._model.config.max_context

    @torch.inference_mode()
    def logits(self, ids: list[int]) -> Tensor:
        """(len(ids), vocab_size), computed afresh."""
        return self._model(torch.tensor([ids], device=self._model.device))[0].float()

    def complete(self, prefix: str, suffix: str = "", sampling: Sampling | None = None) -> str:
        return self.complete_answer(prefix, suffix, sampling or Sampling()).text()

    def complete_answer(
        self,
        prefix: str,
        suffix: str,
        sampling: Sampling,
        *,
        is_cancelled: IsCancelled = _never,
        on_read: OnRead = _ignore,
    ) -> Answer:
        return self._answer(
            self._prompt(prefix, suffix, sampling.max_tokens), sampling, is_cancelled, on_read
        )

    def facts(self) -> dict[str, Any]:
        config, attempt = self._model.config, self._placed.attempt
        return {
            "name": self.name,
            "precision": attempt.precision,
            "device": attempt.device,
            "kernel": self._placed.kernel,
            "threads": self._placed.threads,
            "context_tokens": config.max_context,
            "has_fim": self._marks is not None,
            "has_chat": self.tokenizer.chat_template is not None,
            "weights_bytes": weight_bytes(config, attempt.precision),
            "cache_bytes": self._prefixes.size_bytes,
        }

    def forget_texts(self) -> None:
        """Drops what was kept of earlier texts."""
        self._prefixes.clear()

    def close(self) -> None:
        self._prefixes.clear()
        del self._model, self._placed

    def _answer(
        self, tokens: list[int], sampling: Sampling, is_cancelled: IsCancelled, on_read: OnRead
    ) -> Answer:
        statistics = Statistics(prompt_tokens=len(tokens))
        texts = self._texts(tokens, sampling, statistics, is_cancelled, on_read)
        return Answer(_until_stop(texts, sampling.stop, statistics), statistics)

    @torch.inference_mode()
    def _texts(
        self,
        tokens: list[int],
        sampling: Sampling,
        statistics: Statistics,
        is_cancelled: IsCancelled,
        on_read: OnRead,
    ) -> Generator[str]:
        started = time.monotonic()
        decoder = StreamDecoder(self.tokenizer)
        cache = self._prefixes.take(tokens)
        statistics.reused_tokens = len(cache)
        watch = _Watch(is_cancelled, on_read, cache, len(tokens))
        written = decode(
            self._model,
            cache,
            tokens,
            drafter=PromptLookup(),
            sampling=sampling,
            is_cancelled=watch,
        )
        statistics.ending = "length"
        try:
            for token in islice(written, sampling.max_tokens):
                if statistics.new_tokens == 0:
                    statistics.first_token_ms = (time.monotonic() - started) * 1000
                statistics.new_tokens += 1
                if token in self.tokenizer.special_ids:
                    statistics.ending = "end"
                    break
                yield decoder.feed([token])
            yield decoder.finish()
            if watch.was_cancelled:
                statistics.ending = "cancelled"
            elif statistics.ending == "length" and statistics.new_tokens < sampling.max_tokens:
                statistics.ending = "context"
        except GeneratorExit:
            statistics.ending = "stop"
            raise
        finally:
            statistics.total_ms = (time.monotonic() - started) * 1000
            self._prefixes.give_back(cache)

    def _prompt(self, prefix: str, suffix: str, max_tokens: int) -> list[int]:
        """What lies furthest from the cursor is left out where the context is too small."""
        before, after = self.tokenizer.encode(prefix), self.tokenizer.encode(suffix, continues=True)
        room = self.max_context - max_tokens - 8
        if room < 1:
            raise DoesNotFit(
                f"{max_tokens} new tokens leave no room in the model's context of {self.max_context}; "
                "ask for fewer."
            )
        start = (
            [self.tokenizer.bos_id] if self.tokenizer.add_bos and self.tokenizer.bos_id is not None else []
        )
        if self._marks is None or not after:
            return (start + before[-room:]) or [self._any_start()]
        after = after[: room // 2]
        return start + fim.build(self._marks, before[-(room - len(after)) :], after)

    def _any_start(self) -> int:
        """A network must be fed something: where there is no text, a mark that stands between texts."""
        candidates = (self.tokenizer.bos_id, self.tokenizer.eos_id, 0)
        return next(token for token in candidates if token is not None)


class _Watch:
    """Asked between two tokens or two chunks of a prompt: says how far it is read, remembers a cancel."""

    def __init__(self, is_cancelled: IsCancelled, on_read: OnRead, cache: KVCache, total: int) -> None:
        self._is_cancelled, self._on_read = is_cancelled, on_read
        self._cache, self._total, self._read = cache, total, len(cache)
        self.was_cancelled = False

    def __call__(self) -> bool:
        if self._read < len(self._cache) < self._total:
            self._read = len(self._cache)
            self._on_read(self._read, self._total)
        self.was_cancelled = self.was_cancelled or self._is_cancelled()
        return self.was_cancelled


def _until_stop(texts: Generator[str], stops: tuple[str, ...], statistics: Statistics) -> Iterator[str]:
    try:
        yield from until_stop(texts, stops)
    except GeneratorExit:
        texts.close()
        statistics.ending = "cancelled"
        raise
    texts.close()
