"""Teller: how far a job is, for a person as a line now and then, for a program as events."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from core import report
from core.spec.errors import SmallCoderError
from core.spec.messages import Event, Finished, Note, Progress, Started, failed, to_line
from core.spec.version import version

_EVERY_S = 2.0
_EVENTS_EVERY_S = 0.5  # a window shows them as they come

T = TypeVar("T")


class Teller:
    """`sentence` and `progress` are made of the two numbers that a job tells; with --json it is silent until
    the end."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        sentence: Callable[[int, int], str],
        progress: Callable[[int, int], Progress],
    ) -> None:
        self._is_silent = arguments.json and not arguments.events
        self._tells_events = arguments.events
        self._sentence, self._progress = sentence, progress
        self._every_s = min(_EVERY_S, _EVENTS_EVERY_S) if self._tells_events else _EVERY_S
        self._told_s = -self._every_s if self._tells_events else time.monotonic()

    def tell(self, first: int, second: int) -> None:
        now_s = time.monotonic()
        if self._is_silent or now_s - self._told_s < self._every_s:
            return
        self._told_s = now_s
        if self._tells_events:
            _say_event(self._progress(first, second))
        else:
            report.say(self._sentence(first, second))

    def note(self, sentence: str) -> None:
        """Something to be known beforehand."""
        if self._tells_events:
            _say_event(Note(sentence))
        elif not self._is_silent:
            report.say(sentence)

    def around(self, work: Callable[[], T], path: Path | Callable[[T], Path]) -> T:
        """`path`: where the result is; a function where only the work finds that out."""
        if not self._tells_events:
            return work()
        _say_event(Started(version(), "cpu", None))
        try:
            result = work()
        except SmallCoderError as error:
            _say_event(failed(error))
            raise
        _say_event(Finished(path=str(path if isinstance(path, Path) else path(result))))
        return result


def _say_event(event: Event) -> None:
    report.say(to_line(event).decode().rstrip("\n"))
