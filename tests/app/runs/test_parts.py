"""What the Train page is made of, part by part: a draft and its command, records of runs, files overruled."""

import argparse
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QSlider, QWidget
from pytestqt.qtbot import QtBot

from app.runs.charts import points
from app.runs.draft import (
    Draft,
    TimeBox,
    draft_of,
    free_name,
    name_problem,
    usual_draft,
    with_looks,
)
from app.runs.header import RunHeader
from app.runs.record import RunRecord
from app.runs.runs import Runs, entries
from app.runs.scanned_files import can_be_overruled, overruled
from app.runs.setup import RunSetup
from app.runs.verdict import VerdictCard
from app.runs.watch import RunWatch
from app.runs.words import in_window
from app.settings import Appearance
from app.theme import Theme
from core.spec.config import ModelConfig
from core.spec.fields import settings_of
from core.spec.lines import to_line
from core.spec.machine import Machine
from core.spec.messages import (
    Event,
    Failed,
    Finished,
    Glimpse,
    Judged,
    Metric,
    Note,
    Part,
    Progress,
    Saved,
    Started,
)
from tests.tiny import TINY
from trainer.cli import train
from trainer.data.collect import collect
from trainer.spec.data import ScanSpec
from trainer.spec.estimates import Estimate
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run, beginning, create_run, make_wish, read_wish
from trainer.spec.verdict import Score, TasksPassed, Verdict

GB = 2**30
SPEC = TrainSpec(recipe="lora", model="m", data="d")
STARTED = Started("1", "cpu", 20)


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, Appearance(theme="light"))


def loss(step: int, value: float | None, name: str = "loss") -> Progress:
    return Progress(step, 20, (Metric(name, value),))


def told(*events: Event) -> RunRecord:
    record = RunRecord()
    record.take_all(events)
    return record


def test_its_command_says_all_that_was_set() -> None:
    spec = replace(
        usual_draft("base model").spec,
        **{"lora_layers": ("q", "v"), "warmup_steps": 7, "checkpoint_layers": True, "batch_size": 3},
    )
    scan = ScanSpec(include=("a b.py",), exclude=("/x", "y"))
    draft = Draft(spec, "name", (Path("/one"), Path("/two words")), scan, TimeBox("minutes", 45))
    parser = argparse.ArgumentParser()
    train.fill(parser)
    given = vars(parser.parse_args(draft.new_words()[1:]))
    understood = {item.name: given[item.name] for item in settings_of(TrainSpec) if item.name in given}
    understood["lora_layers"] = tuple(understood["lora_layers"])
    assert TrainSpec(**understood, data=spec.data) == replace(draft.chosen, finish_minutes=45.0)
    assert given["source"] == list(draft.folders)
    assert (given["include"], given["exclude"]) == (["a b.py"], ["/x", "y"])


def test_a_time_box_ends_by_the_clock_and_lets_the_steps_fall_before() -> None:
    draft = replace(usual_draft("m"), name="n", folders=(Path("/f"),), box=TimeBox("until", until="07:00"))
    assert draft.chosen.schedule == "wsd"
    assert draft.chosen.epochs > draft.spec.epochs
    assert draft.new_words()[-2:] == ("--until", "07:00")
    assert draft.box.minutes_left(datetime(2026, 1, 1, 23, 30)) == 7.5 * 60
    assert draft.box.minutes_left(datetime(2026, 1, 1, 6, 30)) == 30


def test_looks_are_seldom_in_a_long_run_and_there_at_all_in_a_short_one() -> None:
    assert with_looks(SPEC, 3).validate_every == 1
    assert with_looks(SPEC, 200).sample_every == 20
    assert with_looks(SPEC, 10**6).checkpoint_every == 100


def test_a_name_is_free_and_can_stand_on_a_command_line(tmp_path: Path) -> None:
    folders = (tmp_path / "my code!",)
    assert free_name(folders) == "my-code"
    create_run("my-code", SPEC)
    assert free_name(folders) == "my-code-2"
    assert "choose another" in name_problem("my-code")
    assert name_problem("-rf")
    assert name_problem("a/b")
    assert not name_problem("my-code-2")


