"""RunRecord: what the events of a run add up to, whether they are told now or were written down long ago.

But for its curves, which are the charts' own.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from core.spec.messages import Event, Failed, Finished, Note, Progress, Saved, Started
from trainer.spec.runs import GOING_ON, JUDGED, JUDGING, PAUSED, SAMPLE

Phase = Literal[
    "new", "starting", "running", "paused", "judging", "stopped", "finished", "failed", "broken", "gone"
]

_OF = re.compile(r"(\d+) of (\d+)$")
_MOST_NOTES, _MOST_SAMPLES = 200, 50


@dataclass
class RunRecord:
    """`ended` is the last word of the last sitting, None while there is none: it goes on, or was killed.
    `judged` goes on a sentence about its being judged: on what, then how much of that."""

    step: int = 0
    total: int | None = None
    device: str = ""
    saved_step: int | None = None
    sittings: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    samples: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ended: Finished | Failed | None = None
    is_starting: bool = False
    is_paused: bool = False
    is_judging: bool = False
    judged: str = ""

    def begin_sitting(self) -> None:
        """A process was started, which has said nothing yet."""
        self.is_starting, self.is_judging, self.judged = True, False, ""

    def take_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self.take(event)

    def take(self, event: Event) -> None:
        match event:
            case Started():
                self.total, self.device = event.total_steps, event.device
                self.sittings += 1
                self.ended, self.is_starting, self.is_paused, self.is_judging = None, False, False, False
            case Progress():
                self._progress(event)
            case Saved():
                self.saved_step = event.step
            case Note():
                self._note(event.text)
            case Finished() | Failed():
                self.ended, self.is_starting, self.is_paused, self.is_judging = event, False, False, False

    def phase(self, *, is_alive: bool) -> Phase:
        """`is_alive`: whether a process works at it."""
        if is_alive:
            return self._work
        match self.ended:
            case None:
                return "broken" if self.sittings else "new"
            case Failed():
                return "failed"
            case Finished(stopped=True):
                return "stopped"
            case _:
                return "finished"

    @property
    def _work(self) -> Phase:
        if self.is_judging:
            return "judging"  # perhaps another time, long after its end
        if self.is_starting or self.ended is not None or self.sittings == 0:
            return "starting"  # what has ended was an earlier sitting
        return "paused" if self.is_paused else "running"

    @property
    def share(self) -> float:
        return min(1.0, self.step / self.total) if self.total else 0.0

    @property
    def judged_share(self) -> float:
        found = _OF.search(self.judged)
        return min(1.0, int(found[1]) / max(1, int(found[2]))) if found else 0.0

    def _progress(self, event: Progress) -> None:
        self.step, self.total = event.step, event.total or self.total
        # it goes on, whatever another process has said there, and however late somebody has begun to look
        self.ended, self.is_starting, self.is_paused = None, False, False
        for metric in event.metrics:
            if metric.value is not None and math.isfinite(metric.value):
                self.figures[metric.name] = metric.value

    def _note(self, text: str) -> None:
        if text.startswith(SAMPLE):
            self.samples.append((self.step, text.removeprefix(SAMPLE)))
            del self.samples[:-_MOST_SAMPLES]
            return
        if text.startswith(JUDGED):
            self.judged = f": {text.removeprefix(JUDGED)}"
            return
        if text == PAUSED:
            self.is_paused = True
        elif text == GOING_ON:
            self.is_paused = False
        elif text.startswith(JUDGING):
            self.is_judging, self.is_starting, self.judged = True, False, text.removeprefix(JUDGING)
        self.notes.append(text)
        del self.notes[:-_MOST_NOTES]
