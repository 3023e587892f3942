"""Memory as it is now: what our processes hold, what others hold, what was planned, and the limit.

Of the machine, and of its NVIDIA card where it has one; what was seen in the last minutes is kept. How it is
shown is in memory_gauge and memory_panel.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psutil

from app.engine_client import EngineClient
from app.memory.card import CardReader, CardSight
from app.process import running
from app.settings import Budget as Limits
from core.spec.budget import RUNTIME_BYTES, Budget
from core.spec.machine import limit_of
from core.spec.sizes import GB, in_gb, in_mb

WINDOW = "Window"  # the Share of this process
_KEPT_S = 300.0
_CHILDREN_EVERY_S = 5.0
_IDLE_CARD_EVERY_S = 10.0  # asking keeps a card from falling asleep


@dataclass(frozen=True)
class Share:
    """A process of ours, by a name that a person understands."""

    name: str
    held_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a model was let in with; `kept_bytes` is what earlier texts may take beside that."""

    name: str
    budget: Budget
    kept_bytes: int = 0


@dataclass(frozen=True)
class Memory:
    """Of one place. `total_bytes` is all there is, `limit_bytes` what may be used of it by all programs."""

    ours: tuple[Share, ...] = ()
    others_bytes: int = 0
    limit_bytes: int = 1
    total_bytes: int = 1
    plans: tuple[Plan, ...] = ()

    @property
    def ours_bytes(self) -> int:
        return sum(share.held_bytes for share in self.ours)

    @property
    def used_bytes(self) -> int:
        return self.ours_bytes + self.others_bytes

    @property
    def planned_bytes(self) -> int:
        return sum(plan.budget.total_bytes for plan in self.plans)

    @property
    def share(self) -> float:
        return self.used_bytes / self.limit_bytes

    @property
    def text(self) -> str:
        return f"{self.used_bytes / GB:.1f} / {in_gb(self.limit_bytes)}"

    @property
    def details(self) -> str:
        planned = f" ({in_mb(self.planned_bytes)} planned)" if self.plans else ""
        return (
            f"SmallCoder {in_mb(self.ours_bytes)}{planned}, other programs "
            f"{in_gb(self.others_bytes)}, of {in_gb(self.limit_bytes)}"
        )


@dataclass(frozen=True)
class Sight:
    """One look at all of it. `card` is None where there is none or it cannot be asked; then see `problem`."""

    at: float
    machine: Memory
    card: Memory | None = None
    card_name: str = ""
    problem: str = ""


@dataclass(frozen=True)
class _Process:
    pid: int
    name: str
    client: EngineClient | None = None
    children: tuple[int, ...] = ()

    @property
    def pids(self) -> tuple[int, ...]:
        return (self.pid, *self.children)


