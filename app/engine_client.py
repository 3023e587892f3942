"""EngineClient: the window's side of `main.py serve`. Wishes go in by its methods, facts come out as signals.

Every request gets one last word, even where the worker dies in the middle of it. A worker that dies is
started again once with the same model; when it dies again soon, a person is asked. What completions and chats
mean is not here.
"""

import itertools
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from app.process import Outcome, WorkerProcess, gently, own_command
from core.spec.errors import UsageError
from core.spec.lines import MAX_LINE_BYTES, REPLIES, from_line, to_line
from core.spec.messages import (
    PROTOCOL,
    Cancel,
    Chat,
    Complete,
    Count,
    Counted,
    Done,
    Failed,
    Hello,
    Load,
    Loaded,
    Loading,
    ModelFacts,
    Ping,
    Reply,
    Request,
    Status,
    Unload,
    Unloaded,
)
from core.spec.placement import Placement

Phase = Literal["off", "starting", "idle", "loading", "ready", "failed"]

# ids of our own lie above those that completions count up from 1
_FIRST_OWN_ID = 2**50
_own_ids = itertools.count(_FIRST_OWN_ID)  # the same for all clients: a request may go to one or the other
_NICENESS = 10
_RESTARTS_ONCE_IN_S = 60.0
_CANCEL_HEARD_WITHIN_MS = 10_000


def new_id() -> int:
    """For requests that do not count their own revisions; no worker has the same one."""
    return next(_own_ids)


@dataclass(frozen=True)
class Target:
    """A model, and where to run it."""

    path: str
    placement: Placement


@dataclass(frozen=True)
class EngineState:
    """What the status bar shows.

    `step` is what a load is doing; `problem` a sentence for a person, and `is_restartable` whether starting
    the worker again may help; `is_resting` where the model was unloaded because nobody used it;
    `is_too_large` where there was no memory for it.
    """

    phase: Phase = "off"
    target: Target | None = None
    facts: ModelFacts | None = None
    step: str = ""
    problem: str = ""
    is_restartable: bool = False
    is_resting: bool = False
    is_too_large: bool = False

    @property
    def share(self) -> str:
        """How far the step is, as "45 %"; empty where it does not say."""
        share = self.step.rpartition(": ")[2]
        return share if share.endswith(" %") else ""


def model_name(state: EngineState) -> str:
    if state.facts is not None:
        return state.facts.name
    path = state.target.path.replace("\\", "/").rstrip("/") if state.target else "the model"
    return path.rpartition("/")[2]