def test_what_is_overruled_is_learnt_from_and_back(tmp_path: Path) -> None:
    (tmp_path / "build [1]").mkdir()
    for name in ("kept.py", "build [1]/made!.py", "#odd*.py"):
        (tmp_path / name).write_text(f"name = {name!r}\nother = 1\n" * 3)
    (tmp_path / ".gitignore").write_text("build*\n")

    def judged(scan: ScanSpec) -> dict[str, Judged]:
        return {
            file.name: Judged(
                str(file.folder),
                file.name,
                file.reason or "",
                can_be_included=file.reason in ("ignored", "excluded"),
            )
            for file in collect([tmp_path], scan)
        }

    before = judged(ScanSpec())
    assert before["build [1]"].reason == "ignored"
    scan = overruled(ScanSpec(), before["build [1]"])
    assert not judged(scan)["build [1]/made!.py"].reason
    for name in ("#odd*.py", "build [1]/made!.py"):
        out = overruled(scan, judged(scan)[name])
        assert judged(out)[name].reason == "excluded"
        assert not judged(out)["kept.py"].reason
        assert not judged(overruled(out, judged(out)[name]))[name].reason
    assert not can_be_overruled(Judged("f", "keys.py", "secret", secrets=("line 1: token",)))


@pytest.mark.parametrize(
    ("events", "is_alive", "phase"),
    [
        ((), False, "new"),
        ((), True, "starting"),
        ((STARTED, loss(1, 2.0)), True, "running"),
        ((STARTED, loss(1, 2.0), Note("paused")), True, "paused"),
        ((STARTED, loss(1, 2.0), Note("paused"), Note("going on")), True, "running"),
        ((STARTED, loss(1, 2.0), Note("judging what it has learnt")), True, "judging"),
        ((STARTED, Finished(), Note("judging what it has learnt")), True, "judging"),
        ((STARTED, Finished(), Note("judging what it has learnt")), False, "finished"),
        ((STARTED, loss(1, 2.0)), False, "broken"),
        ((STARTED, loss(1, 2.0), Finished(stopped=True)), False, "stopped"),
        ((STARTED, Finished(stopped=True)), True, "starting"),
        ((STARTED, Finished(stopped=True), STARTED), True, "running"),
        ((STARTED, Failed("job", "The loss is no number.")), False, "failed"),
        ((STARTED, Finished()), False, "finished"),
    ],
)
def test_what_a_run_does_is_told_by_its_events_and_its_process(
    events: tuple[Event, ...], is_alive: bool, phase: str
) -> None:
    assert told(*events).phase(is_alive=is_alive) == phase


def test_after_a_kill_curves_go_on_from_the_step_that_was_saved() -> None:
    events = [loss(1, 3.0), loss(2, 2.0), loss(3, 1.0), STARTED, loss(2, 9.0), loss(3, None)]
    assert points(events, "loss") == ([1.0, 2.0], [3.0, 9.0])


def run_with(tmp_path: Path, *lines: bytes) -> Run:
    run = create_run(str(tmp_path / "run"), SPEC)
    run.events_file.write_bytes(b"".join(lines))
    return run


def claim(run: Run) -> None:
    since = beginning(psutil.Process())
    run.lock_file.write_text(json.dumps({"pid": os.getpid(), "since": since}))


def test_history_and_what_comes_later_are_told_by_the_same_signal(qtbot: QtBot, tmp_path: Path) -> None:
    torn = to_line(loss(2, 1.0))
    run = run_with(tmp_path, to_line(STARTED), b"torn and ended\n", to_line(loss(1, 2.0)), torn[:9])
    claim(run)
    heard: list[Event] = []
    watch = RunWatch(run)
    watch.told.connect(heard.extend)
    with qtbot.waitSignal(watch.caught_up):
        watch.follow()
    assert heard == [STARTED, loss(1, 2.0)]
    with run.events_file.open("ab") as file:
        file.write(torn[9:])
    qtbot.waitUntil(lambda: heard[-1] == loss(2, 1.0))
    assert watch.is_alive
    with qtbot.waitSignal(watch.alive_changed):
        run.lock_file.unlink()
    assert not watch.is_alive
    heard.clear()
    with qtbot.waitSignal(watch.caught_up):
        watch.replay()
    assert len(heard) == 3
    watch.stop()