class MemoryWatch:
    """`history` holds the looks of the last minutes, the newest last."""

    def __init__(
        self,
        limits: Callable[[], Limits],
        clients: Callable[[], Iterable[EngineClient]] = tuple,
        card: CardReader | None = None,
    ) -> None:
        """`clients`: their workers are named by their models, and asked what they hold of a card."""
        self._limits, self._find_clients = limits, clients
        self._card = card or CardReader()
        self._card_asked_at = -_IDLE_CARD_EVERY_S
        self._clients: list[EngineClient] = []
        self._known: dict[int, psutil.Process] = {}
        self._children: dict[int, list[int]] = {}
        self._children_found_at = -_CHILDREN_EVERY_S
        # of runs, which belong to no window: by the number of each process, its name
        self.find_runs: Callable[[], Mapping[int, str]] = dict
        self.history: deque[Sight] = deque()

    def look(self) -> Sight:
        self._clients = [*self._find_clients()]
        processes = self._processes()
        self._ask_card(self._is_card_used(processes))
        card, limits = self._card.sight, self._limits()
        sight = Sight(
            time.monotonic(),
            self._machine(processes, limits.ram_mb),
            _of_card(card, processes, self._plans(on_card=True), limits.vram_mb) if card else None,
            card.name if card else "",
            self._card.problem,
        )
        self.history.append(sight)
        while self.history[0].at < sight.at - _KEPT_S:
            self.history.popleft()
        return sight

    def _processes(self) -> list[_Process]:
        clients = {client.pid: client for client in self._clients if client.pid is not None}
        found = [_Process(os.getpid(), WINDOW)]
        for worker in running():
            client = clients.get(worker.pid)
            model = client.state.facts.name if client and client.state.facts else ""
            found.append(_Process(worker.pid, f"{worker.name} ({model})" if model else worker.name, client))
        found += [_Process(pid, name) for pid, name in self.find_runs().items()]
        jobs = [process.pid for process in found[1:] if process.client is None]
        self._look_for_children(jobs)
        return [replace(process, children=tuple(self._children.get(process.pid, ()))) for process in found]

    def _look_for_children(self, jobs: list[int]) -> None:
        """A benchmark and some runs start processes of their own. Asked now and then: each time the system
        names all there are."""
        now = time.monotonic()
        if not jobs:
            self._children = {}
        elif now - self._children_found_at >= _CHILDREN_EVERY_S or not {*jobs} <= {*self._children}:
            self._children_found_at = now
            self._children = {pid: _children_of(pid) for pid in jobs}

    def _is_card_used(self, processes: list[_Process]) -> bool:
        held = self._card.sight.held_by if self._card.sight else {}
        is_held = any(pid in held for process in processes for pid in process.pids)
        return is_held or any(_is_on_card(client) for client in self._clients)

    def _ask_card(self, is_used: bool) -> None:
        now = time.monotonic()
        if is_used or now - self._card_asked_at >= _IDLE_CARD_EVERY_S:
            self._card_asked_at = now
            self._card.ask()
        if is_used and self._card.sight is not None:
            for client in self._clients:
                if _is_on_card(client):
                    client.ping()  # Status says what it holds of the card

    def _machine(self, processes: list[_Process], limit_mb: int) -> Memory:
        ours, private_bytes = [], 0
        for process in processes:
            held = [held for pid in process.pids if (held := self._held(pid)) is not None]
            if held:
                ours.append(Share(process.name, sum(one.rss for one in held)))
                # files' pages count as available
                private_bytes += sum(one.rss - getattr(one, "shared", 0) for one in held)
        alive = {pid for process in processes for pid in process.pids}
        self._known = {pid: known for pid, known in self._known.items() if pid in alive}
        system = psutil.virtual_memory()
        return Memory(
            tuple(ours),
            max(0, system.total - system.available - private_bytes),
            limit_of(limit_mb, system.total),
            system.total,
            self._plans(on_card=False),
        )

    def _held(self, pid: int) -> Any:
        try:
            if pid not in self._known:
                self._known[pid] = psutil.Process(pid)
            return self._known[pid].memory_info()
        except psutil.Error:  # it has just ended
            return None

    def _plans(self, *, on_card: bool) -> tuple[Plan, ...]:
        """A model on a card takes a program's room of the machine, too."""
        plans = []
        for client in self._clients:
            facts = client.state.facts
            if facts is None or facts.planned is None:
                continue
            if on_card == _is_on_card(client):
                plans.append(Plan(f"{facts.name} as {facts.precision}", facts.planned, facts.kept_bytes))
            elif not on_card:
                plans.append(Plan(facts.name, Budget(RUNTIME_BYTES, 0, 0, 0)))
        return tuple(plans)


def _of_card(card: CardSight, processes: list[_Process], plans: tuple[Plan, ...], limit_mb: int) -> Memory:
    """What the driver says of our processes; where it keeps that to itself, what they say."""
    ours = []
    for process in processes:
        held = sum(card.held_by.get(pid) or 0 for pid in process.pids)
        if not held and process.client is not None:
            held = process.client.card_bytes
        if held:
            ours.append(Share(process.name, held))
    return Memory(
        tuple(ours),
        max(0, card.used_bytes - sum(share.held_bytes for share in ours)),
        max(1, limit_of(limit_mb, card.total_bytes)),
        card.total_bytes,
        plans,
    )


def _children_of(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:  # it has just ended
        return []


def _is_on_card(client: EngineClient) -> bool:
    return client.state.facts is not None and client.state.facts.device == "cuda"
