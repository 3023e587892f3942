"""BenchVoice: what a benchmark tells while it runs: a person one line that moves on, a program events."""

import sys
import time
from types import TracebackType
from typing import Literal

from core import report
from core.spec.errors import SmallCoderError
from core.spec.messages import Event, Note, Progress, failed
from trainer.cli.event_stream import EventStream
from trainer.control import Control
from trainer.spec.durations import duration

_TERMINAL_SECONDS, _FILE_SECONDS = 0.2, 10.0

Audience = Literal["person", "program", "nobody"]


class BenchVoice:
    """`nobody` hears of what is left out all the same. A failure inside the with statement is told too."""

    def __init__(self, audience: Audience, control: Control) -> None:
        self._audience, self._control = audience, control
        self._stream: EventStream | None = None
        self._every_s = _TERMINAL_SECONDS if sys.stderr.isatty() else _FILE_SECONDS
        self._said_s = time.monotonic()

    def __enter__(self) -> "BenchVoice":
        if self._audience == "program":
            self._stream = EventStream(self._control.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, SmallCoderError):
            self.tell(failed(error))
        self._clear()
        if self._stream is not None:
            self._stream.close()

    def tell(self, event: Event) -> None:
        if self._stream is not None:
            self._stream.write(event)
        elif isinstance(event, Note):
            self._clear()
            report.complain(event.text)
        elif isinstance(event, Progress) and self._audience == "person":
            self._show(event)

    def _clear(self) -> None:
        if self._audience == "person":
            report.show_progress("")

    def _show(self, event: Progress) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s >= self._every_s:
            self._said_s = now_s
            report.show_progress(progress_line(event))


def progress_line(event: Progress) -> str:
    metrics = {metric.name: metric.value for metric in event.metrics}
    if "checking_references" in metrics:
        return f"checking the tasks' own solutions: {event.step:,} of {event.total or 0:,}"
    shown = f"{event.step:,} of {event.total or 0:,}"
    if "passed" in metrics:
        shown += f" answers, {metrics['passed'] or 0:,.0f} right"
    left = metrics.get("seconds_left")
    return shown + (f", about {duration(left)} left" if left is not None else "")
