"""Facts: typed look-ups in what a file says of its model. It is not trusted; errors name file and key."""

import math
from collections.abc import Mapping
from typing import Any

from core.spec.config import ModelConfig
from core.spec.errors import ModelFormatError, UsageError

_MISSING: Any = object()


class Facts:
    def __init__(self, values: Mapping[str, Any], where: str, prefix: str = "") -> None:
        self._values, self.where, self._prefix = values, where, prefix

    def has(self, key: str) -> bool:
        """A key that says null says nothing."""
        return self._values.get(self._prefix + key) is not None

    def integer(self, key: str, default: Any = _MISSING) -> Any:
        return self._look_up(key, default, int, "a whole number")

    def number(self, key: str, default: Any = _MISSING) -> Any:
        value = self._look_up(key, default, (int, float), "a number")
        if isinstance(value, float) and not math.isfinite(value):
            raise ModelFormatError(
                f"{self._name(key)} is {value}, not a finite number; download the model again."
            )
        return value if value is None or value is default else float(value)

    def flag(self, key: str, default: Any = _MISSING) -> Any:
        return self._look_up(key, default, bool, "true or false")

    def text(self, key: str, default: Any = _MISSING) -> Any:
        return self._look_up(key, default, str, "text")

    def entries(self, key: str, default: Any = _MISSING) -> Any:
        return self._look_up(key, default, list, "a list")

    def section(self, key: str) -> "Facts":
        """What an object inside says; empty where there is none."""
        return Facts(self._look_up(key, {}, dict, "an object"), f"{key!r} in {self.where}")

    def refuse(self, key: str, supported: str) -> ModelFormatError:
        value = repr(self._values.get(self._prefix + key))[:80]
        return ModelFormatError(f"{self._name(key)} is {value}; supported: {supported}.")

    def _look_up(self, key: str, default: Any, kind: Any, noun: str) -> Any:
        if not self.has(key):
            if default is _MISSING:
                raise ModelFormatError(
                    f"{self._name(key)} is missing; the file does not describe a model fully."
                )
            return default
        value = self._values[self._prefix + key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ModelFormatError(f"{self._name(key)} must be {noun}, not {repr(value)[:60]}.")
        return value

    def _name(self, key: str) -> str:
        return f"{self._prefix + key!r} in {self.where}"


def build_config(where: str, **values: Any) -> ModelConfig:
    """A ModelConfig from a file's values; what is contradictory or out of bounds is the file's fault."""
    from core.spec.fields import from_json

    try:
        return from_json(ModelConfig, values, where)
    except UsageError as error:
        raise ModelFormatError(str(error)) from None
