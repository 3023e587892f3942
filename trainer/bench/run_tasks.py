"""Programming tasks that a judged run's model is tried on, before and after: do its answers pass their tests?

The greedy answers of the engine at its usual precision, as a person would get them. What a run has learnt may
be code of any kind, so where a system cannot fence it in, nothing is run and that is said.
"""

import itertools
from dataclasses import replace
from pathlib import Path

from core.engine import load
from core.spec.errors import SmallCoderError
from core.spec.messages import Finished, Note
from core.spec.placement import Placement
from trainer.bench.asking import ModelAsker
from trainer.bench.judging import Judge
from trainer.bench.quality import limited
from trainer.bench.tasks import own_suite
from trainer.card import write_cards
from trainer.claims import claimed
from trainer.control import Control
from trainer.networks import from_nothing
from trainer.resume import learnt_by, read_state
from trainer.running import Tell
from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox
from trainer.spec.bench import QualitySettings
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import JUDGED, JUDGING, Run
from trainer.spec.verdict import TasksPassed, read_verdict, write_verdict

_ANSWER_TOKENS, _ANSWER_SECONDS = 256, 60.0


class _CalledOff(Exception):
    """What was learnt is safe, and judged by other measures."""


def with_tasks(run: Run, spec: TrainSpec, finished: Finished, control: Control, tell: Tell) -> Finished:
    """Adds what came of them to the verdict, if there is one, and to the cards."""
    verdict = None if finished.stopped or not spec.judged_tasks else read_verdict(run)
    if verdict is None:
        return finished
    tell(Note(f"{JUDGING}, on {spec.judged_tasks} programming tasks"))
    try:
        with claimed(run):
            before, after = _before_and_after(run, spec, control, tell)
    except (_CalledOff, SmallCoderError) as error:
        tell(Note(f"Programming tasks were left out: {error}"))
        return finished
    known = replace(verdict, tasks_before=before, tasks_after=after)
    write_verdict(run, known)
    tell(Note([*known.lines()][-1]))
    if known.sentence != verdict.sentence:
        tell(Note(known.sentence))
    told = replace(finished, metrics=(*finished.metrics, *known.task_metrics()))
    write_cards(run, spec, told, read_state(run.checkpoint(run.steps_saved()[-1]))[1].data)
    return told


def _before_and_after(
    run: Run, spec: TrainSpec, control: Control, tell: Tell
) -> tuple[TasksPassed | None, TasksPassed]:
    settings = QualitySettings(
        limit=spec.judged_tasks, max_tokens=_ANSWER_TOKENS, answer_seconds=_ANSWER_SECONDS
    )
    suite = limited(own_suite(), settings)
    placement = Placement(device=spec.device, threads=spec.threads, ram_mb=spec.ram_mb, anyway=spec.anyway)
    learnt = learnt_by(run)
    began_with_nothing = not spec.trains_adapter and from_nothing(spec.model) is not None
    asked, answered = len(suite.tasks) * (1 if began_with_nothing else 2), itertools.count(1)
    with Sandbox() as sandbox:
        missing = "; ".join(sandbox.confinement.missing)
        if missing:
            raise _CalledOff(f"this system cannot fence in what a model writes ({missing}).")

        def passed(model: Path, placement: Placement) -> TasksPassed:
            engine, judge, count = load(model, placement), Judge(sandbox, Limits()), 0
            try:
                asker = ModelAsker(engine, settings, lambda: control.is_stopped)
                for task in suite.tasks:
                    reply = asker.ask(task, 0)
                    if reply is None:
                        raise _CalledOff("somebody stopped it; 'train judge' tries them another time.")
                    count += judge.trial(task, 0, reply).passed is True
                    tell(Note(f"{JUDGED}programming task {next(answered)} of {asked}"))
            finally:
                engine.close()
            return TasksPassed(count, len(suite.tasks))

        if spec.trains_adapter:
            base = Path(spec.model)
            return passed(base, placement), passed(base, replace(placement, adapter=str(learnt)))
        return None if began_with_nothing else passed(Path(spec.model), placement), passed(learnt, placement)
