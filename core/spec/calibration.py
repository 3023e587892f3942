"""What a process of ours takes before any weights: as measured on this machine, else the usual guess."""

import json
from pathlib import Path
from typing import Any, TypeGuard

from core.spec.budget import LEAN_RUNTIME_BYTES, RUNTIME_BYTES
from core.spec.disk import write_whole
from core.spec.folders import cache_folder
from core.spec.sizes import MB

_WITH_TORCH, _LEAN = "runtime_bytes", "lean_runtime_bytes"
_USUAL = {_WITH_TORCH: RUNTIME_BYTES, _LEAN: LEAN_RUNTIME_BYTES}
_PLAUSIBLE = {_WITH_TORCH: (64 * MB, 1024 * MB), _LEAN: (16 * MB, 512 * MB)}


def runtime_bytes(*, with_torch: bool = True) -> int:
    kind = _WITH_TORCH if with_torch else _LEAN
    value = _known().get(kind)
    return value if _is_plausible(value, kind) else _USUAL[kind]


def keep_runtime_bytes(found: int, *, with_torch: bool = True) -> None:
    kind = _WITH_TORCH if with_torch else _LEAN
    if not _is_plausible(found, kind):
        return
    place = _place()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(_known() | {kind: found}))
    except OSError:
        return  # a full disk or a folder of somebody else: the next plan is as close as this one was


def _known() -> dict[str, Any]:
    try:
        found = json.loads(_place().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_plausible(value: object, kind: str) -> TypeGuard[int]:
    low, high = _PLAUSIBLE[kind]
    return type(value) is int and low <= value <= high


def _place() -> Path:
    return cache_folder() / "calibration.json"
