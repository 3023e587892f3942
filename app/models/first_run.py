"""FirstRunPage: measures the machine for some seconds and says which model to use on it, and why."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.models.counsel import ROLES, Counsel
from app.models.role_card import RoleCard
from app.naming import label, named
from app.theme import Theme
from trainer.spec.speed import DISTURBING_SHARE

_WIDTH = 640


class FirstRunPage(QScrollArea):
    """
    Signals, all wishes:
        default_requested: a role and a path.
        download_requested: a name on the hub, and the role it is wanted for.
        looked_at: the key of an entry, to see more of it.
        all_requested: the page of all models. done: what comes along will do.
    """

    default_requested = Signal(str, str)
    download_requested = Signal(str, str)
    looked_at = Signal(str)
    all_requested = Signal()
    done = Signal()

    def __init__(self, theme: Theme, counsel: Counsel, parent: QWidget | None = None) -> None:
        super().__init__(parent, widgetResizable=True)
        named(self, "Which model suits this machine?", style="page")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._theme, self._counsel = theme, counsel
        self._measuring = counsel.measuring
        self._machine = label("", "muted", wraps=True)
        self._bar = named(QProgressBar(self, textVisible=False), "Measuring")
        self._bar.setRange(0, 0)
        self._measured = label("", "muted", wraps=True)
        self._skip = named(QPushButton("Skip", self), "Skip the measuring")
        self._again = named(QPushButton("Measure Again", self))
        self.cards = {role: RoleCard(role, theme, self) for role in ROLES}
        self._arrange()
        self._connect()
        self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.done.emit()
            return
        super().keyPressEvent(event)

    def _show(self) -> None:
        self._machine.setText(
            "SmallCoder comes with a small model that completes Python at once. A larger one does more, if "
            f"this machine carries it. {self._counsel.machines.sentence}"
        )
        for role, standing in self._counsel.standings().items():
            self.cards[role].show_standing(standing)
        self._show_measuring()

    def _arrange(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(label("Which model suits this machine?", "title", wraps=True))
        column.addWidget(self._machine)
        row = QHBoxLayout()
        row.setSpacing(12)
        texts = QVBoxLayout()
        texts.setSpacing(6)
        texts.addWidget(self._measured)
        texts.addWidget(self._bar)
        row.addLayout(texts, 1)
        row.addWidget(self._skip)
        row.addWidget(self._again)
        column.addLayout(row)
        column.addSpacing(8)
        for card in self.cards.values():
            column.addWidget(card)
        column.addSpacing(8)
        end = QHBoxLayout()
        end.setSpacing(8)
        for text, wish in (("Begin with What Is Here", self.done), ("See All Models", self.all_requested)):
            button = QPushButton(text, self)
            button.clicked.connect(lambda _=False, wish=wish: wish.emit())
            end.addWidget(button)
        end.addStretch(1)
        column.addLayout(end)
        column.addStretch(1)
        middle = QWidget(self)
        middle.setLayout(column)
        middle.setMaximumWidth(self._theme.scaled(_WIDTH))
        content = named(QWidget(self), style="page")
        content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        across = QHBoxLayout(content)
        across.setContentsMargins(32, 40, 32, 32)
        across.addStretch(1)
        across.addWidget(middle, 100)
        across.addStretch(1)
        self.setWidget(content)

    def _connect(self) -> None:
        self._counsel.changed.connect(self._show)
        self._skip.clicked.connect(lambda _=False: self._measuring.stop())
        self._again.clicked.connect(lambda _=False: self._measuring.start())
        for role, card in self.cards.items():
            card.use_requested.connect(lambda path, role=role: self.default_requested.emit(role, path))
            card.download_requested.connect(lambda id, role=role: self.download_requested.emit(id, role))
            card.looked_at.connect(self.looked_at)

    def _show_measuring(self) -> None:
        measuring = self._measuring
        self._bar.setVisible(measuring.is_running)
        self._skip.setVisible(measuring.is_running)
        self._again.setVisible(not measuring.is_running)
        self._again.setText("Measure Again" if measuring.pace or measuring.problem else "Measure the Speed")
        if measuring.is_running:
            said = "Measuring how fast it writes, which takes some seconds. You can go on meanwhile."
        elif measuring.problem:
            said = f"Its speed could not be measured: {measuring.problem}"
        elif measuring.pace:
            speed = measuring.pace.bytes_per_s / 1e9
            said = (
                f"Measured: this machine reads {speed:,.1f} GB of a model a second, and for each word "
                "all of it; one of half the size writes about twice as fast."
            )
            if measuring.pace.others_share > DISTURBING_SHARE:
                said += (
                    f" Other programs took {measuring.pace.others_share:.0%} of the processors meanwhile: "
                    "measure again when they are done."
                )
        else:
            said = "Its speed has not been measured; the advice goes by memory alone."
        self._measured.setText(said)
