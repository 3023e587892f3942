"""RoleCard: which model to use for completion or for chat on this machine, why, and what is used now."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.models.counsel import Standing
from app.naming import label, named, set_role
from app.theme import Theme
from app.wording import place_text
from core.spec.catalogue import Role
from core.spec.sizes import size_text

_TITLES: dict[Role, str] = {"completion": "For completion", "chat": "For chat"}
_NOTHING: dict[Role, str] = {
    "completion": "No model that fills in code fits the memory that is free now.",
    "chat": "No model that chats fits the memory that is free now.",
}


class RoleCard(QFrame):
    """
    Signals:
        use_requested: the path of a model on this disk, to be used for the role.
        download_requested: the name of a model on the hub.
        looked_at: the key of the entry that a person wants to see more of.
    """

    use_requested = Signal(str)
    download_requested = Signal(str)
    looked_at = Signal(str)

    def __init__(self, role: Role, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, _TITLES[role], style="card")
        self._role, self._theme = role, theme
        self._standing = Standing(None, None)
        self._is_compact = False
        self._sign = label("")
        self._name = named(QPushButton(self), role="plain")
        self._why = label("", "muted", wraps=True)
        self._now = label("", "muted", wraps=True)
        self._button = named(QPushButton(self), role="primary")
        self._button.clicked.connect(lambda _=False: self._act())
        self._name.clicked.connect(lambda _=False: self._look())
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._sign)
        top.addWidget(self._name)
        top.addStretch(1)
        self._bottom = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._bottom.setSpacing(12)
        self._bottom.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        self._bottom.addWidget(self._now, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(4)
        layout.addWidget(label(_TITLES[role], "caption"))
        layout.addLayout(top)
        layout.addWidget(self._why)
        layout.addStretch(1)
        layout.addSpacing(8)
        layout.addLayout(self._bottom)
        theme.changed.connect(self._draw)

    def show_standing(self, standing: Standing) -> None:
        if standing != self._standing:
            self._standing = standing
            self._draw()

    def set_compact(self, is_compact: bool) -> None:
        """Where there is little room, the reasons are told by the pointer."""
        self._is_compact = is_compact
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._bottom.setDirection(down if is_compact else across)
        self._bottom.setSpacing(4 if is_compact else 12)
        self._draw()

    def _draw(self) -> None:
        standing, advice = self._standing, self._standing.advice
        entry = advice.entry if advice else standing.used
        self._name.setText(entry.name if entry else "Nothing fits")
        self._name.setAccessibleName(f"{_TITLES[self._role]}: {self._name.text()}")
        self._name.setEnabled(entry is not None)
        why = [*(advice.reasons if advice else (_NOTHING[self._role],)), standing.better]
        self._why.setText(" ".join(reason for reason in why if reason))
        self._why.setHidden(self._is_compact and advice is not None)
        self.setToolTip(self._why.text() if self._why.isHidden() else "")
        self._now.setText(self._said_now())
        sign = "check" if self._standing.is_as_advised else "models"
        tone = "success" if self._standing.is_as_advised else "accent"
        self._sign.setPixmap(self._theme.icon(sign, tone).pixmap(self._theme.icon_size(16)))
        text = self._deed()
        self._button.setVisible(bool(text))
        self._button.setText(text)
        self._button.setAccessibleName(f"{text} {entry.name if entry else ''}")
        set_role(self._now, "success" if self._standing.is_as_advised and standing.is_ready else "muted")

    def _said_now(self) -> str:
        standing = self._standing
        if standing.download is not None:
            return standing.download.text
        if self._standing.is_as_advised:
            return "In use" if standing.is_ready else "Chosen; not loaded now"
        if standing.lost:
            said = (
                "Still in use, and gone from the disk"
                if standing.is_ready
                else "Chosen, and not there any more"
            )
            return f"{said}: {place_text(standing.lost)}"
        if standing.used is None:
            return ""
        is_amiss = self._role == "chat" and not standing.used.has_chat
        return f"Now: {standing.used.name}{', which is made for completion' if is_amiss else ''}"

    def _deed(self) -> str:
        standing, advice = self._standing, self._standing.advice
        is_coming = standing.download is not None and standing.download.state == "running"
        if advice is None or self._standing.is_as_advised or is_coming:
            return ""
        if advice.entry.section == "disk":
            return "Use It"
        if standing.download is not None or advice.entry.begun_bytes:
            return "Go On"
        return f"Download, {size_text(advice.entry.size_bytes)}"

    def _act(self) -> None:
        advice = self._standing.advice
        if advice is None:
            return
        if advice.entry.section == "disk":
            self.use_requested.emit(advice.entry.path)
        else:
            self.download_requested.emit(advice.entry.id)

    def _look(self) -> None:
        entry = self._standing.advice.entry if self._standing.advice else self._standing.used
        if entry is not None:
            self.looked_at.emit(entry.key)
