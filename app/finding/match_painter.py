"""How a match is drawn in the list of what was found: on a ground of its own, what it becomes behind it."""

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QFont, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.finding.find_in_files import Match
from app.theme import Theme

_BEFORE = 0.4  # of the room
MATCH_ROLE = Qt.ItemDataRole.UserRole


class MatchPainter(QStyledItemDelegate):
    def __init__(self, theme: Theme, preview: Callable[[Match], str | None], parent: QWidget) -> None:
        """`preview`: what a match becomes; None where nothing is to be replaced."""
        super().__init__(parent)
        self._theme, self._preview = theme, preview

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        match = index.data(MATCH_ROLE)
        if not isinstance(match, Match):
            super().paint(painter, option, index)
            return
        self.initStyleOption(option, index)
        option.text = ""
        widget = option.widget
        style = widget.style() if widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, widget)
        becomes = self._preview(match)
        shown = match.shown.replace("\t", " ")
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        rect: QRect = option.rect.adjusted(4, 0, -4, 0)
        room = round(rect.width() * _BEFORE)  # so that a match far to the right is seen
        before = option.fontMetrics.elidedText(shown[: match.start], Qt.TextElideMode.ElideLeft, room)
        parts = [(before, ""), (shown[match.start : match.end], "match")]
        if becomes is not None:
            parts = [parts[0], (parts[1][0], "removed"), (becomes.replace("\n", "⏎"), "added")]
        for text, kind in [*parts, (shown[match.end :], "")]:
            rect = self._draw(painter, rect, text, kind)
        painter.restore()

    def _draw(self, painter: QPainter, rect: QRect, text: str, kind: str) -> QRect:
        """What is left of the room."""
        if not text or rect.width() <= 0:
            return rect
        colours, metrics = self._theme.colours, painter.fontMetrics()
        width = min(metrics.horizontalAdvance(text), rect.width())
        if kind:
            ground = QRect(rect.left(), rect.top() + 2, width, rect.height() - 4)
            painter.fillRect(ground, colours.colour("accent_soft" if kind == "added" else "match"))
        usual = painter.font()
        font = QFont(usual)
        font.setStrikeOut(kind == "removed")
        painter.setFont(font)
        elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided)
        painter.setFont(usual)
        return rect.adjusted(width, 0, 0, 0)
