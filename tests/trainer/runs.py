"""Tiny runs for the trainer's tests: real networks and loops, tokens drawn from a number."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.native import write_native
from core.spec.messages import Event, Finished
from tests.tiny import tiny_model, tiny_tokenizer
from trainer.control import Control
from trainer.data.batches import Batch
from trainer.loop import Material
from trainer.losses import IGNORED
from trainer.running import Corpus, decided, sit
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run, create_run

# what each recipe needs beyond the model, and small numbers for all
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "pretrain": {},
    "full": {},
    "lora": {"lora_rank": 4, "lora_dropout": 0.2},
    "qlora": {"lora_rank": 4, "base_precision": "int4"},
    "distil": {"teacher": "model"},
    "dpo": {"lora_rank": 4},
}


@dataclass(frozen=True)
class DrawnBatches:
    """A pattern that can be learnt: each token is the one before plus a row's own stride."""

    rows: int = 2
    tokens: int = 24
    count: int = 50

    def __len__(self) -> int:
        return self.count

    def at(self, number: int) -> Batch:
        generator = torch.Generator().manual_seed(number)
        start, stride = (torch.randint(1, 8, (self.rows, 1), generator=generator) for _ in range(2))
        ids = (start + stride * torch.arange(self.tokens + 1)) % 64
        targets = ids[:, 1:].clone()
        targets[:, : number % 3] = IGNORED
        return Batch(ids[:, :-1].contiguous(), targets)


@dataclass
class Heard:
    events: list[Event] = field(default_factory=list)
    control: Control = field(default_factory=Control)

    def tell(self, event: Event) -> None:
        self.events.append(event)


def tiny_model_folder(folder: Path, **changes: Any) -> Path:
    """Not saturated, as the usual tiny one is."""
    model = tiny_model(**changes)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(0.2)
    vocabulary = folder.with_name(folder.name + "-vocabulary")
    vocabulary.mkdir()
    write_native(model, tiny_tokenizer(vocabulary), folder, torch.float32)
    return folder


def tiny_spec(folder: Path, recipe: str = "full", **changes: Any) -> TrainSpec:
    model = folder / "model"
    if not model.exists():
        tiny_model_folder(model)
    settings: dict[str, Any] = {
        **{"recipe": recipe, "model": str(model), "data": "drawn", "steps": 6, "batch_size": 2},
        **{"accumulation": 2, "context_tokens": 24, "precision": "fp32", "device": "cpu", "threads": 1},
        **{"validate_every": 2, "validation_batches": 2, "checkpoint_every": 0, "warmup_steps": 2},
        **{"learning_rate": 1e-2, "patience": 0, "judged_lines": 0, **RECIPES[recipe], **changes},
    }
    if "teacher" in settings:
        settings["teacher"] = str(model)
    return decided(TrainSpec(**settings))


def corpus(batches: Any = None, fingerprint: str = "drawn") -> Corpus:
    train = batches or DrawnBatches()
    return Corpus(Material(train, DrawnBatches(count=3)), None, fingerprint)


def new_run(folder: Path, spec: TrainSpec) -> Run:
    return create_run(str(folder), spec)


def go(
    run: Run,
    *,
    stop_at: int | None = None,
    batches: Any = None,
    fingerprint: str = "drawn",
    tell: Callable[[Event], None] | None = None,
) -> Finished:
    """Until its end, or until so many steps are taken."""
    heard = Heard()
    stopping = StopsAt(batches or DrawnBatches(), heard.control, run.spec().accumulation, stop_at)
    return sit(run, run.spec(), heard.control, tell or heard.tell, corpus(stopping, fingerprint))


@dataclass(frozen=True)
class StopsAt:
    """Asks for a stop when the first batch of the step before it is read."""

    batches: Any
    control: Control
    accumulation: int
    step: int | None

    def __len__(self) -> int:
        return len(self.batches)

    def at(self, number: int) -> Batch:
        if self.step is not None and number >= (self.step - 1) * self.accumulation:
            self.control.stop()
        return self.batches.at(number)


def saved_files(run: Run) -> dict[str, bytes]:
    """All of the last checkpoint, but for what the program itself was (its files may be edited meanwhile)."""
    folder = run.checkpoint(run.steps_saved()[-1])
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    state = json.loads(found["state.json"])
    found["state.json"] = json.dumps(state["progress"]).encode()
    return found
