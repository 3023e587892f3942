"""What a run has learnt, taken along: the adapter itself, or a whole model in any format, with its card."""

import shutil
from pathlib import Path
from typing import Literal

import torch

from core.checkpoint.adapter import attach_adapter
from core.checkpoint.convert import Conversion, Precision, convert
from core.checkpoint.load import open_model
from core.checkpoint.staging import new_path
from core.model.lora import merge, set_strength
from core.spec.errors import UsageError
from trainer.networks import with_weights
from trainer.resume import learnt_by
from trainer.spec.runs import Run

Kind = Literal["adapter", "native", "hf", "gguf"]
_NAME = "exported"


def export_adapter(run: Run, destination: Path) -> Path:
    if not run.spec().trains_adapter:
        raise UsageError(
            f"{run.name} has learnt a whole model, not an adapter; export it as native, hf or gguf."
        )
    with new_path(destination) as path:
        shutil.copytree(learnt_by(run), path)
        _write_card(run, path / "README.md")
    return destination


def export_model(
    run: Run, destination: Path, to: Literal["native", "hf", "gguf"], precision: Precision, strength: float
) -> Conversion:
    """With its adapter merged, as strong as that is wished."""
    spec, learnt = run.spec(), learnt_by(run)
    stored = with_weights(spec.model) if spec.trains_adapter else open_model(learnt)
    model = stored.load(torch.float32)
    if spec.trains_adapter:
        attach_adapter(model, _NAME, learnt)
        set_strength(model, _NAME, strength)
        merge(model, _NAME)
    done = convert(model, stored.tokenizer(), destination, to, precision, stored.about)
    card = destination / "README.md" if destination.is_dir() else destination.with_suffix(".md")
    if destination.is_dir() or not card.exists():
        _write_card(run, card)
    return done


def _write_card(run: Run, path: Path) -> None:
    if run.model_card.is_file():
        path.write_text(run.model_card.read_text(encoding="utf-8"), encoding="utf-8")
