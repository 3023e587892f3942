"""RunPlan: a run from its sources on, as a file says it: what is read, what becomes of it, how it is trained.

A file of settings alone, as spec.json of another run, is such a plan too: one without sources.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.spec.errors import UsageError
from core.spec.fields import setting, settings_of, suggestion
from trainer.spec.data import PrepareSpec, ScanSpec
from trainer.spec.jobs import TrainSpec

SPECS = Path(__file__).parents[2] / "resources" / "specs"
_PATHS = ("model", "data", "tokenizer", "teacher")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class RunPlan:
    """`train` and `prepare` hold what is not left at its default; names of files are already whole paths.

    `vocabulary`: learnt from the sources, with so many tokens or as many as they give; 0 takes the model's.
    """

    about: str = setting("", "What it is, in a sentence")
    packages: Path | None = setting(None, "A list of published packages to make a corpus of")
    sources: tuple[Path, ...] = setting((), "Folders and files to learn from")
    vocabulary: int = setting(0, "Tokens of a vocabulary to learn from them", low=0)
    prepare: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)

    @property
    def has_sources(self) -> bool:
        return bool(self.sources) or self.packages is not None

    def given(self, train: dict[str, Any], prepare: dict[str, Any], sources: tuple[Path, ...]) -> "RunPlan":
        """What a person said stands above what the plan says."""
        if sources and "data" in train:
            raise UsageError("--source is prepared for this run, and --data is prepared already; give one.")
        other = replace(self, train=self.train | train, prepare=self.prepare | prepare)
        if sources:
            other = replace(other, sources=sources, packages=None)
            other.train.pop("data", None)
        elif "data" in train:
            other = replace(other, sources=(), packages=None, vocabulary=0)
        return other


def plan_names() -> list[str]:
    return sorted(file.stem for file in SPECS.glob("*.json") if _is_plan(file))


def read_plan(name: str) -> RunPlan:
    """Of a file, or of those that come with the program."""
    path = Path(name) if Path(name).is_file() else SPECS / f"{name}.json"
    if not path.is_file():
        near = suggestion(name, plan_names())
        raise UsageError(
            f"There are no settings called {name!r}{near}; there are: {', '.join(plan_names())}. "
            "Or name a file."
        )
    content = _content(path)
    if "train" not in content:
        content.pop("format", None)
        content = {"train": content}
    return _understood(content, path)


def _content(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MAX_BYTES))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); check the name.") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not JSON; write settings as one object.") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} must hold a JSON object of settings.")
    return content


def _is_plan(path: Path) -> bool:
    """Lists of packages lie beside them."""
    return "train" in _content(path)


def _understood(content: dict[str, Any], path: Path) -> RunPlan:
    where = str(path)
    _check_keys(content, {item.name for item in settings_of(RunPlan)}, where)
    kinds = {"about": str, "packages": str, "sources": list, "vocabulary": int}
    kinds |= {"prepare": dict, "train": dict}
    for key, value in content.items():
        if not isinstance(value, kinds[key]):
            raise UsageError(f"{key!r} in {where} must be a {kinds[key].__name__}; see resources/specs.")
    prepare, train = content.get("prepare", {}), dict(content["train"])
    _check_keys(prepare, {item.name for kind in (PrepareSpec, ScanSpec) for item in settings_of(kind)}, where)
    _check_keys(train, {item.name for item in settings_of(TrainSpec)}, where)
    for key in _PATHS:
        if isinstance(train.get(key), str):
            train[key] = _beside(path, train[key])
    packages = content.get("packages")
    return RunPlan(
        content.get("about", ""),
        None if packages is None else path.parent / packages,
        tuple(path.parent / str(source) for source in content.get("sources", ())),
        content.get("vocabulary", 0),
        prepare,
        train,
    )


def _check_keys(content: dict[str, Any], known: set[str], where: str) -> None:
    for key in content:
        if key not in known:
            raise UsageError(f"{where} has an unknown key {key[:60]!r}{suggestion(key[:60], known)}.")


def _beside(path: Path, name: str) -> str:
    """Names with a folder in them are seen from the plan's file, like those on a web page."""
    beside = path.parent / name
    return str(beside.resolve()) if "/" in name and beside.exists() else name
