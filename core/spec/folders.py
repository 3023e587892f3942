"""Where models, runs, settings and caches live on each system. platformdirs knows; nobody else needs to.

Paths only: a folder is made by whoever first writes into it. `SMALLCODER_HOME` puts everything below one.
"""

import os
from pathlib import Path

import platformdirs

_NAME = "smallcoder"


def _below(kind: str, default: str) -> Path:
    home = os.environ.get("SMALLCODER_HOME")
    return Path(home).expanduser() / kind if home else Path(default)


def settings_folder() -> Path:
    return _below("settings", platformdirs.user_config_dir(_NAME, appauthor=False))


def data_folder() -> Path:
    return _below("data", platformdirs.user_data_dir(_NAME, appauthor=False))


def cache_folder() -> Path:
    """What can be made again: packed weights, measurements of this machine."""
    return _below("cache", platformdirs.user_cache_dir(_NAME, appauthor=False))


def embedded_model() -> Path:
    """The model that comes with the program; a copy without it has no such folder."""
    return Path(__file__).parents[2] / "resources" / "models" / "smallcoder-nano"


def in_short(path: Path) -> str:
    """As it is written on a command line that stands in the program's own folder, where it lies there."""
    root = Path(__file__).parents[2]
    return str(path.relative_to(root)) if path.is_relative_to(root) and Path.cwd() == root else str(path)


def models_folder() -> Path:
    return data_folder() / "models"


def adapters_folder() -> Path:
    """What runs have taught, taken out of their folders to be used."""
    return data_folder() / "adapters"


def runs_folder() -> Path:
    return data_folder() / "runs"


def chats_folder() -> Path:
    return data_folder() / "chats"


def benchmarks_folder() -> Path:
    return data_folder() / "benchmarks"


def hub_cache_folder() -> Path:
    """Where huggingface_hub keeps what any program on this machine has downloaded."""
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    if "HF_HOME" in os.environ:
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "huggingface" / "hub"
