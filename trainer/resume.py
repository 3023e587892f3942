"""Checkpoints: all that a run needs to go on as if it had never stopped, written whole or not at all.

A folder a step: state.json, what was learnt as a model or adapter that the engine opens, and the rest (the
optimiser's memory, chances to come) in training.safetensors. Nothing in it runs code. The best one so far
keeps only what was learnt.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.checkpoint.staging import new_path
from core.checkpoint.weights import open_safetensors
from core.spec.disk import require_room, sync_folder
from core.spec.errors import DataError, DoesNotFit, JobError, ModelFormatError, UsageError
from core.spec.fields import from_json, setting, to_json
from core.spec.headers import read_json
from core.spec.messages import Finished, Metric
from trainer.distributed import empty_like_saved, load_shares
from trainer.spec.runs import Run

FORMAT = 1
LEARNT = "model"
_STATE, _TRAINING, _SHARES = "state.json", "training.safetensors", "training"


@dataclass
class Progressed:
    """How far a run is, and how good."""

    step: int = setting(0, "Steps taken", low=0)
    tokens: int = setting(0, "Tokens read", low=0)
    first_loss: float | None = setting(None, "Validation before the first step")
    best_loss: float | None = setting(None, "The lowest validation")
    best_step: int | None = setting(None, "Where that was", low=0)
    worse_in_a_row: int = setting(0, "Validations since then", low=0)
    fallen: float = setting(
        0.0, "Of a run that ends by the clock: how much of the fall is done", low=0, high=1
    )
    seconds: float = setting(0.0, "Of a run that ends by the clock: how long it has taken", low=0)
    scale: float = setting(1.0, "What the loss is multiplied by in fp16", low=0)
    steps_in_peace: int = setting(0, "Steps since that overflowed", low=0)

    def finished(self, *, stopped: bool, path: str) -> Finished:
        known = {
            "steps": float(self.step),
            "tokens": float(self.tokens),
            "validation_loss_before": self.first_loss,
            "validation_loss_best": self.best_loss,
        }
        metrics = tuple(Metric(name, value) for name, value in known.items() if value is not None)
        return Finished(stopped, path, metrics)


@dataclass(frozen=True)
class Circumstances:
    """What else decides the numbers of a run."""

    data: str = setting(..., "Fingerprint of the data")
    base: str = setting(..., "Fingerprint of the weights it began from")
    source: str = setting(..., "Fingerprint of this program")
    torch: str = setting(..., "Version of PyTorch")
    device: str = setting(..., "What it computes on")
    threads: int = setting(..., "Processor threads", low=1)
    processes: int = setting(1, "That train it together", low=1)


@dataclass(frozen=True)
class Moment:
    """All that a checkpoint holds beside what `write_learnt` writes."""

    progress: Progressed
    circumstances: Circumstances
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


def is_saved(run: Run, step: int) -> bool:
    """With all that it takes to go on."""
    return any((run.checkpoint(step) / name).exists() for name in (_TRAINING, _SHARES))


def save(
    run: Run,
    moment: Moment,
    write_learnt: Callable[[Path], None],
    needed_bytes: int,
    write_shares: Callable[[Path], None] | None = None,
) -> Path:
    """`write_learnt` makes the folder it is given; so does `write_shares`, where tensors are not all here."""
    destination = run.checkpoint(moment.progress.step)
    if not run.spec_file.exists():  # made anew, it would be no run any more
        raise JobError(f"{run.folder} is gone, so what was learnt since its last checkpoint has no place.")
    if not is_saved(run, moment.progress.step):
        shutil.rmtree(destination, ignore_errors=True)  # a best one that its optimiser was taken from
        try:
            require_room(destination, needed_bytes)
            with new_path(destination) as path:
                path.mkdir()
                write_learnt(path / LEARNT)
                if write_shares is None:
                    save_file(dict(moment.tensors), path / _TRAINING)
                else:
                    write_shares(path / _SHARES)
                content = {"format": FORMAT, "progress": to_json(moment.progress)}
                content["circumstances"] = to_json(moment.circumstances)
                (path / _STATE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
                _make_durable(path)
            sync_folder(destination.parent)
        except DoesNotFit as error:
            raise JobError(f"{error} Then resume the run: its last checkpoint is whole.") from error
    _prune(run, keep_last=moment.progress.step, keep_best=moment.progress.best_step)
    return destination


def last_whole(run: Run) -> Path | None:
    """The checkpoint to go on from."""
    steps = [step for step in run.steps_saved() if is_saved(run, step)]
    return run.checkpoint(steps[-1]) if steps else None


def shares_folder(checkpoint: Path) -> Path:
    """Where all its tensors lie, in one file or in several."""
    return checkpoint / _SHARES if (checkpoint / _SHARES).is_dir() else checkpoint


def load_last(run: Run, *, leaves_tensors: bool = False) -> Moment | None:
    """None where there is none yet. Tensors are views of the file: to be copied and let go."""
    folder = last_whole(run)
    if folder is None:
        return None
    progress, circumstances = read_state(folder)
    try:
        tensors = {} if leaves_tensors else read_tensors(folder / _TRAINING)
        if not leaves_tensors and not tensors:
            tensors = empty_like_saved(folder / _SHARES)
            load_shares(tensors, folder / _SHARES, is_alone=True)
    except ModelFormatError as error:
        raise _damaged(folder, error) from None
    return Moment(progress, circumstances, tensors)


def learnt_by(run: Run) -> Path:
    """The best of a run so far, as a model or an adapter; the last where nothing was held out."""
    steps = run.steps_saved()
    if not steps:
        raise UsageError(f'"{run.name}" has saved nothing yet; let it run until its first checkpoint.')
    best = read_state(run.checkpoint(steps[-1]))[0].best_step
    return run.checkpoint(best if best in steps else steps[-1]) / LEARNT


def progress_of(run: Run) -> Progressed:
    """At its last checkpoint."""
    steps = run.steps_saved()
    return read_state(run.checkpoint(steps[-1]))[0] if steps else Progressed()


def read_state(folder: Path) -> tuple[Progressed, Circumstances]:
    where = str(folder / _STATE)
    try:
        content = read_json(folder / _STATE)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise JobError(f"{folder} is of another version of this program; resume the run with that one.")
        progress = from_json(Progressed, content.get("progress"), where)
        return progress, from_json(Circumstances, content.get("circumstances"), where)
    except (ModelFormatError, UsageError) as error:
        raise _damaged(folder, error) from None


def _damaged(folder: Path, error: Exception) -> JobError:
    return JobError(f"{error} Delete {folder} to go on from the checkpoint before it.")


def read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.exists():
        return {}
    with open_safetensors(path) as weights:
        return {name: weights.read(name) for name in weights.names}


def chances(rank: int = 0) -> dict[str, Tensor]:
    """The state of all generators that a run draws from; each process has its own."""
    states = {_chance("cpu", rank): torch.get_rng_state()}
    if torch.cuda.is_available():
        states[_chance("cuda", rank)] = torch.cuda.get_rng_state()
    return states


def set_chances(tensors: Mapping[str, Tensor], rank: int = 0) -> None:
    torch.set_rng_state(tensors[_chance("cpu", rank)])
    if _chance("cuda", rank) in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors[_chance("cuda", rank)])


def _chance(device: str, rank: int) -> str:
    return f"chances:{device}:{rank}" if rank else f"chances:{device}"


def changes(before: Circumstances, now: Circumstances, *, anyway: bool) -> list[str]:
    """What changed since, for the person to know. What makes it another run is refused."""
    for name, what in (("data", "The data"), ("base", "The model it began from")):
        if getattr(before, name) != getattr(now, name) and not anyway:
            raise DataError(
                f"{what} changed since this run was stopped, so it would go on as another run; bring back "
                "what it was, start a new run, or resume with --anyway."
            )
    notes = {
        "data": "the data changed, and it goes on anyway",
        "base": "the model that it began from changed, and it goes on anyway",
        "source": "the program changed, so numbers may differ from a run that was never stopped",
        "torch": f"PyTorch is now {now.torch}, was {before.torch}; numbers may differ in their last digits",
        "device": f"it computes on {now.device}, before on {before.device}; numbers may differ",
        "threads": f"{now.threads} threads, before {before.threads}; numbers may differ in their last digits",
        "processes": (
            f"{now.processes} processes, before {before.processes}; numbers may differ in their last digits"
        ),
    }
    return [note for name, note in notes.items() if getattr(before, name) != getattr(now, name)]


def source_fingerprint() -> str:
    """Of the files that compute; empty in a packaged program, whose version says it."""
    digest = hashlib.sha256()
    top = Path(__file__).parents[1]
    for package in ("core", "trainer"):
        for path in sorted((top / package).rglob("*.py")):
            digest.update(path.relative_to(top).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]


def _prune(run: Run, *, keep_last: int, keep_best: int | None) -> None:
    for step in run.steps_saved():
        if step == keep_last:
            continue
        folder = run.checkpoint(step)
        if step == keep_best:
            (folder / _TRAINING).unlink(missing_ok=True)
            shutil.rmtree(folder / _SHARES, ignore_errors=True)
        elif step < keep_last:
            # first no checkpoint any more, then gone: a kill between leaves nothing that looks like one
            doomed = folder.with_name(f".{folder.name}.{os.getpid()}.old")
            folder.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _make_durable(folder: Path) -> None:
    """Before it gets its name: a name that survives a power cut must not stand for empty files."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


def fingerprint(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
