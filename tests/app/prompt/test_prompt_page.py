"""The prompt page with a real worker: alternatives, seeds, stop, what is said where there is none."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop, QMimeData
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QSpinBox
from pytestqt.qtbot import QtBot

from app.engine_client import EngineClient
from app.engines import RoleEngine
from app.prompt.alternative import Written
from app.prompt.presets import Presets
from app.prompt.prompt_page import PromptPage
from app.settings import Appearance
from app.theme import Theme
from core.spec.sampling import Sampling
from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.workers import PLAIN, tireless_model

SHORT = Sampling(temperature=0.8, max_tokens=6)
WAITING = QEventLoop.ProcessEventsFlag.WaitForMoreEvents
LONG = Sampling(temperature=0.05, max_tokens=3000)  # a higher one may draw its end too early


@pytest.fixture(scope="module")
def worker(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    client, closed = EngineClient(), []
    client.closed.connect(lambda: closed.append(True))
    client.load(str(tireless_model(tmp_path_factory.mktemp("models"))), PLAIN)
    while client.state.phase in ("starting", "loading"):
        qapp.processEvents(WAITING)
    assert client.is_ready
    yield client
    client.close()
    while not closed:
        qapp.processEvents(WAITING)


@pytest.fixture
def engine(worker: EngineClient) -> Iterator[RoleEngine]:
    role = RoleEngine("chat")
    role.serve_by(worker, worker.state)
    yield role
    role.serve_by(None, worker.state)


def page_for(engine: RoleEngine, qtbot: QtBot, qapp: QApplication, folder: Path) -> PromptPage:
    made = PromptPage(Theme(qapp, Appearance()), engine, Presets(folder / "presets.json"), lambda _: None)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def page(engine: RoleEngine, qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> PromptPage:
    return page_for(engine, qtbot, qapp, tmp_path)


def texts(page: PromptPage) -> list[str]:
    return [alternative.code.toPlainText() for alternative in page.alternatives if alternative.isVisible()]


async def test_alternatives_stand_side_by_side_and_a_seed_gives_the_same_again(
    run: Run, page: PromptPage
) -> None:
    page.prompt.setPlainText("def add(first, second):\n")
    page.sampling.set_sampling(SHORT)
    page.count.setValue(3)
    await page.write()
    first = texts(page)
    assert len({*first}) == 3
    assert all(text.startswith("def add(first, second):\n") for text in first)
    seeds = [alternative.seed for alternative in page.alternatives[:3]]
    assert seeds == [seeds[0], seeds[0] + 1, seeds[0] + 2]
    assert "6 tokens at " in page.alternatives[0].said.text()
    page.alternatives[1].seed_requested.emit(seeds[1])  # what a press on the seed does
    page.count.setValue(1)
    await page.write()
    assert texts(page) == [first[1]]
    page.sampling.changes_seed.setChecked(True)
    await page.write()
    assert page.alternatives[0].seed != seeds[1]


async def test_stop_is_heard_in_the_middle_and_the_others_are_not_begun(run: Run, page: PromptPage) -> None:
    page.prompt.setPlainText("x = 1\n")
    page.sampling.set_sampling(LONG)
    page.count.setValue(2)
    written = asyncio.ensure_future(page.write())
    await until(lambda: "tokens/s" in page.alternatives[0].said.text())
    assert page.alternatives[0].said.text().startswith("Writing: ")
    assert not page.write_button.isEnabled()
    page.stop_button.click()
    await written
    assert "stopped" in page.alternatives[0].said.text()
    assert page.alternatives[0].insert.isEnabled()
    assert page.alternatives[1].said.text() == "Not written, because it was stopped."
    assert not page.alternatives[1].insert.isEnabled()
    assert page.write_button.isEnabled()


async def test_what_was_written_can_be_taken(run: Run, page: PromptPage, qtbot: QtBot) -> None:
    page.prompt.setPlainText("x = 1\n")
    page.sampling.set_sampling(SHORT)
    await page.write()
    first = page.alternatives[0]
    wishes: list[Written] = []
    page.insert_requested.connect(wishes.append)
    page.open_requested.connect(wishes.append)
    first.insert.click()
    first.open_it.click()
    first.copy.click()
    assert [wish.code for wish in wishes] == [first.code.toPlainText()] * 2
    assert QGuiApplication.clipboard().text() == first.code.toPlainText()


async def test_with_temperature_0_one_answer_is_written_and_it_is_said_why(
    run: Run, page: PromptPage
) -> None:
    page.prompt.setPlainText("a stack")
    page.sampling.set_sampling(Sampling(max_tokens=2))
    page.count.setValue(3)
    assert "With temperature 0 there is one answer only" in page.how.text()
    assert "become a comment above it" in page.how.text()
    await page.write()
    assert len(texts(page)) == 1
    assert texts(page)[0].startswith("# a stack\n")


async def test_a_length_that_leaves_no_room_is_said_in_the_answer(run: Run, page: PromptPage) -> None:
    page.prompt.setPlainText("x = 1\n")
    page.sampling.set_sampling(Sampling(temperature=0.8, max_tokens=4096))
    await page.write()
    assert "ask for a shorter answer" in page.alternatives[0].said.text()
    assert page.write_button.isEnabled()


async def test_an_empty_prompt_asks_for_words(run: Run, page: PromptPage) -> None:
    page.prompt.setPlainText("  \n")
    await page.write()
    assert page.how.text() == "Write first what the code should do."


async def test_without_a_model_it_says_what_to_do(
    run: Run, qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    page = page_for(RoleEngine("chat"), qtbot, qapp, tmp_path)
    page.prompt.setPlainText("a stack")
    await page.write()
    assert page.write_button.isEnabled()
    assert page.how.text() == "No model is chosen; choose one first."
    shown = [button for button in page.findChildren(type(page.write_button)) if button.isVisible()]
    choose = next(button for button in shown if button.text() == "Choose a Model…")
    with qtbot.waitSignal(page.model_requested):
        choose.click()


async def test_a_model_that_was_taught_to_chat_is_asked_in_its_own_words(
    run: Run, worker: EngineClient, page: PromptPage, tmp_path: Path
) -> None:
    before = worker.state.target
    assert before is not None
    shutil.copytree(before.path, tmp_path / "talker")
    template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    (tmp_path / "talker" / "chat_template.jinja").write_text(template)
    worker.load(str(tmp_path / "talker"), PLAIN)
    await until(lambda: worker.is_ready and worker.state.facts.name == "talker")  # type: ignore[union-attr]
    page.prompt.setPlainText("a stack")
    assert page.how.text() == "talker is asked; the code is taken from its answer."
    page.sampling.set_sampling(SHORT)
    await page.write()
    assert page.alternatives[0].written is not None
    assert not page.alternatives[0].written.code.startswith("# a stack")
    assert "6 tokens" in page.alternatives[0].said.text()
    worker.load(before.path, before.placement)
    await until(lambda: worker.is_ready and worker.state.target == before)


def test_settings_of_a_model_are_kept_and_every_control_is_there(page: PromptPage) -> None:
    form = page.sampling.form
    for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_tokens", "seed"):
        assert form.field(name).isVisibleTo(page), name
    top_k = form.field("top_k")
    assert isinstance(top_k, QSpinBox)
    assert (top_k.minimum(), top_k.maximum()) == (0, 100)
    top_k.setValue(0)
    assert top_k.text() == "off"
    page.sampling.stop.setPlainText("\\n\\n\nclass ")
    assert page.sampling.sampling.stop == ("\n\n", "class ")
    page.sampling.save_as("Mine")
    assert page.sampling.preset.currentText() == "Mine"
    page.sampling.set_sampling(SHORT)
    assert page.sampling.preset.currentText() == "Your own"
    page.sampling.preset.setCurrentText("Mine")
    page.sampling.preset.activated.emit(page.sampling.preset.currentIndex())
    assert page.sampling.sampling.stop == ("\n\n", "class ")


def test_a_prompt_longer_than_any_model_reads_is_cut_as_it_is_pasted(page: PromptPage) -> None:
    pasted = QMimeData()
    pasted.setText("word " * 200_000)
    page.prompt.insertFromMimeData(pasted)
    assert len(page.prompt.toPlainText()) <= 200_000
    assert "were pasted" in page.how.text()
