"""What was measured, as it is seen: the table, its order, the answers, comparison, charts, history."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.benchmarks.answers import difference
from app.benchmarks.files import latest_of, write_results
from app.benchmarks.page import BenchPage
from app.benchmarks.shelf import BenchShelf
from app.benchmarks.table import head_line
from app.benchmarks.ways import Suite
from app.settings import Appearance
from app.theme import Theme
from core.spec.fields import to_json
from core.spec.folders import benchmarks_folder
from core.spec.trials import Trial
from trainer.spec.results import read_results

TASKS = Suite("quality", "smallcoder")
HEADS = {head_line(column): column for column in range(11)}


def speed(model: str, precision: str, writes: float, **figures: Any) -> dict[str, Any]:
    told = {
        "decode_tokens_per_s": writes,
        "peak_ram_bytes": 3e8,
        "parameters": 1e7,
        "started": "2026-11-01T10:00:00",
    }
    return {"format": 1, "kind": "speed", "model": model, "precision": precision, **told, **figures}


def quality(model: str, precision: str, passed: int, **figures: Any) -> dict[str, Any]:
    rows = [
        Trial(
            task=f"task {number}",
            category="x",
            attempt=0,
            outcome="passed" if number < passed else "failed",
            reason="" if number < passed else "AssertionError in line 3.",
            output="    return 1\n",
            used="    return 1\n",
            expected="    return 2\n",
            program="def f():\n    return 1\n",
            passed=number < passed,
            quality=100.0 if number < passed else 20.0,
        )
        for number in range(4)
    ]
    told = {"quality": 25.0 * passed, "passed": passed, "total": 4, "started": "2026-11-02T10:00:00"}
    head = {"format": 1, "kind": "quality", "suite": "smallcoder", "model": model, "precision": precision}
    return {**head, **told, **figures, "rows": [to_json(row) for row in rows]}


Write = Callable[..., Path]


@pytest.fixture
def write() -> Write:
    def written(name: str, *results: dict[str, Any]) -> Path:
        file = benchmarks_folder() / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(results))
        return file

    return written


def read(shelf: BenchShelf, qtbot: QtBot) -> BenchShelf:
    with qtbot.waitSignal(shelf.changed):
        shelf.look()
    return shelf


@pytest.fixture
def page(qapp: QApplication, qtbot: QtBot, write: Write) -> BenchPage:
    write(
        "2026-11-01-100000-speed.json",
        speed("/m/nano", "int8", 300.0),
        speed("/m/nano", "int4", 320.0),
        speed("/m/large", "int8", 40.0),
    )
    write("2026-10-01-100000-speed.json", speed("/m/nano", "int8", 280.0, started="2026-10-01T10:00:00"))
    write(
        "2026-11-02-100000-quality.json",
        quality("/m/nano", "int8", 1),
        quality("/m/large", "int8", 3, settings={"limit": 4}),
    )
    page = BenchPage(Theme(qapp, Appearance(theme="light")))
    qtbot.addWidget(page)
    page.resize(1000, 800)
    page.show_kept(read(BenchShelf(page), qtbot).kept)
    page.show_results()
    page.show()
    return page


def test_random_weights_are_said_in_the_charts_too(page: BenchPage, qtbot: QtBot, write: Write) -> None:
    write("2026-11-03-100000-speed.json", speed("nano", "int8", 310.0, weights="random"))
    page.show_kept(read(BenchShelf(page), qtbot).kept)
    names = {mark.name for mark in page.charts.memory.shown}
    assert {"m/nano int8", "nano (random) int8"} <= names


def column(page: BenchPage, name: str) -> list[str]:
    texts = page.table.texts()
    return [row[texts[0].index(name)] for row in texts[1:]]


def test_a_row_joins_what_was_measured_last_of_a_model_at_a_precision(page: BenchPage) -> None:
    rows = {(row[0], row[1]): row for row in page.table.texts()[1:]}
    assert len(rows) == 3
    nano = dict(zip(page.table.texts()[0], rows["nano", "int8"], strict=True))
    assert nano["Quality"] == "25.0"
    assert nano["Right"] == "1 of 4"
    assert nano["Writes, tokens/s"] == "300.0"
    assert nano["Memory, MB"] == "300"
    assert rows["nano", "int4"][2] == "", "nobody asked it tasks"


def test_any_column_sorts_and_what_was_not_measured_stands_last(page: BenchPage) -> None:
    page.table.sortByColumn(HEADS["Quality"], Qt.SortOrder.DescendingOrder)
    assert column(page, "Quality") == ["75.0", "25.0", ""]
    page.table.sortByColumn(HEADS["Quality"], Qt.SortOrder.AscendingOrder)
    assert column(page, "Quality") == ["25.0", "75.0", ""]
    page.table.sortByColumn(HEADS["Writes, tokens/s"], Qt.SortOrder.DescendingOrder)
    assert column(page, "Writes, tokens/s") == ["320.0", "300.0", "40.0"]


def test_the_chosen_row_stays_chosen_when_sorted_and_when_more_is_measured(
    page: BenchPage, qtbot: QtBot, write: Write
) -> None:
    page.table.selectRow(column(page, "Model").index("large"))
    page.table.sortByColumn(HEADS["Writes, tokens/s"], Qt.SortOrder.DescendingOrder)
    assert [way.name for way in page.table.chosen()] == ["large"]
    write("2026-11-03-100000-speed.json", speed("/m/huge", "int8", 4.0))
    page.show_kept(read(BenchShelf(page), qtbot).kept)
    assert [way.name for way in page.table.chosen()] == ["large"]
    assert "huge" in column(page, "Model")


def test_answers_are_shown_with_their_verdict_and_the_difference_to_the_reference(page: BenchPage) -> None:
    page.table.selectRow(next(i for i, row in enumerate(page.table.texts()[1:]) if row[2] == "25.0"))
    answers = page.answers
    assert answers.tasks.count() == 4
    answers.filter.setCurrentIndex(1)
    assert answers.tasks.count() == 3
    assert "Failed. AssertionError in line 3." in answers.verdict.text()
    answer, differs, program, printed = (view.toPlainText() for view in answers.views)
    assert answer == "    return 1\n"
    assert differs == "-     return 2\n+     return 1"
    assert program.startswith("def f")
    assert printed == ""


def test_a_file_of_answers_that_is_gone_is_said_and_stops_nothing(page: BenchPage) -> None:
    for file in benchmarks_folder().glob("*quality*"):
        file.write_text("{}")
    page.table.clearSelection()
    page.table.selectRow(next(i for i, row in enumerate(page.table.texts()[1:]) if row[2] == "25.0"))
    assert page.answers.tasks.count() == 0
    assert "no list of results" in page.answers._nothing.text()


def test_what_cannot_be_read_is_said_once_and_the_rest_is_shown(qtbot: QtBot, write: Write) -> None:
    write("a.json", speed("/m/nano", "int8", 300.0))
    (benchmarks_folder() / "b.json").write_text("no json")
    shelf = BenchShelf()
    said: list[str] = []
    shelf.noted.connect(said.append)
    read(shelf, qtbot)
    read(shelf, qtbot)
    assert [item.result.name for item in shelf.kept] == ["nano"]
    assert len(said) == 1
    assert "b.json" in said[0]


def test_charts_have_a_point_a_way_and_history_a_curve(page: BenchPage, qtbot: QtBot) -> None:
    assert {mark.name for mark in page.charts.quality.shown} == {"nano int8", "large int8"}
    assert {mark.name for mark in page.charts.memory.shown} == {"nano int8", "nano int4", "large int8"}
    page.details.setCurrentWidget(page.history)
    page.table.selectRow(next(i for i, row in enumerate(page.table.texts()[1:]) if row[2] == "25.0"))
    qtbot.waitUntil(lambda: "nano int8: last 300" in page.history.chart.frame.accessibleDescription())
    assert "between 280 and 300" in page.history.chart.frame.accessibleDescription()


def test_words_find_a_model_and_what_is_exported_is_what_is_shown(page: BenchPage, tmp_path: Path) -> None:
    page.search.setText("large")
    assert column(page, "Model") == ["large"]
    write_results(tmp_path / "mine.json", latest_of(page.chosen(), page.suite))
    results = read_results(tmp_path / "mine.json")
    assert [(item.kind, item.name, len(item.rows)) for item in results] == [
        ("speed", "large", 0),
        ("quality", "large", 4),
    ]


def test_an_advice_asks_for_a_quality_until_it_has_been_measured(
    page: BenchPage, qtbot: QtBot, write: Write
) -> None:
    row = {"kind": "recommend", "model": "/m/large", "precision": "int8", "quality": None}
    row |= {"is_recommended": True, "is_pleasant": True, "reasons": ["it is the largest"]}
    write("2026-11-03-100000-recommend.json", row)
    page.tabs.setCurrentIndex(3)
    advice = page.advice
    assert "has not been measured here" in advice.quality.text(), "a quick look at some tasks does not count"
    advice.measure_quality.click()
    assert page.tabs.currentIndex() == 0
    plan = page.setup.plan
    assert (plan.models, plan.precisions, plan.parts, plan.limit) == (("/m/large",), ("int8",), ("tasks",), 0)
    write("2026-11-04-100000-quality.json", quality("/m/large", "int8", 3, started="2026-11-04T10:00:00"))
    page.show_kept(read(BenchShelf(page), qtbot).kept)
    page.tabs.setCurrentIndex(3)
    assert "has been measured since: 75.0 of 100" in advice.quality.text()
    assert not advice.measure_quality.isVisible()


def test_a_difference_is_told_line_by_line() -> None:
    assert difference("a\nb\n", "a\nc\n") == "  a\n- b\n+ c"
    assert difference("", "a") == ""
    assert difference("x\n" * 100_000, "y\n" * 100_000).count("\n") < 5000


def test_what_a_model_wrote_is_no_markup(page: BenchPage) -> None:
    page.answers.verdict.setText("<b>15 of 15 right</b>")
    assert page.answers.verdict.textFormat() == Qt.TextFormat.PlainText
