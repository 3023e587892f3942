"""Shelf: the models on this disk, looked for by a process: a slow disk or a hostile file stops nothing.

What is offered for download, and the presets, need no looking for.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.job_client import JobClient, LastWord
from app.models.entry import Entry, entry_of_begun, entry_of_line, entry_of_offer, entry_of_preset
from core.spec.catalogue import catalogue
from core.spec.folders import embedded_model
from core.spec.presets import PRESETS

_COMPLAINT = "smallcoder: "
_MAX_PROBLEMS = 5
_TURN_S = 0.008


class Shelf(QObject):
    """`changed`: the entries, or whether they are being looked for, are others than before."""

    changed = Signal()

    def __init__(self, folders: Callable[[], Sequence[Path]], parent: QObject | None = None) -> None:
        """`folders`: where to look beside SmallCoder's own folder and the cache of the hub."""
        super().__init__(parent)
        self._folders = folders
        self._job = JobClient("Looking for models", self)
        self._job.ended.connect(self._take)
        self._is_asked_again = False
        self._unread: list[dict[str, Any]] = []
        self._read: list[Entry] = []
        self._read_on = QTimer(self, singleShot=True, interval=0)
        self._read_on.timeout.connect(self._read_some)
        self._here: list[Entry] = []
        self.problems: list[str] = []
        self.has_looked = False

    @property
    def is_looking(self) -> bool:
        return self._job.is_running or bool(self._unread)

    @property
    def here(self) -> list[Entry]:
        """On this disk, the embedded one first."""
        return [entry for entry in self._here if entry.section == "disk"]

    def entries(self, on_their_way: Iterable[str] = ()) -> list[Entry]:
        """All there is to show: on this disk, to download, to train. `on_their_way`: names on the hub."""
        offers, here = catalogue(), {entry.hub_id for entry in self.here}
        begun = {entry.id: entry for entry in self._here if entry.section == "begun"}
        for id in on_their_way:
            begun.setdefault(id, entry_of_begun(id, 0, offers.get(id)))
        left = [entry_of_offer(offer) for id, offer in offers.items() if id not in begun and id not in here]
        presets = [entry_of_preset(name, network) for name, network in PRESETS.items()]
        return [*self.here, *begun.values(), *left, *presets]

    def find(self, path: str) -> Entry | None:
        return next((entry for entry in self.here if entry.is_at(path)), None)

    def look(self) -> None:
        """Again, where it is being looked already: something may have come since."""
        if self.is_looking:
            self._is_asked_again = True
            return
        folders = [str(folder) for folder in self._folders()]
        self._job.start(["models", "list", *folders, "--json"])
        self.changed.emit()

    def _take(self, word: LastWord) -> None:
        if word.how == "stopped":  # the window is being closed
            return
        if word.is_good and isinstance(word.result, list):
            self._unread, self._read = word.result, []
            said = [line for line in word.log.splitlines() if line.startswith(_COMPLAINT)]
            self.problems = [line.removeprefix(_COMPLAINT) for line in said[:_MAX_PROBLEMS]]
            self._read_some()
        else:
            self.problems = [word.sentence or "Looking for models failed."]
            self._settle()

    def _read_some(self) -> None:
        """The window has its turn in between: somebody may have very many."""
        deadline = time.monotonic() + _TURN_S
        offers, embedded = catalogue(), embedded_model()
        while self._unread and time.monotonic() < deadline:
            self._read.append(entry_of_line(self._unread.pop(0), offers, embedded))
        if self._unread:
            self._read_on.start()
        else:
            self._here = sorted(self._read, key=lambda entry: not entry.is_embedded)
            self._settle()

    def _settle(self) -> None:
        self.has_looked = True
        self.changed.emit()
        if self._is_asked_again:
            self._is_asked_again = False
            self.look()
