"""`bench quality` and `bench repo`: models are asked, and their answers tried or compared."""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import UsageError
from core.spec.fields import add_flags, from_flags, to_json
from core.spec.messages import Finished, Metric, Note, Started
from core.spec.version import version
from trainer.cli.bench_voice import BenchVoice
from trainer.cli.matrix import add_matrix, ways
from trainer.cli.results import (
    INTERRUPTED,
    STOPPED,
    Destination,
    add_output,
    audience_of,
    say_results,
)
from trainer.spec.bench import QualitySettings, RepoSettings
from trainer.spec.data import ScanSpec

if TYPE_CHECKING:
    from core.spec.placement import Placement
    from trainer.bench.journal import Journal
    from trainer.bench.quality import Contender, Measured
    from trainer.bench.tasks import Suite
    from trainer.control import Control
    from trainer.sandbox.sandbox import Sandbox

_MODELS = "a model's folder or a .gguf file"


def add_actions(actions: Commands) -> None:
    quality = actions.add_parser("quality", help="tasks with tests, which are run in a sandbox")
    quality.add_argument(
        "--suite",
        default="smallcoder",
        metavar="NAME|FILE",
        help="smallcoder, one of its categories (algorithms, data-structures, practical), or a file in the "
        "format of HumanEval, MBPP or HumanEval-Infilling (default: smallcoder)",
    )
    quality.add_argument(
        "--samples", type=Path, metavar="FILE", help="score these answers instead of asking a model"
    )
    add_matrix(quality, _MODELS)
    add_flags(quality, QualitySettings)
    quality.set_defaults(run=guarded(_quality))
    repo = actions.add_parser("repo", help="code cut out of your own folders, to be written again")
    repo.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folders of code")
    add_matrix(repo, _MODELS)
    add_flags(repo, RepoSettings)
    add_flags(repo, ScanSpec)
    repo.set_defaults(run=guarded(_repo))
    for action in (quality, repo):
        add_output(action)


def _quality(arguments: argparse.Namespace) -> int:
    from trainer.bench.tasks import find_suite

    if arguments.model and arguments.samples is not None:
        raise UsageError("Name one thing to measure: a model with --model, or answers with --samples.")
    settings = from_flags(QualitySettings, arguments)
    return _measured(arguments, settings, lambda: find_suite(arguments.suite), "quality")


def _repo(arguments: argparse.Namespace) -> int:
    from trainer.bench.cuts import cut_folders

    settings, scan = from_flags(RepoSettings, arguments), from_flags(ScanSpec, arguments)
    arguments.samples = None
    return _measured(arguments, settings, lambda: cut_folders(arguments.folders, settings, scan), "repo")


def _measured(
    arguments: argparse.Namespace,
    settings: QualitySettings | RepoSettings,
    find: "Callable[[], Suite]",
    kind: str,
) -> int:
    from core.spec.folders import embedded_model, in_short
    from core.spec.library import has_no_weights
    from trainer.control import Control, listen, stop_on_signals

    chosen = ways(arguments) if arguments.samples is None else []
    for name, _ in chosen:
        if has_no_weights(name):
            raise UsageError(
                f"{name} is a preset, which has no weights and so no quality; name a model's folder, as "
                f"{in_short(embedded_model())}, or measure its speed with 'bench speed'."
            )
    control = Control()
    with BenchVoice(audience_of(arguments), control) as voice:
        if arguments.events:
            listen(control, 0)
        stop_on_signals(control)
        voice.tell(Started(version(), chosen[0][1].device if chosen else "cpu", None))
        session = _Session(arguments, settings, control, voice)
        measured, place = session.run(find(), chosen, kind)
        metrics = tuple(Metric("quality", float(result["quality"])) for result in measured.results)
        voice.tell(Finished(not measured.is_whole, str(place) if place else None, metrics))
    if not measured.is_whole:
        report.complain(STOPPED)
        return INTERRUPTED
    if arguments.json and not arguments.events:
        report.say_json(list(measured.results))
    elif not arguments.events:
        say_results(list(measured.results), place)
    return measured.problems[0].exit_code if measured.problems else 0


