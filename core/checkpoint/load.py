"""What is this path? A StoredModel, whatever the format; or one sentence that says why not."""

from pathlib import Path

from core.checkpoint.gguf import open_gguf_model
from core.checkpoint.huggingface import open_huggingface
from core.checkpoint.native import is_native, open_native
from core.checkpoint.stored import StoredModel
from core.spec.errors import ModelFormatError
from core.spec.headers import read_json, refuse_pickle
from core.spec.library import located, no_such_model
from core.spec.placement import Placement


def open_model(path: Path) -> StoredModel:
    """`path` may also be the id of a model of the hub that is on this disk."""
    stored = open_unchecked(path)
    stored.check()
    return stored


def open_unchecked(path: Path) -> StoredModel:
    """Whether all tensors are there and have their shapes is still to be looked at, which needs torch."""
    return _opened(located(path))


def open_placed(path: Path, placement: Placement) -> StoredModel:
    """The model at `path`, with the adapter that is to run with it. Whoever reads its weights checks it."""
    stored = open_unchecked(path)
    if not placement.adapter:
        return stored
    from core.checkpoint.adapted import with_adapter

    stored.check()
    return with_adapter(stored, Path(placement.adapter), placement.adapter_strength)


def _opened(path: Path) -> StoredModel:
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise no_such_model(path)
    refuse_pickle(path)
    if path.suffix.lower() != ".gguf":
        raise ModelFormatError(f"{path} is neither a model's folder nor a .gguf file; choose one of these.")
    return open_gguf_model(path)


def _open_folder(folder: Path) -> StoredModel:
    if not (folder / "config.json").is_file():
        raise ModelFormatError(
            f"{folder} is not a model's folder: it has no config.json; choose another one."
        )
    description = read_json(folder / "config.json")
    if not isinstance(description, dict):
        raise ModelFormatError(f"{folder / 'config.json'} must hold a JSON object; get the model again.")
    refuse_pickle(folder)
    if is_native(description):
        return open_native(folder, description)
    return open_huggingface(folder, description)
