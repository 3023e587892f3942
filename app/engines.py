"""Engines: which worker answers for a role, "completion" or "chat", and with which model.

Where both roles want the same model, one worker serves both. Where not, the chat has a worker of its own: it
is started when somebody asks, and ended when nobody has for a while. Each is told of the other, so that the
memory of both counts before a model is loaded. Who goes first is said in core/server/requests; between two
workers the system decides, and the chat's is the nicer one.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.engine_client import EngineClient, EngineState, Target, new_id
from app.process import gently, own_command
from app.settings import Settings, SettingsStore
from core.spec.catalogue import Role
from core.spec.folders import embedded_model, hub_cache_folder, models_folder
from core.spec.messages import Chat, Complete, Count, Counted, Done, Failed, Reply, Statistics
from core.spec.placement import Placement

EMBEDDED = embedded_model()
_CHAT_NICENESS = 15  # a completion's worker has 10
_LOOK_EVERY_S = 0.05

Question = Complete | Chat | Count


class RoleEngine(QObject):
    """What can be asked of a role, whichever worker does it, now or when it has been started.

    Signals:
        state_changed: the EngineState of the worker that serves the role.
        replied: a Reply to what was asked here.
        wanted: somebody asks, and no model is ready.
    """

    state_changed = Signal(object)
    replied = Signal(object)
    wanted = Signal()

    def __init__(self, role: Role, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.role = role
        self.state = EngineState()
        self._client: EngineClient | None = None
        self._held: dict[int, Question] = {}  # until a model is ready
        self._asked: set[int] = set()

    @property
    def is_ready(self) -> bool:
        return self.state.phase == "ready"

    def new_id(self) -> int:
        return new_id()

    def ask(self, question: Question) -> None:
        """Answered through `replied`, with one last word; where no model is ready, it is loaded first."""
        self._asked.add(question.id)
        if self.is_ready and self._client is not None:
            self._client.ask(question)
        else:
            self._held[question.id] = question
            self.wanted.emit()

    async def answers(self, question: Question) -> AsyncIterator[Reply]:
        """The same for a coroutine: every Reply to the question, up to its last word."""
        heard: asyncio.Queue[Reply] = asyncio.Queue()

        def hear(reply: Reply) -> None:
            if reply_id(reply) == question.id:
                heard.put_nowait(reply)

        self.replied.connect(hear)
        try:
            self.ask(question)
            while True:
                reply = await heard.get()
                yield reply
                if isinstance(reply, Done | Failed | Counted):
                    return
        finally:
            self.replied.disconnect(hear)
            self.cancel(question.id)

    async def ready(self) -> EngineState:
        """The state as soon as a model is ready, or cannot be."""
        changed = asyncio.Event()
        self.state_changed.connect(changed.set)
        try:
            self.make_ready()
            while self.state.phase in ("starting", "loading"):
                changed.clear()
                await changed.wait()
            return self.state
        finally:
            self.state_changed.disconnect(changed.set)

    def cancel(self, id: int) -> None:
        if self._held.pop(id, None) is not None:
            self._tell(Done(id, "cancelled", Statistics()))
        elif id in self._asked and self._client is not None:
            self._client.cancel(id)

    def make_ready(self) -> None:
        """Loads the model where it is not; `state_changed` tells what comes of it."""
        if not self.is_ready:
            self.wanted.emit()

    def serve_by(self, client: EngineClient | None, state: EngineState) -> None:
        """`state`: that of the client, or what there is to say where there is none."""
        if client is not self._client:
            if self._client is not None:
                self._client.replied.disconnect(self._hear)
                self._client.state_changed.disconnect(self._take)
            self._client = client
            if client is not None:
                client.replied.connect(self._hear)
                client.state_changed.connect(self._take)
            asked = self._asked - {*self._held}
            self._give_up("Another model was chosen before the answer was whole.", asked)
        self._take(state)

    def give_up(self, sentence: str) -> None:
        """No model can be had for what waits for one."""
        self._give_up(sentence, {*self._held})

    def _take(self, state: EngineState) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)
        if state.phase == "ready" and self._client is not None:
            held, self._held = self._held, {}
            for question in held.values():
                self._client.ask(question)
        elif state.phase == "failed":
            self.give_up(state.problem)
        elif state.phase == "idle" and not state.is_resting:
            self.give_up("The model was unloaded; load it again, and ask again.")

    def _hear(self, reply: Reply) -> None:
        if reply_id(reply) in self._asked:
            self._tell(reply)

    def _tell(self, reply: Reply) -> None:
        if isinstance(reply, Done | Failed | Counted) and reply.id is not None:
            self._asked.discard(reply.id)
        self.replied.emit(reply)

    def _give_up(self, sentence: str, ids: set[int]) -> None:
        for id in sorted(ids):
            self._held.pop(id, None)
            self._tell(Failed("request", sentence, id))


class Engines(QObject):
    """`noted`: a sentence worth showing, such as that a worker was started again."""

    noted = Signal(str)

    def __init__(self, store: SettingsStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._targets = wanted(store.settings)
        self.completion = EngineClient(self)
        self.completion.noted.connect(self.noted)
        self._own_chat: EngineClient | None = None
        self._ending: list[EngineClient] = []
        self._roles: dict[Role, RoleEngine] = {
            "completion": RoleEngine("completion", self),
            "chat": RoleEngine("chat", self),
        }
        self._roles["completion"].wanted.connect(self._make_completion_ready)
        self._roles["chat"].wanted.connect(self._make_chat_ready)
        self._roles["completion"].serve_by(self.completion, self.completion.state)
        self._serve_chat()
        self._set_rests(store.settings)
        store.changed.connect(self._follow)

    def engine_for(self, role: Role) -> RoleEngine:
        """The same object for as long as the window lives, whatever model is chosen."""
        return self._roles[role]

    def target(self, role: Role) -> Target | None:
        return self._targets[role]

    @property
    def is_shared(self) -> bool:
        return self._targets["chat"] == self._targets["completion"]

    def load(self, role: Role = "completion", *, anyway: bool = False) -> None:
        """What is wanted for the role, where anything is; `anyway`: even where it does not fit."""
        target = self._targets[role]
        if target is None:
            return
        if role == "completion" or self.is_shared:
            beside = self._own_chat.pid if self._own_chat else None
            self.completion.load(target.path, _placed(target, beside, anyway))
            return
        self._end_own_chat(EngineState("starting", target))
        self._own_chat = EngineClient(self, gently(own_command(["serve"]), _CHAT_NICENESS), "Chat")
        self._own_chat.noted.connect(self.noted)
        self._own_chat.state_changed.connect(self._end_a_resting_chat)
        self._set_rests(self._store.settings)
        self._own_chat.load(target.path, _placed(target, self.completion.pid, anyway))
        self._serve_chat()

    def unload(self, role: Role) -> None:
        if role == "completion" or self.is_shared:
            self.completion.unload()
        else:
            self._end_own_chat(EngineState("idle", self._targets["chat"]))

    async def let_go(self, role: Role) -> None:
        """Unloads what serves the role, and waits until nothing holds it any more."""
        self.unload(role)
        while self._is_held(role):
            await asyncio.sleep(_LOOK_EVERY_S)

    def set_default(self, role: Role, path: str) -> None:
        """An empty path: for the completion what comes along, for the chat what completes."""
        if role == "completion":  # an adapter belongs to the model that it was made for
            self._store.change("engine", model=path, adapter="")
        else:
            self._store.change("chat", model=path)

    def pids(self) -> list[int]:
        """Of the workers that run."""
        return [client.pid for client in self.clients() if client.pid is not None]

    def log(self) -> str:
        return "\n".join(client.log for client in self.clients() if client.log)

    async def close(self) -> None:
        """Ends all workers, and waits for it."""
        self._store.changed.disconnect(self._follow)
        ended = [asyncio.Event() for _ in self.clients()]
        for client, event in zip(self.clients(), ended, strict=True):
            client.closed.connect(event.set)
            client.close()
        await asyncio.gather(*(event.wait() for event in ended))

    def clients(self) -> list[EngineClient]:
        """Each of which has a worker, or had one."""
        own = [self._own_chat] if self._own_chat else []
        return [self.completion, *own, *self._ending]

    def _is_held(self, role: Role) -> bool:
        if role == "completion" or self.is_shared:
            return self.completion.state.phase in ("loading", "ready")
        return any(client.pid is not None for client in (self._own_chat, *self._ending) if client)

    def _make_completion_ready(self) -> None:
        self._rouse("completion", self.completion)

    def _make_chat_ready(self) -> None:
        self._rouse("chat", self.completion if self.is_shared else self._own_chat)

    def _rouse(self, role: Role, client: EngineClient | None) -> None:
        if self._targets[role] is None:
            self._roles[role].give_up("No model is chosen; choose one first.")
        elif client is not None and client.state.phase == "failed" and client.state.is_restartable:
            client.restart()
        elif client is None or client.state.phase not in ("starting", "loading", "ready"):
            self.load(role)

    def _follow(self, settings: Settings) -> None:
        before, self._targets = self._targets, wanted(settings)
        self._set_rests(settings)
        if self._targets["chat"] != before["chat"] or self.is_shared:
            self._end_own_chat(EngineState("idle", self._targets["chat"], is_resting=True))
        if self._targets["completion"] != before["completion"]:
            if self._targets["completion"] is None:
                self.completion.unload()
            else:
                self.load("completion")

    def _serve_chat(self) -> None:
        client = self.completion if self.is_shared else self._own_chat
        if client is not None:
            self._roles["chat"].serve_by(client, client.state)
        elif self._targets["chat"] is not None:
            state = EngineState("idle", self._targets["chat"], is_resting=True)
            self._roles["chat"].serve_by(None, state)

    def _end_own_chat(self, state: EngineState) -> None:
        """`state`: what there is to say of the chat's model from now on."""
        client, self._own_chat = self._own_chat, None
        if self.is_shared:
            self._serve_chat()
        else:
            self._roles["chat"].serve_by(None, state)
        if client is not None:
            client.state_changed.disconnect(self._end_a_resting_chat)
            self._ending.append(client)
            client.closed.connect(self._forget_ended)
            client.close()

    def _end_a_resting_chat(self, state: EngineState) -> None:
        """With its model, a process would still hold what loading it has taken."""
        if state.phase == "idle" and state.is_resting:
            self._end_own_chat(state)

    def _forget_ended(self) -> None:
        ended = [client for client in self._ending if client.pid is None]
        self._ending = [client for client in self._ending if client not in ended]
        for client in ended:
            client.deleteLater()

    def _set_rests(self, settings: Settings) -> None:
        self.completion.rest_after(settings.engine.unload_after_minutes)
        if self._own_chat is not None:
            self._own_chat.rest_after(settings.chat.unload_after_minutes)


