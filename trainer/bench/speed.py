"""How fast a model reads and writes here, and the memory it takes, measured through the loop that serves.

`measure` does one model in one way, in this process, whose peak of memory then is the model's; who compares
several gives each a process of its own. Nothing is guessed ahead: that pays by the text, and this text means
nothing.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from core.checkpoint.stored import StoredModel
from core.generate.drafting import Guessing
from core.generate.loop import decode
from core.generate.sampling import Chooser
from core.model.cache import KVCache
from core.placing.place import place
from core.placing.placed import PlacedModel
from core.spec.errors import UsageError
from core.spec.fields import to_json
from core.spec.placement import Placement
from core.spec.sampling import Sampling
from trainer.bench.alone import OthersLoad
from trainer.bench.peaks import card_memory, peak_ram_bytes
from trainer.spec.speed import SpeedSettings

Say = Callable[[str], None]
_KEYSTROKE_TOKENS = 3
_GREEDY = Sampling()


@dataclass(frozen=True)
class Speed:
    """Behind one length of prompt. First tokens include choosing them; a keystroke is a few tokens more
    behind a prompt that has been read already. Low and high are of the rounds that
    were furthest apart."""

    prompt_tokens: int
    prefill_tokens_per_s: float
    prefill_tokens_per_s_low: float
    prefill_tokens_per_s_high: float
    decode_tokens_per_s: float
    decode_tokens_per_s_low: float
    decode_tokens_per_s_high: float
    first_token_ms: float
    first_token_ms_low: float
    first_token_ms_high: float
    first_token_p95_ms: float
    keystroke_ms: float
    keystroke_ms_low: float
    keystroke_ms_high: float
    keystroke_p95_ms: float
    total_ms: float


def measure(
    stored: StoredModel, placement: Placement, settings: SpeedSettings, say: Say = lambda _: None
) -> dict[str, Any]:
    """Plain values; the figures are those of the longest prompt, and `lengths` has all."""
    started = time.monotonic()
    placed = place(stored, placement, say)
    load_ms = (time.monotonic() - started) * 1000
    _require_context(placed, settings)
    rounds: dict[int, list[_Round]] = {length: [] for length in settings.prompt_tokens}
    cache = placed.new_cache()
    _one_round(placed, cache, 1, settings.new_tokens)  # what happens once only
    others = OthersLoad()
    for number in range(settings.rounds):  # in turns, so that what disturbs falls on all lengths alike
        say(f"round {number + 1} of {settings.rounds}")
        for length, done in rounds.items():
            done.append(_one_round(placed, cache, length, settings.new_tokens))
    speeds = [_speed(length, settings.new_tokens, rounds[length]) for length in sorted(rounds)]
    return {
        "precision": placed.attempt.precision,
        "device": placed.attempt.device,
        "threads": placed.threads,
        "kernel": placed.kernel,
        **to_json(speeds[-1]),
        "new_tokens": settings.new_tokens,
        "rounds": settings.rounds,
        "others_share": others.share(),
        "load_ms": load_ms,
        "peak_ram_bytes": peak_ram_bytes(),
        **card_memory(),
        "lengths": [to_json(speed) for speed in speeds],
    }


def _require_context(placed: PlacedModel, settings: SpeedSettings) -> None:
    needed = max(settings.prompt_tokens) + max(settings.new_tokens, _KEYSTROKE_TOKENS + 1)
    if needed > placed.room.context_tokens:
        raise UsageError(
            f"Prompt and new tokens are {needed} together, but texts of {placed.room.context_tokens} at most "
            "fit here; take fewer, or a larger --context-tokens where the model was made for it."
        )


@dataclass(frozen=True)
class _Round:
    """Seconds."""

    first_token: float
    other_tokens: float
    keystroke: float


def _one_round(placed: PlacedModel, cache: KVCache, length: int, new_tokens: int) -> _Round:
    vocabulary = placed.model.config.vocab_size
    prompt = [number * 37 % vocabulary for number in range(length)]
    cache.keep(0)
    started = time.perf_counter()
    written = _written(placed, cache, prompt)
    next(written)
    first = time.perf_counter()
    for _ in islice(written, new_tokens - 1):
        pass
    end = time.perf_counter()
    cache.keep(length)
    next(_written(placed, cache, prompt + [token % vocabulary for token in range(_KEYSTROKE_TOKENS)]))
    return _Round(first - started, end - first, time.perf_counter() - end)


def _written(placed: PlacedModel, cache: KVCache, tokens: list[int]) -> Iterator[int]:
    """Whichever token comes is a number on this side by then, so a card has finished."""
    chooser = Chooser(_GREEDY)
    return decode(
        placed.model, cache, tokens, guessing=Guessing(), chooser=chooser, is_cancelled=lambda: False
    )


def _speed(length: int, new_tokens: int, rounds: list[_Round]) -> Speed:
    first = [done.first_token for done in rounds]
    keystroke = [done.keystroke for done in rounds]
    others = [done.other_tokens for done in rounds]
    return Speed(
        prompt_tokens=length,
        prefill_tokens_per_s=length / statistics.median(first),
        prefill_tokens_per_s_low=length / max(first),
        prefill_tokens_per_s_high=length / min(first),
        decode_tokens_per_s=(new_tokens - 1) / statistics.median(others),
        decode_tokens_per_s_low=(new_tokens - 1) / max(others),
        decode_tokens_per_s_high=(new_tokens - 1) / min(others),
        first_token_ms=statistics.median(first) * 1000,
        first_token_ms_low=min(first) * 1000,
        first_token_ms_high=max(first) * 1000,
        first_token_p95_ms=_p95(first) * 1000,
        keystroke_ms=statistics.median(keystroke) * 1000,
        keystroke_ms_low=min(keystroke) * 1000,
        keystroke_ms_high=max(keystroke) * 1000,
        keystroke_p95_ms=_p95(keystroke) * 1000,
        total_ms=statistics.median(done.first_token + done.other_tokens for done in rounds) * 1000,
    )


def _p95(values: list[float]) -> float:
    """The smallest that at least 95 of 100 do not exceed."""
    return sorted(values)[-(-len(values) * 95 // 100) - 1]
