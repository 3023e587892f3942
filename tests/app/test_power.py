"""The battery is asked for rarely."""

import psutil
import pytest

from app.power import Power


def test_the_system_is_asked_no_more_than_twice_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [0.0], []

    def battery() -> None:
        asked.append(now[0])

    monkeypatch.setattr(psutil, "sensors_battery", battery, raising=False)
    power = Power(lambda: now[0])
    for second in range(61):
        now[0] = float(second)
        assert power.is_on_battery() is False
    assert asked == [0.0, 30.0, 60.0]


def test_firmware_that_talks_nonsense_counts_as_the_mains(monkeypatch: pytest.MonkeyPatch) -> None:
    def battery() -> None:
        raise OSError("nonsense")

    monkeypatch.setattr(psutil, "sensors_battery", battery, raising=False)
    assert Power().is_on_battery() is False
