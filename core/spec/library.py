"""The models on this disk, told from the headers of their files: no weights are read and nothing is run.

Whether one can be run here, and fits, is asked of the budget and of core/checkpoint.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.spec.catalogue import catalogue
from core.spec.config import ModelConfig
from core.spec.disk import size_of
from core.spec.errors import ModelFormatError
from core.spec.fim_spellings import FIM_FAMILIES
from core.spec.folders import embedded_model, hub_cache_folder, in_short, models_folder
from core.spec.gguf_header import read_gguf_header
from core.spec.gguf_values import GgufMetadata
from core.spec.headers import TensorInfo, read_json, refuse_pickle
from core.spec.presets import PRESETS
from core.spec.program import command
from core.spec.safetensors_header import read_safetensors_folder
from core.spec.shape import shape_of_gguf, shape_of_huggingface, shape_of_native

Kind = Literal["native", "huggingface", "gguf"]

_FIM_PREFIXES = tuple(family.prefix for family in FIM_FAMILIES)
_FIM_PREFIX_KEYS = ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id")
_CONTEXT_KEYS = ("max_context", "max_position_embeddings", "n_positions", "n_ctx")
_TOKENIZER_FILES = ("tokenizer_config.json", "added_tokens.json", "tokenizer.json", "tokenizer.model")
_VOCABULARY_FILES = ("tokenizer.json", "tokenizer.model")
_CHAT_FILES = ("chat_template.jinja", "chat_template.json")
_LATER_PART = re.compile(r"-(?!0*1-of-)\d+-of-\d+\.gguf$", re.IGNORECASE)
_HUB_FOLDER = re.compile(r"models--(.+)$")
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")  # OWNER/NAME, which as a path leads nowhere else
_NO_MODELS_IN = frozenset({"blobs", "refs", "node_modules", "__pycache__"})
_NO_WEIGHTS = frozenset({"BOOL", "U8", "I16", "U16", "I32", "U32", "I64", "U64"})
_UNFINISHED = ".download"
_MAX_DEPTH = 8
_MAX_ENTRIES = 200_000
_MAX_TOKENIZER_BYTES = 32 * 2**20
_CARD_BYTES = 4096  # of a model card, in which its facts come first
_LICENCE_LINE = re.compile(r"^license: *[\"']?([\w.+ -]{1,60}?)[\"']? *$", re.MULTILINE)
_LICENCE_WORDS = re.compile(r"[\w.+ -]{1,60}")


@dataclass(frozen=True)
class ModelFile:
    """A folder or a GGUF file. What its headers do not say is None; `problem` says why it cannot be used.

    `network` is its shape, for the arithmetic of the budget alone; `licence` as its publisher spells it.
    `is_unfinished`: what has come of a download that goes on when it is asked for again.
    """

    path: Path
    name: str
    kind: Kind
    architecture: str | None = None
    parameters: int | None = None
    size_bytes: int = 0
    context_tokens: int | None = None
    has_fim: bool = False
    has_chat_template: bool = False
    problem: str | None = None
    licence: str | None = None
    network: ModelConfig | None = None
    is_unfinished: bool = False


@dataclass(frozen=True)
class Library:
    """`problems` are sentences about places that could not be looked into."""

    models: tuple[ModelFile, ...]
    problems: tuple[str, ...]


def find_models(folders: Iterable[Path]) -> Library:
    """Below each folder, links followed; or a GGUF file. What does not exist has no models."""
    walk = _Walk()
    places = [place for folder in folders for place in walk.candidates_at(folder)]
    found = [model for place in places if (model := describe_model(place)) is not None]
    return Library(
        tuple(sorted(found, key=lambda model: (model.name.lower(), model.path))), tuple(walk.problems)
    )


def find_unfinished(folder: Path) -> list[ModelFile]:
    """Downloads that were begun into `folder` and not ended; they are called as on the hub."""
    begun = []
    for place in sorted(folder.glob(f"*/.*{_UNFINISHED}")):
        name = f"{place.parent.name}/{place.name[1 : -len(_UNFINISHED)]}"
        size = sum(size_of(path) for path in place.rglob("*"))
        problem = f"{name} has not come whole yet; '{command('models', 'download', name)}' goes on."
        begun.append(
            ModelFile(place, name, "huggingface", size_bytes=size, problem=problem, is_unfinished=True)
        )
    return begun


def describe_model(path: Path) -> ModelFile | None:
    """None where there is no model at all; a damaged one is described as far as can be."""
    if os.path.isdir(path):  # unlike Path.is_dir, it does not raise where access is denied
        return _describe_folder(path)
    return _described(ModelFile(path, path.stem, "gguf"), _describe_gguf)


def is_repository(name: str) -> bool:
    return _REPOSITORY.fullmatch(name) is not None


def download_folder(repository: str) -> Path:
    """Where a model of the hub is put that comes through this program."""
    return models_folder() / repository


def unfinished_folder(folder: Path) -> Path:
    """Where a download into `folder` grows: hidden, so that nobody takes half a model for a whole one."""
    return folder.with_name(f".{folder.name}{_UNFINISHED}")


def find_downloaded(repository: str) -> Path | None:
    """A whole model of the hub that is here already, whichever program fetched it; used where it lies."""
    if not is_repository(repository):
        return None
    kept = hub_cache_folder() / f"models--{repository.replace('/', '--')}"
    for place in (download_folder(repository), *_snapshots(kept)):
        for model in find_models([place]).models:
            if model.problem is None and (model.kind == "gguf" or _has_tokenizer(model.path)):
                return model.path
    return None


def is_model(path: Path) -> bool:
    """Whether it looks like one, at a glance: its headers are not read."""
    return os.path.isfile(path) or os.path.isfile(path / "config.json")


def own_model(name: str) -> Path | None:
    """The model that comes along, or one in SmallCoder's own folder, by the name that lists show."""
    if not name or Path(name).name != name:
        return None
    along = embedded_model()
    places = (along if name == along.name else None, models_folder() / name, models_folder() / f"{name}.gguf")
    return next((place for place in places if place is not None and is_model(place)), None)


