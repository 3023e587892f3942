"""Training: the Train page joined to processes, settings and the rest of the window.

A run is begun, watched, told to stand back and found again here; what it has learnt is seen to in taught.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from app.engines import Engines, completing_model
from app.giving_way import GivingWay
from app.memory.memory import MemoryWatch
from app.questions import Questions
from app.runs.runs import Runs, entries, forget_deleted
from app.runs.watch import RunWatch, is_alive
from app.settings import Settings, SettingsStore
from app.shell.commands import Commands
from app.shell.deleting import Deleting
from app.shell.leaving import may_leave
from app.shell.making_room import MakingRoom
from app.shell.notices import Notice, NoticeBar, Weight
from app.shell.standing_back import StandingBack
from app.shell.taught import Taught
from app.theme import Theme
from core.spec.errors import SmallCoderError
from trainer.spec.runs import Run, find_run
from trainer.spec.verdict import Verdict, read_verdict

if TYPE_CHECKING:  # the window's first sight need not wait for what the page is made of
    from app.runs.draft import Draft
    from app.runs.jobs import RunJobs
    from app.runs.page import TrainPage
    from trainer.spec.estimates import Estimate
    from trainer.spec.jobs import TrainSpec

_TO_LEARN = "Choose a Folder to Learn From"

Start = Callable[[Coroutine[Any, Any, Any]], object]


class Training(QObject):
    """
    Signals:
        page_requested: the page is to come into sight.
        benchmark_requested: a model's folder.
    """

    page_requested = Signal()
    benchmark_requested = Signal(Path)

    def __init__(
        self, store: SettingsStore, theme: Theme, engines: Engines, questions: Questions, notices: NoticeBar
    ) -> None:
        super().__init__(engines)
        self._store, self._theme = store, theme
        self._questions, self._notices = questions, notices
        self._start: Start = asyncio.ensure_future
        self._page: TrainPage | None = None
        self._folder: Path | None = None
        self._watch: RunWatch | None = None
        self.runs = Runs(self)
        self._jobs: RunJobs | None = None
        self._deleting = Deleting(self.runs, notices)
        self._deleting.deleted.connect(self._forget)
        self._deleting.brought_back.connect(lambda run: self._start(self._show_again(run)))
        self.room = MakingRoom(engines, notices)
        self.standing_back = StandingBack(self.runs, store)
        self.taught = Taught(store, questions, notices, self)
        self.taught.benchmark_requested.connect(self.benchmark_requested)
        self.runs.alive_changed.connect(self._take_alive)
        self.runs.held_changed.connect(self._show_wished)
        self.runs.failed.connect(self._warn)
        store.changed.connect(self._take_settings)

    def begin(self, start: Start, giving_way: GivingWay, memory: MemoryWatch) -> None:
        """`start`: begins a coroutine that nobody waits for."""
        self._start = start
        memory.find_runs = self.runs.processes
        for watch in self.runs.find():
            self._tell(f'"{watch.run.name}" is still learning.', watch.run)
        self.standing_back.follow(giving_way)
        start(_in_background(forget_deleted))

    def make_page(self) -> QWidget:
        """When it is first wanted."""
        from app.runs.jobs import RunJobs
        from app.runs.page import TrainPage

        page = self._page = TrainPage(self._theme, self._usual_draft(completing_model(self._store.settings)))
        jobs = self._jobs = RunJobs(self)
        setup, view = page.setup, page.view
        setup.scan_requested.connect(lambda draft: self._start(jobs.scan(draft)))
        setup.estimate_requested.connect(lambda draft: self._start(jobs.estimate(draft, setup.scan.tokens)))
        setup.begin_requested.connect(lambda draft: self._start(self._begin_run(page, jobs, draft)))
        setup.engine_bytes_requested.connect(lambda: setup.set_engine_bytes(self.room.held_bytes()))
        setup.stop_requested.connect(jobs.stop)
        setup.folder_choice_requested.connect(lambda: self._start(self._choose(setup.add_folder)))
        setup.model_choice_requested.connect(
            lambda: self._start(self._choose(setup.set_model, "Choose a Model's Folder"))
        )
        setup.said.connect(self._warn)
        jobs.scan_told.connect(setup.take_scan)
        jobs.scan_failed.connect(setup.show_scan_problem)
        jobs.estimated.connect(self._take_estimate)
        jobs.estimate_failed.connect(setup.show_estimate_problem)
        jobs.beginning_told.connect(setup.show_beginning)
        page.list.new_requested.connect(self._set_up_anew)
        page.list.chosen.connect(lambda folders: self._start(self._show_chosen(folders)))
        page.shown.connect(lambda: self._start(self._refresh()))
        page.still_shown.connect(self._look)
        view.header.wished.connect(self._grant)
        view.folder_requested.connect(self._open_folder)
        self.taught.join(view, self._start, self._show_verdict)
        setup.folders.suggest(self._folder)
        return page

    def show_run(self, run: Run) -> None:
        self.page_requested.emit()
        self._start(self._show_chosen([str(run.folder)]))

    def teach(self, model: str) -> None:
        """A run that begins from this model."""
        self.page_requested.emit()
        if self._page is not None:
            self._page.show_setup()
            self._page.setup.set_model(model)

    def suggest(self, folder: Path | None) -> None:
        """The one that is open."""
        self._folder = folder
        if self._page is not None:
            self._page.setup.folders.suggest(folder)

    def join(self, commands: Commands) -> None:
        commands.on(
            {
                "train.folder": self._teach_folder,
                "train.begin": self._press_begin,
                "train.stop": lambda: self._grant("stop"),
                "train.resume": lambda: self._grant("resume"),
                "train.use": self._press_use,
            }
        )

    async def may_leave(self) -> bool:
        return await may_leave(self.runs, self._store.settings.training.when_closed, self._questions)

    async def end(self) -> None:
        self.standing_back.stop()
        self.runs.stop()
        if self._jobs is not None:
            await self._jobs.close()
        await self.taught.close()
        await _in_background(forget_deleted)

    def _teach_folder(self) -> None:
        self.page_requested.emit()
        if self._page is not None:
            self._page.show_setup()
            if self._folder is None:
                self._start(self._choose(self._page.setup.add_folder))
            else:
                self._page.setup.folders.set_folders((self._folder,))

    def _press_begin(self) -> None:
        if self._page is not None:
            self._page.setup.begin_button.click()

    def _press_use(self) -> None:
        if self._page is not None and self._page.is_showing_run and not self._page.view.verdict.isHidden():
            self._page.view.verdict.use_button.click()

    def _grant(self, wish: str) -> None:
        """Of the run in sight, where it can be had."""
        page = self._page
        run = page.view.run if page is not None and page.is_showing_run else None
        if page is None or run is None or not page.view.header.can(wish):
            return
        match wish:
            case "pause":
                self.runs.pause(run)
            case "go_on":
                self.runs.go_on(run)
            case "stop":
                self.runs.watch(run).wish("stop")
            case "resume":
                self._start(self._resume(run))
            case "again":
                self._set_up_like(page, run)
            case "delete":
                self._deleting.delete(run)
        self._look_at_run()
        self._show_wished()

    def _take_settings(self, settings: Settings) -> None:
        self.taught.show_use()
        if self._page is not None:
            self._page.setup.set_limit(settings.budget.ram_mb)

    def _set_up_anew(self) -> None:
        if self._page is not None:
            self._page.setup.begin_anew(self._usual_draft(completing_model(self._store.settings)))
            self._start(self._refresh())

    def _set_up_like(self, page: "TrainPage", run: Run) -> None:
        from app.runs.draft import draft_of

        page.show_setup()
        page.setup.begin_like(draft_of(run), self._usual_draft(run.spec().model).spec)

    async def _begin_run(self, page: "TrainPage", jobs: "RunJobs", draft: "Draft") -> None:
        setup = page.setup
        frees_engine = setup.outlook.frees_engine
        setup.show_beginning("Starting…")
        word = await jobs.begin(draft)
        if not word.is_good:
            setup.show_begun(word.sentence)
            return
        setup.show_begun()
        run = find_run(draft.name)
        if frees_engine:
            await self.room.make(run)
        self.runs.start(run, draft.box_words())
        setup.start_over(self._usual_draft(draft.spec.model))
        await self._refresh()
        await self._show_chosen([str(run.folder)])

    def _usual_draft(self, model: str) -> "Draft":
        from app.runs.draft import usual_draft

        return usual_draft(model, self._store.settings.budget.ram_mb)

    async def _resume(self, run: Run) -> None:
        if is_alive(run):  # gone on with elsewhere, a moment ago
            self._warn(f'"{run.name}" is being learnt by another process already; it is followed here.')
            return
        ram_mb = self._store.settings.budget.ram_mb  # as it is now, whatever it was when the run began
        await self.room.make_where_needed(run, ram_mb)
        self.runs.start(run, ("--ram-mb", str(ram_mb)))

    def _look(self) -> None:
        """Others begin, stop and go on with runs, too."""
        self._look_at_run()
        if self.runs.find() and self._page is not None:
            self._start(self._refresh_list(self._page))

    def _look_at_run(self) -> None:
        if self._watch is not None:
            self._watch.follow()

    def _take_alive(self, watch: RunWatch) -> None:
        if watch is self._watch and self._page is not None:
            self._page.view.set_alive(watch.is_alive, watch.log())
        if not watch.is_alive:
            self._meet_end(watch)
        self._start(self._refresh())

    def _meet_end(self, watch: RunWatch) -> None:
        run = watch.run
        self.room.give_back(run)
        if watch is self._watch:
            self._show_verdict()
        self._start(self._say_how_it_ended(run))

    async def _say_how_it_ended(self, run: Run) -> None:
        all_runs = await _in_background(entries)
        found = next((entry for entry in all_runs if entry.folder == str(run.folder)), None)
        if found is None or self._is_in_sight(run):
            return
        match found.phase:
            case "finished":
                verdict = self._verdict_of(run)
                said = verdict.sentence if verdict else ""
                self._tell(f'"{run.name}" has finished. {said}'.strip(), run)
            case "failed" | "broken":
                self._tell(f'"{run.name}" has ended too early; what it had saved is kept.', run, "warning")

    def _is_in_sight(self, run: Run) -> bool:
        page = self._page
        return page is not None and page.isVisible() and page.is_showing_run and page.view.run == run

    async def _refresh(self) -> None:
        """What is on the disk, and what is in memory."""
        page = self._page
        if page is None:
            return
        from app.shell.teachable import teachable_models

        self._look_at_run()
        await self._refresh_list(page)
        page.setup.set_models(await _in_background(partial(teachable_models, self._store.settings)))
        page.setup.set_engine_bytes(self.room.held_bytes())

    async def _refresh_list(self, page: "TrainPage") -> None:
        page.list.set_entries(await _in_background(entries))

    def _take_estimate(self, estimate: "Estimate") -> None:
        if self._page is not None:
            self._page.setup.set_engine_bytes(self.room.held_bytes())
            self._page.setup.take_estimate(estimate)

    async def _show_chosen(self, folders: list[str]) -> None:
        page = self._page
        if page is None:
            return
        try:
            runs = [(run, run.spec()) for run in (Run(Path(folder)) for folder in folders[:2])]
        except SmallCoderError as error:
            self._deleting.offer([Run(Path(folder)) for folder in folders[:2]], str(error))
            await self._refresh()
            return
        if len(runs) == 2:
            await self._compare(page, runs)
        else:
            self._show(page, *runs[0])

    def _show(self, page: "TrainPage", run: Run, spec: "TrainSpec") -> None:
        if self._watch is not None:
            self._watch.told.disconnect(page.view.take)
            self._watch.caught_up.disconnect(self._show_verdict)
        self._watch = self.runs.watch(run)
        page.view.show_run(run, spec, is_alive=self._watch.is_alive, log=self._watch.log())
        self._watch.told.connect(page.view.take)
        self._watch.caught_up.connect(self._show_verdict)
        self._watch.replay()
        self._show_wished()
        page.show_view(str(run.folder))

    async def _compare(self, page: "TrainPage", runs: "list[tuple[Run, TrainSpec]]") -> None:
        from app.runs.compare import Side

        sides = []
        for run, spec in runs:
            events = await _in_background(partial(list, run.events()))
            sides.append(Side(run.name, spec, events, self._verdict_of(run)))
        page.comparison.show_sides(*sides)
        page.show_comparison()

    def _show_verdict(self) -> None:
        if self._page is None or self._page.view.run is None:
            return
        self._page.view.show_verdict(self._verdict_of(self._page.view.run))
        self.taught.show_use()

    def _verdict_of(self, run: Run) -> Verdict | None:
        try:
            return read_verdict(run)
        except SmallCoderError as error:
            self._warn(str(error))
            return None

    def _show_wished(self) -> None:
        watch = self._watch
        if self._page is None or watch is None:
            return
        by_hand = self.runs.is_paused_by_hand(watch.run)
        self._page.view.set_wished(watch.wished, "" if by_hand else self.runs.held)

    async def _show_again(self, run: Run) -> None:
        if self._page is not None:
            await self._refresh_list(self._page)
        self.show_run(run)

    def _forget(self, run: Run) -> None:
        if self._watch is not None and self._watch.run == run:
            self._watch = None
        if self._page is not None:
            self._page.show_setup()
        self._start(self._refresh())

    async def _choose(self, take: Callable[[Path], object], title: str = _TO_LEARN) -> None:
        folder = await self._questions.folder_to_open(Path.home(), title)
        if folder is not None:
            take(folder)

    def _open_folder(self) -> None:
        if self._page is not None and self._page.view.run is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._page.view.run.folder)))

    def _tell(self, text: str, run: Run, weight: Weight = "info") -> None:
        look = ("Look", lambda: self.show_run(run))
        self._notices.add(Notice(text, weight, f"run {run.name}", (look,)))

    def _warn(self, sentence: str) -> None:
        self._notices.add(Notice(sentence, "warning"))


async def _in_background(work: Callable[[], Any]) -> Any:
    """Of what waits for a disk."""
    # not the running loop: once it has stopped, Qt still brings what was pending, and flows go on a step
    return await asyncio.get_event_loop().run_in_executor(None, work)
