"""The memory gauge of the status bar: a bar for the machine and one for its card, always in sight.

It looks once a second while it can be seen; what it sees is in memory, and all of it in memory_panel, which a
click opens.
"""

from dataclasses import replace

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.memory.memory import Memory, MemoryWatch, Sight
from app.theme import Theme

_EVERY_MS, _SOON_MS = 1000, 50  # the first sight of the window waits for nothing
_BAR_WIDTH, _BAR_HEIGHT, _GAP = 56, 6, 8
_WARN_AT, _ALARM_AT = 0.85, 0.95


class MemoryGauge(QAbstractButton):
    """`looked`: what it has just seen. `width_changed`: it needs more room, or less."""

    looked = Signal(object)
    width_changed = Signal()

    def __init__(self, theme: Theme, watch: MemoryWatch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.watch = theme, watch
        self._sight: Sight | None = None
        self._width = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Memory")
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self.look)
        theme.changed.connect(self.updateGeometry)

    @property
    def places(self) -> list[tuple[str, Memory]]:
        """What each bar is called, and what it shows."""
        if self._sight is None:
            return [("", Memory())]
        if self._sight.card is None:
            return [("", self._sight.machine)]
        return [("RAM", self._sight.machine), ("VRAM", self._sight.card)]

    def look(self) -> None:
        self._timer.setInterval(_EVERY_MS)
        before, self._sight = self._sight, self.watch.look()
        if before is None or _shown(before) != _shown(self._sight):
            self.update()
        if self.sizeHint().width() != self._width:
            self._width = self.sizeHint().width()
            self.updateGeometry()
            self.width_changed.emit()
        said = [f"{name or 'Memory'}: {memory.details}" for name, memory in self.places]
        self.setToolTip("\n".join(said))
        self.setAccessibleDescription("; ".join(said))
        self.looked.emit(self._sight)

    def sizeHint(self) -> QSize:
        metrics, scaled = self.fontMetrics(), self._theme.scaled
        width = scaled(_GAP)
        for name, memory in self.places:
            title = metrics.horizontalAdvance(name) + scaled(_GAP) if name else 0
            width += title + scaled(_BAR_WIDTH + 2 * _GAP) + self._text_width(memory)
        return QSize(width, metrics.height() + scaled(4))

    def _text_width(self, memory: Memory) -> int:
        """The same whatever is used, so that nothing moves."""
        most = replace(memory, ours=(), others_bytes=memory.limit_bytes)
        return self.fontMetrics().horizontalAdvance(most.text)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start(_SOON_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, scaled, metrics = self._theme.colours, self._theme.scaled, self.fontMetrics()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse():
            painter.fillRect(self.rect(), colours.colour("hover"))
        if self.hasFocus():
            painter.setPen(colours.colour("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        left = scaled(_GAP)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        for name, memory in self.places:
            if name:
                painter.setPen(colours.colour("muted"))
                painter.drawText(self.rect().adjusted(left, 0, 0, 0), middle, name)
                left += metrics.horizontalAdvance(name) + scaled(_GAP)
            height = scaled(_BAR_HEIGHT)
            bar = QRectF(left, (self.height() - height) / 2, scaled(_BAR_WIDTH), height)
            draw_bar(painter, bar, memory, self._theme)
            left += scaled(_BAR_WIDTH + _GAP)
            painter.setPen(colours.colour(severity(memory) or "muted"))
            painter.drawText(self.rect().adjusted(left, 0, 0, 0), middle, memory.text)
            left += self._text_width(memory) + scaled(_GAP)


def severity(memory: Memory) -> str:
    """The colour of what asks for attention; empty where nothing does."""
    if memory.share >= _ALARM_AT:
        return "danger"
    return "warning" if memory.share >= _WARN_AT else ""


def draw_bar(painter: QPainter, bar: QRectF, memory: Memory, theme: Theme) -> None:
    """Ours from the left, others' behind it, and a mark where ours ends if all that is planned is used."""
    colours = theme.colours
    radius = bar.height() / 3
    painter.setPen(Qt.PenStyle.NoPen)
    for share, token in (
        (1.0, "pressed"),
        (memory.share, "faint"),
        (memory.ours_bytes / memory.limit_bytes, "accent"),
    ):
        painter.setBrush(colours.colour(token))
        width = min(1.0, share) * bar.width()
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), width, bar.height()), radius, radius)
    if memory.plans:
        at = bar.left() + min(1.0, memory.planned_bytes / memory.limit_bytes) * bar.width()
        painter.setBrush(colours.colour("text"))
        mark = max(1, theme.scaled(1))
        painter.drawRect(QRectF(at - mark, bar.top() - 2, 2 * mark, bar.height() + 4))


def _shown(sight: Sight) -> list[object]:
    places = [sight.machine, *([sight.card] if sight.card else [])]
    return [
        (place.text, round(place.share, 2), round(place.ours_bytes / place.limit_bytes, 2), place.plans)
        for place in places
    ]