def has_no_weights(name: str) -> bool:
    """Of a preset that no model which lies here is called like."""
    return name in PRESETS and own_model(name) is None


def located(path: Path) -> Path:
    """A path that does not exist may be the name of a model that is here, or of one of the hub; then where
    that one lies."""
    name = path.as_posix()
    if os.path.lexists(path):
        return path
    found = own_model(name) or find_downloaded(name)
    if found is None and name in catalogue():
        getting = command("models", "download", name)
        raise ModelFormatError(f"{name} is not on this disk yet; '{getting}' gets it.")
    return path if found is None else found


def no_such_model(path: Path) -> ModelFormatError:
    """What to say where nothing lies at a path, and nothing here has that name."""
    if str(path) in PRESETS:
        return ModelFormatError(
            f"{path} is a preset: an architecture without weights; train it first or choose a model's "
            f"folder, as {in_short(embedded_model())}, which comes along."
        )
    return ModelFormatError(
        f"There is no model at {path}; choose a model's folder or a .gguf file. "
        f"'{command('models', 'list')}' shows what is here."
    )


def _snapshots(kept: Path) -> list[Path]:
    """The one that the hub's main branch meant when it was last asked comes first."""
    snapshots = sorted(kept.glob("snapshots/*"))
    main = kept / "refs" / "main"
    try:
        newest = main.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return snapshots
    return sorted(snapshots, key=lambda folder: folder.name != newest)


def _has_tokenizer(folder: Path) -> bool:
    """A cache may hold of a model just what another program asked for."""
    return any((folder / name).is_file() for name in _VOCABULARY_FILES)


