"""One warm sandbox for all tests below this folder: samples share nothing in it, which is tested too."""

import sys
from collections.abc import Iterator

import pytest

from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox

QUICK = Limits(seconds=20.0, memory_mb=256, file_mb=2)


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    if sys.platform == "win32":
        pytest.skip("the sandbox's Windows side has not been run")
    with Sandbox(allow_unconfined=sys.platform != "linux") as made:
        yield made


@pytest.fixture(scope="package")
def fenced(sandbox: Sandbox) -> Sandbox:
    """For attacks that only a whole fence stops."""
    if sandbox.confinement.missing:
        pytest.skip(f"this system lacks {sandbox.confinement.missing}")
    return sandbox


@pytest.fixture
def quick() -> Limits:
    return QUICK
