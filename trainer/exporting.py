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
from core.model.transformer import Transformer
from core.spec.errors import UsageError
from trainer.networks import from_nothing, with_weights
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
    """With its adapter merged. What was learnt is as strong as that is wished, in a whole model too."""
    spec, learnt = run.spec(), learnt_by(run)
    stored = with_weights(spec.model) if spec.trains_adapter else open_model(learnt)
    model = stored.load(torch.float32)
    if spec.trains_adapter:
        attach_adapter(model, _NAME, learnt)
        set_strength(model, _NAME, strength)
        merge(model, _NAME)
    elif strength != 1:
        _go_back(model, run, strength)
    done = convert(model, stored.tokenizer(), destination, to, precision, stored.about)
    card = destination / "README.md" if destination.is_dir() else destination.with_suffix(".md")
    if destination.is_dir() or not card.exists():
        _write_card(run, card)
    return done


@torch.no_grad()
def _go_back(model: Transformer, run: Run, strength: float) -> None:
    """Towards the weights that it began from: 1 is where it is, 0 where it was. What lies between may be
    better than both, as it was for the embedded model."""
    begun = run.spec().model
    if from_nothing(begun) is not None:
        raise UsageError(
            f"{run.name} began from nothing, so there is no model that it was before; leave out --strength."
        )
    stored = open_model(Path(begun))
    if stored.config != model.config:
        raise UsageError(f"{begun} is no longer the model that {run.name} began from; leave out --strength.")
    weights = dict(model.named_parameters())
    for name, before in stored.parameters(torch.float32):
        weights[name].copy_(torch.lerp(before, weights[name], strength))


def _write_card(run: Run, path: Path) -> None:
    if run.model_card.is_file():
        path.write_text(run.model_card.read_text(encoding="utf-8"), encoding="utf-8")
