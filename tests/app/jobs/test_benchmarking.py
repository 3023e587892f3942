"""Benchmarks from the window with real commands: stopped, gone on with, compared; the person is asked."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app import engines, job_client
from app.actions import KeyMap
from app.editor.questions import Questions
from app.jobs.bench_page import BenchPage
from app.jobs.bench_plan import BenchPlan
from app.jobs.bench_run import unfinished
from app.process import own_command
from app.settings import Appearance, SettingsFile, SettingsStore
from app.shell.activity_bar import ActivityBar
from app.shell.benchmarking import Benchmarking
from app.shell.frame import Frame
from app.theme import Theme
from core.spec.folders import benchmarks_folder, embedded_model
from tests.app.conftest import Run
from tests.tiny import tiny_folder, tiny_tokenizer
from trainer.spec.bench import QualitySettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the sandbox's Windows side has not been run")
BRIEFLY = QualitySettings(max_tokens=8, check_references=False)


class Bench:
    """The page with all that does its wishes."""

    def __init__(self, qapp: QApplication, qtbot: QtBot) -> None:
        theme = Theme(qapp, Appearance(theme="light"))
        self.frame = Frame(theme, ActivityBar(theme, KeyMap()))
        qtbot.addWidget(self.frame)
        self.tasks: list[asyncio.Task[None]] = []
        store = SettingsStore(SettingsFile(), self.frame)
        self.room = Benchmarking(self.frame, Questions(self.frame), theme, store, self._start, self.frame)
        self.frame.resize(1000, 800)
        self.frame.show_page("benchmark")
        self.frame.show()

    def _start(self, flow: object) -> None:
        self.tasks.append(asyncio.ensure_future(flow))  # type: ignore[arg-type]

    @property
    def page(self) -> BenchPage:
        page = self.frame.made_page("benchmark")
        assert isinstance(page, BenchPage)
        return page

    def begin(self, plan: BenchPlan) -> None:
        self.page.setup.start_requested.emit(plan)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                for task in self.tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)


@pytest.fixture
def bench(run: Run, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(engines, "EMBEDDED", embedded_model())  # the list is never empty
    made: list[Bench] = []

    async def make() -> None:
        made.append(Bench(qapp, qtbot))

    run(make())
    yield made[0]

    async def end() -> None:
        await made[0].room.end()
        await asyncio.gather(*made[0].tasks)

    run(end())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = tmp_path_factory.mktemp("bench")
    (made / "vocabulary").mkdir()
    return str(tiny_folder(made / "model", tiny_tokenizer(made / "vocabulary")))


async def test_two_precisions_are_measured_and_the_table_is_read(run: Run, bench: Bench, model: str) -> None:
    """Stopped on the way, and gone on with: nothing is asked twice."""
    plan = BenchPlan((model,), ("int8", "int4"), ("tasks",), limit=4, quality=BRIEFLY)
    answered: list[str] = []
    bench.room.run.tried.connect(lambda tried: answered.append(f"{tried.precision} {tried.trial.task}"))
    bench.begin(plan)
    await bench.until(lambda: len(answered) >= 2)
    assert not bench.page.setup.start.isEnabled()
    bench.page.progress.stop.click()
    await bench.until(lambda: not bench.room.run.is_running)
    assert unfinished() == plan.commands()
    assert "still to be done" in bench.page.progress.title.text()
    before = len(answered)
    bench.page.progress.go_on.click()
    await bench.until(lambda: not bench.room.run.is_running)
    assert before < 8 <= len(answered)
    assert unfinished() == []
    await bench.until(lambda: len(bench.room.shelf.kept) == 2)
    assert [row[:4] for row in sorted(bench.page.table.texts()[1:])] == [
        ["model", precision, quality, f"{passed} of 4"]
        for precision, quality, passed in figures(benchmarks_folder())
    ]
    bench.page.details.setCurrentWidget(bench.page.comparison)
    bench.page.table.selectAll()
    await bench.until(lambda: bench.page.comparison.table.rowCount() > 0)
    assert "bench compare" in bench.page.comparison.command.text()


def figures(folder: Path) -> list[tuple[str, str, int]]:
    [file] = folder.glob("*-quality-*.json")
    results = json.loads(file.read_text())
    return sorted((item["precision"], f"{item['quality']:.1f}", item["passed"]) for item in results)


@pytest.fixture
def without_a_fence(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """A system that we are not on: it lacks Landlock. What is started there is kept, and ends at once."""
    started: list[Sequence[str]] = []

    def command(words: Sequence[str]) -> list[str]:
        if "sandbox" in words:
            return [sys.executable, "-c", """print('{"missing": ["Landlock"]}')"""]
        started.append(words)
        return [sys.executable, "-c", """print('{"type": "finished"}')"""]

    assert own_command(["x"])[-1] == "x"
    monkeypatch.setattr(job_client, "own_command", command)
    return started


@pytest.mark.parametrize("answer", ["Run It with My Rights", "Leave Them Out", "Cancel"])
async def test_where_answers_cannot_be_fenced_in_the_person_is_asked_first(
    run: Run, bench: Bench, without_a_fence: list[Sequence[str]], answer: str
) -> None:
    bench.begin(BenchPlan(("/m/one",), parts=("speed", "tasks")))
    await bench.until(lambda: bool(boxes(bench)))
    [box] = boxes(bench)
    assert "cannot fence in" in box.text()
    assert "Landlock" in box.informativeText()
    assert without_a_fence == []
    next(button for button in box.buttons() if button.text() == answer).click()
    wanted = {
        "Run It with My Rights": [("speed", False), ("quality", True)],
        "Leave Them Out": [("speed", False)],
        "Cancel": [],
    }[answer]
    await bench.until(lambda: len(without_a_fence) == len(wanted) and not bench.room.run.is_running)
    assert [(words[1], "--unconfined" in words) for words in without_a_fence] == wanted


def boxes(bench: Bench) -> list[QMessageBox]:
    return [box for box in bench.frame.findChildren(QMessageBox) if box.isVisible()]


async def test_benchmark_this_opens_the_page_with_that_model(run: Run, bench: Bench, model: str) -> None:
    await bench.until(lambda: bool(bench.page.setup.models.count()))
    bench.room.measure(model)
    assert bench.frame.page == "benchmark"
    assert bench.page.setup.plan.models == (model,)
    assert model in bench.page.setup.commands.toPlainText()
