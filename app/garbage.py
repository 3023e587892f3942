"""Python's garbage is collected in the window's thread alone.

Python collects in whichever thread happens to allocate: a widget that only a circle of references keeps would
be destroyed by a thread that writes a file, and Qt does not survive that.
"""

import gc

from PySide6.QtCore import QObject, QTimer

_INTERVAL_MS = 250


class MainThreadGarbage(QObject):
    """From now on, until `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=_INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """The oldest generation that is due, as Python itself would: it counts on while it is disabled."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        due = [generation for generation in range(3) if counts[generation] > thresholds[generation]]
        if due:
            gc.collect(due[-1])

    def keep_all_there_is(self) -> None:
        """What the start has made stays to the end: looking through it again and again takes as long as a
        key may take to be seen."""
        gc.freeze()

    def stop(self) -> None:
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
