"""StandingBack: runs wait while the person types, or while the machine runs on its battery, as it is set."""

from PySide6.QtCore import QObject, QTimer

from app.giving_way import GivingWay
from app.power import Power
from app.runs.runs import Runs
from app.settings import SettingsStore

_LOOK_AT_POWER_MS = 20_000
_TYPING, _BATTERY = "typing", "battery"
_SENTENCES = {
    _TYPING: "It stands back while you type, and goes on when you pause.",
    _BATTERY: "It waits while the machine runs on its battery.",
}


class StandingBack(QObject):
    def __init__(self, runs: Runs, store: SettingsStore) -> None:
        super().__init__(runs)
        self._runs, self._store, self._power = runs, store, Power()
        self._look_at_power = QTimer(self, interval=_LOOK_AT_POWER_MS)
        self._look_at_power.timeout.connect(self.look)
        runs.alive_changed.connect(self.look)

    def follow(self, giving_way: GivingWay) -> None:
        giving_way.wanted.connect(self._hold_while_typing)
        self.look()

    def look(self) -> None:
        """At the power, now and every now and then while there is a run."""
        if (
            self._store.settings.training.pause_on_battery
            and self._runs.alive()
            and self._power.is_on_battery()
        ):
            self._runs.hold(_BATTERY, _SENTENCES[_BATTERY])
        else:
            self._runs.release(_BATTERY)
        if not self._runs.alive():
            self._look_at_power.stop()
        elif not self._look_at_power.isActive():
            self._look_at_power.start()

    def stop(self) -> None:
        self._look_at_power.stop()

    def _hold_while_typing(self, wanted: bool) -> None:
        if wanted and self._store.settings.training.pause_while_typing:
            self._runs.hold(_TYPING, _SENTENCES[_TYPING])
        else:
            self._runs.release(_TYPING)
