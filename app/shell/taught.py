"""Taught: what a run has learnt, used in the editor, exported, benchmarked, compared again.

Using and benchmarking take a copy out of the run's folder first, so that the run may go on, or go.
"""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from app import engines
from app.job_client import JobClient, LastWord
from app.questions import Questions
from app.settings import SettingsStore
from app.shell.notices import Notice, NoticeBar
from core.spec.errors import SmallCoderError
from core.spec.folders import adapters_folder, models_folder
from trainer.spec.runs import Run
from trainer.spec.verdict import read_verdict

if TYPE_CHECKING:
    from app.runs.view import RunView

_ENDINGS = {"gguf": ".gguf"}

Start = Callable[[Coroutine[Any, Any, Any]], object]


class Taught(QObject):
    """`benchmark_requested`: a model's folder."""

    benchmark_requested = Signal(Path)

    def __init__(
        self, store: SettingsStore, questions: Questions, notices: NoticeBar, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._store, self._questions, self._notices = store, questions, notices
        self._view: RunView | None = None
        self._job = JobClient("The export", self)

    def join(self, view: "RunView", start: Start, show_verdict: Callable[[], None]) -> None:
        self._view = view
        card = view.verdict
        card.use_requested.connect(lambda strength: start(self._use(strength)))
        card.export_requested.connect(lambda kind: start(self._export(kind)))
        card.benchmark_requested.connect(lambda: start(self._benchmark()))
        card.judge_requested.connect(lambda: start(self._judge(show_verdict)))

    def show_use(self) -> None:
        """How much of the run in sight the editor uses."""
        if self._view is None or self._view.run is None:
            return
        engine, run = self._store.settings.engine, self._view.run
        is_adapter = self._view.trains_adapter
        used = engine.adapter if is_adapter else engine.model
        is_used = bool(used) and Path(used) == place_of(run, is_adapter=is_adapter)
        self._view.verdict.show_use(engine.adapter_strength if is_used else None)

    async def close(self) -> None:
        await self._job.end(patience_s=0)

    async def _use(self, strength: float) -> None:
        run, view = self._run(), self._view
        if run is None or view is None:
            return
        spec, is_adapter = run.spec(), view.trains_adapter
        place = place_of(run, is_adapter=is_adapter)
        base = "" if Path(spec.model) == engines.EMBEDDED else spec.model
        if not strength:
            self._store.change("engine", model=base, adapter="")
            return
        if not place.exists() and not await self._made(run, place, "adapter" if is_adapter else "native"):
            return
        if is_adapter:
            self._store.change("engine", model=base, adapter=str(place), adapter_strength=strength)
        else:
            self._store.change("engine", model=str(place), adapter="")

    async def _export(self, kind: str) -> None:
        run = self._run()
        if run is None:
            return
        name = f"{run.name}{_ENDINGS.get(kind, '')}"
        place = await self._questions.name_to_save(Path.home(), name)
        if place is None:
            return
        if place.exists():
            self._warn(f"{place} is there already; choose a name that is not taken.")
        elif await self._made(run, place, kind):
            look = ("Show", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(place.parent))))
            self._notices.add(Notice(f"{place} was made.", "info", "export", (look,)))

    async def _benchmark(self) -> None:
        """As a model of its own, which a benchmark can name."""
        run = self._run()
        if run is not None:
            place = place_of(run, is_adapter=False)
            if place.exists() or await self._made(run, place, "native"):
                self.benchmark_requested.emit(place)

    async def _judge(self, show_verdict: Callable[[], None]) -> None:
        run = self._run()
        if run is not None:
            word = await self._done(
                "Comparing it with what it was before…", "train", "judge", str(run.folder), "--json"
            )
            if word.is_good:
                show_verdict()

    async def _made(self, run: Run, place: Path, kind: str) -> bool:
        place.parent.mkdir(parents=True, exist_ok=True)
        words = ("train", "export", str(run.folder), str(place), "--to", kind, "--json")
        word = await self._done("Taking out what it has learnt…", *words)
        return word.is_good

    async def _done(self, said: str, *words: str) -> LastWord:
        self._show_busy(said)
        try:
            word = await self._job.run(words)
        finally:
            self._show_busy("")
        if word.how == "failed":
            self._warn(word.sentence)
        return word

    def _show_busy(self, said: str) -> None:
        if self._view is not None:
            self._view.verdict.set_busy(said)

    def _run(self) -> Run | None:
        """None where there is none, or something is being made just now."""
        return None if self._view is None or self._job.is_running else self._view.run

    def _warn(self, sentence: str) -> None:
        self._notices.add(Notice(sentence, "warning"))


def place_of(run: Run, *, is_adapter: bool) -> Path:
    """Where the copy lies that is used: another one when the run has become better since."""
    try:
        verdict = read_verdict(run)
    except SmallCoderError:
        verdict = None
    steps = run.steps_saved()
    step = verdict.step if verdict is not None else steps[-1] if steps else 0
    return (adapters_folder() if is_adapter else models_folder()) / f"{run.name}-step-{step}"
