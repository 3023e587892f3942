"""How a run is spoken of: its state, when it was, and why it was refused."""

import re
from dataclasses import dataclass
from datetime import datetime

from app.form import title
from app.runs.record import Phase

STATES: dict[Phase, str] = {
    "new": "not begun",
    "starting": "starting",
    "running": "learning",
    "paused": "paused",
    "judging": "being judged",
    "stopped": "stopped",
    "finished": "finished",
    "failed": "failed",
    "broken": "broken off",
    "gone": "gone",
}
COLOURS: dict[Phase, str] = {
    **dict.fromkeys(("new", "stopped", "broken", "paused"), "muted"),
    **dict.fromkeys(("starting", "running", "judging"), "accent"),
    "finished": "success",
    **dict.fromkeys(("failed", "gone"), "danger"),
}
ICONS: dict[Phase, str] = {
    **dict.fromkeys(("starting", "running", "judging"), "play"),
    **dict.fromkeys(("new", "paused", "stopped", "broken"), "dot"),
    "finished": "check",
    **dict.fromkeys(("failed", "gone"), "error"),
}

_OR_ANYWAY = re.compile(r",? or (resume with )?--anyway\.")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


def is_refused_for_room(problem: str) -> bool:
    """Whether who insists may begin all the same."""
    return problem.endswith(" or --anyway.")


def in_window(problem: str, *, offers_anyway: bool = False) -> str:
    """Commands name their options, for which there are buttons, and settings below Advanced, here."""
    said = problem.replace("model, close", "model or close") if is_refused_for_room(problem) else problem
    said = _OR_ANYWAY.sub(", or start anyway." if offers_anyway else ".", said)
    return _OPTION.sub(lambda found: f'"{title(found[1].replace("-", "_"))}"', said)


def day(timestamp: float) -> str:
    """Today's time, else the date."""
    then, now = datetime.fromtimestamp(timestamp), datetime.now()
    if then.date() == now.date():
        return then.strftime("%H:%M")
    return then.strftime("%d %b" if then.year == now.year else "%d %b %Y").lstrip("0")


@dataclass(frozen=True)
class Entry:
    """`when`: when it last said something, in seconds of the epoch; `judgement`: of its verdict."""

    folder: str
    name: str
    phase: Phase
    when: float
    judgement: str = ""

    @property
    def about(self) -> str:
        state = self.judgement if self.phase == "finished" and self.judgement else STATES[self.phase]
        return f"{state}, {day(self.when)}"
