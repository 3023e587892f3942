"""Ways: models at their precisions, each with what was measured of it last and before. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.benchmarks.shelf import Kept
from trainer.spec.speed import DISTURBING_SHARE

MILLION = 1e6
OWN_SUITE = "smallcoder"


@dataclass
class Way:
    """`kept` of this model at this precision, newest first."""

    place: str
    name: str
    precision: str
    kept: list[Kept] = field(default_factory=list)

    @property
    def shown_name(self) -> str:
        """Random weights are said wherever the name stands: else it looks like the model of that name."""
        is_random = bool(self.kept) and self.kept[0].result.has_random_weights
        return f"{self.name} (random)" if is_random else self.name

    @property
    def title(self) -> str:
        return f"{self.shown_name} {self.precision}"

    @property
    def has_weights(self) -> bool:
        """Else it is a preset, whose random ones tell how fast it would be."""
        return all(item.result.figures.get("weights", "stored") == "stored" for item in self.kept)

    def latest(self, kind: str, suite: str = "") -> Kept | None:
        return next(iter(self.history(kind, suite)), None)

    def history(self, kind: str, suite: str = "") -> list[Kept]:
        """What can be compared with the latest: of speed, with prompts of the same length."""
        found = [item for item in self.kept if item.result.kind == kind]
        if kind != "speed":
            return [item for item in found if item.suite == suite]
        return [item for item in found if _lengths(item) == _lengths(found[0])]


def _lengths(item: Kept) -> tuple[Any, Any]:
    return item.result.figures.get("prompt_tokens"), item.result.figures.get("new_tokens")


@dataclass(frozen=True)
class Suite:
    """What quality can be told of: tasks, or code of one's own."""

    kind: str
    name: str

    @property
    def title(self) -> str:
        if self.kind == "repo":
            return f"your code: {self.name}"
        return "SmallCoder's tasks" if self.name == OWN_SUITE else self.name


@dataclass(frozen=True)
class Figure:
    """A column: what it is called, what it means, how it is written, and whether more of it is better.

    `kind`: of the results that have it; empty where that is the chosen suite's.
    """

    key: str
    title: str
    meaning: str
    kind: str
    shown: Callable[[float], str]
    more_is_better: bool = True

    @property
    def line(self) -> str:
        return self.title.replace("\n", " " if "," in self.title else ", ")


FIGURES = (
    Figure("quality", "Quality", "Of 100, by the formula that stands with the answers", "", "{:.1f}".format),
    Figure("passed", "Right", "Answers that pass their tests, or are what stood there", "", "{:,.0f}".format),
    Figure(
        "decode_tokens_per_s",
        "Writes\ntokens/s",
        "Tokens that are written in a second, the median of all rounds",
        "speed",
        "{:,.1f}".format,
    ),
    Figure(
        "prefill_tokens_per_s",
        "Reads\ntokens/s",
        "Tokens of a prompt that are read in a second",
        "speed",
        "{:,.0f}".format,
    ),
    Figure(
        "first_token_ms",
        "First\ntoken, ms",
        "From a prompt that was never read to its first token",
        "speed",
        "{:,.0f}".format,
        False,
    ),
    Figure(
        "keystroke_ms",
        "After a\nkey, ms",
        "From a key to the first token where all else has been read before",
        "speed",
        "{:,.1f}".format,
        False,
    ),
    Figure(
        "peak_ram_bytes",
        "Memory\nMB",
        "The most that its process held, libraries included",
        "speed",
        lambda value: f"{value / MILLION:,.0f}",
        False,
    ),
    Figure(
        "parameters",
        "Weights",
        "How many weights the model has",
        "any",
        lambda value: f"{value / MILLION:,.1f}M",
    ),
)


def ways_of(kept: Iterable[Kept]) -> list[Way]:
    """In the order in which they were measured last."""
    found: dict[tuple[str, str], Way] = {}
    for item in kept:
        place, precision = item.result.place, item.result.precision
        way = found.setdefault((place, precision), Way(place, item.result.name, precision))
        way.kept.append(item)
    _tell_apart(list(found.values()))
    return list(found.values())


def suites_of(kept: Iterable[Kept]) -> list[Suite]:
    return list(
        dict.fromkeys(
            Suite(item.result.kind, item.suite) for item in kept if item.result.kind in ("quality", "repo")
        )
    )


def number(way: Way, figure: Figure, suite: Suite | None) -> float | None:
    """The latest that was measured."""
    for item in _sources(way, figure, suite):
        value = item.result.number(figure.key)
        if value is not None:
            return value
    return None


def written(way: Way, figure: Figure, suite: Suite | None) -> str:
    """As it stands in the table."""
    value = number(way, figure, suite)
    if value is None:
        return ""
    if figure.key == "passed":
        total = next((item.result.number("total") for item in _sources(way, figure, suite)), None)
        return f"{value:,.0f} of {total:,.0f}" if total else ""
    return figure.shown(value)


def spread(way: Way, figure: Figure, suite: Suite | None) -> str:
    """Between which values it lies, where that was told."""
    for item in _sources(way, figure, suite):
        low, high = item.result.number(f"{figure.key}_low"), item.result.number(f"{figure.key}_high")
        if low is not None and high is not None and low != high:
            return f"between {figure.shown(low)} and {figure.shown(high)}"
    return ""


def doubts(item: Kept) -> list[str]:
    """Why a result may be worth less than it looks."""
    figures: Any = item.result.figures
    found = []
    if item.result.has_random_weights:
        found.append("random weights")
    if not figures.get("was_alone", True):
        found.append("another benchmark was running")
    others = item.result.number("others_share") or 0.0
    if others > DISTURBING_SHARE:
        found.append(f"other programs took {others:.0%} of the processors")
    if limit := _limit(item):
        found.append(f"a quick look at {limit} tasks")
    return found


def own_quality(kept: Iterable[Kept], place: str, precision: str) -> float | None:
    """The latest on all of SmallCoder's own tasks: what an advice goes by."""
    for item in kept:
        is_whole = (item.result.kind, item.suite) == ("quality", OWN_SUITE) and not _limit(item)
        if is_whole and (item.result.place, item.result.precision) == (place, precision):
            return item.result.number("quality")
    return None


def _limit(item: Kept) -> int:
    """How many of the tasks were asked; 0 is all."""
    settings: Any = item.result.figures.get("settings")
    limit: int = settings.get("limit", 0) if isinstance(settings, dict) else 0
    return limit


def when(item: Kept) -> str:
    """Date and time here."""
    try:
        return f"{datetime.fromisoformat(item.started).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return item.started


def _sources(way: Way, figure: Figure, suite: Suite | None) -> Sequence[Kept]:
    match figure.kind:
        case "any":
            return way.kept
        case "":
            return way.history(suite.kind, suite.name) if suite is not None else ()
        case kind:
            return way.history(kind)


def _tell_apart(ways: Sequence[Way]) -> None:
    """Two models of one name, in two folders."""
    for way in ways:
        others = {other.place for other in ways if other.name == way.name and other.place != way.place}
        if others:
            parts = way.place.replace("\\", "/").rstrip("/").split("/")
            way.name = "/".join(parts[-2:])
