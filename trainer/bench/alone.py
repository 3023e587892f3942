"""Whether this is the only benchmark on this machine: two at once disturb each other's times, no verdicts."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.spec.folders import cache_folder

DISTURBED = (
    "Another benchmark runs on this machine; the delays and speeds of both are not what they would be."
)


@contextmanager
def on_this_machine() -> Iterator[bool]:
    """Of this person's benchmarks; a folder that cannot be written to is taken for nobody else's."""
    from filelock import FileLock, Timeout

    lock = FileLock(cache_folder() / "benchmark.lock")
    is_alone = True
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        is_alone = False
    except OSError:
        pass
    try:
        yield is_alone
    finally:
        lock.release()
