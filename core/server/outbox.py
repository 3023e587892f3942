"""Outbox: replies on their way out, written by one thread so that no reader can hold up anything else.

Bounded. While nobody reads, pieces of one answer grow together, then the engine waits, and so the answer
pauses; who must not wait is told that there was no room.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from core.spec.lines import to_line
from core.spec.messages import Reading, Reply, Text

_ENGINE_WAITS_AT = 256  # replies
_FULL_AT = 512
_MOST_TEXT = 16_384  # letters in one Text
_TEXT_EVERY_S = 1 / 30


class Outbox:
    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._is_writing = False
        self._last_text_id: int | None = None
        self._last_text_at = 0.0

    def say(self, reply: Reply) -> None:
        """Waits for room: for the engine's thread."""
        with self._changed:
            if not self._merged(reply):
                self._changed.wait_for(lambda: len(self._waiting) < _ENGINE_WAITS_AT)
                self._waiting.append(reply)
            self._changed.notify_all()

    def say_at_once(self, reply: Reply) -> bool:
        """False where there is no room: for the thread that must go on hearing requests."""
        with self._changed:
            has_room = len(self._waiting) < _FULL_AT
            if has_room:
                self._waiting.append(reply)
            self._changed.notify_all()
        return has_room

    def write_all(self) -> None:
        """The writer's thread; ends with the error of a stream that nobody holds any more."""
        while True:
            with self._changed:
                reply = self._next()
                self._is_writing = True
                self._changed.notify_all()
            self._write(to_line(reply))
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()

    def wait_until_written(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_writing, seconds)

    def _merged(self, reply: Reply) -> bool:
        """Into the last one waiting, where that is of the same answer and kind."""
        last = self._waiting[-1] if self._waiting else None
        if isinstance(reply, Text) and isinstance(last, Text) and last.id == reply.id:
            if len(last.text) + len(reply.text) > _MOST_TEXT:
                return False
            self._waiting[-1] = Text(reply.id, last.text + reply.text, reply.tokens)
            return True
        if isinstance(reply, Reading) and isinstance(last, Reading) and last.id == reply.id:
            self._waiting[-1] = reply
            return True
        return False

    def _next(self) -> Reply:
        while not self._waiting or (pause := self._pause()) > 0:
            self._changed.wait(pause if self._waiting else None)
        reply = self._waiting.popleft()
        if isinstance(reply, Text):
            self._last_text_id, self._last_text_at = reply.id, time.monotonic()
        return reply

    def _pause(self) -> float:
        """How long a piece of text is kept back for more of it; never where anything waits behind it."""
        first = self._waiting[0]
        if len(self._waiting) > 1 or not isinstance(first, Text) or first.id != self._last_text_id:
            return 0
        return self._last_text_at + _TEXT_EVERY_S - time.monotonic()
