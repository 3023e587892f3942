"""Benchmarking: the page of benchmarks joined to the window: its wishes to commands, questions and files."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, get_args

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app import engines
from app.benchmarks.files import compared_files, latest_of, write_results
from app.benchmarks.page import BenchPage
from app.benchmarks.plan import BenchPlan
from app.benchmarks.run import BenchRun, keep_unfinished, unfinished
from app.benchmarks.shelf import BenchShelf, Kept
from app.benchmarks.ways import Way
from app.job_client import JobClient, LastWord, shown_command
from app.questions import CANCEL, Choice, Questions
from app.settings import SettingsStore
from app.shell.frame import Frame
from app.theme import Theme
from core.spec.errors import DataError, sentence_about
from core.spec.library import find_models
from core.spec.placement import Precision

Start = Callable[[Coroutine[Any, Any, Any]], None]


class Benchmarking(QObject):
    """Signals:
    said: a sentence for the status bar.
    failed: a sentence for a notice.
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        frame: Frame,
        questions: Questions,
        theme: Theme,
        store: SettingsStore,
        start: Start,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._frame, self._questions, self._theme = frame, questions, theme
        self._store, self._start = store, start
        self._page: BenchPage | None = None
        self.run = BenchRun(self)
        self.shelf = BenchShelf(self)
        self._comparing = JobClient("The comparison", self)
        self._advising = JobClient("The measuring", self)
        self._written: list[Path] = []  # the files of a benchmark, until its end has shown them
        self._compared: list[tuple[str, str]] = []  # whom the comparison that is coming is of
        frame.add_page("benchmark", self._make_page)

    def measure(self, model: str) -> None:
        """Opens the page with this model chosen: a path, or the name of a run."""
        self._frame.show_page("benchmark")
        self._made().measure(model)

    async def end(self) -> None:
        """The window closes. What was answered is kept, and offered at the next start."""
        over = asyncio.Event()
        self.run.ended.connect(over.set)
        self.run.stop()
        for job in (self._comparing, self._advising):
            await job.end(patience_s=0)
        if self.run.is_running:
            await over.wait()

    def _made(self) -> BenchPage:
        page = self._frame.made_page("benchmark")
        assert isinstance(page, BenchPage)  # noqa: S101
        return page

    def _make_page(self) -> QWidget:
        page = self._page = BenchPage(self._theme)
        setup, progress, advice = page.setup, page.progress, page.advice
        setup.start_requested.connect(lambda plan: self._start(self._begin(plan)))
        setup.model_folder_requested.connect(
            lambda: self._start(self._choose_folder(self._take_model, "Choose a Model's Folder"))
        )
        setup.model_file_requested.connect(
            lambda: self._start(self._choose_file(self._take_model, "Open GGUF File"))
        )
        setup.code_folder_requested.connect(
            lambda: self._start(self._choose_folder(setup.show_code_folder, "Choose a Folder of Your Code"))
        )
        setup.tasks_file_requested.connect(
            lambda: self._start(self._choose_file(setup.show_tasks_file, "Open Tasks"))
        )
        progress.stop_requested.connect(self.run.stop)
        progress.go_on_requested.connect(self._go_on)
        progress.forget_requested.connect(self._forget)
        advice.start_requested.connect(self._advise)
        advice.stop_requested.connect(lambda: self._advising.stop(0))
        advice.models_requested.connect(lambda: self._frame.show_page("models"))
        advice.use_requested.connect(self._use)
        page.use_requested.connect(lambda way: self._use(way.place, way.precision))
        page.export_requested.connect(lambda kind: self._start(self._export(kind)))
        page.delete_requested.connect(lambda ways: self._start(self._delete(ways)))
        page.compare_requested.connect(self._compare)
        page.file_requested.connect(
            lambda: self._start(self._choose_file(lambda name: self.shelf.add(Path(name)), "Open Results"))
        )
        page.looked.connect(self._look)
        page.charts.saved.connect(lambda path: self.said.emit(f"Saved as {path}"))
        page.charts.failed.connect(self.failed)
        self._connect_facts(page)
        return page

    def _connect_facts(self, page: BenchPage) -> None:
        self.run.changed.connect(page.progress.show_state)
        self.run.changed.connect(lambda state: page.setup.set_running(state.phase != "idle"))
        self.run.tried.connect(page.progress.show_tried)
        self.run.noted.connect(page.progress.show_note)
        self.run.written.connect(self._take_file)
        self.run.ended.connect(self._take_end)
        self.shelf.changed.connect(self._show_kept)
        self.shelf.noted.connect(self.said)
        self._comparing.ended.connect(self._take_comparison)
        self._advising.progressed.connect(lambda event: page.advice.show_running(event.step, event.total))
        self._advising.ended.connect(self._take_advice)

    def _look(self) -> None:
        self.shelf.look()
        self._start(self._find_models())
        if not self.run.is_running and (left := unfinished()):
            self._made().progress.show_interrupted(left)

    async def _find_models(self) -> None:
        loop = asyncio.get_running_loop()
        places = engines.places_of_models(self._store.settings)
        library = await loop.run_in_executor(None, find_models, places)
        setup = self._made().setup
        setup.models.show_models(library.models)
        if not setup.models.chosen() and library.models:
            paths = [str(model.path) for model in library.models]
            used = engines.completing_model(self._store.settings)
            setup.models.choose([used if used in paths else paths[0]])
        if self._store.settings.models.folders:  # which the command would not look into
            found = [str(model.path) for model in library.models if model.problem is None]
            self._made().advice.show_models(found)

    async def _begin(self, plan: BenchPlan) -> None:
        is_agreed = False
        if plan.runs_code and not plan.quality.unconfined:
            missing = await self._missing_fence()
            if missing is None:
                return
            if missing:
                answer = await self._questions.ask(
                    "This system cannot fence in what a model writes.",
                    [
                        Choice("leave", "Leave Them Out", "other"),
                        Choice("run", "Run It with My Rights", "destroy"),
                        CANCEL,
                    ],
                    f"What is missing: {'; '.join(missing)}. The tasks run code that a model made up; "
                    "without the fence it could do whatever you can do.",
                )
                if answer == "cancel":
                    return
                is_agreed = answer == "run"
        commands = plan.commands(unconfined=is_agreed)
        if plan.runs_code and not is_agreed and not plan.quality.unconfined and missing:
            commands = [words for words in commands if words[1] != "quality"]
        if commands:
            self._written.clear()
            self._made().progress.begin()
            self.run.start(commands)

    async def _missing_fence(self) -> list[str] | None:
        """None where it could not be found out, which is said."""
        word = await JobClient("Looking at the sandbox", self).run(["bench", "sandbox", "--json"])
        if word.is_good and isinstance(word.result, dict):
            return [str(item) for item in word.result.get("missing", [])]
        self.failed.emit(word.sentence or "It could not be found out whether answers can be fenced in.")
        return None

    def _go_on(self) -> None:
        self._made().progress.begin()
        self.run.start(unfinished())

    def _forget(self) -> None:
        """What was answered stays beside the results, for the same commands typed another day."""
        keep_unfinished([])
        self._made().progress.hide()

    def _take_file(self, path: Path) -> None:
        self._written.append(path)
        self.shelf.look()

    def _show_kept(self) -> None:
        page = self._made()
        page.show_kept(self.shelf.kept)
        measured = [item for item in self.shelf.kept if item.file in self._written]
        if not self.run.is_running and measured:
            self._written.clear()  # from now on the person chooses
            page.show_measured(measured)

    def _take_end(self, how: str) -> None:
        page = self._made()
        if how == "finished":
            page.show_results()
            self.said.emit("The benchmark is done.")
        page.progress.show_end(how, unfinished())
        self.shelf.look()

    def _compare(self, ways: list[Way]) -> None:
        page = self._made()
        if self._comparing.is_running:
            return  # the answer that comes is for another choice, and asks again
        if len(ways) == 2:
            before, after = (latest_of([way], page.suite) for way in ways)
            title = f"{ways[0].title} → {ways[1].title}"
        else:
            after, before = _last_two(ways[0], page)
            title = f"{ways[0].title}: the last measurement and the one before"
        if not before or not after:
            page.comparison.show_nothing()
            return
        try:
            files = compared_files(before, after)
        except (OSError, DataError) as error:
            page.comparison.show_nothing(
                sentence_about(error) or str(error) if isinstance(error, OSError) else str(error)
            )
            return
        words = ["bench", "compare", *map(str, files), "--json"]
        self._compared = [(way.place, way.precision) for way in ways]
        page.comparison.show_command(title, shown_command(words))
        self._comparing.start(words)

    def _take_comparison(self, word: LastWord) -> None:
        page = self._made()
        chosen = [(way.place, way.precision) for way in page.table.chosen()]
        if chosen != self._compared:
            page.show_chosen()
        elif word.is_good:
            page.comparison.show_pairs(word.result)
        elif word.how == "failed":
            page.comparison.show_nothing(word.sentence)

    def _advise(self) -> None:
        self._made().advice.show_running(0, None)
        self._advising.start(self._made().advice.words)

    def _take_advice(self, word: LastWord) -> None:
        advice = self._made().advice
        advice.show_end("" if word.is_good else word.sentence)
        if word.is_good and word.finished is not None and word.finished.path:
            advice.show_file(Path(word.finished.path))

    def _use(self, place: str, precision: str) -> None:
        """For completion. What comes along is what is used where nothing is chosen."""
        if not Path(place).exists():
            self.failed.emit(f"{place} is not there any more; choose another model.")
            return
        model = "" if Path(place) == engines.EMBEDDED else place
        known = precision if precision in get_args(Precision) else "auto"
        self._store.change("engine", model=model, precision=known, adapter="")
        self.said.emit(f"{Path(place).name} suggests now, as {precision}.")

    async def _export(self, kind: str) -> None:
        page = self._made()
        path = await self._questions.name_to_save(Path.home(), f"benchmark.{kind}")
        if path is None:
            return
        if kind == "png":
            page.charts.save_quality(path.with_suffix(".png"))
            return
        kept = latest_of(page.chosen(), page.suite)
        try:
            if kind == "json":
                write_results(path, kept)
            else:
                [file, _] = compared_files(kept, [])
                flag = {"csv": "--csv", "md": "--markdown"}[kind]
                word = await JobClient("The export", self).run(
                    ["bench", "compare", str(file), flag, str(path), "--json"]
                )
                if not word.is_good:
                    self.failed.emit(word.sentence)
                    return
        except (OSError, DataError) as error:
            self.failed.emit(
                f"Nothing was written to {path}: {sentence_about(error) or error}"
                if isinstance(error, OSError)
                else str(error)
            )
            return
        self.said.emit(f"Saved as {path}")

    async def _delete(self, ways: list[Way]) -> None:
        kept = [item for way in ways for item in way.kept]
        files = {item.file for item in kept}
        others = [item for item in self.shelf.kept if item.file in files and item not in kept]
        names = ", ".join(way.title for way in ways)
        also = f" The same files hold {len(others)} others, which go too." if others else ""
        answer = await self._questions.ask(
            f"Delete all that was measured of {names}?",
            [Choice("delete", "Delete", "destroy"), CANCEL],
            f"{len(files)} files of results are deleted; what they say cannot be brought back.{also}",
        )
        if answer == "delete":
            for file in files:
                try:
                    self.shelf.remove(file)
                except OSError as error:
                    self.failed.emit(sentence_about(error, str(file)) or str(error))

    async def _choose_folder(self, take: Callable[[str], None], title: str) -> None:
        folder = await self._questions.folder_to_open(Path.home(), title)
        if folder is not None:
            take(str(folder))

    async def _choose_file(self, take: Callable[[str], None], title: str) -> None:
        for file in await self._questions.names_to_open(Path.home(), title):
            take(str(file))

    def _take_model(self, path: str) -> None:
        self._made().setup.models.choose([path])


def _last_two(way: Way, page: BenchPage) -> tuple[list[Kept], list[Kept]]:
    """The last of each kind, and the one before."""
    histories = [way.history("speed")]
    if page.suite is not None:
        histories.append(way.history(page.suite.kind, page.suite.name))
    pairs = [history[:2] for history in histories if len(history) > 1]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
