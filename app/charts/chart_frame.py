"""ChartFrame: what stands round every chart: its title, legend and tools, and a placeholder until it is seen.

What is drawn within is made by the chart when the frame is first shown, for that is when the chart library is
read. Before that a chart costs nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QRegion, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.legend import Legend
from app.charts.pictures import write_csv, write_png, write_svg
from app.naming import label, named
from app.theme import Theme
from core.spec.errors import sentence_about

if TYPE_CHECKING:
    from app.charts.plot import Plot

_KINDS = ("png", "svg", "csv")
_LEAST_HEIGHT = 120


class ChartFrame(QWidget):
    """Signals:
    made: the plot stands, and can be drawn in.
    saved, failed: what came of writing a file: its path, or a sentence.
    """

    made = Signal()
    saved = Signal(Path)
    failed = Signal(str)

    def __init__(self, theme: Theme, title: str, make: Callable[[], "Plot"], *, has_lines: bool) -> None:
        super().__init__()
        named(self, title or "Chart")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._make = theme, make
        self.plot: Plot | None = None
        self.rows: Callable[[], Iterable[Sequence[str]]] = list
        self.title = label(title, "heading")
        self.title.setVisible(bool(title))
        self.legend = Legend(theme, has_lines=has_lines, parent=self)
        self._placeholder = label("Nothing to draw yet.", "muted", wraps=True)
        self._placeholder.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._placeholder)
        self._stack.setMinimumHeight(theme.scaled(_LEAST_HEIGHT))
        self._stack.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._tools: dict[str, QToolButton] = {}  # by their icons
        self._has_data = False
        self._arrange()
        theme.changed.connect(self._draw)
        self._draw()

    def set_empty_text(self, text: str) -> None:
        """What stands there while there is nothing to draw."""
        self._placeholder.setText(text)

    def set_has_data(self, has_data: bool) -> None:
        self._has_data = has_data
        self._show_state()

    def set_summary(self, text: str) -> None:
        """What the chart says, in words, for those who hear it."""
        self.setAccessibleDescription(text)
        if self.plot is not None:
            self.plot.setAccessibleDescription(text)

    def make_plot(self) -> "Plot":
        """Now, where it could not wait until it is seen."""
        if self.plot is None:
            self.plot = named(self._make(), self.accessibleName())
            self.plot.setAccessibleDescription(self.accessibleDescription())
            self.plot.view_changed.connect(self._show_state)
            self._stack.addWidget(self.plot)
            self.made.emit()
            self._show_state()
        return self.plot

    def save(self, path: Path) -> None:
        """As the kind that its ending says."""
        size = QSize(self.width(), self._picture_height())
        try:
            match path.suffix.lower():
                case ".svg":
                    write_svg(path, size, self.logicalDpiX(), self.paint, self.accessibleName())
                case ".csv":
                    write_csv(path, self.rows())
                case ".png":
                    write_png(path, size, self.paint)
                case _:
                    self.failed.emit(f"{path.name} says no kind; end the name with .png, .svg or .csv.")
                    return
        except OSError as error:
            self.failed.emit(f"The chart was not saved: {sentence_about(error, str(path)) or error}")
        else:
            self.saved.emit(path)

    def paint(self, painter: QPainter) -> None:
        """Title, legend and plot, as one picture; the tools are none of it."""
        painter.fillRect(0, 0, self.width(), self._picture_height(), self._theme.colours.colour("ground"))
        gap = self._theme.scaled(8)
        top = gap
        for part in (self.title, self.legend):
            if part.isVisibleTo(self) and part.height():
                painter.save()
                painter.translate(gap, top)
                part.render(painter, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
                painter.restore()
                top += part.height() + gap // 2
        painter.translate(0, top)
        self.make_plot().paint(painter)

    def _picture_height(self) -> int:
        gap = self._theme.scaled(8)
        above = sum(part.height() + gap // 2 for part in (self.title, self.legend) if part.isVisibleTo(self))
        return int(self._stack.height() + above + 2 * gap)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(self._theme.scaled(2))
        top.addWidget(self.title)
        top.addStretch(1)
        for name, icon, tip, deed in (
            (
                "Zoom in",
                "zoom-in",
                "Zoom in (+); drag over a part of the chart to see it larger",
                self._zoom_in,
            ),
            ("Zoom out", "zoom-out", "Zoom out (-)", self._zoom_out),
            ("Back", "back", "Back to what was seen before (Backspace)", self._go_back),
            ("Whole", "whole", "The whole again (Home, or a double click)", self._show_whole),
        ):
            top.addWidget(self._tool(f"{name} in {self.accessibleName()}", icon, tip, deed))
        saver = self._tool(f"Save {self.accessibleName()}", "save", "Save as a picture or as numbers", None)
        menu = QMenu(saver)
        for kind, text in zip(_KINDS, ("Picture (PNG)", "Drawing (SVG)", "Numbers (CSV)"), strict=True):
            menu.addAction(text).triggered.connect(lambda _=False, kind=kind: self._ask_where(kind))
        saver.setMenu(menu)
        saver.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        top.addWidget(saver)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(self._theme.scaled(4))
        layout.addLayout(top)
        layout.addWidget(self.legend)
        layout.addWidget(self._stack, 1)

    def _tool(self, name: str, icon: str, tip: str, deed: Callable[[], None] | None) -> QToolButton:
        button = named(QToolButton(self), name)
        button.setToolTip(tip)
        if deed is not None:
            button.clicked.connect(deed)
        self._tools[icon] = button
        return button

    def _zoom_in(self) -> None:
        self.make_plot().zoom(1)

    def _zoom_out(self) -> None:
        self.make_plot().zoom(-1)

    def _go_back(self) -> None:
        self.make_plot().go_back()

    def _show_whole(self) -> None:
        self.make_plot().show_whole()

    def _ask_where(self, kind: str) -> None:
        dialog = QFileDialog(self, "Save Chart", str(Path.home()), f"{kind.upper()} (*.{kind})")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(kind)
        dialog.selectFile(f"{self.accessibleName().lower().replace(' ', '-')}.{kind}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save(Path(name)))
        dialog.open()

    def _show_state(self) -> None:
        is_drawn = self._has_data and self.plot is not None
        shown: QWidget | QLabel = self.plot if is_drawn and self.plot is not None else self._placeholder
        self._stack.setCurrentWidget(shown)
        for button in self._tools.values():
            button.setVisible(self._has_data)
        is_part = self.plot is not None and not self.plot.is_whole
        for icon in ("back", "whole", "zoom-out"):
            self._tools[icon].setEnabled(is_drawn and is_part)

    def _draw(self) -> None:
        for icon, button in self._tools.items():
            button.setIcon(self._theme.icon(icon))
        if self.plot is not None:
            self.plot.draw_colours()

    def showEvent(self, event: QShowEvent) -> None:
        """The library is read once the placeholder is seen."""
        super().showEvent(event)
        if self.plot is None:
            QTimer.singleShot(0, self, lambda: QTimer.singleShot(0, self, self.make_plot))