class _Session:
    def __init__(
        self,
        arguments: argparse.Namespace,
        settings: QualitySettings | RepoSettings,
        control: "Control",
        voice: BenchVoice,
    ) -> None:
        self._arguments, self._settings, self._control, self._voice = arguments, settings, control, voice

    def run(
        self, suite: "Suite", chosen: "list[tuple[str, Placement]]", kind: str
    ) -> "tuple[Measured, Path | None]":
        from trainer.bench.alone import DISTURBED, on_this_machine
        from trainer.bench.journal import opened
        from trainer.bench.judging import Judge
        from trainer.bench.quality import Plan, fingerprint, limited, measure, with_sound_tasks

        arguments, settings, tell = self._arguments, self._settings, self._voice.tell
        for sentence in suite.skipped if kind == "quality" else ():
            tell(Note(sentence))
        suite = limited(suite, settings)
        plan_facts = {
            "kind": kind,
            "suite": suite.name,
            "tasks": fingerprint(suite),
            "settings": to_json(settings),
        }
        destination = Destination.of(arguments.output, kind, suite.name, plan_facts)
        with ExitStack() as stack:
            is_alone = stack.enter_context(on_this_machine())
            if not is_alone:
                tell(Note(DISTURBED))
            journal = stack.enter_context(opened(destination.journal, plan_facts, afresh=arguments.afresh))
            judge = Judge(self._sandbox(stack) if kind == "quality" else None, self._limits())
            if isinstance(settings, QualitySettings) and settings.check_references:
                suite = with_sound_tasks(suite, judge, tell, self._is_called_off)
            suite, contenders = self._contenders(suite, chosen)
            plan = Plan(suite, settings, judge, journal)
            measured = measure(plan, contenders, tell, self._is_called_off)
            destination = replace(destination, was_alone=is_alone)
            return self._finished(measured, destination, journal, kind)

    def _finished(
        self, measured: "Measured", destination: Destination, journal: "Journal", kind: str
    ) -> "tuple[Measured, Path | None]":
        if measured.is_whole and not measured.results and measured.problems:
            raise measured.problems[0]
        if not measured.is_whole:
            return measured, journal.path
        results = tuple(destination.described(kind, result) for result in measured.results)
        destination.write(results)
        journal.remove()
        return replace(measured, results=results), destination.path

    def _is_called_off(self) -> bool:
        return self._control.is_stopped

    def _limits(self) -> Any:
        from trainer.sandbox.limits import Limits

        if not isinstance(self._settings, QualitySettings):
            return Limits()
        return Limits(seconds=self._settings.test_seconds, memory_mb=self._settings.test_memory_mb)

    def _sandbox(self, stack: ExitStack) -> "Sandbox":
        from trainer.sandbox.sandbox import Sandbox

        is_agreed = isinstance(self._settings, QualitySettings) and self._settings.unconfined
        sandbox = stack.enter_context(Sandbox(allow_unconfined=is_agreed))
        missing = sandbox.confinement.missing
        if not missing or is_agreed:
            return sandbox
        if not _agrees(missing):
            raise UsageError(
                f"This system cannot fence in what a model writes: {'; '.join(missing)}. Add --unconfined to "
                "run it with your own rights all the same."
            )
        return stack.enter_context(Sandbox(allow_unconfined=True))

    def _contenders(
        self, suite: "Suite", chosen: "list[tuple[str, Placement]]"
    ) -> "tuple[Suite, list[Contender]]":
        from trainer.bench.contenders import model_contender, samples_contender

        if self._arguments.samples is None:
            is_only = len(chosen) == 1
            made = [
                model_contender(name, placement, self._settings, self._is_called_off, is_only=is_only)
                for name, placement in chosen
            ]
            return suite, made
        contender, suite, skipped = samples_contender(self._arguments.samples, suite)
        for sentence in skipped:
            self._voice.tell(Note(sentence))
        return suite, [contender]


def _agrees(missing: tuple[str, ...]) -> bool:
    if not sys.stdin.isatty():
        return False
    report.show_progress("")
    report.say(f"This system cannot fence in what a model writes: {'; '.join(missing)}.")
    report.stream("Run it with your own rights all the same? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
