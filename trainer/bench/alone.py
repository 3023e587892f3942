"""How alone a benchmark is on this machine: other programs disturb its times, though not its verdicts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from core.spec.folders import cache_folder

_FIRST_KINDS = 8  # user to steal, on Linux; elsewhere there are fewer
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


class OthersLoad:
    """What other programs take of the processors while something is measured, as a share of all of them."""

    def __init__(self) -> None:
        self._began_s, self._busy_s, self._own_s = time.monotonic(), _busy_s(), _own_s()

    def share(self) -> float:
        elapsed_s = (time.monotonic() - self._began_s) * (psutil.cpu_count() or 1)
        others_s = _busy_s() - self._busy_s - (_own_s() - self._own_s)
        return min(max(others_s / elapsed_s, 0.0), 1.0) if elapsed_s > 0 else 0.0


def _busy_s() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return sum(times[:_FIRST_KINDS]) - idle  # what guests take is counted in user as well


def _own_s() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system
