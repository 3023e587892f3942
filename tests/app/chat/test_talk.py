"""The chat with the real worker and a tiny model: asked, stopped, killed, given too much, started anew."""

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from app.chat.archive import Archive
from app.chat.conversation import Attachment, Conversation, Message, first_read
from app.chat.room import Room, Taken
from app.chat.talk import Talk
from app.engines import Engines
from app.errands import Errands
from app.settings import SettingsFile, SettingsStore
from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.workers import tireless_model

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
MANY_LINES = "".join(f"value_{number} = {number}\n" for number in range(60_000))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tireless_model(tmp_path_factory.mktemp("model"))


class Chatter:
    """A talk, and all that it told."""

    def __init__(self, engines: Engines, store: SettingsStore, folder: Path) -> None:
        self.engines, self.archive, self.errands = engines, Archive(folder), Errands()
        engine = engines.engine_for("chat")
        self.talk = Talk(self.archive, engine, lambda: store.settings.chat, self.errands.start, engines)
        self.room = Room(engine, engines)
        self.progress: list[str] = []
        self.failures: list[str] = []
        self.pieces: list[str] = []
        self.talk.progressed.connect(lambda _, said: self.progress.append(said))
        self.talk.failed.connect(self.failures.append)
        self.talk.wrote.connect(lambda _, piece: self.pieces.append(piece))

    @property
    def last(self) -> Message:
        return self.talk.conversation.messages[-1]

    def on_disk(self) -> Conversation:
        return Archive(self.archive.folder).read(self.talk.conversation.id)[0]

    async def end(self) -> None:
        await until(lambda: self.talk.answering is None)


@asynccontextmanager
async def chatting(model: Path, folder: Path, **changes: object) -> AsyncIterator[Chatter]:
    store = SettingsStore(SettingsFile(folder / "settings.json"))
    store.change("engine", model=str(model), precision="fp32", device="cpu", threads=1)
    store.change("chat", **({"max_tokens": 2000} | changes))
    store.change("budget", ram_mb=0)  # whatever else runs on the machine that tests this
    engines = Engines(store)
    chatter = Chatter(engines, store, folder / "chats")
    try:
        yield chatter
    finally:
        chatter.room.stop()
        await chatter.errands.stop()
        await engines.close()
        store.flush()


async def test_a_person_asks_stops_asks_again_loses_the_engine_and_goes_on(
    run: Run, qapp: QApplication, model: Path, tmp_path: Path
) -> None:
    async with chatting(model, tmp_path) as chatter:
        talk = chatter.talk
        talk.ask("What is this?", [Attachment("file", "a.py", "x = 1", "python")])
        await until(lambda: len(chatter.pieces) > 3)
        assert any(
            said.startswith("Loading the model: reading the weights as fp32 for the cpu: ")
            for said in chatter.progress
        )
        assert chatter.on_disk().messages[0] == talk.conversation.messages[0]
        talk.stop()
        await chatter.end()
        assert chatter.last.end == "cancelled"
        assert chatter.last.text == "".join(chatter.pieces)
        assert chatter.last.figures.new_tokens > 0
        assert chatter.on_disk() == replace(talk.conversation, at=chatter.on_disk().at)

        first = chatter.last
        talk.ask_again(first.number)
        await until(lambda: bool(chatter.last.text))
        os.kill(chatter.engines.pids()[0], signal.SIGKILL)
        await chatter.end()
        assert chatter.last.end == "failed"
        assert any(said.startswith("Writing: ") for said in chatter.progress)
        assert "ended unexpectedly" in chatter.last.problem
        assert chatter.last.text
        assert chatter.last.text[:20] != first.text[:20]  # another seed, another answer
        assert [message.role for message in talk.conversation.messages] == ["user", "assistant"]

        question = talk.take_back(1)
        assert question is not None
        assert question.text == "What is this?"
        assert talk.conversation.messages == ()
        talk.ask("And now?")
        talk.begin()  # what had not even begun is stopped, and written down as such
        await until(lambda: Archive(chatter.archive.folder).summaries() != [])
        [summary] = chatter.archive.summaries()
        assert summary.title == "And now?"
        await until(lambda: chatter.archive.read(summary.id)[0].messages[-1].end != "broken off")
        assert chatter.archive.read(summary.id)[0].messages[-1].end == "cancelled"


async def test_a_pasted_megabyte_is_cut_and_it_is_said_where(
    run: Run, qapp: QApplication, model: Path, tmp_path: Path
) -> None:
    async with chatting(model, tmp_path, max_tokens=16) as chatter:
        seen: list[Taken] = []
        chatter.room.changed.connect(seen.append)
        pasted = Attachment("pasted", "Pasted text", MANY_LINES)
        chatter.room.look("Short?", (), chatter.talk.conversation, 16)
        await until(lambda: bool(seen))
        assert not seen[-1].is_exact  # nothing is loaded to count
        chatter.talk.ask("Short?")
        await chatter.end()
        chatter.talk.ask("What does it all mean?", [pasted])
        await until(lambda: any(said.startswith("Reading: ") for said in chatter.progress))
        await chatter.end()
        figures = chatter.last.figures
        assert chatter.last.problem == ""
        assert figures.dropped_messages == 2
        assert figures.dropped_tokens > 100_000
        assert first_read(chatter.talk.conversation, chatter.last.number) == 3

        chatter.room.look("Short?", (pasted,), chatter.talk.conversation, 16)
        await until(lambda: seen[-1].is_exact and seen[-1].question > 100_000)
        assert seen[-1].is_tight
        assert "only the last 4,080 will be read" in seen[-1].sentence


async def test_a_template_that_loops_and_a_model_that_is_not_there_are_said_in_the_answer(
    run: Run, qapp: QApplication, model: Path, tmp_path: Path
) -> None:
    looping = tmp_path / "looping"
    shutil.copytree(model, looping)
    (looping / "chat_template.jinja").write_text(LOOPS)
    async with chatting(looping, tmp_path) as chatter:
        chatter.talk.ask("Hello?")
        await chatter.end()
        assert chatter.last.end == "failed"
        assert "chat template was stopped" in chatter.last.problem
        chatter.engines.set_default("completion", str(tmp_path / "gone"))
        chatter.talk.ask("Hello?")
        await chatter.end()
        assert "gone" in chatter.last.problem


async def test_a_conversation_that_cannot_be_written_down_goes_on_and_is_said_once(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    (tmp_path / "chats").write_text("a file where the folder should be")
    async with chatting(tmp_path / "gone", tmp_path) as chatter:
        chatter.talk.ask("Hello?")
        await chatter.end()
        assert len(chatter.failures) == 1
        assert "cannot be written down" in chatter.failures[0]
        assert len(chatter.talk.conversation.messages) == 2
        (tmp_path / "chats").unlink()
        chatter.talk.rename(chatter.talk.conversation.id, "Saved after all")
        assert chatter.on_disk().messages == chatter.talk.conversation.messages
