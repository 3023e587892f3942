"""Leaving while something learns: what runs do when the window is gone, as it was set or is answered then."""

from app.questions import CANCEL, Choice, Questions
from app.runs.runs import Runs

_CHOICES = (
    Choice("continue", "Let It Learn On"),
    Choice("stop", "Stop and Save", "other"),
    CANCEL,
)


async def may_leave(runs: Runs, when_closed: str, questions: Questions) -> bool:
    """`when_closed`: "ask", or an answer that was given once and for all."""
    alive = runs.alive()
    if not alive:
        return True
    answer = when_closed
    if answer == "ask":
        names = ", ".join(f'"{watch.run.name}"' for watch in alive)
        answer = await questions.ask(
            f"{names} {'is' if len(alive) == 1 else 'are'} still learning.",
            _CHOICES,
            "It can go on without this window, and is found at the next start; or it saves and stops.",
        )
    if answer == CANCEL.id:
        return False
    if answer == "stop":
        for watch in alive:
            watch.wish("stop")
    return True
