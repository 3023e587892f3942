"""A claim on a run: one process works at it at a time, and everybody can see which.

Made before PyTorch is loaded, so that nobody deletes or begins what another has just begun to go on with.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from core.spec.disk import write_whole
from core.spec.errors import JobError
from trainer.spec.runs import Run, beginning, owner_of


@contextmanager
def claimed(run: Run) -> Iterator[None]:
    """Whoever holds it may ask again. What killed processes left half written is cleared away."""
    import psutil

    owner, me = owner_of(run), psutil.Process()
    if owner == me.pid:
        yield
        return
    if owner is not None:
        raise JobError(f'"{run.name}" is running already, as process {owner}; stop that one first.')
    try:
        write_whole(run.lock_file, json.dumps({"pid": me.pid, "since": beginning(me)}))
        _clear_leftovers(run)
    except OSError as error:
        raise JobError(f"{run.folder} cannot be written ({error.strerror}); free some space.") from None
    try:
        yield
    finally:
        run.lock_file.unlink(missing_ok=True)


def _clear_leftovers(run: Run) -> None:
    if run.checkpoints.is_dir():
        for path in run.checkpoints.glob(".step-*"):
            shutil.rmtree(path, ignore_errors=True)
