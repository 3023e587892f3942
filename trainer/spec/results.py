"""Results of benchmarks: a list, one object a model and precision, as JSON: what is in it, how it is read.

The keys are those of the commands' --json. A result of whatever kind has `model` and `precision`; what else
is there is read where it is there, so that results of other versions can still be compared.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.spec.errors import DataError, UsageError
from core.spec.fields import from_json
from core.spec.trials import Trial

FORMAT = 1
MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class Result:
    """One object of a list of results. `figures` is all of it but the rows; `source` the file it is from."""

    figures: Mapping[str, Any]
    rows: tuple[Trial, ...]
    source: Path | None = field(default=None, compare=False)

    @property
    def kind(self) -> str:
        """quality, repo or speed; files that say nothing are of `bench speed`."""
        return str(self.figures.get("kind", "speed"))

    @property
    def model(self) -> str:
        return str(self.figures["model"])

    @property
    def precision(self) -> str:
        return str(self.figures["precision"])

    @property
    def name(self) -> str:
        return Path(self.model).name or self.model

    @property
    def place(self) -> str:
        """The same for results of one model, however it was named; a preset's name is its place."""
        return str(self.figures.get("path") or self.model)

    @property
    def has_random_weights(self) -> bool:
        """Then only its speed says anything, and wherever its name stands that is said."""
        return self.figures.get("weights") == "random"

    @property
    def title(self) -> str:
        return f"{self.name} {self.precision}"

    def number(self, key: str) -> float | None:
        value = self.figures.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)


def read_results(path: Path, *, with_rows: bool = True) -> list[Result]:
    """Without its rows a file of many answers is read in a moment."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the name.") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} is larger than results are; choose a file that 'bench' wrote.")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, list) or not content:
        raise DataError(f"{path} is no list of results; choose a file that 'bench ... --output' wrote.")
    return [
        replace(_result(item, f"result {place} in {path}", with_rows=with_rows), source=path)
        for place, item in enumerate(content, 1)
    ]


def _result(item: object, where: str, *, with_rows: bool) -> Result:
    is_result = isinstance(item, dict) and all(
        isinstance(item.get(key), str) for key in ("model", "precision")
    )
    if not is_result or not isinstance(item, dict):
        raise DataError(f"{where} says no model and precision; it was not written by 'bench'.")
    if item.get("format", FORMAT) != FORMAT:
        raise DataError(f"{where} is of another version of this program; update it, or measure again.")
    rows = item.get("rows", [])
    if not isinstance(rows, list):
        raise DataError(f"{where} has no list of rows; it was not written by 'bench'.")
    figures = {key: value for key, value in item.items() if key != "rows"}
    try:
        trials = [from_json(Trial, row, f"a row of {where}") for row in rows] if with_rows else []
    except UsageError as error:
        raise DataError(f"{error} It was not written by this version of 'bench'.") from None
    return Result(figures, tuple(trials))
