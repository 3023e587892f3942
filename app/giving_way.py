"""GivingWay: long work stands back while a person works, and goes on when they pause.

Who does long work connects `wanted` to its job, which pauses at True and goes on at False. Such a run is not
stopped: nothing is saved for it.
"""

from PySide6.QtCore import QObject, QTimer, Signal

_PAUSE_S = 4.0  # a person who thinks for longer will wait a moment for the next suggestion


class GivingWay(QObject):
    """`wanted`: whether long work is to stand back now."""

    wanted = Signal(bool)

    def __init__(self, pause_s: float = _PAUSE_S, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rest = QTimer(self, singleShot=True, interval=round(pause_s * 1000))
        self._rest.timeout.connect(lambda: self.wanted.emit(False))

    @property
    def is_wanted(self) -> bool:
        return self._rest.isActive()

    def note_use(self) -> None:
        """A key was typed, or an answer is being written that somebody waits for."""
        was_wanted = self.is_wanted
        self._rest.start()
        if not was_wanted:
            self.wanted.emit(True)

    def stop(self) -> None:
        self._rest.stop()
