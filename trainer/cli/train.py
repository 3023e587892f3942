"""`train`: begin a run, go on with one, list them. A run that is stopped has saved itself and can go on."""

import argparse
import contextlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import guarded
from core.spec.errors import SmallCoderError, UsageError
from core.spec.fields import add_flags, from_flags, to_json
from core.spec.headers import read_json
from core.spec.messages import Event, Finished, Note, Progress, Saved, Started, failed, to_line
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import EventLog, Run, all_runs, create_run, find_run, summary

if TYPE_CHECKING:
    from trainer.control import Control

_SPECS = Path(__file__).parents[2] / "resources" / "specs"
_QUIET_SECONDS = 1.0


def fill(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="begin a run")
    new.add_argument("name", metavar="RUN", help="a name, or a folder to make")
    new.add_argument("--spec", metavar="NAME|FILE", help="settings to start from; flags stand above them")
    add_flags(new, TrainSpec)
    new.set_defaults(run=guarded(_new))
    resume = actions.add_parser("resume", help="go on from the last checkpoint")
    resume.add_argument("name", metavar="RUN", help="a run's name or folder")
    resume.add_argument("--anyway", action="store_true", help="even if its data or its model changed")
    resume.add_argument("--minutes", type=float, default=0.0, help="stop and save after so long")
    resume.set_defaults(run=guarded(_resume))
    listing = actions.add_parser("list", help="the runs so far")
    listing.add_argument("--json", action="store_true", help="JSON for a program")
    listing.set_defaults(run=guarded(_list))
    for action in (new, resume):
        action.add_argument(
            "--events",
            "--json",
            action="store_true",
            help="a line of JSON an event; the end of standard input stops and saves",
        )


def _new(arguments: argparse.Namespace) -> int:
    spec = from_flags(TrainSpec, arguments, **_given(arguments.spec))
    from trainer.fitting import require_room
    from trainer.running import decided, device_of, open_corpus

    spec = replace(decided(spec), model=_lasting(spec.model), data=_lasting(spec.data))
    open_corpus(spec)  # what is wrong with the data is said before there is a run
    require_room(spec, device_of(spec).type)
    run = create_run(arguments.name, spec)
    return _sit(run, spec, arguments.events)


def _resume(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.name)
    spec = run.spec()
    spec = replace(spec, anyway=spec.anyway or arguments.anyway, minutes=arguments.minutes or spec.minutes)
    from trainer.fitting import require_room
    from trainer.running import device_of

    require_room(spec, device_of(spec).type)
    return _sit(run, spec, arguments.events)


def _sit(run: Run, spec: TrainSpec, is_for_program: bool) -> int:
    from trainer.control import Control, listen, stop_on_signals
    from trainer.running import open_corpus, sit

    control = Control()
    voice = _Voice(run, control, is_for_program)
    try:
        if is_for_program:
            listen(control, 0)
        stop_on_signals(control)
        voice.tell(sit(run, spec, control, voice.tell, open_corpus(spec)))
    except SmallCoderError as error:
        voice.tell_of_failure(error)
        raise
    finally:
        voice.close()
    return 0


def _list(arguments: argparse.Namespace) -> int:
    rows = [summary(run) for run in all_runs()]
    if arguments.json:
        report.say_json([to_json(row) for row in rows])
        return 0
    if not rows:
        report.say("No runs yet; begin one with 'main.py train new RUN --recipe ... --model ... --data ...'.")
    for row in rows:
        loss = "" if row.loss is None else f", loss {row.loss:.3f}"
        steps = f"step {row.step} of {row.total or '?'}"
        report.say(f"{row.name}  {row.recipe} of {row.model}  {steps}{loss}  {row.state}")
    return 0


def _given(name: str | None) -> dict[str, Any]:
    """Settings of a file, or of those that come with the program."""
    if name is None:
        return {}
    path = Path(name) if Path(name).exists() else _SPECS / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in _SPECS.glob("*.json"))) or "none yet"
        raise UsageError(f"There are no settings called {name!r}; there are: {known}. Or name a file.")
    content = read_json(path)
    if not isinstance(content, dict):
        raise UsageError(f"{path} must hold a JSON object of settings.")
    content.pop("format", None)
    return content


def _lasting(name: str) -> str:
    """A run may be gone on with from another folder; presets are no paths."""
    return str(Path(name).absolute()) if Path(name).exists() else name


class _Voice:
    """Each event goes to events.jsonl, and to whoever started us."""

    def __init__(self, run: Run, control: "Control", is_for_program: bool) -> None:
        self._log, self._control = EventLog(run), control
        self._out: int | None = None
        if is_for_program:  # a stream to itself: what libraries print must not come between the lines
            sys.stdout.flush()
            self._out = os.dup(1)
            os.dup2(2, 1)
        self._is_for_program = is_for_program
        self._said_at = 0.0

    def tell(self, event: Event) -> None:
        self._log.write(event)
        self._say(event)

    def tell_of_failure(self, error: SmallCoderError) -> None:
        event = failed(error)
        with contextlib.suppress(SmallCoderError):  # the same full disk, which is what the error says
            self._log.write(event)
        if self._is_for_program:
            self._say(event)

    def close(self) -> None:
        self._log.close()
        if self._out is not None:
            os.close(self._out)

    def _say(self, event: Event) -> None:
        if not self._is_for_program:
            text = self._text(event)
            if text:
                report.say(text)
        elif self._out is not None:
            try:
                line = memoryview(to_line(event))
                while line:
                    line = line[os.write(self._out, line) :]
            except OSError:  # nobody reads us any more
                os.close(self._out)
                self._out = None
                self._control.stop()

    def _text(self, event: Event) -> str:
        if isinstance(event, Progress):
            metrics = {metric.name: metric.value for metric in event.metrics}
            now = time.monotonic()
            if "validation_loss" not in metrics and now - self._said_at < _QUIET_SECONDS:
                return ""
            self._said_at = now
            shown = {name: metrics.get(name) or 0.0 for name in ("loss", "tokens_per_s", "seconds_left")}
            validation = metrics.get("validation_loss")
            return (
                f"step {event.step} of {event.total}  loss {shown['loss']:.4f}  "
                f"{shown['tokens_per_s']:,.0f} tokens/s  {shown['seconds_left'] / 60:,.1f} min left"
                + ("" if validation is None else f"  validation {validation:.4f}")
            )
        if isinstance(event, Finished):
            return f"{'stopped and saved' if event.stopped else 'finished'}: {event.path}"
        if isinstance(event, Saved):
            return f"saved step {event.step}"
        if isinstance(event, Started):
            return f"computing on {event.device}, {event.total_steps} steps"
        return event.text if isinstance(event, Note) else ""
