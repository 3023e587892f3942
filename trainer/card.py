"""The run card, README.md of a run folder, and the model card that goes along with what is exported from it.

Both are written by what the run itself has recorded.
"""

from collections.abc import Iterator
from pathlib import Path
from string import Template

from core.spec.disk import write_whole
from core.spec.fields import to_json
from core.spec.messages import Finished, Note, Progress
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import SAMPLE, Run
from trainer.spec.verdict import read_verdict

_ROWS = 40
_TEMPLATE = Path(__file__).parents[1] / "resources/templates/trained-model-card.md"


def write_cards(run: Run, spec: TrainSpec, finished: Finished, data: str) -> None:
    write_whole(run.card, "\n".join(_lines(run, spec, finished, data)) + "\n")
    write_whole(run.model_card, _about_model(run, spec, finished, data))


def _about_model(run: Run, spec: TrainSpec, finished: Finished, data: str) -> str:
    known = {metric.name: metric.value for metric in finished.metrics}
    kind = "A LoRA adapter for" if spec.trains_adapter else "A language model for code, made by training"
    facts = {
        "name": run.name,
        "kind": kind,
        "base": Path(spec.model).name,
        "verdict": "\n".join(_verdict(run)),
        "recipe": spec.recipe,
        "steps": f"{known.get('steps') or 0:,.0f}",
        "rows": _rows(spec),
        "tokens": f"{known.get('tokens') or 0:,.0f}",
        "data": data,
        "optimizer": spec.optimizer,
        "schedule": spec.schedule,
        "learning_rate": f"{spec.learning_rate:g}",
        "seed": spec.seed,
        "teacher": f"- teacher: `{Path(spec.teacher).name}`\n" if spec.teacher is not None else "",
    }
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(facts)


def _rows(spec: TrainSpec) -> str:
    rows = f"{spec.batch_size} x {spec.accumulation}" if spec.accumulation > 1 else f"{spec.batch_size}"
    return f"{rows} rows of {spec.context_tokens} tokens"


def _verdict(run: Run) -> Iterator[str]:
    verdict = read_verdict(run)
    if verdict is None:
        yield "It was not judged; `train judge` does that."
        return
    yield verdict.sentence
    yield ""
    yield from (f"- {line}" for line in verdict.lines())


def _lines(run: Run, spec: TrainSpec, finished: Finished, data: str) -> Iterator[str]:
    known = {metric.name: metric.value for metric in finished.metrics}
    before, best = known.get("validation_loss_before"), known.get("validation_loss_best")
    yield from (
        f"# {run.name}",
        "",
        f"{spec.recipe} of `{spec.model}` on `{spec.data}`, with SmallCoder.",
        "",
    )
    yield from _verdict(run)
    yield ""
    if before is not None and best is not None:
        verdict = "better than" if best < before else "no better than"
        yield f"Validation loss before {before:.4f}, best {best:.4f}: {verdict} what it began from."
    else:
        yield "Nothing was held out, so whether it became better was not measured."
    yield from ("", f"- learnt: `{finished.path}`", f"- steps: {known.get('steps', 0):,.0f}")
    yield from (f"- tokens: {known.get('tokens', 0):,.0f}", f"- data: {data}", "", "## Settings", "")
    yield from (f"- {name}: {value}" for name, value in to_json(spec).items())
    yield from ("", "## Curves", "", "| step | loss | validation loss | learning rate | tokens/s |")
    yield "|---:|---:|---:|---:|---:|"
    yield from _curves(run)
    samples = [event.text for event in run.events() if isinstance(event, Note)]
    samples = [text.removeprefix(SAMPLE) for text in samples if text.startswith(SAMPLE)]
    if samples:
        yield from ("", "## Last sample", "", *("    " + line for line in samples[-1].splitlines()))


def _curves(run: Run) -> Iterator[str]:
    """All validations and an even choice of the other steps; a step taken twice counts as the later told."""
    points = {event.step: event for event in run.events() if isinstance(event, Progress)}
    steps = sorted(points)
    every = max(1, len(steps) // _ROWS)
    for place, step in enumerate(steps):
        values = {metric.name: metric.value for metric in points[step].metrics}
        if place % every == 0 or "validation_loss" in values or step == steps[-1]:
            names = ("loss", "validation_loss", "learning_rate", "tokens_per_s")
            shown = (_shown(values.get(name)) for name in names)
            yield f"| {step} | {' | '.join(shown)} |"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
