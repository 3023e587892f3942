"""The Train page and what it starts: a folder scanned, a run begun, stopped, found again, used. All real."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import qasync
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from app.runs.charts import points
from app.runs.page import TrainPage
from app.runs.runs import Runs
from app.runs.view import RunView
from app.runs.watch import is_alive
from app.settings import Appearance
from app.shell.taught import place_of
from app.shell.training import Training
from app.theme import Theme
from core.spec import messages
from core.spec.fields import from_json
from core.spec.lines import to_line
from tests.app.conftest import Run as Runner
from tests.app.patience import until
from tests.app.windows import Start, Started
from tests.trainer.runs import tiny_model_folder
from trainer.data.prepare import Preparation
from trainer.data.sources import Sources
from trainer.running import decided
from trainer.spec.data import PrepareSpec, ScanSpec
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run, beginning, create_run, find_run

STEPS = 60
QUICK = {
    **{
        "recipe": "lora",
        "batch_size": 1,
        "accumulation": 1,
        "context_tokens": 64,
        "judged_lines": 2,
        "judged_tasks": 0,
    },
    **{"precision": "fp32", "device": "cpu", "threads": 1, "learning_rate": 0.01, "patience": 0},
    **{"validate_every": 5, "sample_every": 20, "checkpoint_every": 5},
}


@pytest.fixture
def run(qapp: QApplication) -> Iterator[Runner]:
    """As everywhere, but patient."""
    loop = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    yield lambda flow: loop.run_until_complete(asyncio.wait_for(flow, 600))
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def learning(tmp_path: Path) -> Iterator[Run]:
    """A run that has not begun and would never end; whatever becomes of the test, nothing of it goes on."""
    run = made(tmp_path, steps=1_000_000)
    yield run
    claim = run.claim()
    if claim is not None and is_alive(run):
        os.kill(claim[0], signal.SIGKILL)


def made(folder: Path, steps: int) -> Run:
    model, data = tiny_model_folder(folder / "model"), folder / "data"
    sources = Sources((code(folder / "code"),), ScanSpec())
    Preparation(sources, model, PrepareSpec(context=64)).run(data, lambda *_: None)
    settings = {**QUICK, "model": str(model), "data": str(data), "steps": steps}
    return create_run(str(folder / "run"), decided(from_json(TrainSpec, settings, "the test")))


def test_a_run_that_is_killed_says_so_and_goes_on_from_what_it_saved(qtbot: QtBot, learning: Run) -> None:
    runs, view = Runs(), RunView(Theme(QApplication.instance(), Appearance(theme="light")))  # type: ignore[arg-type]
    qtbot.addWidget(view)
    view.show()
    watch = runs.watch(learning)
    watch.told.connect(view.take)
    watch.alive_changed.connect(lambda: view.set_alive(watch.is_alive, watch.log()))
    view.show_run(learning, learning.spec(), is_alive=False)
    assert view.phase == "new"
    runs.start(learning)
    assert view.phase == "starting"
    qtbot.waitUntil(lambda: (view.record.saved_step or 0) >= 5)
    assert view.phase == "running"
    claim = learning.claim()
    assert claim is not None
    os.kill(claim[0], signal.SIGKILL)
    qtbot.waitUntil(lambda: view.phase == "broken")
    saved = view.record.saved_step
    assert f"It goes on from step {saved}." in view.header.sentence.text()
    view.header.wished.connect(lambda wish: runs.start(learning) if wish == "resume" else None)
    view.header.buttons["resume"].click()
    went_on = f"going on from step {saved}"
    qtbot.waitUntil(lambda: went_on in view.record.notes)
    watch.wish("stop")
    qtbot.waitUntil(lambda: view.phase == "stopped")
    runs.stop()


def test_a_checkpoint_that_nobody_could_tell_of_any_more_counts(qtbot: QtBot, learning: Run) -> None:
    view = RunView(Theme(QApplication.instance(), Appearance(theme="light")))  # type: ignore[arg-type]
    qtbot.addWidget(view)
    view.show_run(learning, learning.spec(), is_alive=True)
    begun = messages.Started("1", "cpu", 9)
    view.take([begun, messages.Progress(5, 9), messages.Saved("x", 5)])
    learning.checkpoint(6).mkdir(parents=True)
    view.set_alive(False)
    assert (view.phase, view.record.saved_step) == ("broken", 6)
    assert "It goes on from step 6." in view.header.sentence.text()


def test_why_a_run_could_not_begin_is_told_in_its_sentence(
    qtbot: QtBot, learning: Run, tmp_path: Path
) -> None:
    (tmp_path / "data" / "data.json").unlink()
    runs, view = Runs(), RunView(Theme(QApplication.instance(), Appearance(theme="light")))  # type: ignore[arg-type]
    qtbot.addWidget(view)
    watch = runs.watch(learning)
    watch.told.connect(view.take)
    watch.alive_changed.connect(lambda: view.set_alive(watch.is_alive, watch.log()))
    view.show_run(learning, learning.spec(), is_alive=False)
    runs.start(learning)
    qtbot.waitUntil(lambda: view.phase == "failed")
    assert str(tmp_path / "data") in view.header.sentence.text()
    assert view.header.can("resume")
    runs.stop()


def code(folder: Path) -> Path:
    folder.mkdir()
    for number in range(16):
        lines = (f"def function_{number}_{line}(x):\n    return x + {line}\n\n" for line in range(30))
        (folder / f"module_{number}.py").write_text("".join(lines))
    (folder / "keys.py").write_text("token = '" + "ghp" + "_" + "a1B2" * 9 + "'\n")
    return folder


@asynccontextmanager
async def window(application: QApplication, model: Path) -> AsyncIterator[Started]:
    started = Started(application)
    started.window._store.change("engine", model=str(model), device="cpu", precision="fp32", threads=1)
    started.window._store.change("training", when_closed="continue")
    await started.begin()
    started.trigger("view.train")
    try:
        yield started
    finally:
        for watch in started.window.training.runs.alive():
            watch.wish("stop")
            await until(lambda watch=watch: not watch._works())  # type: ignore[misc]
        await started.end()


def page_of(started: Started) -> tuple[Training, TrainPage]:
    training = started.window.training
    assert training._page is not None
    return training, training._page


def set_up(page: TrainPage) -> None:
    """Steps of a moment, enough of them that it can be stopped among them."""
    wanted = {**QUICK, "steps": STEPS}
    choices = page.setup.choices
    choices.touched |= {*wanted}
    choices._tell(replace(page.setup.draft, spec=replace(page.setup.draft.spec, **wanted)))  # type: ignore[arg-type]
    choices.show_draft(choices.draft)


async def reached(page: TrainPage, condition: Callable[[], bool]) -> None:
    """A process that begins with importing PyTorch takes its time on a busy machine."""
    for _ in range(8):
        try:
            await until(condition)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"waited in vain; it is {page.view.phase}: {page.view.header.sentence.text()}")


async def test_a_model_makes_room_for_a_run_and_comes_back_after_it(
    run: Runner, qapp: QApplication, tmp_path: Path
) -> None:
    model = tiny_model_folder(tmp_path / "model")
    async with window(qapp, model) as started:
        training, page = page_of(started)
        engine, room = started.window.engine, training.room
        await reached(page, lambda: engine.is_ready)
        assert room.held_bytes() > 0
        needy = create_run("needy", TrainSpec(recipe="lora", model=str(model), data="d"))
        await room.make(needy)
        assert engine.state.phase == "idle"
        assert 'is unloaded while "needy" learns' in started.texts()
        room.give_back(needy)
        await reached(page, lambda: engine.is_ready)
        assert "is unloaded while" not in started.texts()


async def test_a_run_is_set_up_within_the_limit_of_the_settings_as_they_are_now(
    run: Runner, qapp: QApplication
) -> None:
    started = Started(qapp)
    store = started.window._store
    try:
        started.trigger("view.train")
        _, page = page_of(started)
        setup = page.setup
        store.change("budget", ram_mb=6000)
        assert setup.draft.spec.ram_mb == 6000
        form = setup.choices.form()
        form.field("ram_mb").setValue(5000)  # type: ignore[attr-defined]
        form.field("seed").setValue(7)  # type: ignore[attr-defined]
        store.change("budget", ram_mb=7000)
        assert setup.draft.spec.ram_mb == 5000
        page.list.new_button.click()
        assert (setup.draft.spec.ram_mb, setup.draft.spec.seed) == (7000, 42)
        store.change("budget", ram_mb=8000)
        assert setup.draft.spec.ram_mb == 8000
    finally:
        await started.end()


async def test_who_chooses_a_folder_is_told_what_for_and_sees_whole_names(
    run: Runner, started: Started
) -> None:
    started.trigger("view.train")
    _, page = page_of(started)
    for wish, title in (
        (page.setup.folder_choice_requested, "Choose a Folder to Learn From"),
        (page.setup.model_choice_requested, "Choose a Model's Folder"),
    ):
        wish.emit()
        dialog = await until(lambda: started.window.findChild(QFileDialog))
        assert dialog.windowTitle() == title
        assert dialog.viewMode() == QFileDialog.ViewMode.List
        dialog.reject()
        await until(lambda: started.window.findChild(QFileDialog) is None)


def stopped_run() -> Run:
    mine = create_run("mine", TrainSpec(recipe="lora", model="m", data="d"))
    events = messages.Started("1", "cpu", 9), messages.Progress(3, 9), messages.Finished(stopped=True)
    mine.events_file.write_bytes(b"".join(map(to_line, events)))
    return mine


async def stopped_run_in_sight(started: Started) -> tuple[Run, TrainPage]:
    mine = stopped_run()
    started.trigger("view.train")
    training, page = page_of(started)
    training.show_run(mine)
    await until(lambda: page.view.phase == "stopped")
    return mine, page


async def test_a_run_that_goes_on_elsewhere_is_followed_while_it_is_in_sight_and_left_alone(
    run: Runner, started: Started
) -> None:
    mine, page = await stopped_run_in_sight(started)
    me = psutil.Process()
    mine.lock_file.write_text(json.dumps({"pid": me.pid, "since": beginning(me)}))
    await until(lambda: page.view.phase == "starting")  # nobody has pressed anything
    mine.lock_file.unlink()
    await until(lambda: page.view.phase == "stopped")
    mine.lock_file.write_text(json.dumps({"pid": me.pid, "since": beginning(me)}))
    for wish in ("resume", "delete"):
        page.view.header.buttons[wish].click()  # before anybody has looked
    await until(lambda: page.view.phase == "starting")
    said = " ".join(started.window.frame.notices.texts)
    assert '"mine" is being learnt by another process already' in said
    assert '"mine" is being learnt by another process; stop it first' in said
    assert not any(page.view.header.can(wish) for wish in ("resume", "delete"))
    mine.lock_file.unlink()
    await until(lambda: page.view.phase == "stopped")


async def test_a_run_that_is_met_by_a_window_is_named_in_quotes(run: Runner, start: Start) -> None:
    mine, me = stopped_run(), psutil.Process()
    mine.lock_file.write_text(json.dumps({"pid": me.pid, "since": beginning(me)}))
    started = await start()
    assert '"mine" is still learning.' in started.window.frame.notices.texts
    mine.lock_file.unlink()
    await until(lambda: not started.window.training.runs.alive())


async def test_a_deleted_run_that_is_brought_back_stands_in_the_list_at_once(
    run: Runner, started: Started
) -> None:
    mine, page = await stopped_run_in_sight(started)
    await until(lambda: page.list.view.count() == 1)
    page.view.header.buttons["delete"].click()
    await until(lambda: page.list.view.count() == 0)
    started.window.frame.notices._buttons[0].click()
    await until(lambda: page.list.selected == [str(mine.folder)] and page.is_showing_run)
    await until(lambda: page.view.phase == "stopped")


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_person_teaches_a_model_a_folder_and_uses_what_it_learnt(
    run: Runner, qapp: QApplication, tmp_path: Path
) -> None:
    model, folder = tiny_model_folder(tmp_path / "model"), code(tmp_path / "my code")
    async with window(qapp, model) as started:
        training, page = page_of(started)
        page.setup.folders.add([folder])
        await reached(page, lambda: page.setup.scan.is_whole)
        assert "16 files to learn from" in page.setup.scan.sentence.text()
        assert "ghp" not in started.texts()
        set_up(page)
        page.setup.begin_button.click()
        await reached(page, lambda: page.is_showing_run and page.view.record.step > 3)
        learning = find_run("my-code")
        started.trigger("train.stop")
        await reached(page, lambda: page.view.phase == "stopped")
        stopped_at = page.view.record.step
        assert stopped_at < STEPS
        assert page.view.header.can("resume")
        started.trigger("train.resume")
        await reached(page, lambda: page.view.phase == "running" and page.view.record.step > stopped_at)

    async with window(qapp, model) as started:
        training, page = page_of(started)
        training.show_run(learning)
        await reached(page, lambda: page.view.phase in ("stopped", "finished"))
        if page.view.phase == "stopped":
            started.trigger("train.resume")
        await reached(page, lambda: page.view.phase == "finished" and page.view.verdict.isVisible())
        assert page.view.record.step == points(learning.events(), "loss")[0][-1] == STEPS
        assert page.view.verdict.title.text() == "Better"
        started.trigger("train.use")
        await reached(page, lambda: bool(started.window._store.settings.engine.adapter))
        adapter = started.window._store.settings.engine.adapter
        assert Path(adapter) == place_of(learning, is_adapter=True)
        await reached(
            page, lambda: getattr(started.window.engine.state.facts, "name", "").startswith("model + ")
        )
        page.view.verdict.use_requested.emit(0.0)
        await reached(page, lambda: started.window._store.settings.engine.adapter == "")
