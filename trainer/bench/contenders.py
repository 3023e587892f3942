"""Who is measured: a model that is loaded for it and given back afterwards, or answers from a file."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.spec.fields import to_json
from core.spec.library import is_model, own_model
from core.spec.placement import Placement
from trainer.bench.asking import Asker, ModelAsker
from trainer.bench.quality import Contender, identity_of
from trainer.bench.samples import read_samples
from trainer.bench.tasks import Suite
from trainer.spec.bench import AnswerSettings
from trainer.spec.runs import find_run

_FACTS = (
    *("precision", "device", "threads", "kernel", "parameters", "weights_bytes", "context_tokens"),
    *("has_fim", "has_chat", "concessions"),
)


def model_contender(
    name: str,
    placement: Placement,
    settings: AnswerSettings,
    is_called_off: Callable[[], bool],
    *,
    is_only: bool,
) -> Contender:
    """`is_only`: this process runs no other model, so its peak of memory is this one's."""
    path = model_path(name)

    @contextmanager
    def opened() -> Iterator[tuple[Asker, dict[str, Any]]]:
        from core.engine import load
        from core.fitting import learn_runtime
        from trainer.bench.peaks import peak_ram_bytes

        learn_runtime()
        engine = load(path, placement)
        try:
            known = engine.facts()
            facts = {key: known[key] for key in _FACTS}
            facts |= {"weights": "stored", "path": str(path.absolute())}
            asker = ModelAsker(engine, settings, is_called_off)
            facts["max_tokens"] = asker.max_tokens
            yield asker, facts
            if is_only:
                facts["peak_ram_bytes"] = peak_ram_bytes()
        finally:
            engine.close()

    stamp = identity_of([name, to_json(placement), _stamp(path)])
    return Contender(name, placement.precision, stamp, opened)


def model_path(name: str) -> Path:
    """A model on disk, or what the run of that name has learnt."""
    path = Path(name)
    if path.exists() and is_model(path):
        return path
    if (own := own_model(name)) is not None:
        return own
    if not find_run(name).spec_file.is_file():
        return path
    from trainer.networks import lasting

    return Path(lasting(name))


def samples_contender(path: Path, suite: Suite) -> tuple[Contender, Suite, tuple[str, ...]]:
    """With the suite of those tasks that have an answer, and sentences about what was passed over."""
    samples, skipped = read_samples(path, suite.tasks)
    answered = tuple(task for task in suite.tasks if samples.attempts(task))
    without = len(suite.tasks) - len(answered)
    if without:
        skipped = (*skipped, f"{without:,} tasks of {suite.name} have no answer in {path}.")

    @contextmanager
    def opened() -> Iterator[tuple[Asker, dict[str, Any]]]:
        yield samples, {"weights": "none"}

    digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    suite = replace(suite, tasks=answered, skipped=(*suite.skipped, *skipped))
    return Contender(str(path), "given", identity_of([str(path), digest]), opened), suite, skipped


def _stamp(path: Path) -> list[tuple[str, int, int]]:
    """Another model under the same name is another contender."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