def test_standing_back_ends_by_itself_and_spares_who_was_paused_by_hand(qtbot: QtBot, tmp_path: Path) -> None:
    run = run_with(tmp_path)
    claim(run)
    runs = Runs()
    runs.watch(run)
    runs.hold("typing", "It stands back.")
    wish = read_wish(run)
    assert wish is not None
    assert wish.until is not None
    assert wish.until > wish.at
    runs.release("typing")
    assert getattr(read_wish(run), "what", "") == "go on"
    runs.pause(run)
    runs.hold("typing", "It stands back.")
    runs.release("typing")
    by_hand = read_wish(run)
    assert by_hand is not None
    assert (by_hand.what, by_hand.until) == ("pause", None)
    runs.stop()


def test_a_deleted_run_can_be_brought_back(qapp: QApplication) -> None:
    run = create_run("mine", SPEC)
    run.events_file.write_bytes(to_line(STARTED) + to_line(Finished()))
    runs = Runs()
    assert [entry.phase for entry in entries()] == ["finished"]
    place = runs.set_aside(run)
    assert entries() == []
    runs.bring_back(place, run)
    assert [entry.name for entry in entries()] == ["mine"]


def test_a_wish_that_is_damaged_is_none(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    make_wish(run, "pause")
    run.wish_file.write_text('{"what": "explode"}')
    assert read_wish(run) is None


def estimate(**changes: int) -> Estimate:
    machine = Machine(limit_bytes=8 * GB, others_bytes=changes.get("others_bytes", GB), runtime_bytes=GB // 4)
    config: ModelConfig = TINY
    return Estimate("cpu", "fp32", 1, 2e-4, config, machine, None, 1000.0, 200_000)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Of the machine; what is available, a test may change."""
    system = SimpleNamespace(total=16 * GB, available=12 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: system)
    return system


@pytest.fixture
def setup(qtbot: QtBot, theme: Theme, tmp_path: Path, memory: SimpleNamespace) -> RunSetup:
    page = RunSetup(theme, usual_draft("model", ram_mb=8192))
    qtbot.addWidget(page)
    (tmp_path / "code").mkdir()
    page.show()
    return page


def scanned(page: RunSetup, accepted: float = 12) -> None:
    counts = {"accepted": accepted, "left_out": 3, "bytes": 7e5, "tokens": 2e5, "left_out_secret": 1}
    page.take_scan(Judged("/f", "a.py", size_bytes=1000))
    page.take_scan(
        Judged("/f", "keys.py", "secret", "something looks like a secret", secrets=("line 2: token",))
    )
    parts = (
        Part("before", "<P>"),
        Part("text", "a <b>\n"),
        Part("middle", "<M>"),
        Part("text", "c"),
        Part("end", ""),
    )
    page.take_scan(Glimpse("/f/a.py", 9, parts))
    page.take_scan(Finished(metrics=tuple(Metric(*pair) for pair in counts.items())))


def test_a_dropped_folder_is_scanned_and_what_fits_can_begin(
    qtbot: QtBot, setup: RunSetup, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile(str(tmp_path / name)) for name in ("code", "notes.txt")])
    event = QDropEvent(
        QPointF(), Qt.DropAction.CopyAction, dropped, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    )
    said: list[str] = []
    setup.said.connect(said.append)
    with qtbot.waitSignal(setup.scan_requested) as wished:
        setup.folders.dropEvent(event)
    assert wished.args[0].folders == (tmp_path / "code",)
    assert said == ["notes.txt is no folder; drop or choose the folder that it lies in."]
    assert setup.draft.name == "code"
    assert not setup.begin_button.isEnabled()
    with qtbot.waitSignal(setup.estimate_requested):
        scanned(setup)
    assert "12 files" in setup.scan.sentence.text()
    assert "1 holds a secret" in setup.scan.details.text()
    assert "⟨before⟩a <b>" in setup.scan.glimpses.text
    setup.take_estimate(estimate())
    assert setup.draft.spec.validate_every == setup.draft.spec.sample_every > 0
    assert "It fits" in setup.outlook.memory.text()
    assert "1,000 tokens/s" in setup.outlook.time.text()
    assert "--source" in setup.outlook.command.text()
    with qtbot.waitSignal(setup.begin_requested):
        setup.begin_button.click()


def test_what_does_not_fit_offers_what_would_or_the_engines_room(
    qtbot: QtBot, setup: RunSetup, tmp_path: Path
) -> None:
    setup.folders.add([tmp_path / "code"])
    with qtbot.waitSignal(setup.estimate_requested):
        scanned(setup)
    wanted = estimate().plan(setup.draft.chosen)
    others_bytes = 8 * GB - wanted.machine.reserve_bytes - wanted.budget().total_bytes + 2**20
    setup.take_estimate(estimate(others_bytes=others_bytes))
    assert "does not fit" in setup.outlook.memory.text()
    assert not setup.begin_button.isEnabled()
    setup.set_engine_bytes(GB)
    assert setup.outlook.frees_engine
    assert setup.begin_button.isEnabled()
    setup.set_engine_bytes(0)
    setup.outlook.instead_button.click()
    assert setup.draft.spec.batch_size == 1
    assert "It fits" in setup.outlook.memory.text()
    setup._later.stop()


ROOMLESS = (
    "lora of model takes 520 MB, but of 8,192 MB others hold 11,871 MB and 512 MB stay in reserve, which "
    "leaves 0 MB; choose a smaller model, close other programs or --anyway."
)


def is_in_sight(*parts: QWidget) -> bool:
    return all(part.visibleRegion().boundingRect() == part.rect() for part in parts)


def test_what_becomes_of_a_start_stays_in_sight_beside_its_button(
    qtbot: QtBot, setup: RunSetup, tmp_path: Path
) -> None:
    setup.resize(700, 420)
    setup.folders.add([tmp_path / "code"])
    with qtbot.waitSignal(setup.estimate_requested):
        scanned(setup)
    setup.take_estimate(estimate())
    setup.activateWindow()

    assert not is_in_sight(setup.begin_button)
    setup.begin_button.setFocus()
    setup.show_beginning("Starting…")
    qtbot.waitUntil(lambda: is_in_sight(setup.stop_button, setup.beginning))
    assert setup.beginning.text() == "Starting…"
    assert setup.focusWidget() is setup.stop_button
    setup.show_begun(ROOMLESS)
    qtbot.waitUntil(lambda: is_in_sight(setup.begin_button, setup.beginning))
    assert setup.beginning.text().endswith("choose a smaller model or close other programs, or start anyway.")
    assert setup.focusWidget() is setup.begin_button
    with qtbot.waitSignal(setup.begin_requested) as wished:
        setup.anyway_button.click()
    assert wished.args[0].spec.anyway
    assert not setup.draft.spec.anyway
    setup.choices.minutes_field.setValue(7)
    assert setup.anyway_button.isHidden()
    assert not setup.beginning.text()


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("It is large; try --batch-size 2 or --anyway.", 'It is large; try "Batch size" 2.'),
        ("Bring back what it was, or resume with --anyway.", "Bring back what it was."),
        ("Name one with --tokenizer.", 'Name one with "Tokenizer".'),
        ("A well-known -- problem.", "A well-known -- problem."),
    ],
)
def test_no_option_of_a_command_is_named_where_there_is_a_form(problem: str, said: str) -> None:
    assert in_window(problem) == said


def test_memory_is_looked_at_anew_before_a_start_and_until_it_fits(
    qtbot: QtBot, setup: RunSetup, tmp_path: Path, memory: SimpleNamespace
) -> None:
    setup.folders.add([tmp_path / "code"])
    with qtbot.waitSignal(setup.estimate_requested):
        scanned(setup)
    setup.take_estimate(estimate())
    assert setup.outlook.memory.text().startswith("It fits")
    setup.resize(700, 420)
    setup.activateWindow()
    setup.begin_button.setFocus()
    memory.available = 5 * GB
    with qtbot.assertNotEmitted(setup.begin_requested):
        setup.begin_button.click()
    assert setup.outlook.memory.text().startswith("It does not fit")
    assert "0 MB free of 8,192 MB" in setup.beginning.text()
    assert not setup.begin_button.isEnabled()
    qtbot.waitUntil(lambda: is_in_sight(setup.anyway_button, setup.beginning))
    assert setup.focusWidget() is setup.anyway_button
    before = setup._scroll.verticalScrollBar().value()
    memory.available = 12 * GB
    setup._look_again.timeout.emit()
    assert setup.outlook.memory.text().startswith("It fits")
    assert not setup.beginning.text()
    assert setup.focusWidget() is setup.begin_button
    assert setup._scroll.verticalScrollBar().value() == before
    with qtbot.waitSignal(setup.begin_requested):
        setup.begin_button.click()


def test_the_limit_of_the_settings_holds_until_another_is_set_here(
    qtbot: QtBot, setup: RunSetup, tmp_path: Path
) -> None:
    setup.folders.add([tmp_path / "code"])
    with qtbot.waitSignal(setup.estimate_requested):
        scanned(setup)
    setup.take_estimate(estimate(others_bytes=8 * GB))
    setup.choices.advanced_button.setChecked(True)
    assert not setup.begin_button.isEnabled()
    setup.set_limit(12 * 1024)
    field = setup.choices.form().field("ram_mb")
    assert setup.draft.spec.ram_mb == field.value() == 12 * 1024  # type: ignore[attr-defined]
    assert setup.begin_button.isEnabled()
    field.setValue(4096)  # type: ignore[attr-defined]
    assert not setup.begin_button.isEnabled()
    setup.set_limit(0)
    assert setup.draft.spec.ram_mb == 4096
    setup.choices.recipe_box.setCurrentIndex(2)
    setup.choices.recipe_box.activated.emit(2)
    setup.begin_anew(usual_draft("model", ram_mb=7000))
    assert (setup.draft.spec.ram_mb, setup.draft.spec.recipe) == (7000, "lora")
    assert setup.draft.folders == (tmp_path / "code",)
    assert not setup.choices.touched
    setup.set_limit(9000)
    assert setup.draft.spec.ram_mb == 9000


def test_nothing_to_learn_from_is_said_and_cannot_begin(setup: RunSetup, tmp_path: Path) -> None:
    setup.folders.add([tmp_path / "code"])
    setup.take_scan(Finished(metrics=(Metric("accepted", 0.0), Metric("left_out", 4.0))))
    assert "Nothing here can be learnt from" in setup.scan.sentence.text()
    assert not setup.begin_button.isEnabled()
    setup.show_scan_problem("The folder is gone.")
    assert not setup.begin_button.isEnabled()


def test_every_setting_stands_below_advanced_and_is_kept(setup: RunSetup) -> None:
    setup.choices.advanced_button.setChecked(True)
    form = setup.choices.form()
    assert {item.name for item in settings_of(TrainSpec)} <= {*form._fields}
    form.field("lora_rank").setValue(4)  # type: ignore[attr-defined]
    assert setup.draft.spec.lora_rank == 4
    setup.choices.recipe_box.setCurrentIndex(2)
    setup.choices.recipe_box.activated.emit(2)
    assert (setup.draft.spec.recipe, setup.draft.spec.lora_rank) == ("full", 4)


def test_a_saved_step_is_told_of_in_the_record() -> None:
    record = told(STARTED, loss(4, 1.0), Saved("p", 4), Note("sample: def f"))
    assert (record.saved_step, record.samples) == (4, [(4, "def f")])


def test_another_run_is_set_up_like_an_earlier_one(setup: RunSetup, tmp_path: Path) -> None:
    earlier = create_run("code", replace(usual_draft("other").spec, learning_rate=0.5))
    (earlier.folder / "data").mkdir()
    facts = {"paths": [str(tmp_path / "code")], "scan": {"exclude": ["/x"]}}
    (earlier.folder / "data" / "data.json").write_text(json.dumps(facts))
    wished: list[Draft] = []
    setup.scan_requested.connect(wished.append)
    setup.begin_like(draft_of(earlier), usual_draft("other").spec)
    (draft,) = wished
    assert (draft.folders, draft.scan.exclude) == ((tmp_path / "code",), ("/x",))
    assert (draft.spec.learning_rate, draft.spec.model, draft.name) == (0.5, "other", "code-2")
    assert setup.choices.touched == {"learning_rate"}


def test_another_run_like_an_earlier_one_has_the_limit_of_today(setup: RunSetup) -> None:
    earlier = create_run("code", replace(usual_draft("model", ram_mb=4096).spec, anyway=True))
    usual = usual_draft("model", ram_mb=6000).spec
    setup.begin_like(draft_of(earlier), usual)
    assert (setup.draft.spec.ram_mb, setup.draft.spec.anyway) == (6000, False)
    setup.set_limit(7000)
    assert setup.draft.spec.ram_mb == 7000


def test_the_form_finds_settings_and_keeps_what_is_set_above_out_of_it(
    setup: RunSetup, tmp_path: Path
) -> None:
    setup.folders.add([tmp_path / "code"])
    setup.choices.advanced_button.setChecked(True)
    setup.choices.words_field.setText("lora")
    form = setup.choices.form()
    assert form.row("lora_rank").isVisible()
    assert not form.row("seed").isVisible()
    setup.choices.words_field.setText("")
    assert form.row("seed").isVisible()
    assert not form.row("data").isVisible()
    setup.choices.words_field.setText("peak step size; none")
    setup.activateWindow()
    setup.choices.words_field.setFocus()
    QTest.keyClick(setup.choices.words_field, Qt.Key.Key_Tab)
    assert setup.focusWidget() is form.field("learning_rate")
    form.field("beta2").setValue(0.999)  # type: ignore[attr-defined]
    assert setup.draft.spec.beta2 == 0.999


def test_a_verdict_says_what_became_of_it_and_what_to_do_next(qtbot: QtBot, theme: Theme) -> None:
    card = VerdictCard(theme)
    qtbot.addWidget(card)
    before, after = Score(2.0, lines=8, exact=1, likeness=0.2), Score(1.5, lines=8, exact=3, likeness=0.4)
    verdict = Verdict(9, before, after, before, before, TasksPassed(4, 15), TasksPassed(5, 15))
    card.show_verdict(verdict, is_adapter=True, has_learnt=True)
    numbers = {"2.000 → 1.500", "1 → 3 of 8", "20% → 40%", "4 → 5 of 15 pass"}
    qtbot.waitUntil(
        lambda: numbers <= {label.text() for label in card.findChildren(QLabel) if label.isVisible()}
    )
    assert card.title.text() == "Better"
    wished: list[float] = []
    card.use_requested.connect(wished.append)
    card.use_button.click()
    card.show_use(0.5)
    assert not card.use_button.isVisible()
    card.slider.triggerAction(QSlider.SliderAction.SliderSingleStepAdd)
    assert wished == [1.0, 0.55]
    card.show_verdict(replace(verdict, held_out_after=before), is_adapter=True, has_learnt=True)
    assert card.title.text() == "No different"


def test_what_was_not_compared_yet_is_compared_and_not_compared_again(qtbot: QtBot, theme: Theme) -> None:
    card = VerdictCard(theme)
    qtbot.addWidget(card)
    card.show()
    card.show_verdict(None, is_adapter=True, has_learnt=True)
    assert (card.judge_button.isVisible(), card.judge_button.text()) == (True, "Compare")


def test_figures_of_a_verdict_say_what_they_mean_and_which_way_is_better(qtbot: QtBot, theme: Theme) -> None:
    card = VerdictCard(theme)
    qtbot.addWidget(card)
    before, after = Score(2.0, lines=8, exact=1, likeness=0.2), Score(1.5, lines=8, exact=3, likeness=0.4)
    tasks = TasksPassed(4, 15), TasksPassed(5, 15)
    card.show_verdict(Verdict(9, before, after, before, before, *tasks), is_adapter=True, has_learnt=True)
    found = {label.text(): label for label in card.findChildren(QLabel)}
    for text, name, which in (
        ("Bits a byte\nless is better", "Bits a byte, less is better", "Less is better."),
        ("2.000 → 1.500", "Your files, kept apart, Bits a byte: 2.000 → 1.500", "Less is better."),
        ("1 → 3 of 8", "Your files, kept apart, Lines exact: 1 → 3 of 8", "More is better."),
        ("20% → 40%", "Your files, kept apart, Alike: 20% → 40%", "More is better."),
        ("4 → 5 of 15 pass", "Programming tasks: 4 → 5 of 15 pass", "More is better."),
    ):
        assert found[text].accessibleName() == name
        assert found[text].toolTip() == found[text].accessibleDescription()
        assert found[text].toolTip().endswith(which)


def test_how_far_the_judging_is_is_said_and_shown(qtbot: QtBot, theme: Theme) -> None:
    header = RunHeader(theme)
    qtbot.addWidget(header)
    header.show()
    record = told(STARTED, loss(20, 1.0), Note("judging what it has learnt, on files kept apart"))
    header.show_record(record, "judging", None, "", "")
    assert header.sentence.text() == "Comparing it with what it was before, on files kept apart."
    assert header.progress.maximum() == 0  # the bar of the learning is full, which says nothing any more
    for said, share in (("hidden line 12 of 48", 0.25), ("programming task 3 of 30", 0.1)):
        record.take(Note(f"judged: {said}"))
        header.show_record(record, "judging", None, "", "")
        assert header.sentence.text() == f"Comparing it with what it was before: {said}."
        assert header.progress.value() == round(share * header.progress.maximum())
    assert len(record.notes) == 1  # what it said can still be read
    record.take(Finished())
    header.show_record(record, "finished", None, "", "")
    assert (header.progress.isHidden(), header.sentence.text()) == (True, "Finished after 20 steps.")


@pytest.mark.parametrize("width", [400, 480, 560, 640, 900])
def test_figures_that_grow_while_it_learns_are_never_cut_off(qtbot: QtBot, theme: Theme, width: int) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    header = RunHeader(theme, page)
    header.resize(width, 300)
    page.resize(width, 300)
    page.show()
    rates = {"loss": 1.234, "validation_loss": 1.234, "tokens_per_s": 1187.0, "seconds_left": 5040.0}
    metrics = tuple(Metric(*pair) for pair in rates.items())
    header.show_record(told(STARTED, Progress(1204, 12345, metrics)), "running", None, "", "")
    cells = [figure.parentWidget() for figure in header.figures.values()]
    qtbot.waitUntil(lambda: all(cell.width() >= cell.sizeHint().width() for cell in cells))
    assert all(cell.geometry().right() < width for cell in cells)


def test_a_wish_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made at a key, by the window's own thread, while the run may be writing a checkpoint."""

    def wait(_: int) -> None:
        raise AssertionError("the window waits for the disk")

    monkeypatch.setattr("os.fsync", wait)
    run = Run(tmp_path)
    make_wish(run, "pause", 30)
    wish = read_wish(run)
    assert wish is not None
    assert wish.what == "pause"
