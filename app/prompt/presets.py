"""Presets of sampling: a few that come along, and for each model those that a person has saved.

What was used last with a model is kept too. One JSON file; one that cannot be understood is kept aside.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.spec.disk import set_aside, write_whole
from core.spec.errors import UsageError, sentence_about
from core.spec.fields import from_json, to_json
from core.spec.folders import data_folder
from core.spec.sampling import Sampling

FORMAT = 1
LENGTH_TOKENS = 256
GIVEN = {
    "Precise": Sampling(max_tokens=LENGTH_TOKENS),
    "Balanced": Sampling(temperature=0.4, top_k=40, top_p=0.95, max_tokens=LENGTH_TOKENS),
    "Inventive": Sampling(temperature=0.9, top_p=0.95, min_p=0.05, max_tokens=LENGTH_TOKENS),
}
USUAL = "Balanced"


@dataclass
class _OfModel:
    last: Sampling = GIVEN[USUAL]
    own: dict[str, Sampling] = field(default_factory=dict)


class Presets:
    """`problem` is a sentence where the file was not understood. Writing raises OSError."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or data_folder() / "presets.json"
        self.problem = ""
        self._models = self._read()

    def names(self, model: str) -> list[str]:
        """Those that come along first."""
        return [*GIVEN, *sorted(self._of(model).own, key=str.lower)]

    def get(self, model: str, name: str) -> Sampling | None:
        return self._of(model).own.get(name) or GIVEN.get(name)

    def is_own(self, model: str, name: str) -> bool:
        return name in self._of(model).own

    def last(self, model: str) -> Sampling:
        return self._of(model).last

    def keep_last(self, model: str, sampling: Sampling) -> None:
        if sampling != self.last(model):
            self._models.setdefault(model, _OfModel()).last = sampling
            self._write()

    def save(self, model: str, name: str, sampling: Sampling) -> None:
        """Under a name that may be taken, but not by one that comes along."""
        name = name.strip()
        if not name:
            raise UsageError("A preset needs a name.")
        if name in GIVEN:
            raise UsageError(f"{name} comes with SmallCoder; choose another name.")
        self._models.setdefault(model, _OfModel()).own[name] = sampling
        self._write()

    def remove(self, model: str, name: str) -> None:
        self._of(model).own.pop(name, None)
        self._write()

    def _of(self, model: str) -> _OfModel:
        return self._models.get(model) or _OfModel()

    def _read(self) -> dict[str, _OfModel]:
        try:
            return _understood(json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.problem = f"{sentence_about(error, str(self.path)) or error} No presets of yours are shown."
            return {}
        except (ValueError, RecursionError, UsageError):
            self.problem = self._set_aside()
            return {}

    def _set_aside(self) -> str:
        aside = set_aside(self.path)
        if aside is None:
            return f"The presets in {self.path} cannot be understood."
        return f"The presets could not be understood; they were kept as {aside}."

    def _write(self) -> None:
        models = {
            name: {
                "last": to_json(model.last),
                "own": {own: to_json(sampling) for own, sampling in model.own.items()},
            }
            for name, model in self._models.items()
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps({"format": FORMAT, "models": models}))


def _understood(content: Any) -> dict[str, _OfModel]:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError("it is of another format")
    models = content.get("models")
    if not isinstance(models, dict):
        raise UsageError("it holds no models")
    return {str(name): _of_model(model) for name, model in models.items()}


def _of_model(content: Any) -> _OfModel:
    if not isinstance(content, dict) or not isinstance(content.get("own"), dict):
        raise UsageError("it holds something that is no model's presets")
    own = {str(name): from_json(Sampling, sampling, "a preset") for name, sampling in content["own"].items()}
    return _OfModel(from_json(Sampling, content.get("last", {}), "what was used last"), own)
