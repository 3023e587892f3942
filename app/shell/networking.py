"""Networking: each connection that SmallCoder has tried to make is shown, and a switch refuses them all."""

import os
import time
from dataclasses import replace

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.naming import label, named
from app.settings import Settings, SettingsStore
from app.shell.commands import Commands
from app.theme import Theme
from core.spec.network import OFFLINE, Attempt, attempts, forget_old

_LOOK_EVERY_MS = 1000
_MOST_SHOWN = 500
_EARLIER = "Earlier, before this start"
_ABOUT = (
    "SmallCoder needs the network for downloads alone, and sends nothing of yours. Each of its processes "
    "notes what it asks of the network before anything is sent. What stays on this machine is not counted; "
    "what a library does in machine code of its own, and other programs that are started, such as a browser, "
    "cannot be seen from here."
)


class Networking(QObject):
    def __init__(self, store: SettingsStore, theme: Theme, commands: Commands, window: QWidget) -> None:
        super().__init__(window)
        self._store, self._theme, self._window = store, theme, window
        self._begun_at = time.time()
        self._said_outside = os.environ.get(OFFLINE, "")
        commands.on({"help.network": self.show_dialog})
        store.changed.connect(self._follow)
        self._follow(store.settings)

    def show_dialog(self) -> None:
        dialog = NetworkDialog(self._store, self._theme, self._begun_at, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _follow(self, settings: Settings) -> None:
        """Of this process, and of those that it starts."""
        os.environ[OFFLINE] = "1" if settings.safety.offline else self._said_outside


class NetworkDialog(QDialog):
    def __init__(
        self, store: SettingsStore, theme: Theme, begun_at: float, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Connections")
        self.resize(theme.scaled(640), theme.scaled(440))
        self._store, self._begun_at = store, begun_at
        self._shown: list[Attempt] | None = None
        self.said = label("", "section", wraps=True)
        self.list = named(QTreeWidget(self), "Connections that were tried")
        self.list.setHeaderLabels(["When", "What for", "Where", ""])
        self.list.setRootIsDecorated(False)
        self.list.header().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.list.header().setStretchLastSection(False)
        self.offline = QCheckBox("Stay offline: refuse every connection", self)
        self.offline.setChecked(store.settings.safety.offline)
        self.offline.toggled.connect(self._set_offline)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(12)
        layout.addWidget(self.said)
        layout.addWidget(label(_ABOUT, "muted", wraps=True))
        layout.addWidget(self.list, 1)
        layout.addWidget(self.offline)
        layout.addWidget(buttons)
        self._look_again = QTimer(self, interval=_LOOK_EVERY_MS)
        self._look_again.timeout.connect(self.look)
        self._look_again.start()
        forget_old()
        self.look()

    def look(self) -> None:
        found = attempts()
        if found == self._shown:
            return
        self._shown = found
        since = sum(attempt.at >= self._begun_at for attempt in found)
        tried = {0: "no connection", 1: "one connection"}.get(since, f"{since:,} connections")
        self.said.setText(f"SmallCoder has tried {tried} since it was started")
        self.list.clear()
        has_heading = False
        for attempt in found[: -_MOST_SHOWN - 1 : -1]:
            if attempt.at < self._begun_at and not has_heading:
                has_heading = True
                self._add_heading(_EARLIER)
            when = time.strftime("%d %b %Y, %H:%M:%S", time.localtime(attempt.at))
            fate = "refused" if attempt.was_refused else ""
            self.list.addTopLevelItem(QTreeWidgetItem([when, attempt.who, attempt.where, fate]))
        for column in (0, 1, 3):
            self.list.resizeColumnToContents(column)

    def _add_heading(self, words: str) -> None:
        heading = QTreeWidgetItem([words])
        heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
        font = self.list.font()
        font.setBold(True)
        heading.setFont(0, font)
        self.list.addTopLevelItem(heading)
        heading.setFirstColumnSpanned(True)

    def _set_offline(self, is_wanted: bool) -> None:
        settings = self._store.settings
        self._store.replace(replace(settings, safety=replace(settings.safety, offline=is_wanted)))
