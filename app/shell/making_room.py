"""MakingRoom: models are unloaded for a run that needs the memory; the one that suggests comes back after."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
from PySide6.QtCore import QObject

from app.engines import Engines
from app.runs.room import room_now
from app.shell.notices import Notice, NoticeBar
from core.spec.catalogue import Role
from core.spec.errors import SmallCoderError
from core.spec.library import describe_model
from core.spec.presets import PRESETS
from trainer.spec.memory import Plan
from trainer.spec.runs import Run

_ABOUT = "making room"
_LOOK_EVERY_S, _PATIENCE_S = 0.05, 30.0


class MakingRoom(QObject):
    def __init__(self, engines: Engines, notices: NoticeBar) -> None:
        super().__init__(engines)
        self._engines, self._notices = engines, notices
        self._made_for: set[Path] = set()

    async def make(self, run: Run) -> None:
        """And waits until it is there: a run counts what is free before it begins."""
        self._made_for.add(run.folder)
        text = f'The model that suggests is unloaded while "{run.name}" learns, and comes back after it.'
        self._notices.add(Notice(text, "info", _ABOUT, (("Load It Now", self._engines.load),)))
        roles: tuple[Role, ...] = ("completion",) if self._engines.is_shared else ("chat", "completion")
        with suppress(TimeoutError):  # then the run says itself what it lacks
            async with asyncio.timeout(_PATIENCE_S):
                for role in roles:
                    await self._unload(role)

    async def _unload(self, role: Role) -> None:
        engine = self._engines.engine_for(role)
        while engine.state.phase in ("starting", "loading"):
            await asyncio.sleep(_LOOK_EVERY_S)
        if engine.is_ready:
            self._engines.unload(role)
        while engine.is_ready:
            await asyncio.sleep(_LOOK_EVERY_S)

    async def make_where_needed(self, run: Run, ram_mb: int) -> None:
        """For one that goes on: where it does not fit beside the models, and would without them."""
        loop, held_bytes = asyncio.get_running_loop(), self.held_bytes()
        if held_bytes and await loop.run_in_executor(None, partial(_needs_room, run, held_bytes, ram_mb)):
            await self.make(run)

    def give_back(self, run: Run) -> None:
        if run.folder in self._made_for and self._engines.completion.state.phase == "idle":
            self._notices.withdraw(_ABOUT)
            self._engines.load()

    def held_bytes(self) -> int:
        """What models hold that others could not have; weights that are pages of files are none of it."""
        total = 0
        for pid in self._engines.pids():
            try:
                held = psutil.Process(pid).memory_info()
            except psutil.Error:  # it has just ended
                continue
            total += held.rss - getattr(held, "shared", 0)
        return total


def _needs_room(run: Run, held_bytes: int, ram_mb: int) -> bool:
    """Of the system's memory. False too where it cannot be told: the run itself says what is wrong then."""
    try:
        spec = run.spec()
    except SmallCoderError:
        return False
    found = PRESETS.get(spec.model) or getattr(describe_model(Path(spec.model)), "network", None)
    if found is None or spec.precision == "auto" or spec.teacher is not None:
        return False
    machine = room_now(ram_mb)
    plan = Plan(spec, found, None, "cpu", machine)
    freed = replace(machine, others_bytes=max(0, machine.others_bytes - held_bytes))
    return not plan.fits and replace(plan, machine=freed).fits
