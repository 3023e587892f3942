"""Plot: what pyqtgraph draws in this program's colours: two axes, a view that finds back, a read-out.

The only module that imports pyqtgraph, which takes a moment; charts import this one when they are first seen.
What stands in the plot is its chart's affair.
"""

import time
from dataclasses import dataclass

import numpy
import pyqtgraph
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QGraphicsView, QLabel, QVBoxLayout, QWidget

from app.charts.axis import Axis, ticks
from app.charts.samples import Numbers
from app.naming import named
from app.theme import Theme

pyqtgraph.setConfigOptions(antialias=True, exitCleanup=False)

_STEP = 0.6  # of the width that is left after one step of zooming in
_ONE_GESTURE_S = 0.6
_MARGIN = 0.06
_NEAR_PIXELS = 12
_GRID = 0.5  # of the axes' own colour


@dataclass(frozen=True)
class View:
    """Of the axes, from left to right and from bottom to top."""

    left: float
    right: float
    bottom: float
    top: float


class Plot(QWidget):
    """Signals:
    view_changed: another part is seen, or the whole again.
    pointed: the pointer is at this place, in the axes' numbers; None where it has left.
    stepped: the keys wish the read-out so many points further.
    """

    view_changed = Signal()
    pointed = Signal(object)
    stepped = Signal(int)

    def __init__(self, theme: Theme, x: Axis, y: Axis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._theme, self.x_axis, self.y_axis = theme, x, y
        self._whole = View(0, 1, 0, 1)
        self._views: list[View] = []  # seen before, for the way back
        self._is_whole, self._moved_s = True, 0.0
        self._widget = pyqtgraph.PlotWidget(self, background=None)
        self._widget.setFrameShape(QGraphicsView.Shape.NoFrame)
        self._widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._widget.viewport().setMouseTracking(True)
        self._widget.viewport().installEventFilter(self)
        self.items = self._widget.getPlotItem()
        self.box = self.items.getViewBox()
        self._seen = self._whole
        self._hair = pyqtgraph.InfiniteLine(angle=90, movable=False)
        self._hair.hide()
        self.items.addItem(self._hair, ignoreBounds=True)
        self._readout = named(QLabel(self), "Values at the pointer", style="chart_readout")
        self._readout.setTextFormat(Qt.TextFormat.RichText)
        self._readout.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._readout.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._widget)
        self._set_up()
        self.draw_colours()

    def _set_up(self) -> None:
        self.items.hideButtons()
        self.items.setMenuEnabled(False)
        self.box.setMouseMode(self.box.RectMode)
        self.box.disableAutoRange()
        self.items.showGrid(x=True, y=True, alpha=_GRID)
        for side, axis in (("bottom", self.x_axis), ("left", self.y_axis)):
            drawn = self.items.getAxis(side)
            drawn.enableAutoSIPrefix(False)
            drawn.tickStrings = lambda values, scale, spacing: ticks(values, spacing)
            drawn.setLabel(axis.title)
        self.box.sigRangeChanged.connect(self._note_change)
        self.box.sigResized.connect(self._note_size)
        self.box.sigRangeChangedManually.connect(self._note_gesture)

    def draw_colours(self) -> None:
        """Of the theme, and in its scale."""
        colours = self._theme.colours
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.9)
        self._widget.setBackground(colours.colour("ground"))
        for side in ("bottom", "left"):
            drawn = self.items.getAxis(side)
            drawn.setPen(colours.colour("border"))
            drawn.setTextPen(colours.colour("muted"))
            drawn.setTickFont(font)
            drawn.label.setFont(font)
            drawn.label.setDefaultTextColor(colours.colour("muted"))
            drawn.setStyle(tickLength=0, tickTextOffset=self._theme.scaled(6))
        self._hair.setPen(QPen(colours.colour("muted"), 1, Qt.PenStyle.DashLine))
        self.box.rbScaleBox.setPen(QPen(colours.colour("accent"), 1))
        soft = colours.colour("accent")
        soft.setAlpha(40)
        self.box.rbScaleBox.setBrush(soft)

    @property
    def is_whole(self) -> bool:
        return self._is_whole

    @property
    def view(self) -> View:
        (left, right), (bottom, top) = self.box.viewRange()
        return View(left, right, bottom, top)

    @property
    def pixels(self) -> int:
        return max(100, int(self.box.width()))

    def length_of(self, x: Numbers, y: Numbers) -> float:
        """Of the line through these points, in pixels; gaps count nothing."""
        if len(x) < 2:
            return 0.0
        now = self.view
        across = numpy.diff(x) * self.box.width() / (now.right - now.left)
        along = numpy.diff(y) * self.box.height() / (now.top - now.bottom)
        return float(numpy.nansum(numpy.hypot(across, along)))

    def set_whole(self, whole: View) -> None:
        """What there is to see; shown unless the person looks at a part of it."""
        self._whole = _with_margins(whole, self.x_axis, self.y_axis)
        if self._is_whole:
            self._show(self._whole)

    def show_whole(self) -> None:
        self._views.clear()
        self._is_whole = True
        self._show(self._whole)
        self.view_changed.emit()

    def go_back(self) -> None:
        if len(self._views) > 1:
            self._show(self._views.pop())
            self.view_changed.emit()
        else:
            self.show_whole()

    def zoom(self, steps: int) -> None:
        """Into the middle, or out of it."""
        now = self.view
        width = (now.right - now.left) * _STEP**steps
        if width >= self._whole.right - self._whole.left:
            self.show_whole()
            return
        middle = (now.left + now.right) / 2
        self._leave_whole()
        self.box.setXRange(middle - width / 2, middle + width / 2, padding=0)
        self._seen = self.view
        self.view_changed.emit()

    def show_readout(self, text: str, x: float, y: float | None = None) -> None:
        """Beside a place; `y` None: the line stands for all that is there."""
        self._readout.setText(text)
        self._readout.adjustSize()
        self._hair.setVisible(y is None)
        self._hair.setPos(x)
        now = self.view
        place = self.box.mapViewToScene(QPointF(x, now.top if y is None else y))
        spot = self._widget.mapFromScene(place)
        gap = self._theme.scaled(12)
        left = spot.x() + gap
        if left + self._readout.width() > self.width():
            left = max(0, spot.x() - gap - self._readout.width())
        top = min(max(0, spot.y() + (gap if y is None else -gap)), self.height() - self._readout.height())
        self._readout.move(int(left), max(0, int(top)))
        self._readout.show()
        self._readout.raise_()

    def hide_readout(self) -> None:
        self._readout.hide()
        self._hair.hide()

    def paint(self, painter: QPainter) -> None:
        """For a picture: without the read-out."""
        was_shown = self._readout.isVisible()
        self.hide_readout()
        whole = self._widget.rect()
        self._widget.render(painter, whole, whole)
        self._readout.setVisible(was_shown)

    def is_near(self, one: QPointF, x: float, y: float) -> bool:
        """Within reach of a pointer."""
        away = self.box.mapViewToScene(one) - self.box.mapViewToScene(QPointF(x, y))
        return abs(away.x()) + abs(away.y()) <= self._theme.scaled(_NEAR_PIXELS)

    def _show(self, view: View) -> None:
        self._seen = view
        self.box.setRange(xRange=(view.left, view.right), yRange=(view.bottom, view.top), padding=0)

    def _leave_whole(self) -> None:
        self._views.append(self._seen)
        self._is_whole = False

    def _note_gesture(self) -> None:
        """The pointer has zoomed or moved: what was seen before is kept, once a gesture."""
        now_s = time.monotonic()
        if now_s - self._moved_s > _ONE_GESTURE_S or self._is_whole:
            self._leave_whole()
        self._moved_s = now_s
        self._seen = self.view
        self.view_changed.emit()

    def _note_change(self) -> None:
        self.hide_readout()

    def _note_size(self) -> None:
        self.hide_readout()
        self.view_changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """All that the pointer can do."""
        deeds = {
            Qt.Key.Key_Left: lambda: self.stepped.emit(-1),
            Qt.Key.Key_Right: lambda: self.stepped.emit(1),
            Qt.Key.Key_Plus: lambda: self.zoom(1),
            Qt.Key.Key_Minus: lambda: self.zoom(-1),
            Qt.Key.Key_Backspace: self.go_back,
            Qt.Key.Key_Home: self.show_whole,
        }
        deed = deeds.get(Qt.Key(event.key()))
        if deed is None:
            super().keyPressEvent(event)
        else:
            deed()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            place = self._widget.mapToScene(event.position().toPoint())
            inside = self.box.sceneBoundingRect().contains(place) and not event.buttons()
            self.pointed.emit(self.box.mapSceneToView(place) if inside else None)
        elif event.type() == QEvent.Type.Leave:
            self.pointed.emit(None)
        elif event.type() == QEvent.Type.MouseButtonDblClick:
            self.show_whole()
            return True
        elif isinstance(event, QWheelEvent) and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # it moves the page that the chart stands on
            return True
        return super().eventFilter(watched, event)


def _with_margins(view: View, x: Axis, y: Axis) -> View:
    left, right = _spread(view.left, view.right, x)
    bottom, top = _spread(view.bottom, view.top, y)
    return View(left, right, bottom, top)


def _spread(low: float, high: float, axis: Axis) -> tuple[float, float]:
    if axis.from_zero:
        low, high = min(0.0, low), max(0.0, high)
    if high <= low:
        around = abs(low) * 0.1 or 1.0
        low, high = low - around, high + around
    room = (high - low) * _MARGIN
    return (low if axis.from_zero and low == 0 else low - room), high + room
