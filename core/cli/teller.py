"""Teller: how far a job is, for a person as a line now and then, for a program as events."""

import argparse
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core import report
from core.spec.errors import SmallCoderError
from core.spec.lines import to_line
from core.spec.messages import Event, Finished, Note, Progress, Started, failed
from core.spec.version import version

_EVERY_S = 2.0
_EVENTS_EVERY_S = 0.5  # a window shows them as they come

T = TypeVar("T")


class Teller:
    """`sentence` and `progress` are made of the two numbers that a job tells; with --json it is silent until
    the end. An event that comes too soon is told a little later, so that a job which then stands still is not
    thought to be less far than it is."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        sentence: Callable[[int, int], str],
        progress: Callable[[int, int], Progress],
    ) -> None:
        self._is_silent = arguments.json and not arguments.events
        self._tells_events = arguments.events
        self._sentence, self._progress = sentence, progress
        self._every_s = _EVENTS_EVERY_S if self._tells_events else _EVERY_S
        self._told_s = -self._every_s if self._tells_events else time.monotonic()
        self._lock = threading.Lock()  # the timer is a thread of its own, and tells as well
        self._later: threading.Timer | None = None
        self._latest = (0, 0)

    def tell(self, first: int, second: int) -> None:
        if self._is_silent:
            return
        with self._lock:
            self._latest = first, second
            wait_s = self._told_s + self._every_s - time.monotonic()
            if wait_s <= 0:
                self._drop_later()
                self._say()
            elif self._tells_events and self._later is None:
                self._later = threading.Timer(wait_s, self._tell_latest)
                self._later.daemon = True
                self._later.start()

    def _tell_latest(self) -> None:
        with self._lock:
            if self._later is threading.current_thread():
                self._later = None
                with contextlib.suppress(BrokenPipeError):  # the job hears of it when it tells the next
                    self._say()

    def _say(self) -> None:
        self._told_s = time.monotonic()
        if self._tells_events:
            say_event(self._progress(*self._latest))
        else:
            report.say(self._sentence(*self._latest))

    def _drop_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def note(self, sentence: str) -> None:
        """Something to be known beforehand."""
        if self._tells_events:
            with self._lock:
                say_event(Note(sentence))
        elif not self._is_silent:
            report.say(sentence)

    def around(self, work: Callable[[], T], path: Path | Callable[[T], Path]) -> T:
        """`path`: where the result is; a function where only the work finds that out."""
        if not self._tells_events:
            return work()
        say_event(Started(version(), "cpu", None))
        try:
            result = work()
            self._end(Finished(path=str(path if isinstance(path, Path) else path(result))))
        except SmallCoderError as error:
            self._end(failed(error))
            raise
        finally:
            with self._lock:  # of an end that has no last word, too
                self._drop_later()
        return result

    def _end(self, last_word: Event) -> None:
        """After what was waiting to be told."""
        with self._lock:
            if self._later is not None:
                self._drop_later()
                self._say()
            say_event(last_word)


def say_event(event: Event) -> None:
    report.say(to_line(event).decode().rstrip("\n"))
