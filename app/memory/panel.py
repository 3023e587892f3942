"""The memory panel, which a click on the gauge opens: who holds what, the last minutes, and the arithmetic.

It shows what the gauge looks at, and offers what can be done about it; nothing is measured here.
"""

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.memory.gauge import MemoryGauge, draw_bar, severity
from app.memory.memory import Memory, Plan, Sight
from app.naming import label, named
from app.theme import Theme
from core.spec.sizes import GB, in_mb

_WIDTH, _HISTORY_HEIGHT, _BAR_HEIGHT = 400, 56, 8
_MINUTES = 5
_SIGN = "■"


class MemoryPanel(QFrame):
    """`action_requested`: the id of an action that changes what is shown."""

    action_requested = Signal(str)

    def __init__(self, theme: Theme, gauge: MemoryGauge, parent: QWidget) -> None:
        super().__init__(parent)
        named(self, "Memory", style="memory_panel")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._focus_before = parent.window().focusWidget()
        self._theme, self._gauge = theme, gauge
        self._machine = _Place(theme, "Memory", self)
        self._card = _Place(theme, "Card", self)
        self._about_card = label("", "muted", wraps=True)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(16)
        column.addWidget(self._machine)
        column.addWidget(self._card)
        column.addWidget(self._about_card)
        column.addLayout(self._deeds())
        self.setFixedWidth(theme.scaled(_WIDTH))
        gauge.looked.connect(self.show_sight)
        gauge.look()

    def open(self) -> None:
        """Above the gauge, and within its window."""
        self._fit()
        self.show()
        self.raise_()
        self._first.setFocus(Qt.FocusReason.PopupFocusReason)
        QApplication.instance().focusChanged.connect(self._follow_focus)  # type: ignore[union-attr]
        self.window().installEventFilter(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
            return
        self.close()
        if self._focus_before is not None:
            self._focus_before.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return False

    def _follow_focus(self, before: QWidget | None, now: QWidget | None) -> None:
        """Who goes on elsewhere has seen enough."""
        if now is not None and now.window() is self.window() and not self.isAncestorOf(now):
            self.close()

    def show_sight(self, sight: Sight) -> None:
        history = self._gauge.watch.history
        self._unload.setEnabled(bool(sight.machine.plans))
        self._machine.show_memory(sight.machine, [look.machine for look in history], "the machine has")
        self._card.setVisible(sight.card is not None)
        if sight.card is not None:
            self._card.set_title(f"Card: {sight.card_name}")
            self._card.show_memory(sight.card, [look.card or Memory() for look in history], "the card has")
        nothing = "No NVIDIA card was found; models run on the processor."
        self._about_card.setText("" if sight.card else sight.problem or nothing)
        self._about_card.setVisible(sight.card is None)
        if self.isVisible():
            self._fit()

    def _fit(self) -> None:
        """As high as its text at this width; it stands on the gauge, at the right edge."""
        window, gap = self.window(), self._theme.scaled(8)
        foot = self._gauge.mapTo(window, QPoint(0, 0)).y() - gap
        height = self._column.totalHeightForWidth(self.width())
        self.setGeometry(window.width() - self.width() - gap, foot - height, self.width(), height)

    def _deeds(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._first = self._deed("Change the Limit…", "view.memory_limit")
        row.addWidget(self._first)
        self._unload = self._deed("Unload the Model", "engine.unload")
        row.addWidget(self._unload)
        row.addStretch()
        return row

    def _deed(self, text: str, action: str) -> QPushButton:
        button = QPushButton(text, self)
        button.clicked.connect(self.close)
        button.clicked.connect(lambda: self.action_requested.emit(action))
        return button


class _Place(QWidget):
    """The machine, or its card."""

    def __init__(self, theme: Theme, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._title = label(title, "heading")
        self._figure = label("", "heading")
        self._bar = _Bar(theme, self)
        self._history = _History(theme, self)
        self._rows = QLabel(self)
        self._arithmetic = label("", "muted", wraps=True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(8)
        grid.addWidget(self._title, 0, 0)
        grid.addWidget(self._figure, 0, 1, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self._bar, 1, 0, 1, 2)
        grid.addWidget(self._rows, 2, 0, 1, 2)
        grid.addWidget(self._history, 3, 0, 1, 2)
        grid.addWidget(self._arithmetic, 4, 0, 1, 2)
        grid.setColumnStretch(0, 1)

    def set_title(self, title: str) -> None:
        self._title.setText(title)

    def show_memory(self, memory: Memory, history: Sequence[Memory], who_has: str) -> None:
        self._figure.setText(memory.text)
        colours = self._theme.colours
        self._figure.setStyleSheet(f"color: {getattr(colours, severity(memory) or 'text')}")
        rows = [
            (_SIGN, "accent", "SmallCoder", memory.ours_bytes),
            *(("", "", share.name, share.held_bytes) for share in memory.ours),
            (_SIGN, "faint", "Other programs", memory.others_bytes),
            (_SIGN, "pressed", "Left of the limit", max(0, memory.limit_bytes - memory.used_bytes)),
        ]
        self._rows.setText(f'<table width="100%" cellpadding="2">{"".join(map(self._row, rows))}</table>')
        self._rows.setAccessibleName("; ".join(f"{name}: {size(count)}" for *_, name, count in rows))
        self._bar.show_memory(memory)
        self._history.show_memories(history)
        self._arithmetic.setText("\n".join([*map(planned, memory.plans), limit(memory, who_has)]))

    def _row(self, row: tuple[str, str, str, int]) -> str:
        sign, token, name, count = row
        colour = getattr(self._theme.colours, token) if token else "transparent"
        return (
            f'<tr><td width="16" style="color: {colour}">{sign}</td><td>{escape(name)}</td>'
            f'<td align="right">{size(count)}</td></tr>'
        )


class _Bar(QWidget):
    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._memory = theme, Memory()

    def show_memory(self, memory: Memory) -> None:
        self._memory = memory
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(0, self._theme.scaled(_BAR_HEIGHT) + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self._theme.scaled(_BAR_HEIGHT)
        bar = QRectF(0, (self.height() - height) / 2, self.width(), height)
        draw_bar(painter, bar, self._memory, self._theme)


class _History(QWidget):
    """The last minutes, ours below and others' above it; the upper edge is the limit."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._memories: Sequence[Memory] = ()

    def show_memories(self, memories: Sequence[Memory]) -> None:
        self._memories = memories
        used = [memory.used_bytes for memory in memories]
        self.setAccessibleName(
            f"The last {_MINUTES} minutes: between {size(min(used))} and {size(max(used))} were in use"
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(0, self._theme.scaled(_HISTORY_HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, metrics = self._theme.colours, self.fontMetrics()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(0, 0, self.width(), self.height() - metrics.height())
        painter.fillRect(field, colours.colour("hover"))
        painter.setPen(Qt.PenStyle.NoPen)
        for token, values in (
            ("faint", [memory.share for memory in self._memories]),
            ("accent", [memory.ours_bytes / memory.limit_bytes for memory in self._memories]),
        ):
            painter.setBrush(colours.colour(token))
            painter.drawPolygon(_area(values, field))
        painter.setPen(colours.colour("muted"))
        below = self.rect().adjusted(0, round(field.height()), 0, 0)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{_MINUTES} min ago")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, "now")


def _area(values: Sequence[float], field: QRectF) -> QPolygonF:
    """A value a second, the newest at the right edge."""
    step = field.width() / (_MINUTES * 60)
    left = field.right() - step * (len(values) - 1)
    points = [
        QPointF(left + step * number, field.bottom() - min(1.0, value) * field.height())
        for number, value in enumerate(values)
    ]
    return QPolygonF([QPointF(left, field.bottom()), *points, QPointF(field.right(), field.bottom())])


def size(count: int) -> str:
    return f"{count / GB:.2f} GB" if count >= GB else in_mb(count)


def planned(plan: Plan) -> str:
    """The sum by which a model was let in."""
    budget = plan.budget
    parts = (
        (budget.weights_bytes, "weights"),
        (budget.cache_bytes, "cache"),
        (budget.working_bytes, "work"),
        (budget.runtime_bytes, "program"),
    )
    summed = " + ".join(f"{in_mb(count)} {what}" for count, what in parts if count)
    also = f", and up to {size(plan.kept_bytes)} to keep earlier texts" if plan.kept_bytes else ""
    return f"Planned for {plan.name}: {summed} = {size(budget.total_bytes)}{also}."


def limit(memory: Memory, who_has: str) -> str:
    whose = "set by you" if memory.limit_bytes < memory.total_bytes else "all there is"
    also = f"; {who_has} {size(memory.total_bytes)}" if memory.limit_bytes < memory.total_bytes else ""
    return f"Limit: {size(memory.limit_bytes)}, {whose}{also}."
