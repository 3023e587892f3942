"""Which model at which precision suits this machine: decided from measured figures, with reasons in words.

The rule: it must fit and run pleasantly. Of those, the one whose quality was measured best; a model whose
quality nobody measured here is taken to be as good as its size, so the largest one stands above smaller ones.
Of one model, the most exact precision that runs pleasantly. Where none does, the fastest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.spec.speed import PLEASANT_KEYSTROKE_MS, PLEASANT_TOKENS_PER_S

_EXACTNESS = ("fp32", "bf16", "fp16", "int8", "int4")
_MB = 1e6


@dataclass(frozen=True)
class Option:
    """`problem` says why it cannot be run or was not measured; then there are no figures."""

    model: str
    name: str
    precision: str
    parameters: int
    decode_tokens_per_s: float = 0.0
    keystroke_ms: float = 0.0
    peak_ram_bytes: int = 0
    weights_bytes: int = 0
    others_share: float = 0.0  # of the processors, while it was measured
    quality: float | None = None
    problem: str = ""
    has_weights: bool = True

    @property
    def is_pleasant(self) -> bool:
        is_quick = self.keystroke_ms <= PLEASANT_KEYSTROKE_MS
        return not self.problem and is_quick and self.decode_tokens_per_s >= PLEASANT_TOKENS_PER_S


@dataclass(frozen=True)
class Choice:
    option: Option
    reasons: tuple[str, ...]

    @property
    def wants_quality(self) -> bool:
        """Its size alone speaks for it, for its quality has not been measured here."""
        return self.option.has_weights and self.option.is_pleasant and self.option.quality is None


def choose(options: Sequence[Option]) -> Choice | None:
    """None where nothing runs here."""
    running = [option for option in options if not option.problem]
    if not running:
        return None
    pleasant = [option for option in running if option.is_pleasant]
    if not pleasant:
        fastest = max(running, key=lambda option: option.decode_tokens_per_s)
        slow = (
            f"nothing here writes {PLEASANT_TOKENS_PER_S:g} tokens a second and answers a keystroke within "
            f"{PLEASANT_KEYSTROKE_MS:g} ms, and this is the fastest"
        )
        return Choice(fastest, (_figures(fastest), slow))
    best, why = _best(pleasant)
    return Choice(best, (_figures(best), why, *_others(best, pleasant, options)))


def _best(pleasant: Sequence[Option]) -> tuple[Option, str]:
    known = [option for option in pleasant if option.quality is not None]
    largest = max(pleasant, key=lambda option: (option.parameters, _exactness(option)))
    rated = {option.model for option in known}
    if known and largest.model in rated:
        best = max(known, key=lambda option: (option.quality or 0.0, _exactness(option)))
        return (
            best,
            f"its measured quality, {best.quality:.1f} of 100, is the best of those that run pleasantly",
        )
    return largest, "it is the largest that runs pleasantly"


def _others(best: Option, pleasant: Sequence[Option], options: Sequence[Option]) -> list[str]:
    reasons = []
    exact = [item for item in options if item.model == best.model and _exactness(item) > _exactness(best)]
    slower = [item for item in exact if not item.problem and not item.is_pleasant]
    for item in slower:
        reasons.append(f"as {item.precision} it writes {item.decode_tokens_per_s:,.0f} tokens a second only")
    larger = {item.name for item in options if item.parameters > best.parameters}
    out = sorted(larger - {item.name for item in pleasant})
    if out:
        reasons.append(f"too large or too slow here: {', '.join(out)}")
    return reasons


def _figures(option: Option) -> str:
    return (
        f"it writes {option.decode_tokens_per_s:,.0f} tokens a second, answers a keystroke in "
        f"{option.keystroke_ms:,.0f} ms and takes {option.peak_ram_bytes / _MB:,.0f} MB"
    )


def _exactness(option: Option) -> int:
    return -_EXACTNESS.index(option.precision) if option.precision in _EXACTNESS else -len(_EXACTNESS)
