"""Look: colour, dash and marker of one series of a chart. No two of the first twelve share all three."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from app.theme import Colours

LINE_WIDTH = 1.75
MARKER_PIXELS = 7
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 3), (1.5, 2.5), (7, 2.5, 1.5, 2.5))
_CORNERS: tuple[tuple[tuple[float, float], ...], ...] = (
    (),  # a circle
    ((-0.45, -0.45), (0.45, -0.45), (0.45, 0.45), (-0.45, 0.45)),
    ((0, -0.55), (0.55, 0.45), (-0.55, 0.45)),
    ((0, -0.6), (0.6, 0), (0, 0.6), (-0.6, 0)),
    ((-0.55, -0.45), (0.55, -0.45), (0, 0.55)),
    ((0, -0.6), (0.2, -0.2), (0.6, 0), (0.2, 0.2), (0, 0.6), (-0.2, 0.2), (-0.6, 0), (-0.2, -0.2)),
)


@dataclass(frozen=True)
class Look:
    """By the place of a series in its chart, whatever the theme."""

    place: int

    def colour(self, colours: Colours) -> QColor:
        return QColor(colours.series[self.place % len(colours.series)])

    @property
    def dash(self) -> tuple[float, ...]:
        return _DASHES[self.place % len(_DASHES)]

    @property
    def marker(self) -> QPainterPath:
        """Round the origin, one wide."""
        path = QPainterPath()
        corners = _CORNERS[self.place % len(_CORNERS)]
        if corners:
            path.addPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
            path.closeSubpath()
        else:
            path.addEllipse(QRectF(-0.5, -0.5, 1, 1))
        return path

    def pen(self, colours: Colours, scale: float = 1.0) -> QPen:
        pen = QPen(self.colour(colours), LINE_WIDTH * scale)
        if self.dash:
            pen.setDashPattern(list(self.dash))
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        pen.setCosmetic(True)  # as wide as the screen has it, whatever the axes count
        return pen

    def sample(self, colours: Colours, size: QSize, dots: float = 1.0, *, has_line: bool) -> QPixmap:
        """How it looks in the chart, for the legend."""
        pixmap = QPixmap(size * dots)
        pixmap.setDevicePixelRatio(dots)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(size.width() / 2, size.height() / 2)
        if has_line:
            painter.setPen(self.pen(colours, size.height() / 16))
            painter.drawLine(QPointF(1, middle.y()), QPointF(size.width() - 1, middle.y()))
        painter.translate(middle)
        marker = MARKER_PIXELS * size.height() / 16
        painter.scale(marker, marker)
        painter.fillPath(self.marker, self.colour(colours))
        painter.end()
        return pixmap
