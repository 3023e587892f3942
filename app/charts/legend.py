"""Legend: a button a series, which shows it or not. Buttons that find no room go on below."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtWidgets import QLayout, QLayoutItem, QToolButton, QWidget

from app.charts.look import Look
from app.naming import named
from app.theme import Theme

_SAMPLE_WIDTH, _SAMPLE_HEIGHT = 28, 16


class Legend(QWidget):
    """`toggled`: a series is to be shown, or not."""

    toggled = Signal(str, bool)

    def __init__(self, theme: Theme, *, has_lines: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Legend")
        self._theme, self._has_lines = theme, has_lines
        self._buttons: dict[str, tuple[QToolButton, Look]] = {}
        self._flow = _Flow(self, theme.scaled)
        theme.changed.connect(self._draw)

    def add(self, name: str, look: Look) -> None:
        button = named(QToolButton(self), f"Show {name}", role="legend")
        button.setText(name)
        button.setCheckable(True)
        button.setChecked(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setToolTip(f"Show or hide {name}")
        button.toggled.connect(lambda shown: self.toggled.emit(name, shown))
        self._buttons[name] = (button, look)
        self._flow.addWidget(button)
        button.show()
        self._draw()

    def clear(self) -> None:
        for button, _ in self._buttons.values():
            self._flow.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons.clear()
        self.updateGeometry()

    def _draw(self) -> None:
        size = QSize(self._theme.scaled(_SAMPLE_WIDTH), self._theme.scaled(_SAMPLE_HEIGHT))
        for button, look in self._buttons.values():
            sample = look.sample(
                self._theme.colours, size, self.devicePixelRatioF(), has_line=self._has_lines
            )
            button.setIcon(sample)
            button.setIconSize(size)


class _Flow(QLayout):
    """From left to right, then on the next line."""

    def __init__(self, parent: QWidget, scaled: Callable[[float], int]) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._scaled = scaled
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), is_real=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, is_real=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        widest = QSize()
        for item in self._items:
            widest = widest.expandedTo(item.minimumSize())
        return widest

    def _place(self, rect: QRect, *, is_real: bool) -> int:
        gap = self._scaled(4)
        x, y, line = rect.x(), rect.y(), 0
        for item in self._items:
            size = item.sizeHint()
            if x + size.width() > rect.right() + 1 and x > rect.x():
                x, y, line = rect.x(), y + line + gap, 0
            if is_real:
                item.setGeometry(QRect(QPoint(x, y), size))
            x += size.width() + gap
            line = max(line, size.height())
        return y + line - rect.y()
