"""Deleting: a run goes out of the list at once, and comes back with one press while the window lives."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.runs.runs import Runs, why_not
from app.runs.watch import is_alive
from app.shell.notices import Notice, NoticeBar
from core.spec.errors import SmallCoderError
from trainer.spec.runs import Run


class Deleting(QObject):
    """`deleted`, `brought_back`: the Run."""

    deleted = Signal(object)
    brought_back = Signal(object)

    def __init__(self, runs: Runs, notices: NoticeBar) -> None:
        super().__init__(runs)
        self._runs, self._notices = runs, notices

    def offer(self, runs: Sequence[Run], problem: str) -> None:
        """Of runs one of which cannot be read: nothing else can be done with it here."""
        deeds = [(f'Delete "{run.name}"', partial(self.delete, run)) for run in runs if not _is_readable(run)]
        self._notices.add(Notice(problem, "warning", "unreadable", tuple(deeds)))

    def delete(self, run: Run) -> None:
        if is_alive(run):  # begun elsewhere, and perhaps not seen here yet
            self._warn(f'"{run.name}" is being learnt by another process; stop it first, then delete it.')
            return
        try:
            place = self._runs.set_aside(run)
        except OSError as error:
            self._warn(why_not(error, run))
            return
        undo = ("Undo", partial(self._bring_back, place, run))
        self._notices.add(Notice(f'"{run.name}" was deleted.', "info", "deleted", (undo,)))
        self.deleted.emit(run)

    def _bring_back(self, place: Path, run: Run) -> None:
        try:
            self._runs.bring_back(place, run)
        except OSError as error:
            self._warn(f'"{run.name}" could not be brought back: {error.strerror}.')
            return
        self.brought_back.emit(run)

    def _warn(self, sentence: str) -> None:
        self._notices.add(Notice(sentence, "warning"))


def _is_readable(run: Run) -> bool:
    try:
        run.spec()
    except SmallCoderError:
        return False
    return True
