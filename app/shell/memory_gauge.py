"""The memory gauge of the status bar: what our processes hold, what others hold, and the limit.

Measured, once a second while it can be seen; what a model would take is planned elsewhere.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from app.theme import Theme

_EVERY_MS, _SOON_MS = 1000, 50  # the first sight of the window waits for nothing
_BAR_WIDTH, _BAR_HEIGHT = 56, 6
_WARN_AT, _ALARM_AT = 0.85, 0.95
_GB = 1024**3
_MB = 1024**2


@dataclass(frozen=True)
class Memory:
    ours_bytes: int = 0
    others_bytes: int = 0
    limit_bytes: int = 1

    @property
    def share(self) -> float:
        return (self.ours_bytes + self.others_bytes) / self.limit_bytes

    @property
    def text(self) -> str:
        return f"{(self.ours_bytes + self.others_bytes) / _GB:.1f} / {self.limit_bytes / _GB:.1f} GB"

    @property
    def details(self) -> str:
        return (
            f"Memory: SmallCoder {self.ours_bytes / _MB:,.0f} MB, other programs "
            f"{self.others_bytes / _GB:.1f} GB, of {self.limit_bytes / _GB:.1f} GB"
        )


def measured(pids: Iterable[int], budget_mb: int) -> Memory:
    import psutil

    ours = 0
    for pid in pids:
        try:
            ours += psutil.Process(pid).memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    system = psutil.virtual_memory()
    limit = min(budget_mb * _MB, system.total) if budget_mb else system.total
    return Memory(ours, max(0, system.total - system.available - ours), limit)


class MemoryGauge(QWidget):
    def __init__(self, theme: Theme, measure: Callable[[], Memory], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._measure = theme, measure
        self.memory = Memory()
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self._look)
        theme.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(
            self._theme.scaled(_BAR_WIDTH + 24) + metrics.horizontalAdvance("000.0 / 000.0 GB"),
            metrics.height() + self._theme.scaled(4),
        )

    def _look(self) -> None:
        self._timer.setInterval(_EVERY_MS)
        memory = self._measure()
        if memory.text != self.memory.text or abs(memory.share - self.memory.share) > 0.005:
            self.update()
        self.memory = memory
        self.setToolTip(memory.details)
        self.setAccessibleName(memory.details)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start(_SOON_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, scaled = self._theme.colours, self._theme.scaled
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        width, height = scaled(_BAR_WIDTH), scaled(_BAR_HEIGHT)
        top = (self.height() - height) / 2
        bar = QRectF(scaled(8), top, width, height)
        painter.setBrush(colours.colour("pressed"))
        painter.drawRoundedRect(bar, 2, 2)
        used = min(1.0, self.memory.share) * width
        ours = min(1.0, self.memory.ours_bytes / self.memory.limit_bytes) * width
        painter.setBrush(colours.colour("faint"))
        painter.drawRoundedRect(QRectF(bar.left(), top, used, height), 2, 2)
        painter.setBrush(colours.colour("accent"))
        painter.drawRoundedRect(QRectF(bar.left(), top, min(ours, used), height), 2, 2)
        alarm = "danger" if self.memory.share >= _ALARM_AT else "warning"
        painter.setPen(colours.colour(alarm if self.memory.share >= _WARN_AT else "muted"))
        text = self.rect().adjusted(scaled(8 + _BAR_WIDTH + 8), 0, 0, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.memory.text)
