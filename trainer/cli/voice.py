"""Voice: what a run tells, into its events.jsonl and to whoever started it: lines of JSON, or words."""

import contextlib
import time
from typing import TYPE_CHECKING

from core import report
from core.spec.errors import SmallCoderError
from core.spec.messages import Event, Finished, Note, Progress, Saved, Started, failed
from trainer.cli.event_stream import EventStream
from trainer.spec.durations import duration
from trainer.spec.runs import JUDGED, EventLog, Run

if TYPE_CHECKING:
    from trainer.control import Control

_QUIET_SECONDS = 1.0


class Voice:
    """`is_heard`: of several processes that train together, one speaks. `is_silent`: what it tells is kept in
    the run alone, for whoever follows it there."""

    def __init__(
        self, control: "Control", *, is_for_program: bool, is_heard: bool = True, is_silent: bool = False
    ) -> None:
        self._is_heard, self._is_silent = is_heard, is_silent
        self._log: EventLog | None = None
        self._stream = EventStream(control.stop) if is_for_program else None
        self._is_for_program = is_for_program
        self._said_at = 0.0

    def keep_in(self, run: Run) -> None:
        """From now on; before there is a run, nothing is kept."""
        if self._log is None and self._is_heard:
            self._log = EventLog(run)

    def tell(self, event: Event) -> None:
        if self._log is not None:
            self._log.write(event)
        self._say(event)

    def note(self, text: str) -> None:
        self.tell(Note(text))

    def tell_of_failure(self, error: SmallCoderError) -> None:
        event = failed(error)
        with contextlib.suppress(SmallCoderError):  # the same full disk, which is what the error says
            if self._log is not None:
                self._log.write(event)
        if self._is_for_program:
            self._say(event)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
        if self._stream is not None:
            self._stream.close()

    def _say(self, event: Event) -> None:
        if not self._is_heard or self._is_silent:
            return
        if not self._is_for_program:
            text = self._text(event)
            if text:
                report.say(text)
        elif self._stream is not None:
            self._stream.write(event)

    def _text(self, event: Event) -> str:
        if isinstance(event, Progress):
            return self._progress(event)
        if isinstance(event, Finished):
            return f"{'stopped and saved' if event.stopped else 'finished'}: {event.path}"
        if isinstance(event, Saved):
            return f"saved step {event.step}"
        if isinstance(event, Started):
            return f"computing on {event.device}, {event.total_steps} steps"
        if not isinstance(event, Note) or (event.text.startswith(JUDGED) and self._has_just_spoken()):
            return ""
        return event.text

    def _has_just_spoken(self) -> bool:
        """Of what is told too often for a person; else this counts as speaking."""
        now = time.monotonic()
        if now - self._said_at < _QUIET_SECONDS:
            return True
        self._said_at = now
        return False

    def _progress(self, event: Progress) -> str:
        metrics = {metric.name: metric.value for metric in event.metrics}
        validation = metrics.get("validation_loss")
        if self._has_just_spoken() and validation is None:
            return ""
        loss, speed, seconds = (metrics.get(name) or 0.0 for name in ("loss", "tokens_per_s", "seconds_left"))
        return (
            f"step {event.step} of {event.total}  loss {loss:.4f}  {speed:,.0f} tokens/s  "
            f"{duration(seconds)} left" + ("" if validation is None else f"  validation {validation:.4f}")
        )
