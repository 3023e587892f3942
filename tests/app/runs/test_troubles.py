"""What befalls runs while one looks: the clock is set, a folder goes, a disk is full, others, a battery."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFontInfo, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPlainTextEdit, QTextBrowser, QWidget
from pytestqt.qtbot import QtBot

from app import power
from app.benchmarks.page import BenchPage
from app.runs.draft import TimeBox, draft_of, usual_draft
from app.runs.page import TrainPage
from app.runs.run_list import RunList
from app.runs.runs import Runs
from app.runs.setup import RunSetup
from app.runs.view import RunView
from app.runs.watch import RunWatch, is_alive
from app.settings import Appearance, SettingsFile, SettingsStore
from app.shell.deleting import Deleting
from app.shell.making_room import _needs_room
from app.shell.notices import NoticeBar
from app.shell.standing_back import StandingBack
from app.theme import Theme
from core.spec.lines import MAX_LINE_BYTES, to_line
from core.spec.messages import Event, Finished, Metric, Progress, Started
from tests.tiny import tiny_folder, tiny_tokenizer
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run, beginning, create_run, read_wish

SPEC = TrainSpec(recipe="lora", model="m", data="d")
STARTED = Started("1", "cpu", 20)
MB = 2**20


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, Appearance(theme="light"))


def claim(run: Run, process: psutil.Process) -> None:
    since = beginning(process)
    run.lock_file.write_text(json.dumps({"pid": process.pid, "since": since}))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """That this very process works at, as far as anybody can see."""
    made = create_run(str(tmp_path / "run"), SPEC)
    claim(made, psutil.Process())
    return made


@pytest.fixture
def runs(run: Run) -> Iterator[Runs]:
    made = Runs()
    made.watch(run)
    yield made
    made.stop()


def wished(run: Run) -> str:
    return getattr(read_wish(run), "what", "")


def step(number: int) -> Progress:
    return Progress(number, 20, (Metric("loss", 2.0),))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the beginning of a process is written down")
def test_a_clock_that_is_set_ends_no_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    booted = psutil.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: booted + 3600)
    assert is_alive(run)


def test_a_line_without_an_end_is_passed_over_piece_by_piece(qtbot: QtBot, run: Run) -> None:
    run.events_file.write_bytes(b"x" * (MAX_LINE_BYTES + 10) + b"\n" + to_line(step(3)))
    heard: list[Event] = []
    watch = RunWatch(run)
    watch.told.connect(heard.extend)
    with qtbot.waitSignal(watch.caught_up):
        watch.follow()
    watch.stop()
    assert heard == [step(3)] == list(run.events())


def test_a_run_that_somebody_else_goes_on_with_is_seen_to(qtbot: QtBot, theme: Theme, run: Run) -> None:
    run.lock_file.unlink()
    run.events_file.write_bytes(to_line(STARTED) + to_line(step(3)) + to_line(Finished(stopped=True)))
    watch, view = RunWatch(run), RunView(theme)
    qtbot.addWidget(view)
    watch.told.connect(view.take)
    watch.alive_changed.connect(lambda: view.set_alive(watch.is_alive, watch.log()))
    view.show_run(run, SPEC, is_alive=watch.is_alive)
    with qtbot.waitSignal(watch.caught_up):
        watch.follow()
    assert view.phase == "stopped"
    claim(run, psutil.Process())
    with run.events_file.open("ab") as file:
        file.write(to_line(STARTED) + to_line(step(4)))
    watch.follow()
    qtbot.waitUntil(lambda: watch.is_alive)
    with run.events_file.open("ab") as file:
        file.write(to_line(step(5)))
    qtbot.waitUntil(lambda: view.phase == "running")
    watch.stop()


def test_a_run_whose_folder_is_deleted_is_gone_and_offers_nothing(
    qtbot: QtBot, theme: Theme, run: Run
) -> None:
    view = RunView(theme)
    qtbot.addWidget(view)
    view.show_run(run, SPEC, is_alive=True)
    view.take([STARTED, step(3)])
    assert view.phase == "running"
    shutil.rmtree(run.folder)
    view.set_alive(False)
    assert view.phase == "gone"
    assert "Its folder is gone" in view.header.sentence.text()
    assert not any(view.header.can(wish) for wish in view.header.buttons)


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("", "perhaps for want of memory"),
        ("a library: be careful\n", "perhaps for want of memory"),
        ("smallcoder: The disk is full; free some space.\n", "The disk is full; free some space."),
        ("Traceback (most recent call last):\nZeroDivisionError: by zero\n", "mistake of SmallCoder's own"),
    ],
)
def test_why_a_run_broke_off_is_told_as_far_as_it_is_known(
    qtbot: QtBot, theme: Theme, run: Run, log: str, sentence: str
) -> None:
    view = RunView(theme)
    qtbot.addWidget(view)
    view.show_run(run, SPEC, is_alive=False, log=log)
    view.take([STARTED, step(3)])
    assert view.phase == "broken"
    assert sentence in view.header.sentence.text()


@pytest.mark.skipif(os.name != "posix", reason="a signal is its second way")
def test_a_run_is_stopped_though_its_folder_cannot_be_written_to(qtbot: QtBot, run: Run) -> None:
    run.wish_file.mkdir()  # in its place nothing can be put
    said: list[str] = []
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        claim(run, psutil.Process(child.pid))
        watch = RunWatch(run)
        watch.failed.connect(said.append)
        watch.wish("pause")
        assert len(said) == 1
        assert '"run" could not be told to pause' in said[0]
        watch.wish("stop")
        assert child.wait(20) == -15
    assert watch.wished == "stop"
    assert len(said) == 1


def test_who_tells_a_run_to_go_on_is_heard_until_there_is_another_reason(runs: Runs, run: Run) -> None:
    runs.hold("battery", "It waits.")
    assert wished(run) == "pause"
    runs.go_on(run)
    runs._hold_again.timeout.emit()
    assert wished(run) == "go on"
    runs.hold("typing", "It stands back.")
    assert wished(run) == "pause"
    runs.release("typing")
    assert wished(run) == "go on"
    runs.release("battery")
    runs.hold("battery", "It waits.")
    assert wished(run) == "pause"


def test_a_run_waits_on_the_battery_and_goes_on_at_the_mains(
    runs: Runs, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    battery = SimpleNamespace(power_plugged=False)
    monkeypatch.setattr(power, "_ASK_EVERY_S", 0.0)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    store = SettingsStore(SettingsFile())
    back = StandingBack(runs, store)
    back.look()
    assert wished(run) == "pause"
    assert "battery" in runs.held
    battery.power_plugged = True
    back._look_at_power.timeout.emit()
    assert (wished(run), runs.held) == ("go on", "")
    battery.power_plugged = False
    store.change("training", pause_on_battery=False)
    back.look()
    assert wished(run) == "go on"
    back.stop()
    store.flush()


def test_what_cannot_be_read_can_be_deleted(qtbot: QtBot, theme: Theme, runs: Runs) -> None:
    future = create_run("future", SPEC)
    future.spec_file.write_text('{"format": 99}')
    notices = NoticeBar(theme)
    qtbot.addWidget(notices)
    deleting = Deleting(runs, notices)
    deleting.offer([future], "It is of another version.")
    [button] = notices._buttons
    assert button.text() == 'Delete "future"'
    button.click()
    assert not future.folder.exists()
    assert notices.texts == ['"future" was deleted.']


def test_a_run_that_another_process_learns_is_not_deleted(
    qtbot: QtBot, theme: Theme, runs: Runs, run: Run
) -> None:
    notices = NoticeBar(theme)
    qtbot.addWidget(notices)
    deleting = Deleting(runs, notices)
    deleting.delete(run)
    assert run.spec_file.exists()
    [said] = notices.texts
    assert '"run" is being learnt by another process' in said
    run.lock_file.unlink()
    deleting.delete(run)
    assert not run.folder.exists()


def test_where_there_are_no_runs_that_is_said_where_they_would_begin(qtbot: QtBot, theme: Theme) -> None:
    made = RunList(theme)
    qtbot.addWidget(made)
    made.resize(220, 700)
    made.show()
    hint = next(part for part in made.findChildren(QLabel) if part.text().startswith("Runs stand here"))
    picture = hint.grab().toImage()
    ground = picture.pixel(picture.width() - 1, 0)
    across = range(picture.width())
    written = [y for y in range(picture.height()) if any(picture.pixel(x, y) != ground for x in across)]
    assert written[0] < 2 * hint.fontMetrics().height()


def test_the_wheel_changes_no_choice_that_lies_under_it(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    page = RunSetup(theme, usual_draft("model"))
    qtbot.addWidget(page)
    page.folders.add([tmp_path])
    page.show()
    before = page.draft
    for box in (page.choices.recipe_box, page.choices.time_box, page.scan.kind_box):
        at = QPointF(box.rect().center())
        keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.NoButton
        turn = (QPoint(), QPoint(0, -120), buttons, keys, Qt.ScrollPhase.NoScrollPhase, False)
        turned = QWheelEvent(at, QPointF(box.mapToGlobal(at)), *turn)
        QApplication.sendEvent(box, turned)
        assert box.currentIndex() == 0
    assert page.draft == before


def test_a_scan_is_stopped_and_begun_anew(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    page = RunSetup(theme, usual_draft("model"))
    qtbot.addWidget(page)
    page.folders.add([tmp_path])
    assert page.scan.turn_button.text() == "Stop"
    with qtbot.waitSignal(page.stop_requested):
        page.scan.turn_button.click()
    assert "Stopped before all was looked through" in page.scan.sentence.text()
    assert not page.begin_button.isEnabled()
    with qtbot.waitSignal(page.scan_requested):
        page.scan.turn_button.click()


def test_a_run_by_the_clock_is_set_up_again_as_it_was(tmp_path: Path) -> None:
    draft = replace(usual_draft("m"), name="boxed", folders=(tmp_path,), box=TimeBox("minutes", 30))
    words = draft.begin_words()
    assert words[words.index("--finish-minutes") + 1] == "30"  # it is the run's, whoever goes on with it
    again = draft_of(create_run("boxed", replace(draft.chosen, finish_minutes=30.0)))
    assert again.box == draft.box
    assert again.spec == replace(draft.spec, data=again.spec.data)


def test_models_make_room_for_a_run_that_goes_on_where_that_is_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vocabulary").mkdir()
    model = str(tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path / "vocabulary")))
    run = create_run("resumed", replace(SPEC, model=model, precision="fp32"))

    def needs(available_mb: int, held_mb: int, ram_mb: int = 0) -> bool:
        memory = SimpleNamespace(total=8192 * MB, available=available_mb * MB)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
        return _needs_room(run, held_mb * MB, ram_mb)

    assert not needs(available_mb=7000, held_mb=500)
    assert needs(available_mb=600, held_mb=3000)
    assert not needs(available_mb=600, held_mb=10)
    assert needs(available_mb=7000, held_mb=1000, ram_mb=1500)


@pytest.mark.parametrize("page", [BenchPage, lambda theme: TrainPage(theme, usual_draft("m"))])
def test_code_and_commands_stand_in_columns_as_large_as_all_else(
    qtbot: QtBot, qapp: QApplication, page: Callable[[Theme], QWidget]
) -> None:
    theme = Theme(qapp, Appearance(theme="light"))
    made = page(theme)
    qtbot.addWidget(made)
    made.show()
    theme.take(Appearance(theme="light", ui_scale=1.5))
    fields = [
        field
        for kind in (QPlainTextEdit, QTextBrowser, QLineEdit)
        for field in made.findChildren(kind)
        if field.isReadOnly()
    ]
    assert len(fields) >= 4
    for field in fields:
        assert QFontInfo(field.font()).fixedPitch(), field.accessibleName()
        assert field.font().pointSizeF() == qapp.font().pointSizeF(), field.accessibleName()
    theme.take(Appearance(theme="light"))
