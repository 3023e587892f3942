"""`bench speed`: how fast models read and write on this machine, and the memory they take."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import JobError
from core.spec.fields import add_flags, from_flags, to_json
from core.spec.messages import Finished, Metric, Note, Progress, Started
from core.spec.placement import Placement
from core.spec.version import version
from trainer.cli.bench_voice import BenchVoice
from trainer.cli.matrix import add_matrix, ways
from trainer.cli.results import INTERRUPTED, STOPPED, Destination, add_output, audience_of
from trainer.cli.speed_process import measured_beside
from trainer.spec.speed import DISTURBING_SHARE, SpeedSettings

if TYPE_CHECKING:
    from trainer.bench.journal import Journal
    from trainer.control import Control

_MB = 1e6

Way = tuple[str, Placement]


def add_action(actions: Commands) -> None:
    parser = actions.add_parser("speed", help="tokens a second, delays and memory of models")
    add_matrix(parser, "a folder, a .gguf file or a preset")
    add_flags(parser, SpeedSettings)
    add_output(parser)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)  # one way, in this process
    parser.set_defaults(run=guarded(_speed))


def _speed(arguments: argparse.Namespace) -> int:
    settings, chosen = from_flags(SpeedSettings, arguments), ways(arguments)
    if arguments.bare:
        report.say_json(measured(*chosen[0], settings))
        return 0
    from trainer.control import Control, listen, stop_on_signals

    control = Control()
    with BenchVoice(audience_of(arguments), control) as voice:
        if arguments.events:
            listen(control, 0)
        stop_on_signals(control)
        voice.tell(Started(version(), chosen[0][1].device, len(chosen)))
        session = _Session(arguments, settings, control, voice)
        rows, place, status = session.run(chosen)
        voice.tell(Finished(control.is_stopped, str(place), session.metrics(rows)))
    if control.is_stopped:
        report.complain(STOPPED)
        return INTERRUPTED
    if arguments.json and not arguments.events:
        report.say_json(rows)
    elif not arguments.events:
        for row in rows:
            _say(row)
        report.say(f"All figures: {place}")
    return status


def measured(model: str, placement: Placement, settings: SpeedSettings) -> dict[str, Any]:
    """One object of the list that `bench speed` prints; `model` is a path or a preset's name."""
    from core.checkpoint.load import open_unchecked
    from core.fitting import learn_runtime
    from core.spec.budget import parameters, weight_bytes
    from core.spec.library import has_no_weights
    from trainer.bench.contenders import model_path
    from trainer.bench.speed import measure

    learn_runtime()
    is_random = has_no_weights(model)
    if is_random:
        from core.checkpoint.preset import open_preset

        stored = open_preset(model)
    else:
        stored = open_unchecked(model_path(model))
    if placement.adapter:
        from core.checkpoint.adapted import with_adapter

        stored.check()
        stored = with_adapter(stored, Path(placement.adapter), placement.adapter_strength)
    figures = measure(stored, placement, settings)
    return {
        "model": model,
        "weights": "random" if is_random else "stored",
        **({} if is_random else {"path": str(model_path(model).absolute())}),
        "parameters": parameters(stored.config),
        "weights_bytes": weight_bytes(stored.config, figures["precision"]),
        **figures,
    }


class _Session:
    """Each way in a process of its own, which has a peak of memory of its own."""

    def __init__(
        self, arguments: argparse.Namespace, settings: SpeedSettings, control: "Control", voice: BenchVoice
    ) -> None:
        self._arguments, self._settings, self._control, self._voice = arguments, settings, control, voice

    def run(self, chosen: Sequence[Way]) -> tuple[list[dict[str, Any]], Path, int]:
        from core.spec.library import has_no_weights
        from trainer.bench.alone import DISTURBED, on_this_machine
        from trainer.bench.journal import opened

        plan = {"kind": "speed", "settings": to_json(self._settings)}
        destination = Destination.of(self._arguments.output, "speed", "speed", plan)
        for name in dict.fromkeys(name for name, _ in chosen if has_no_weights(name)):
            text = f"{name} is a preset, so its weights are random, which does not change its speed"
            self._voice.tell(Note(text))
        with (
            on_this_machine() as is_alone,
            opened(destination.journal, plan, afresh=self._arguments.afresh) as journal,
        ):
            if not is_alone:
                self._voice.tell(Note(DISTURBED))
            rows, status = self._rows(chosen, journal, is_alone=is_alone)
            if self._control.is_stopped:
                return [], journal.path, status
            if not rows:
                journal.remove()
                raise JobError("Nothing could be measured; what is wrong is said above.")
            described = [destination.described("speed", row) for row in rows]
            destination.write(described)
            journal.remove()
        return described, destination.path, status

    def metrics(self, rows: list[dict[str, Any]]) -> tuple[Metric, ...]:
        names = ("decode_tokens_per_s", "prefill_tokens_per_s", "first_token_ms", "peak_ram_bytes")
        return tuple(Metric(name, float(row[name])) for row in rows for name in names)

    def _rows(
        self, chosen: Sequence[Way], journal: "Journal", *, is_alone: bool
    ) -> tuple[list[dict[str, Any]], int]:
        rows, status, began_s, measured_here = [], 0, time.monotonic(), 0
        for number, (model, placement) in enumerate(chosen, 1):
            whose = json.dumps([str(Path(model).absolute()), to_json(placement)])
            if not journal.rows(whose):
                row, problem = measured_beside(
                    model, placement, self._settings, lambda: self._control.is_stopped
                )
                if self._control.is_stopped:
                    break
                if problem and len(chosen) == 1:
                    journal.remove()
                    raise JobError(problem)
                if problem:
                    self._voice.tell(Note(f"{model} as {placement.precision} is left out: {problem}"))
                    status = JobError.exit_code
                measured_here += 1
                if row is not None:
                    journal.add(whose, row | {"was_alone": is_alone})
            rows += journal.rows(whose)
            left_s = (time.monotonic() - began_s) / max(measured_here, 1) * (len(chosen) - number)
            told = (Metric("seconds_left", left_s), *self.metrics(journal.rows(whose)))
            self._voice.tell(Progress(number, len(chosen), told))
        return rows, status


def _say(row: dict[str, Any]) -> None:
    where = f"{row['precision']} on the {row['device']}, {row['threads']} threads, {row['kernel']}"
    whose = f"{row['model']} (random weights)" if row["weights"] == "random" else row["model"]
    report.say(f"{whose}: {where}; peak {row['peak_ram_bytes'] / _MB:,.0f} MB")
    if row["others_share"] > DISTURBING_SHARE:
        report.say(f"  other programs took {row['others_share']:.0%} of the processors meanwhile")
    for speed in row["lengths"]:
        report.say(
            f"  prompt of {speed['prompt_tokens']:,}: reads {speed['prefill_tokens_per_s']:,.0f} tokens/s, "
            f"writes {speed['decode_tokens_per_s']:,.1f} ({speed['decode_tokens_per_s_low']:,.1f} to "
            f"{speed['decode_tokens_per_s_high']:,.1f}); first token {speed['first_token_ms']:,.0f} ms "
            f"(p95 {speed['first_token_p95_ms']:,.0f}), after a keystroke {speed['keystroke_ms']:,.1f} ms "
            f"(p95 {speed['keystroke_p95_ms']:,.1f})"
        )
