"""Shelf: the models on this disk, looked for by a process: a slow disk or a hostile file stops nothing.

What is offered for download, and the presets, need no looking for.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.job_client import JobClient, LastWord
from app.models.entry import Entry, entry_of_begun, entry_of_line, entry_of_offer, entry_of_preset
from core.spec.catalogue import catalogue
from core.spec.folders import embedded_model
from core.spec.presets import PRESETS

_COMPLAINT = "smallcoder: "
_MAX_PROBLEMS = 5


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
        self._here: list[Entry] = []
        self.problems: list[str] = []
        self.has_looked = False

    @property
    def is_looking(self) -> bool:
        return self._job.is_running

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
        return next((entry for entry in self._here if entry.path == path), None)

    def look(self) -> None:
        """Again, where it is being looked already: something may have come since."""
        if self._job.is_running:
            self._is_asked_again = True
            return
        folders = [str(folder) for folder in self._folders()]
        self._job.start(["models", "list", *folders, "--json"])
        self.changed.emit()

    def _take(self, word: LastWord) -> None:
        if word.how == "stopped":  # the window is being closed
            return
        self.has_looked = True
        if word.is_good and isinstance(word.result, list):
            offers, embedded = catalogue(), embedded_model()
            found = [entry_of_line(line, offers, embedded) for line in word.result]
            self._here = sorted(found, key=lambda entry: not entry.is_embedded)
            said = [line for line in word.log.splitlines() if line.startswith(_COMPLAINT)]
            self.problems = [line.removeprefix(_COMPLAINT) for line in said[:_MAX_PROBLEMS]]
        else:
            self.problems = [word.sentence or "Looking for models failed."]
        self.changed.emit()
        if self._is_asked_again:
            self._is_asked_again = False
            self.look()
