"""The speed of one model measured in a process of its own, whose peak of memory then is that model's."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable
from typing import IO, Any

from core.spec.fields import as_flags
from core.spec.placement import Placement
from trainer.cli.matrix import NOT_MEASURED
from trainer.data.own_process import own_command, own_environment
from trainer.spec.speed import SpeedSettings

_LOOKS_EVERY_SECONDS = 0.1


def measured_beside(
    model: str, placement: Placement, settings: SpeedSettings, is_called_off: Callable[[], bool]
) -> tuple[dict[str, Any] | None, str]:
    """What it measured, or why it could not."""
    words = [
        "bench",
        "speed",
        "--bare",
        "--model",
        model,
        *as_flags(placement, NOT_MEASURED),
        *as_flags(settings),
    ]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*own_command(), *words],
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaints,
        )
        while process.poll() is None:
            if is_called_off():
                process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOKS_EVERY_SECONDS)
        said, complained = (_all_of(file) for file in (output, complaints))
    if process.returncode == 0:
        return json.loads(said), ""
    lines = [line.removeprefix("smallcoder: ") for line in complained.splitlines() if line.strip()]
    if process.returncode < 0:
        return None, f"its process was ended (signal {-process.returncode}), for want of memory perhaps."
    return None, lines[-1] if lines else f"its process failed ({process.returncode})."


def _all_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
