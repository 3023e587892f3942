"""serve: a worker process; JSON lines come in on its standard input and go out on its standard output.

It lives as long as its parent does and wants it to. What can be said is in core/spec/messages.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.server.outbox import Outbox
from core.server.requests import Requests
from core.server.worker import OpenEngine, Worker
from core.spec import lines, messages
from core.spec.budget import CARD_RUNTIME_BYTES
from core.spec.errors import UsageError
from core.spec.lines import MAX_LINE_BYTES, REQUESTS
from core.spec.messages import PROTOCOL, Cancel, Hello, Ping, Reply, Status
from core.spec.placement import Placement

if TYPE_CHECKING:
    from core.engine import Engine

_CHUNK_BYTES = 2**16
_LAST_WORDS_S = 0.2
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9


def serve(version: str, open_engine: OpenEngine | None = None) -> int:
    """The exit code. Threads are still at work then: end the process without waiting for them."""
    requests_in, replies_out = _private_streams()
    outbox = Outbox(lambda line: _write_whole(replies_out, line))
    _start(outbox.write_all)
    outbox.say(Hello(version, PROTOCOL, os.getpid()))
    _die_with_parent()
    requests = Requests(outbox.say_at_once)
    worker = Worker(requests, outbox, open_engine or _open_engine)
    _start(worker.work)
    try:
        for line in read_lines(requests_in):
            reply = _heard(line, requests, worker)
            if reply is not None:
                outbox.say_at_once(reply)
    except KeyboardInterrupt:
        return 130
    outbox.wait_until_written(_LAST_WORDS_S)
    return 0


def read_lines(stream: FileIO) -> Iterator[bytes | None]:
    """None for a line that is too long, of which nothing is kept. What has no line's end is no line."""
    kept, is_too_long = bytearray(), False
    while chunk := stream.read(_CHUNK_BYTES):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            kept += part
            yield None if is_too_long or len(kept) > MAX_LINE_BYTES else bytes(kept)
            kept, is_too_long = bytearray(), False
        if is_too_long or len(kept) + len(rest) > MAX_LINE_BYTES:
            kept, is_too_long = bytearray(), True
        else:
            kept += rest


def _heard(line: bytes | None, requests: Requests, worker: Worker) -> Reply | None:
    id: int | None = None
    try:
        if line is None:
            raise UsageError(f"A message has more than {MAX_LINE_BYTES:,} bytes; send less text at once.")
        content = lines.parse(line)
        id = lines.id_of(content)
        request = lines.from_object(content, REQUESTS)
        if isinstance(request, Ping):
            facts = worker.facts
            return Status(facts, _resident_bytes(), worker.busy_with, _card_bytes() if facts else 0)
        if isinstance(request, Cancel):
            requests.cancel(request.id)
        else:
            requests.add(request)
    except UsageError as error:
        return messages.failed(error, id)
    return None


def _private_streams() -> tuple[FileIO, FileIO]:
    """Nobody else in this process, and no process it starts, can take a request or spoil a reply."""
    requests_in, replies_out = FileIO(os.dup(0), "r"), FileIO(os.dup(1), "w")
    if sys.platform != "win32":  # whoever started us may have wanted its own ends not to wait
        os.set_blocking(requests_in.fileno(), True)
        os.set_blocking(replies_out.fileno(), True)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests_in, replies_out


def _write_whole(stream: FileIO, line: bytes) -> None:
    left = memoryview(line)
    while left:
        left = left[stream.write(left) or 0 :]


def _start(run: Callable[[], None]) -> None:
    """Both threads run for ever: a worker that has lost one would be silent, and so it ends."""

    def run_to_the_end() -> None:
        try:
            run()
        except OSError:  # nobody reads us any more; which error that is depends on the system
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)

    threading.Thread(target=run_to_the_end, daemon=True).start()


def _die_with_parent() -> None:
    """The end of standard input says the same, unless another process holds its other end too.

    Linux takes for the parent the thread that has started us: that one must live as long as we should.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def _resident_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def _card_bytes() -> int:
    """0 also where nobody has needed torch, and while it is being imported."""
    cards: Any = getattr(sys.modules.get("torch"), "cuda", None)
    if not hasattr(cards, "memory_reserved") or not cards.is_initialized():
        return 0
    return int(cards.memory_reserved()) + CARD_RUNTIME_BYTES


def _open_engine(path: Path, placement: Placement, say: Callable[[str], None]) -> "Engine":
    say("starting")
    from core.engine import load
    from core.fitting import learn_runtime

    learn_runtime()
    return load(path, placement, say)
