"""What a run begins from: a preset, sizes of a network in a .json file, a model on disk, or another run.

The first two have no weights and no vocabulary: they begin from nothing. A preset may be called like a model
that lies here, as the one that comes along; where a recipe needs weights, that model is meant.
"""

from pathlib import Path

from core.checkpoint.adapter import is_adapter
from core.checkpoint.load import open_model
from core.checkpoint.stored import StoredModel
from core.spec.about import Recall
from core.spec.config import ModelConfig
from core.spec.errors import UsageError
from core.spec.fields import from_json
from core.spec.folders import embedded_model, in_short
from core.spec.headers import read_json
from core.spec.library import has_no_weights, is_model, own_model
from core.spec.presets import PRESETS
from core.text.tokenizer import Tokenizer
from trainer.resume import learnt_by
from trainer.spec.jobs import ADAPTER_RECIPES
from trainer.spec.runs import find_run


def from_nothing(name: str) -> ModelConfig | None:
    """None where there are weights to begin from."""
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        return from_json(ModelConfig, read_json(path), name)
    return None


def config_of(name: str) -> ModelConfig:
    return from_nothing(name) or open_model(Path(name)).config


def tokenizer_of(name: str) -> Tokenizer | None:
    """What begins from nothing has none: its vocabulary is the data's."""
    return None if from_nothing(name) is not None else open_model(Path(name)).tokenizer()


def recall_of(name: str) -> Recall | None:
    """Stays with a network that learns on, though fitted to what it was; `train recall` fits it anew."""
    return None if from_nothing(name) is not None else open_model(Path(name)).about.recall


def with_weights(name: str) -> StoredModel:
    if has_no_weights(name) or (name not in PRESETS and from_nothing(name) is not None):
        raise UsageError(
            f"{name} has no weights; only pretrain, full and distil begin from nothing. Name a model's "
            f"folder, as {in_short(embedded_model())}, which comes along."
        )
    return open_model(Path(name))


def meant(recipe: object, name: str) -> str:
    """What `name` is to a recipe: pretrain, full and distil take a preset to begin from nothing."""
    own = own_model(name) if recipe in ADAPTER_RECIPES else None
    return name if own is None else str(own)


def lasting(name: str) -> str:
    """As it can be found from another folder; of a run, what it has learnt."""
    path = Path(name)
    if name in PRESETS:
        return name
    run = find_run(name)
    if run.spec_file.is_file() and not is_model(path):
        learnt = learnt_by(run)
        if is_adapter(learnt):
            raise UsageError(
                f"{name} has learnt an adapter, which is no model by itself; make it one with "
                f"'train export {name} FOLDER --to native', and take that."
            )
        return str(learnt.absolute())
    return str(path.absolute()) if path.exists() else name
