"""MakingRoom: the model that suggests is unloaded for a run that needs the memory, and comes back after."""

import asyncio
from pathlib import Path

from PySide6.QtCore import QObject

from app.engines import Engines
from app.shell.notices import Notice, NoticeBar
from trainer.spec.runs import Run

_ABOUT = "making room"
_LOOK_EVERY_S = 0.05


class MakingRoom(QObject):
    def __init__(self, engines: Engines, notices: NoticeBar) -> None:
        super().__init__(engines)
        self._engines, self._notices = engines, notices
        self._made_for: set[Path] = set()

    async def make(self, run: Run) -> None:
        """And waits until it is there: a run counts what is free before it begins."""
        self._made_for.add(run.folder)
        self._engines.unload("completion")
        text = f"The model that suggests is unloaded while {run.name} learns, and comes back after it."
        self._notices.add(Notice(text, "info", _ABOUT, (("Load It Now", self._engines.load),)))
        while self._engines.completion.state.phase in ("ready", "loading"):
            await asyncio.sleep(_LOOK_EVERY_S)

    async def make_again(self, run: Run) -> None:
        """For one that has needed it before."""
        if run.folder in self._made_for:
            await self.make(run)

    def give_back(self, run: Run) -> None:
        if run.folder in self._made_for and self._engines.completion.state.phase == "idle":
            self._notices.withdraw(_ABOUT)
            self._engines.load()

    def held_bytes(self) -> int:
        """What the models that run hold."""
        import psutil

        total = 0
        for pid in self._engines.pids():
            try:
                total += psutil.Process(pid).memory_info().rss
            except psutil.Error:  # it has just ended
                continue
        return total
