"""FitTable: for each precision what a model takes against what is free, and the arithmetic on demand."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.layouts import empty
from app.models.fit import Fit, Machines, fit_on_card, fits_of, gb
from app.naming import label, named
from app.theme import Theme
from core.spec.config import ModelConfig

_BAR_WIDTH, _BAR_HEIGHT = 120, 6


class FitTable(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[ModelConfig, Machines] | None = None
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._free = label("", "muted", wraps=True)
        self._arithmetic = label("", "muted", wraps=True)
        self._arithmetic.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._arithmetic.hide()
        self._more = named(QPushButton("Show the Arithmetic", self), role="link")
        self._more.clicked.connect(lambda _=False: self._turn_arithmetic())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(self._grid)
        layout.addWidget(self._free)
        layout.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._arithmetic)

    def show_fits(self, network: ModelConfig, machines: Machines) -> None:
        if (network, machines) == self._shown:
            return
        self._shown = network, machines
        empty(self._grid)
        system, card = machines.system, machines.card
        fits = [*fits_of(network, system), *([fit_on_card(network, card)] if card else [])]
        widest = max([system.free_bytes, *(fit.budget.total_bytes for fit in fits)])
        for row, fit in enumerate(fits):
            verdict = label(fit.verdict, "success" if fit.fits else "danger")
            needs = label(gb(fit.budget.total_bytes))
            self._grid.addWidget(label(fit.title), row, 0)
            self._grid.addWidget(_Bar(fit, widest, self._theme, self), row, 1)
            self._grid.addWidget(needs, row, 2, Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(verdict, row, 3)
        self._free.setText(machines.sentence)
        self._arithmetic.setText("\n".join(f"{fit.title}: {fit.arithmetic}" for fit in fits))

    def _turn_arithmetic(self) -> None:
        is_shown = self._arithmetic.isHidden()
        self._arithmetic.setVisible(is_shown)
        self._more.setText("Hide the Arithmetic" if is_shown else "Show the Arithmetic")


class _Bar(QWidget):
    """Full where it takes as much as the widest; a stroke stands where the free memory ends."""

    def __init__(self, fit: Fit, widest_bytes: int, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._fit, self._widest, self._theme = fit, max(1, widest_bytes), theme
        self.setToolTip(fit.arithmetic)
        self.setAccessibleName(f"{fit.title}: {fit.arithmetic}, {fit.verdict}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self._theme.scaled(_BAR_WIDTH), self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, height = self._theme.colours, self._theme.scaled(_BAR_HEIGHT)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        top, width = (self.height() - height) / 2, self.width()
        painter.setBrush(colours.colour("hover"))
        painter.drawRoundedRect(QRectF(0, top, width, height), height / 2, height / 2)
        taken = max(float(height), width * self._fit.budget.total_bytes / self._widest)
        painter.setBrush(colours.colour("accent" if self._fit.fits else "danger"))
        painter.drawRoundedRect(QRectF(0, top, taken, height), height / 2, height / 2)
        free = width * self._fit.free_bytes / self._widest
        painter.setBrush(colours.colour("text"))
        painter.drawRect(QRectF(min(free, width - 2.0), top - 3, 2, height + 6))
