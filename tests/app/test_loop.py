"""An event that comes between the steps of a test finds the loop running, as it does in the window."""

import asyncio

import pytest
from PySide6.QtCore import QTimer

from tests.app.conftest import Run


@pytest.fixture
def loops(run: Run) -> list[asyncio.AbstractEventLoop]:
    """Those that ran when an event came behind this step."""
    found: list[asyncio.AbstractEventLoop] = []
    QTimer.singleShot(0, lambda: found.append(asyncio.get_running_loop()))
    return found


def test_an_event_behind_a_fixture_finds_the_loop_running(loops: list[asyncio.AbstractEventLoop]) -> None:
    assert len(loops) == 1