class _Walk:
    """Visits each folder once, however it is linked to, and gives up after so many entries."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._entries_left = _MAX_ENTRIES
        self._seen: set[tuple[int, int]] = set()

    def candidates_at(self, place: Path) -> Iterator[Path]:
        if place.suffix.lower() == ".gguf" and place.is_file():
            yield place
        else:
            yield from self.candidates(place)

    def candidates(self, folder: Path, depth: int = 0) -> Iterator[Path]:
        entries = self._entries(folder)
        if any(entry.name == "config.json" for entry in entries):
            yield folder
        for entry in entries:
            path = Path(entry.path)
            if _is_folder(entry):
                if depth < _MAX_DEPTH and not _is_passed_over(entry.name):
                    yield from self.candidates(path, depth + 1)
            elif path.suffix.lower() == ".gguf" and not _LATER_PART.search(entry.name):
                yield path

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._seen:
                return []
            self._seen.add((status.st_dev, status.st_ino))
            return self._listed(folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            self.problems.append(
                f"{folder} cannot be looked into ({error.strerror}); check your access to it."
            )
            return []

    def _listed(self, folder: Path) -> list[os.DirEntry[str]]:
        entries = []
        with os.scandir(folder) as listing:
            for entry in listing:
                if self._entries_left == 0:
                    self.problems.append(
                        f"{folder} was left out after very many other files; choose a folder nearer to it."
                    )
                    break
                self._entries_left -= 1
                entries.append(entry)
        return sorted(entries, key=lambda entry: entry.name)


def _is_passed_over(name: str) -> bool:
    """Hidden folders too: what is half written lies in them."""
    return name.startswith(".") or name in _NO_MODELS_IN


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _describe_folder(folder: Path) -> ModelFile | None:
    blank = ModelFile(folder, _folder_name(folder), "huggingface")
    try:
        config = read_json(folder / "config.json")
    except ModelFormatError as error:
        has_weights = any(folder.glob("*.safetensors"))
        return replace(blank, problem=str(error)) if has_weights else None
    if not isinstance(config, dict):
        return None
    if "format" in config:
        network = config.get("network", {})
        blank = replace(blank, kind="native", network=shape_of_native(network))
        return _described(blank, lambda model: _with_folder_facts(model, network))
    holds_weights = any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin"))
    if "model_type" not in config or not holds_weights:
        return None
    model_type = config["model_type"]
    if isinstance(model_type, str) and model_type.isprintable():
        blank = replace(blank, architecture=model_type, network=shape_of_huggingface(config))
    return _described(blank, lambda model: _with_folder_facts(model, config))


def _described(blank: ModelFile, describe: Any) -> ModelFile:
    try:
        described: ModelFile = describe(blank)
    except ModelFormatError as error:
        return replace(blank, problem=str(error))
    except OSError as error:  # it went away, or may not be read
        return replace(
            blank, problem=f"{blank.path} cannot be read ({error.strerror}); check your access to it."
        )
    return described


def _with_folder_facts(blank: ModelFile, config: dict[str, Any]) -> ModelFile:
    refuse_pickle(blank.path)
    files = read_safetensors_folder(blank.path)
    tensors = [tensor for tensors in files.values() for tensor in tensors.values()]
    return replace(
        blank,
        parameters=_parameters(tensors),
        size_bytes=sum(path.stat().st_size for path in files),
        context_tokens=_first_count(config, _CONTEXT_KEYS),
        has_fim=_folder_has_fim(blank.path),
        has_chat_template=_folder_has_chat(blank.path),
        licence=_licence_of_card(blank.path / "README.md"),
    )


def _describe_gguf(blank: ModelFile) -> ModelFile:
    blank = replace(blank, size_bytes=blank.path.stat().st_size)
    header = read_gguf_header(blank.path)
    no_weights = f"{blank.path} holds a vocabulary and no weights; get the whole model to run it."
    return replace(
        blank,
        problem=None if header.tensors else no_weights,
        architecture=header.architecture,
        parameters=_parameters(header.tensors.values()),
        context_tokens=_first_count(header.metadata, (f"{header.architecture}.context_length",)),
        has_fim=_gguf_has_fim(header.metadata),
        has_chat_template="tokenizer.chat_template" in header.metadata,
        licence=_licence_of_gguf(header.metadata),
        network=shape_of_gguf(
            header.architecture,
            header.metadata,
            {name: tensor.shape for name, tensor in header.tensors.items()},
        ),
    )


def _licence_of_card(path: Path) -> str | None:
    """A model card begins with its facts, between two lines of dashes."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(_CARD_BYTES).decode("utf-8", "replace")
    facts = head[3:].partition("\n---")[0] if head.startswith("---") else ""
    found = _LICENCE_LINE.search(facts)
    return found[1] if found else None


def _licence_of_gguf(metadata: GgufMetadata) -> str | None:
    found = metadata.get("general.license")
    return found if isinstance(found, str) and _LICENCE_WORDS.fullmatch(found) else None


def _parameters(tensors: Iterable[TensorInfo]) -> int:
    """Wide or unsigned integers beside the weights are masks and counters."""
    return sum(tensor.elements for tensor in tensors if tensor.type not in _NO_WEIGHTS)


def _first_count(facts: Any, keys: tuple[str, ...]) -> int | None:
    for key in keys if isinstance(facts, Mapping) else ():
        if type(facts.get(key)) is int and facts[key] > 0:
            return int(facts[key])
    return None


def _gguf_has_fim(metadata: GgufMetadata) -> bool:
    return any(key in metadata for key in _FIM_PREFIX_KEYS) or any(
        metadata.list_contains("tokenizer.ggml.tokens", token) for token in _FIM_PREFIXES
    )


def _folder_has_fim(folder: Path) -> bool:
    """Searched for as bytes: a tokenizer.json takes a hundred times longer to parse."""
    for name in _TOKENIZER_FILES:
        path = folder / name
        if path.is_file() and path.stat().st_size <= _MAX_TOKENIZER_BYTES:
            data = path.read_bytes()
            quote = "" if path.suffix == ".model" else '"'
            for token in _FIM_PREFIXES:
                spelled = quote + token + quote
                if spelled.encode() in data or spelled.encode("ascii", "backslashreplace") in data:
                    return True
    return False


def _folder_has_chat(folder: Path) -> bool:
    if any((folder / name).is_file() for name in _CHAT_FILES):
        return True
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return False
    config = read_json(path)
    return isinstance(config, dict) and bool(config.get("chat_template"))


def _folder_name(folder: Path) -> str:
    """A download of huggingface_hub lies in models--OWNER--NAME/snapshots/REVISION."""
    if folder.parent.name == "snapshots":
        hub = _HUB_FOLDER.match(folder.parent.parent.name)
        if hub:
            return hub[1].replace("--", "/", 1)
    return folder.name
