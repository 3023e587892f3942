"""How far a job is, told as events: nothing that was known goes untold, and nothing is told after the end."""

import argparse
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.cli.teller import Teller
from core.spec.errors import JobError
from core.spec.messages import Progress


def around(work: Callable[[Teller], None]) -> None:
    teller = Teller(
        argparse.Namespace(json=False, events=True), lambda first, second: f"{first} of {second}", Progress
    )
    teller.around(lambda: work(teller), Path("result"))


def three_steps(teller: Teller) -> None:
    for step in (1, 2, 3):
        teller.tell(step, 3)


def three_steps_and(error: BaseException) -> Callable[[Teller], None]:
    def work(teller: Teller) -> None:
        three_steps(teller)
        raise error

    return work


def test_what_was_told_last_is_heard_before_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    around(three_steps)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["step"] for event in events if event["type"] == "progress"][-1] == 3
    assert events[-1] == {"type": "finished", "path": "result", "stopped": False, "metrics": []}


def test_what_was_told_last_is_heard_before_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(JobError):
        around(three_steps_and(JobError("The disk is full.")))
    *_, last, end = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (last["step"], end["type"], end["message"]) == (3, "failed", "The disk is full.")


def test_an_interrupt_leaves_nothing_that_would_be_told_later() -> None:
    with pytest.raises(KeyboardInterrupt):
        around(three_steps_and(KeyboardInterrupt()))
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers)