class EngineClient(QObject):
    """
    Signals:
        state_changed: the EngineState, whenever it is another.
        replied: a Reply that belongs to a request of somebody else's, or Status.
        noted: a sentence worth showing, such as that the worker was started again.
        closed: the worker has ended after `close`.
    """

    state_changed = Signal(object)
    replied = Signal(object)
    noted = Signal(str)
    closed = Signal()

    def __init__(
        self, parent: QObject | None = None, command: list[str] | None = None, name: str = "Engine"
    ) -> None:
        """`name` is what its worker is called where memory is shown."""
        super().__init__(parent)
        self._command = command or gently(own_command(["serve"]), _NICENESS)
        self.state = EngineState()
        self._worker = WorkerProcess(self)
        self._worker.name = name
        self._worker.line_read.connect(self._hear)
        self._worker.ended.connect(self._meet_end)
        self._own_request: Load | Unload | None = None
        self._loaded: Target | None = None
        self._asked: dict[int, Request] = {}
        self._died_at = -_RESTARTS_ONCE_IN_S
        self._is_closing = False
        self._rest_after_ms = 0
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self._unload_unused)
        self._cancel_unheard = QTimer(self, singleShot=True, interval=_CANCEL_HEARD_WITHIN_MS)
        self._cancel_unheard.timeout.connect(self._kill_the_deaf)
        self._cancelled: set[int] = set()
        self.card_bytes = 0  # of a card, as the worker said last

    @property
    def is_ready(self) -> bool:
        return self.state.phase == "ready"

    @property
    def pid(self) -> int | None:
        return self._worker.pid if self._worker.is_running else None

    @property
    def log(self) -> str:
        return self._worker.log

    def new_id(self) -> int:
        return new_id()

    def load(self, path: str, placement: Placement) -> None:
        self._aim_at(Target(path, placement))

    def wake(self) -> None:
        """Loads the model again that was unloaded because nobody used it."""
        if self.state.is_resting and self.state.target is not None:
            self._aim_at(self.state.target)

    def unload(self) -> None:
        if self.state.phase in ("loading", "ready"):
            self._own_request = Unload(self.new_id())
            self._send(self._own_request)

    def restart(self) -> None:
        """By a person's wish: the model that was wanted last, in a new worker."""
        self._died_at = -_RESTARTS_ONCE_IN_S
        if self._worker.is_running:
            self._worker.stop()
        elif self.state.target is not None:
            self._aim_at(self.state.target)

    def ask(self, request: Complete | Chat | Count) -> None:
        """Answered through `replied`, at the latest when the worker dies."""
        if not self.is_ready:
            self.replied.emit(Failed("request", "No model is ready; load one first.", request.id))
            return
        line = to_line(request)
        if len(line) > MAX_LINE_BYTES:  # the worker would read it as nobody's
            self.replied.emit(Failed("request", "This is too much text at once; send less.", request.id))
            return
        self._asked[request.id] = request
        self._worker.write(line)
        self._keep_awake()

    def cancel(self, id: int) -> None:
        if id in self._asked and id not in self._cancelled:
            self._cancelled.add(id)
            self._cancel_unheard.start()
            self._send(Cancel(id))

    def ping(self) -> None:
        """Answered by Status through `replied`."""
        self._send(Ping())

    def rest_after(self, minutes: int) -> None:
        """Unload the model when it was not used for so long; 0 keeps it."""
        self._rest_after_ms = minutes * 60_000
        self._keep_awake()

    def close(self) -> None:
        """Ends the worker; `closed` follows, at once where there is none."""
        self._is_closing = True
        self._rest.stop()
        self._cancel_unheard.stop()
        if self._worker.is_running:
            self._worker.stop()
        else:
            self.closed.emit()

    def _aim_at(self, target: Target) -> None:
        self._own_request = Load(self.new_id(), target.path, target.placement)
        if not self._worker.is_running:
            self._set(EngineState("starting", target))
            self._worker.start(self._command)
        elif self.state.phase == "starting":
            self._set(replace(self.state, target=target))
        else:
            self._set(EngineState("loading", target))
            self._send(self._own_request)

    def _send(self, request: Request) -> None:
        self._worker.write(to_line(request))

    def _set(self, state: EngineState) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    def _hear(self, line: bytes) -> None:
        try:
            reply = from_line(line, REPLIES)
        except UsageError as error:
            self._fail(f"The engine said something that is no message: {error}")
            self._worker.kill()
            return
        self._take(reply)

    def _take(self, reply: Reply) -> None:
        match reply:
            case Hello():
                self._greet(reply)
            case Status():
                self._take_status(reply)
            case _ if self._own_request is not None and reply.id == self._own_request.id:
                self._take_own(reply)
            case _:
                self._pass_on(reply)

    def _greet(self, hello: Hello) -> None:
        if hello.protocol != PROTOCOL:
            self._fail("The engine is of another version; close SmallCoder, and set it up again.")
            self._worker.stop()
        elif self._own_request is None:
            self._set(EngineState("idle"))
        else:
            self._set(EngineState("loading", self.state.target))
            self._send(self._own_request)

    def _take_own(self, reply: Reply) -> None:
        match reply:
            case Loading():
                self._set(replace(self.state, step=reply.step))
            case Loaded():
                self._own_request = None
                self._loaded = self.state.target
                self._set(EngineState("ready", self.state.target, reply.facts))
                self._keep_awake()
            case Unloaded():
                self._own_request = None
                self.card_bytes = 0
                self._set(EngineState("idle", self.state.target, is_resting=self.state.is_resting))
            case Failed():
                self._own_request = None
                problem = _for_the_window(reply.message, self.state.target)
                failed = EngineState("failed", self.state.target, problem=problem)
                self._set(replace(failed, is_too_large=reply.kind == "memory"))
                self.ping()

    def _take_status(self, status: Status) -> None:
        """Where another model could not be loaded, the earlier one may still be there."""
        if self.state.phase == "failed" and status.facts is not None and not self.state.is_restartable:
            self.noted.emit(self.state.problem)
            self._set(EngineState("ready", self._loaded, status.facts))
            self._keep_awake()
        self.card_bytes = status.card_bytes
        self.replied.emit(status)

    def _pass_on(self, reply: Reply) -> None:
        if isinstance(reply, Done | Failed | Counted) and reply.id is not None:
            self._asked.pop(reply.id, None)
            self._cancelled.discard(reply.id)
            if not self._cancelled:
                self._cancel_unheard.stop()
        self.replied.emit(reply)

    def _keep_awake(self) -> None:
        self._rest.stop()
        if self._rest_after_ms and self.is_ready:
            self._rest.start(self._rest_after_ms)

    def _unload_unused(self) -> None:
        if self._asked:
            self._keep_awake()
            return
        self._set(replace(self.state, is_resting=True))
        self.unload()

    def _kill_the_deaf(self) -> None:
        if self._cancelled:
            self.noted.emit("The engine did not stop when it was told to, and was ended.")
            self._worker.kill()

    def _fail(self, problem: str) -> None:
        self._set(EngineState("failed", self.state.target, problem=problem, is_restartable=True))

    def _meet_end(self, outcome: Outcome) -> None:
        self._rest.stop()
        self._cancel_unheard.stop()
        self._cancelled.clear()
        self.card_bytes = 0
        self._own_request = None
        asked, self._asked = self._asked, {}
        sentence = outcome.sentence("The engine")
        if self._is_closing:
            self._set(EngineState("off", self.state.target))
            self.closed.emit()
            return
        for id in asked:
            self.replied.emit(Failed("crashed", sentence, id))
        may_restart = time.monotonic() - self._died_at >= _RESTARTS_ONCE_IN_S
        self._died_at = time.monotonic()
        target = self.state.target
        if self.state.phase == "failed" and self.state.is_restartable:
            return  # it was ended because of what is said already
        if target is not None and may_restart and outcome.exit_code is not None:
            self.noted.emit(f"{sentence} It was started again with the same model.")
            self._aim_at(target)
        else:
            self._fail(sentence)


def _for_the_window(problem: str, target: Target | None) -> str:
    """The engine names options of the command line, for which there are buttons and settings here; and the
    model's place, of which there is a page."""
    if target is not None:
        problem = problem.replace(f"{target.path} as ", f"{Path(target.path).name} as ")
    return problem.replace("choose --precision ", "choose the precision ").replace(
        " or --anyway.", ", or load it anyway."
    )
