"""How long a test waits for what must come: long enough for a machine that is busy with other things."""

import asyncio
from collections.abc import Callable
from typing import Any

from pytestqt.qtbot import QtBot

PATIENCE_MS = 120_000


class PatientBot(QtBot):
    """As pytest-qt's own, which gives up after five seconds where nothing else is said."""

    def waitUntil(self, callback: Callable[[], object], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **more: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **more)


async def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives, once that is something."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not (found := condition()):
            await asyncio.sleep(0.005)
    return found
