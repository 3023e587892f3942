"""BenchPlan: what is to be measured, as the commands that measure it, and how long that may take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from core.spec.budget import weight_bytes
from core.spec.config import ModelConfig
from core.spec.fields import as_flags
from trainer.spec.bench import CUTS, QualitySettings, RepoSettings
from trainer.spec.durations import duration
from trainer.spec.results import Result
from trainer.spec.speed import SpeedSettings

Words = tuple[str, ...]
Part = Literal["speed", "tasks", "file", "repo"]

OWN_TASKS = 15
PRECISIONS = ("auto", "int8", "int4", "fp32", "bf16", "fp16")
_START_S, _LOAD_S = 4.0, 2.0
_GUESSED_ANSWER_TOKENS, _GUESSED_FILE_TASKS = 160, 164
_GUESSED_BYTES_PER_S = 12e9  # of weights read, on a laptop
_READS_FASTER = 8  # a prompt's tokens than those that are written
_GUESSED_PARAMETERS = 300e6


@dataclass(frozen=True)
class BenchPlan:
    """Every model at every precision, in each of the parts."""

    models: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("auto",)
    parts: tuple[Part, ...] = ("speed", "tasks")
    file: str = ""
    folders: tuple[str, ...] = ()
    limit: int = 0
    speed: SpeedSettings = field(default_factory=SpeedSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    repo: RepoSettings = field(default_factory=RepoSettings)

    @property
    def ways(self) -> int:
        return len(self.models) * len(self.precisions)

    @property
    def problem(self) -> str:
        """What keeps it from being started; empty where nothing does."""
        if not self.models:
            return "Choose at least one model."
        if not self.precisions:
            return "Choose at least one precision."
        if not self.parts:
            return "Choose what to measure."
        if "file" in self.parts and not self.file:
            return "Choose a file of tasks."
        if "repo" in self.parts and not self.folders:
            return "Choose a folder of your code."
        return ""

    def commands(self, *, unconfined: bool = False) -> list[Words]:
        """One for each part; `unconfined`: the person agreed to run answers without a fence."""
        matrix = [word for model in self.models for word in ("--model", model)]
        if self.precisions != ("auto",):
            matrix += ["--precision", ",".join(self.precisions)]
        quality = replace(self.quality, limit=self.limit, unconfined=unconfined or self.quality.unconfined)
        repo = as_flags(replace(self.repo, limit=self.limit))
        made: dict[Part, list[str]] = {
            "speed": ["bench", "speed", *matrix, *as_flags(self.speed)],
            "tasks": ["bench", "quality", *matrix, *as_flags(quality)],
            "file": ["bench", "quality", "--suite", self.file, *matrix, *as_flags(quality)],
            "repo": ["bench", "repo", *self.folders, *matrix, *repo],
        }
        return [(*words, "--events") for part, words in made.items() if part in self.parts]

    @property
    def runs_code(self) -> bool:
        return bool({"tasks", "file"} & {*self.parts})


@dataclass(frozen=True)
class Estimate:
    """`is_measured`: told by earlier results of these models; else guessed from their sizes."""

    seconds: float
    is_measured: bool

    @property
    def sentence(self) -> str:
        how = "as measured before" if self.is_measured else "guessed from the sizes of the models"
        return f"About {duration(self.seconds)}, {how}."


def estimate(plan: BenchPlan, past: Sequence[Result], networks: Mapping[str, ModelConfig | None]) -> Estimate:
    total, is_measured = 0.0, True
    for model in plan.models:
        for precision in plan.precisions:
            own = [item for item in past if item.place == model and _is_way(item, precision)]
            speed = next((item for item in own if item.number("decode_tokens_per_s")), None)
            writes = (speed and speed.number("decode_tokens_per_s")) or _guessed(networks, model, precision)
            reads = (speed and speed.number("prefill_tokens_per_s")) or writes * _READS_FASTER
            is_measured = is_measured and speed is not None
            for part in plan.parts:
                if part == "speed":
                    total += _speed_s(plan.speed, writes, reads)
                    continue
                each = _answer_s(own, part) or _GUESSED_ANSWER_TOKENS / writes
                total += _LOAD_S + each * _tasks(plan, part)
                is_measured = is_measured and _answer_s(own, part) is not None
    return Estimate(total + _START_S * len(plan.parts), is_measured)


def _speed_s(settings: SpeedSettings, writes: float, reads: float) -> float:
    once = sum(length / reads for length in settings.prompt_tokens) + settings.new_tokens / writes * len(
        settings.prompt_tokens
    )
    return _START_S + _LOAD_S + once * (settings.rounds + 1)  # once to warm up


def _answer_s(results: Iterable[Result], part: Part) -> float | None:
    kind = "repo" if part == "repo" else "quality"
    for item in results:
        seconds, total = item.number("seconds"), item.number("total")
        if item.kind == kind and seconds and total:
            return seconds / total
    return None


def _tasks(plan: BenchPlan, part: Part) -> int:
    if part == "repo":
        count = plan.repo.per_cut * len(plan.repo.kinds or CUTS)
    else:
        count = OWN_TASKS if part == "tasks" else _GUESSED_FILE_TASKS
    attempts = plan.quality.attempts if part != "repo" else 1
    return min(count, plan.limit or count) * attempts


def _is_way(result: Result, precision: str) -> bool:
    return precision in ("auto", result.precision)


def _guessed(networks: Mapping[str, ModelConfig | None], model: str, precision: str) -> float:
    network = networks.get(model)
    held = "int8" if precision == "auto" else precision
    size = weight_bytes(network, held) if network is not None else _GUESSED_PARAMETERS
    return _GUESSED_BYTES_PER_S / size
