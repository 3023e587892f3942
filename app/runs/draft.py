"""Draft: a run that is yet to begin, as a person sets it up; and the commands that it comes down to.

What is not set is as in the settings called finetune-folder, but for what hangs on how much there is.
"""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from core.spec.errors import UsageError
from core.spec.fields import as_flags, from_json
from core.spec.folders import runs_folder
from trainer.spec.data import ScanSpec
from trainer.spec.jobs import TrainSpec
from trainer.spec.plans import read_plan
from trainer.spec.runs import DATA, Run

TimeKind = Literal["whole", "minutes", "until"]

FROM_FOLDERS = "(from your folders)"  # where a spec must name its data before there is any
USUAL_EPOCHS, BOXED_EPOCHS = 3.0, 100.0
_LOOKS = 10  # validations, samples and checkpoints in a run, about
_MOST_BETWEEN = 100
_GLIMPSES = 6
LISTED = 500  # files for each reason: a folder may hold a million
_SPEC = "finetune-folder"
# what changes how fast it is, or what it computes with: it is measured anew
_OF_SPEED = (
    *(
        "model",
        "teacher",
        "recipe",
        "batch_size",
        "accumulation",
        "context_tokens",
        "precision",
        "device",
        "threads",
        "lanes",
    ),
    *(
        "checkpoint_layers",
        "optimizer",
        "in_backward",
        "offload",
        "lora_rank",
        "lora_layers",
        "base_precision",
    ),
)
_NAME_LETTERS = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class TimeBox:
    """How long it may take: as long as it needs, so many minutes, or until the clock shows `until`."""

    kind: TimeKind = "whole"
    minutes: int = 30
    until: str = "07:00"

    def minutes_left(self, now: datetime) -> float:
        """0 where it takes as long as it needs."""
        if self.kind == "minutes":
            return float(self.minutes)
        if self.kind == "whole":
            return 0.0
        end = datetime.combine(now.date(), datetime.strptime(self.until, "%H:%M").time())
        return ((end if end > now else end + timedelta(days=1)) - now).total_seconds() / 60


@dataclass(frozen=True)
class Draft:
    spec: TrainSpec
    name: str = ""
    folders: tuple[Path, ...] = ()
    scan: ScanSpec = field(default_factory=ScanSpec)
    box: TimeBox = field(default_factory=TimeBox)

    @property
    def chosen(self) -> TrainSpec:
        """With what a time box brings along: a step size that falls before the end, whenever that is."""
        if self.box.kind == "whole":
            return self.spec
        schedule = "wsd" if self.spec.schedule == "cosine" else self.spec.schedule
        epochs = BOXED_EPOCHS if self.spec.epochs == USUAL_EPOCHS else self.spec.epochs
        return replace(self.spec, schedule=schedule, epochs=epochs)

    def scan_words(self) -> tuple[str, ...]:
        words = ["data", "scan", *map(str, self.folders), *as_flags(self.scan)]
        words += ["--context", str(max(16, self.spec.context_tokens)), "--glimpses", str(_GLIMPSES)]
        words += ["--listed", str(LISTED)]
        return (*words, "--model", self.spec.tokenizer or self.spec.model, "--events")

    def estimate_words(self, tokens: int, *, measures: bool) -> tuple[str, ...]:
        words = ["train", "estimate", *_train_flags(self.chosen), "--tokens", str(tokens), "--json"]
        return tuple(words if measures else [*words, "--measure-seconds", "0"])

    def new_words(self) -> tuple[str, ...]:
        """The whole run in one command."""
        return (*self._beginning(), *self.box_words())

    def begin_words(self) -> tuple[str, ...]:
        """Its data and its folder, and no step yet."""
        return (*self.new_words(), "--begin-only", "--events")

    def box_words(self) -> tuple[str, ...]:
        match self.box.kind:
            case "minutes":
                return ("--finish-minutes", str(self.box.minutes))
            case "until":
                return ("--until", self.box.until)
            case _:
                return ()

    def _beginning(self) -> list[str]:
        sources = [word for folder in self.folders for word in ("--source", str(folder))]
        words = ["train", "new", self.name, *sources, *as_flags(self.scan)]
        return [*words, *_train_flags(self.chosen)]


def usual_draft(model: str, ram_mb: int = 0) -> Draft:
    """`ram_mb`: the person's budget for all programs together."""
    own = {"model": model, "data": FROM_FOLDERS, "epochs": USUAL_EPOCHS, "ram_mb": ram_mb}
    return Draft(from_json(TrainSpec, {**read_plan(_SPEC).train, **own}, _SPEC))


def draft_of(run: Run) -> Draft:
    """As it was set up; without folders where its data was prepared elsewhere."""
    spec, box = _unboxed(replace(run.spec(), data=FROM_FOLDERS))
    if spec.tokenizer is not None and Path(spec.tokenizer).is_relative_to(run.folder):  # it learnt one
        spec = replace(spec, tokenizer=None)
    try:
        facts = json.loads((run.folder / DATA / "data.json").read_text(encoding="utf-8"))
        scan = from_json(ScanSpec, facts["scan"], "data.json")
        return Draft(spec, folders=tuple(Path(path) for path in facts["paths"]), scan=scan, box=box)
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return Draft(spec, box=box)


def _unboxed(spec: TrainSpec) -> tuple[TrainSpec, TimeBox]:
    """What a time box has brought along is the box's, and goes with it."""
    if not spec.finish_minutes:
        return spec, TimeBox()
    box = TimeBox("minutes", max(1, round(spec.finish_minutes)))
    schedule = "cosine" if spec.schedule == "wsd" else spec.schedule
    epochs = USUAL_EPOCHS if spec.epochs == BOXED_EPOCHS else spec.epochs
    return replace(spec, finish_minutes=0.0, schedule=schedule, epochs=epochs), box


def with_looks(spec: TrainSpec, steps: int) -> TrainSpec:
    """Often enough that there is a curve, and seldom enough that it costs little."""
    every = max(1, min(_MOST_BETWEEN, steps // _LOOKS))
    return replace(spec, validate_every=every, sample_every=every, checkpoint_every=every)


def of_speed(spec: TrainSpec) -> tuple[Any, ...]:
    return tuple(getattr(spec, name) for name in _OF_SPEED)


def free_name(folders: tuple[Path, ...]) -> str:
    """As the first folder is called, and a number where there was such a run before."""
    name = folders[0].name if folders else ""
    stem = _NAME_LETTERS.sub("-", name).strip("-.") or "run"
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10_000))
    return next(found for found in names if not Run(runs_folder() / found).spec_file.exists())


def name_problem(name: str) -> str:
    """Why a run cannot be called so; empty where it can."""
    if not name:
        return "Give the run a name."
    if _NAME_LETTERS.search(name) or name.startswith((".", "-")):
        return "Letters, digits, - and _ make a name; others would trouble a command line."
    if Run(runs_folder() / name).spec_file.exists():
        return "There is such a run already; choose another name."
    return ""


def _train_flags(spec: TrainSpec) -> list[str]:
    flags = as_flags(spec, leave_out=("recipe", "model", "data"))
    return ["--recipe", spec.recipe, "--model", spec.model, *flags]
