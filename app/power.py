"""Whether the machine runs on its battery. Asked of the system at most twice a minute."""

import time
from collections.abc import Callable

import psutil

_ASK_EVERY_S = 30.0


class Power:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked_at: float | None = None
        self._is_on_battery = False

    def is_on_battery(self) -> bool:
        """False too where there is no battery, and where the system does not tell."""
        if self._asked_at is None or self._clock() - self._asked_at >= _ASK_EVERY_S:
            self._asked_at = self._clock()
            self._is_on_battery = _is_on_battery()
        return self._is_on_battery


def _is_on_battery() -> bool:
    try:
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    except (OSError, RuntimeError, ValueError):  # what firmware says of batteries is often odd
        return False
    return battery is not None and battery.power_plugged is False
