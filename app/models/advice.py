"""Which model to use on this machine, and why: from its memory, and its speed where that was measured.

A model's speed is foretold from that of another: writing a token reads all weights once, so the time goes by
their bytes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.models.entry import Entry, spelled_licence
from app.models.fit import Fit, fits_of, gb
from core.spec.budget import weight_bytes
from core.spec.catalogue import Role
from core.spec.config import ModelConfig
from core.spec.errors import DataError
from core.spec.folders import benchmarks_folder
from core.spec.machine import Machine
from core.spec.presets import PRESETS
from core.spec.sizes import short_count, size_text
from trainer.spec.results import read_results
from trainer.spec.speed import PLEASANT_TOKENS_PER_S

MEASURED = "smallcoder-tiny"  # large enough not to stay in a processor's cache, and made in a second
_PRECISIONS = ("int8", "int4")  # what the processor runs best
# an answer is read as it comes, a suggestion has to be there when one wants to go on
_PLEASANT: dict[Role, float] = {"completion": PLEASANT_TOKENS_PER_S, "chat": 5.0}
_MOST_FILES = 20


@dataclass(frozen=True)
class Pace:
    """How many bytes of weights this machine reads in a second while it writes."""

    bytes_per_s: float
    others_share: float = 0.0  # of the processors, taken by other programs while that was measured

    def tokens_per_s(self, network: ModelConfig, precision: str) -> float:
        return self.bytes_per_s / weight_bytes(network, precision)


@dataclass(frozen=True)
class Advice:
    """`reasons` are sentences. `entry` is on this disk where it is one that can be used at once."""

    role: Role
    entry: Entry
    fit: Fit
    tokens_per_s: float | None
    reasons: tuple[str, ...]


def measuring_command() -> list[str]:
    return ["bench", "recommend", "--model", MEASURED, "--precision", "int8", "--seconds", "5", "--events"]


def pace_in(path: Path) -> Pace | None:
    """What a file of results tells; None where it tells nothing of this."""
    try:
        results = read_results(path)
    except DataError:
        return None
    for result in results:
        speed = result.number("decode_tokens_per_s")
        if result.model == MEASURED and result.precision in _PRECISIONS and speed:
            reads = speed * weight_bytes(PRESETS[MEASURED], result.precision)
            return Pace(reads, result.number("others_share") or 0.0)
    return None


def last_pace() -> Pace | None:
    """The newest that was measured on this machine."""
    try:
        files = sorted(benchmarks_folder().glob("*-recommend*.json"), reverse=True)[:_MOST_FILES]
    except OSError:
        return None
    return next((pace for file in files if (pace := pace_in(file)) is not None), None)


def advise(role: Role, entries: Iterable[Entry], machine: Machine, pace: Pace | None) -> Advice | None:
    """None where nothing that is made for this fits."""
    made_for = [entry for entry in entries if _is_candidate(entry, role)]
    options = [
        (entry, fit) for entry in made_for if (fit := _best_fit(entry, role, machine, pace)) is not None
    ]
    if not options:
        return None

    def worth(option: tuple[Entry, Fit]) -> tuple[bool, bool, float, bool, int]:
        entry, fit = option
        return _worth(entry, _is_pleasant(role, _speed(entry, fit, pace)))

    entry, fit = max(options, key=worth)
    speed = _speed(entry, fit, pace)
    return Advice(role, entry, fit, speed, tuple(_reasons(role, entry, fit, speed)))


def _is_candidate(entry: Entry, role: Role) -> bool:
    if entry.network is None or entry.problem or entry.section == "preset":
        return False
    return entry.has_chat if role == "chat" else (entry.has_fim and entry.role != "chat")


def _best_fit(entry: Entry, role: Role, machine: Machine, pace: Pace | None) -> Fit | None:
    """As exact as fits and is pleasant; where nothing is pleasant, as small as it goes."""
    assert entry.network is not None  # noqa: S101
    fitting = [fit for fit in fits_of(entry.network, machine) if fit.fits and fit.precision in _PRECISIONS]
    quick = [fit for fit in fitting if _is_pleasant(role, _speed(entry, fit, pace))]
    return quick[0] if quick else fitting[-1] if fitting else None


def _worth(entry: Entry, is_pleasant: bool) -> tuple[bool, bool, float, bool, int]:
    """Pleasant before good; the one that is offered first before others; what is here before a download."""
    size = entry.parameters or 0
    return (
        is_pleasant,
        entry.is_recommended,
        entry.human_eval or 0.0,
        entry.section == "disk",
        size if is_pleasant else -size,
    )


def _is_pleasant(role: Role, speed: float | None) -> bool:
    return speed is None or speed >= _PLEASANT[role]


def _speed(entry: Entry, fit: Fit, pace: Pace | None) -> float | None:
    if pace is None or entry.network is None:
        return None
    return pace.tokens_per_s(entry.network, fit.precision)


def _reasons(role: Role, entry: Entry, fit: Fit, speed: float | None) -> Sequence[str]:
    size = short_count(entry.parameters or 0)
    needs = f"{size} weights take {gb(fit.budget.total_bytes)} as {fit.precision}"
    reasons = [f"It fits: {needs}, and {gb(fit.free_bytes)} are free."]
    if speed is not None:
        is_pleasant = _is_pleasant(role, speed)
        pleasant = "as fast as one reads" if is_pleasant else "slow, but what is faster does less"
        reasons.append(f"It writes about {speed:,.0f} tokens a second here, {pleasant}.")
    if entry.human_eval is not None:
        reasons.append(f"It solves {entry.human_eval:.0f} of 100 HumanEval tasks, as published.")
    if entry.section == "offer":
        reasons.append(
            f"The download is {size_text(entry.size_bytes)}; licence {spelled_licence(entry.licence)}."
        )
    return reasons


def better_than(
    advice: Advice | None, role: Role, entries: Iterable[Entry], machine: Machine, pace: Pace | None
) -> str:
    """What would be offered first, and why it is not; empty where it is, or where no machine like this
    carries it."""
    first = next((entry for entry in entries if entry.is_recommended and entry.role == role), None)
    is_it = first is None or (advice is not None and advice.entry.hub_name == first.hub_name)
    if first is None or first.network is None or is_it:
        return ""
    smallest = fits_of(first.network, machine)[-1]
    lack = smallest.budget.total_bytes - smallest.free_bytes
    if lack <= 0:
        speed = _speed(first, smallest, pace) or 0.0
        return f"{first.name} would do more, but writes only about {speed:,.0f} tokens a second here."
    if smallest.budget.total_bytes > machine.limit_bytes:
        return ""
    return f"{first.name} would do more, and needs {gb(lack)} more; close other programs for it."
