"""Counsel: all that is known of the models and of this machine, in one place, and what follows for each role.

Pages show it; nothing here is a widget.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.models.advice import Advice, advise, better_than
from app.models.downloads import Download, Downloads
from app.models.entry import Entry
from app.models.fit import Machines
from app.models.measuring import Measuring
from app.models.shelf import Shelf
from core.spec.catalogue import Role

ROLES: tuple[Role, ...] = ("completion", "chat")
USE: dict[Role, str] = {"completion": "Use for Completion", "chat": "Use for Chat"}
_NOTICEABLE = 0.01  # of all memory


@dataclass(frozen=True)
class Uses:
    """The path that is set for each role, empty where none is. Of those that are loaded, the path and how
    they run; of those that could not be, the path and why."""

    completion: str = ""
    chat: str = ""
    loaded: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    def how(self, entry: Entry) -> str:
        """In words how it runs; empty where it does not."""
        return next((how for path, how in self.loaded if entry.is_at(path)), "")

    def trouble(self, entry: Entry) -> str:
        return next((sentence for path, sentence in self.failed if entry.is_at(path)), "")

    def of(self, role: Role) -> str:
        return self.completion if role == "completion" else self.chat

    def roles_of(self, entry: Entry) -> tuple[Role, ...]:
        """A chat with a model that was not made for it is none to boast of."""
        of_it = tuple(role for role in ROLES if entry.is_at(self.of(role)))
        return of_it if entry.has_chat else tuple(role for role in of_it if role != "chat")


@dataclass(frozen=True)
class Standing:
    """Of one role. `used` is the model set for it, `is_ready` whether that is loaded; `download` of the one
    that is advised; `better`: a sentence about one that would do more, and why it is not advised; `lost`: the
    path that is set, where no model is any more."""

    advice: Advice | None
    used: Entry | None
    is_ready: bool = False
    download: Download | None = None
    better: str = ""
    lost: str = ""

    @property
    def is_as_advised(self) -> bool:
        return self.advice is not None and self.used is not None and self.used.key == self.advice.entry.key


class Counsel(QObject):
    """`changed`: something else is known or advised than before."""

    changed = Signal()

    def __init__(
        self,
        shelf: Shelf,
        downloads: Downloads,
        measuring: Measuring,
        machines_now: Callable[[], Machines],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.shelf, self.downloads, self.measuring = shelf, downloads, measuring
        self._machines_now = machines_now
        self.machines = machines_now()
        self.uses = Uses()
        shelf.changed.connect(self.changed)
        measuring.changed.connect(self.changed)
        downloads.changed.connect(lambda _: self.changed.emit())
        downloads.arrived.connect(lambda _id, _path: shelf.look())
        downloads.forgotten.connect(lambda _id, _problem: shelf.look())

    def take_uses(self, uses: Uses) -> None:
        if uses != self.uses:
            self.uses = uses
            self.changed.emit()

    def look_at_memory(self) -> None:
        machines = self._machines_now()
        now, before = machines.system, self.machines.system
        if abs(now.free_bytes - before.free_bytes) > now.limit_bytes * _NOTICEABLE:
            self.machines = machines
            self.changed.emit()

    def entries(self) -> list[Entry]:
        return self.shelf.entries(self.downloads.ids)

    def standing(self, role: Role) -> Standing:
        entries, path = self.entries(), self.uses.of(role)
        system, pace = self.machines.system, self.measuring.pace
        advice = advise(role, entries, system, pace)
        used = self.shelf.find(path) if path else None
        is_lost = bool(path) and used is None and self.shelf.has_looked
        return Standing(
            advice,
            used,
            is_ready=any(path == loaded for loaded, _ in self.uses.loaded),
            download=self.downloads[advice.entry.id] if advice else None,
            lost=path if is_lost else "",
            better=better_than(advice, role, entries, system, pace),
        )

    def standings(self) -> dict[Role, Standing]:
        return {role: self.standing(role) for role in ROLES}
