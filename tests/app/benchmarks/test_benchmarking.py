"""Benchmarks from the window with real commands: stopped, gone on with, compared; the person is asked."""

import asyncio
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from app import engines, job_client
from app.actions import KeyMap
from app.benchmarks.page import BenchPage
from app.benchmarks.plan import BenchPlan
from app.benchmarks.run import unfinished
from app.benchmarks.ways import Suite
from app.process import own_command
from app.questions import Questions
from app.settings import Appearance, SettingsFile, SettingsStore
from app.shell.activity_bar import ActivityBar
from app.shell.benchmarking import Benchmarking
from app.shell.frame import Frame
from app.theme import LIGHT, Theme
from core.spec.folders import benchmarks_folder, embedded_model
from tests.app.conftest import Run
from tests.tiny import tiny_folder, tiny_tokenizer
from trainer.spec.bench import QualitySettings
from trainer.spec.results import read_results

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


async def test_what_was_measured_last_is_what_the_results_show(run: Run, bench: Bench, model: str) -> None:
    """Whatever other tasks, other models and a search stood there before."""
    folder = benchmarks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    earlier = [
        {"format": 1, "kind": "repo", "suite": "repo", "quality": 20.0, "passed": 2, "total": 120},
        {"format": 1, "kind": "quality", "suite": "algorithms", "quality": 50.0, "passed": 5, "total": 10},
    ]
    rows = [{**item, "model": "/m/other", "precision": "int8", "started": "2026-01-01"} for item in earlier]
    (folder / "2026-01-01-000000-others.json").write_text(json.dumps(rows))
    bench.room.shelf.look()
    await bench.until(lambda: len(bench.page.table.shown()) == 1)
    bench.page.search.setText("other")
    bench.begin(BenchPlan((model,), ("int8", "int4"), ("tasks",), limit=2, quality=BRIEFLY))
    await bench.until(lambda: len(bench.room.shelf.kept) == 4 and not bench.room.run.is_running)
    page = bench.page
    assert page.suite == Suite("quality", "smallcoder")
    assert sorted((way.place, way.precision) for way in page.table.chosen()) == [
        (model, "int4"),
        (model, "int8"),
    ]
    assert page.answers.tasks.count() == 2
    page.table.selectRow([way.name for way in page.table.shown()].index("other"))
    bench.room.shelf.look()
    await bench.until(lambda: not bench.room.shelf._next.isActive())
    assert [way.name for way in page.table.chosen()] == ["other"], "the person chose since"


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


MEASURED = [
    {"format": 1, "kind": "speed", "decode_tokens_per_s": 300.0, "peak_ram_bytes": 3e8, "weights": "stored"},
    {"format": 1, "kind": "quality", "suite": "smallcoder", "quality": 50.0, "passed": 2, "total": 4},
]


@pytest.fixture
def measured(bench: Bench, run: Run, model: str) -> Bench:
    """With results of one model at two precisions, in two files."""
    folder = benchmarks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for number, figures in enumerate(MEASURED):
        rows = [
            {**figures, "model": model, "precision": precision, "started": f"2026-11-0{number + 1}T10:00:00"}
            | {key: value * share for key, value in figures.items() if key == "decode_tokens_per_s"}
            for precision, share in (("int8", 1.0), ("int4", 0.5))
        ]
        (folder / f"2026-11-0{number + 1}.json").write_text(json.dumps(rows))

    async def read() -> None:
        bench.room.shelf.look()
        await bench.until(lambda: len(bench.page.table.shown()) == 2)

    run(read())
    return bench


async def saved(bench: Bench, kind: str, path: Path) -> None:
    """As a person does: the kind out of the menu, and a name."""
    bench.page.export_requested.emit(kind)
    await bench.until(lambda: any(dialog.isVisible() for dialog in bench.frame.findChildren(QFileDialog)))
    [dialog] = [dialog for dialog in bench.frame.findChildren(QFileDialog) if dialog.isVisible()]
    line = dialog.findChild(QLineEdit)
    assert line is not None
    line.setText(str(path))
    dialog.accept()
    await bench.until(lambda: all(task.done() for task in bench.tasks))


async def test_what_is_shown_is_saved_for_spreadsheets_texts_and_programs(
    run: Run, measured: Bench, tmp_path: Path
) -> None:
    for kind in ("csv", "md", "json"):
        await saved(measured, kind, tmp_path / f"mine.{kind}")
    heads, *lines = csv.reader((tmp_path / "mine.csv").read_text().splitlines())
    assert [
        (row["kind"], row["precision"]) for row in (dict(zip(heads, line, strict=True)) for line in lines)
    ] == [(kind, precision) for precision in precisions(measured) for kind in ("speed", "quality")]
    assert "| model | precision | " in (tmp_path / "mine.md").read_text()
    assert [result.kind for result in read_results(tmp_path / "mine.json")] == ["speed", "quality"] * 2


def precisions(bench: Bench) -> list[str]:
    return [way.precision for way in bench.page.chosen()]


async def test_a_chart_that_nobody_has_looked_at_yet_is_saved_whole(
    run: Run, measured: Bench, tmp_path: Path
) -> None:
    await saved(measured, "png", tmp_path / "chart")
    picture = QImage(str(tmp_path / "chart.png"))
    assert picture.width() >= 1000
    assert picture.height() >= 600
    assert not measured.page.charts.isVisible()
    series = QColor(LIGHT.series[0])
    points = sum(
        picture.pixelColor(x, y) == series
        for x in range(picture.width())
        for y in range(0, picture.height(), 2)
    )
    assert points > 20


async def test_where_nothing_can_be_written_that_is_said(run: Run, measured: Bench, tmp_path: Path) -> None:
    said: list[str] = []
    measured.room.failed.connect(said.append)
    (tmp_path / "file").write_text("x")
    for number, kind in enumerate(("csv", "json", "png"), 1):
        await saved(measured, kind, tmp_path / "file" / f"mine.{kind}")
        assert len(said) == number, kind


@pytest.mark.parametrize("answer", ["Delete", "Cancel"])
async def test_deleting_asks_first_and_says_what_goes_with_it(run: Run, measured: Bench, answer: str) -> None:
    measured.page.table.selectRow(0)
    measured.page.delete.click()
    await measured.until(lambda: bool(boxes(measured)))
    [box] = boxes(measured)
    assert measured.page.table.chosen()[0].title in box.text()
    assert "2 files of results" in box.informativeText()
    assert "hold 2 others, which go too" in box.informativeText()
    next(button for button in box.buttons() if button.text() == answer).click()
    left = {"Delete": 0, "Cancel": 2}[answer]
    await measured.until(lambda: all(task.done() for task in measured.tasks))
    await measured.until(lambda: len(measured.page.table.shown()) == left)
    assert len([*benchmarks_folder().glob("*.json")]) == left


async def test_the_chosen_one_suggests_from_now_on(run: Run, measured: Bench, model: str) -> None:
    page, said = measured.page, list[str]()
    measured.room.failed.connect(said.append)
    page.table.selectAll()
    assert not page.use.isEnabled(), "which of the two?"
    page.table.clearSelection()
    page.table.selectRow(1)
    page.use.click()
    engine = measured.room._store.settings.engine
    assert (engine.model, engine.precision) == (model, page.table.chosen()[0].precision)
    page.advice.use_requested.emit("/no/such/model", "int8")
    assert said == ["/no/such/model is not there any more; choose another model."]
    assert measured.room._store.settings.engine == engine
    measured.room._store.flush()
