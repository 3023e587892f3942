"""What every test starts from: no display, one thread a process, no network, and folders of its own."""

import contextlib
import os
import random
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

# Where a shell started us in the background, interrupts are ignored, and our children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.update(
    QT_QPA_PLATFORM="offscreen",
    OMP_NUM_THREADS="1",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
)


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test can neither read nor change what the person who runs it has."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name, folder in {"CONFIG": ".config", "CACHE": ".cache", "DATA": ".local/share"}.items():
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / folder))


def pytest_addoption(parser: pytest.Parser) -> None:
    where = "where models run that a test puts nowhere in particular, instead of the fastest place"
    parser.addoption("--device", choices=("cpu", "cuda", "mps"), help=where)


@pytest.fixture(autouse=True)
def chosen_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = request.config.getoption("--device")
    if wanted is not None:
        from core.model.device import Attempt, attempts
        from core.placing import place
        from core.spec.placement import Placement

        def there(placement: Placement) -> Iterator[Attempt]:
            return attempts(replace(placement, device=wanted) if placement.device == "auto" else placement)

        monkeypatch.setattr(place, "attempts", there)


@pytest.fixture(autouse=True)
def same_luck() -> None:
    random.seed(0)


@pytest.fixture(autouse=True)
def nothing_left_over() -> Iterator[None]:
    """A thread or a child process that outlives its test fails it."""
    threads, children = set(threading.enumerate()), child_processes()
    yield
    left = [thread for thread in threading.enumerate() if thread not in threads and not thread.daemon]
    for thread in left:
        thread.join(timeout=5)
    assert not [thread for thread in left if thread.is_alive()]
    assert child_processes() <= children


def child_processes() -> set[str]:
    """Linux says; elsewhere nothing is found, and nothing is asserted."""
    found: set[str] = set()
    for children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # of a thread that has just ended
            found |= {*children.read_text().split()}
    return found