def wanted(settings: Settings) -> dict[Role, Target | None]:
    """By the settings; without a model for completion, the one that comes along."""
    engine, chat, budget = settings.engine, settings.chat, settings.budget
    path = completing_model(settings)
    placement = Placement(
        device=engine.device,
        precision=engine.precision,
        threads=engine.threads,
        ram_mb=budget.ram_mb,
        vram_mb=budget.vram_mb,
    )
    adapted = replace(placement, adapter=engine.adapter, adapter_strength=engine.adapter_strength)
    completion = Target(path, adapted) if path else None
    if not chat.model:
        return {"completion": completion, "chat": completion}
    own = Target(chat.model, replace(placement, device=chat.device, precision=chat.precision))
    return {"completion": completion, "chat": own}


def completing_model(settings: Settings) -> str:
    """Its path; empty where there is none."""
    return settings.engine.model or (str(EMBEDDED) if has_embedded() else "")


def places_of_models(settings: Settings) -> list[Path]:
    """Where a model may lie that can be chosen: what comes along, our own folder, the hub's cache, and what
    the person has added."""
    return [EMBEDDED, models_folder(), hub_cache_folder(), *map(Path, settings.models.folders)]


def has_embedded() -> bool:
    return (EMBEDDED / "config.json").is_file()


def reply_id(reply: Reply) -> int | None:
    """Of the request that it answers."""
    return getattr(reply, "id", None)


def _placed(target: Target, beside_pid: int | None, anyway: bool) -> Placement:
    return replace(target.placement, beside_pid=beside_pid or 0, anyway=anyway)
