"""Control: what a person wants of a run that is going on. Asked by the loop between two steps.

It is said through standard input by whoever started it, through the run's folder by anybody, or by a signal.
"""

import math
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from trainer.spec.runs import Run, Wish, read_wish

_LINE_BYTES = 4096
_LOOK_EVERY_S = 0.25


class Control:
    """Wishes may come from any thread."""

    def __init__(self) -> None:
        self._is_stopped = False
        self._may_go_on = threading.Event()
        self._may_go_on.set()

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped

    @property
    def is_paused(self) -> bool:
        return not self._may_go_on.is_set()

    def stop(self) -> None:
        self._is_stopped = True
        self._may_go_on.set()

    def pause(self) -> None:
        if not self._is_stopped:
            self._may_go_on.clear()

    def go_on(self) -> None:
        self._may_go_on.set()

    def wait_while_paused(self) -> None:
        self._may_go_on.wait()


def listen(control: Control, descriptor: int) -> None:
    """Lines `pause`, `resume` and `stop`; the end of the stream is a stop.

    Reads the descriptor itself: a thread that waits in Python's own buffer would trouble the exit.
    """
    wishes: dict[bytes, Callable[[], None]] = {
        b"pause": control.pause,
        b"resume": control.go_on,
        b"stop": control.stop,
    }

    def read() -> None:
        held = b""
        while data := _read(descriptor):
            *lines, held = (held + data)[-_LINE_BYTES:].split(b"\n")
            for line in lines:
                wishes.get(line.strip(), lambda: None)()
        control.stop()

    threading.Thread(target=read, name="control", daemon=True).start()


def listen_to_folder(control: Control, run: Run, began_at: float) -> None:
    """What was wished before this process began was meant for another one. All that comes later is new, even
    where somebody sets the clock back; a pause lasts as long as was wished, from when it was heard."""
    earlier = read_wish(run)
    if earlier is not None and earlier.at >= began_at:
        earlier = None

    def look() -> None:
        is_held, heard, ends_s = False, None, math.inf
        while not control.is_stopped:
            wish = read_wish(run)
            if wish == earlier:
                wish = None
            if wish != heard:
                heard, ends_s = wish, _end_of(wish)
            if (wish is not None and wish.what == "stop") or not run.spec_file.exists():
                control.stop()  # or somebody has deleted it
                return
            wanted = wish is not None and wish.what == "pause" and time.monotonic() < ends_s
            if wanted != is_held:
                is_held = wanted
                (control.pause if wanted else control.go_on)()
            time.sleep(_LOOK_EVERY_S)

    threading.Thread(target=look, name="wishes", daemon=True).start()


def _end_of(wish: Wish | None) -> float:
    if wish is None or wish.until is None:
        return math.inf
    return time.monotonic() + wish.until - wish.at


def stop_on_signals(control: Control) -> None:
    """The first interrupt stops and saves; a second one ends the process as usual."""

    def handle(number: int, _: FrameType | None) -> None:
        control.stop()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _LINE_BYTES)
    except OSError:
        return b""
