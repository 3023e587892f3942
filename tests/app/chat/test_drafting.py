"""What is written in the chat and not asked yet: never lost, and always with its own conversation."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.chat.archive import Archive
from app.chat.conversation import Answering, Asked, Attachment, Ended
from app.chat.panel import ChatPanel
from app.chat.unasked import NEW, Draft, Unasked, UnaskedFiles
from core.spec.folders import chats_folder
from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.windows import Start, Started

CODE = Attachment("file", "a.py", "x = 1", "python")


def had(id: str, question: str) -> None:
    Archive(chats_folder()).add(
        id, Asked(1, question, 1.0), Answering(2, "m", 1.0), Ended(2, "failed", "No.")
    )


def chat_of(started: Started) -> ChatPanel:
    started.window.frame.set_shown(started.window.frame.chat, True)
    panel = started.window.frame.made_page("chat")
    assert isinstance(panel, ChatPanel)
    return panel


def write(panel: ChatPanel, text: str) -> None:
    QTest.keyClicks(panel.composer.field, text)


def on_disk(key: str) -> Unasked:
    return UnaskedFiles(chats_folder()).read(key)


async def test_each_conversation_keeps_its_own_draft_and_so_does_the_one_that_is_yet_to_begin(
    run: Run, start: Start
) -> None:
    had("one", "How?")
    had("two", "Why?")
    panel = chat_of(await start())
    write(panel, "Perhaps  ")
    await panel.talk.open("one")
    assert panel.composer.draft == Draft()
    write(panel, "in one")
    panel.composer.take(CODE)
    await panel.talk.open("two")
    write(panel, "in two")
    await panel.talk.open("one")
    assert panel.composer.draft == Draft("in one", (CODE,))
    panel.begin()
    assert panel.composer.draft == Draft("Perhaps  ")
    panel.begin()
    assert panel.composer.draft == Draft("Perhaps  ")
    await until(lambda: on_disk(NEW).draft.question == "Perhaps  ")
    await until(lambda: on_disk("one").draft == Draft("in one", (CODE,)))
    await until(lambda: on_disk("two").draft.question == "in two")


async def test_the_first_words_of_all_are_kept_before_there_is_any_conversation(
    run: Run, start: Start
) -> None:
    started = await start()
    panel = chat_of(started)
    write(panel, "first")
    await until(lambda: on_disk(NEW).draft.question == "first")
    assert "cannot be kept" not in started.texts()


async def test_what_was_open_and_written_is_there_at_the_next_start(run: Run, start: Start) -> None:
    had("one", "How?")
    first = await start()
    panel = chat_of(first)
    await panel.talk.open("one")
    panel.drafting.edit(panel.talk.conversation.messages[0])
    write(panel, " And why?")
    await first.end()

    panel = chat_of(await start())
    await until(lambda: panel.talk.conversation.id == "one")
    assert panel.composer.question == "How? And why?"
    assert panel.drafting.editing == 1
    QTest.keyClick(panel.composer.field, Qt.Key.Key_Escape)
    assert panel.composer.question == ""
    assert len(panel.talk.conversation.messages) == 2


async def test_a_draft_is_put_aside_for_an_earlier_question_and_comes_back_once_that_is_asked(
    run: Run, start: Start
) -> None:
    had("one", "How?")
    panel = chat_of(await start())
    await panel.talk.open("one")
    write(panel, "the next question")
    panel.drafting.edit(panel.talk.conversation.messages[0])
    assert panel.composer.question == "How?"
    panel.drafting.end_editing()
    assert panel.composer.question == "the next question"
    panel.drafting.edit(panel.talk.conversation.messages[0])
    write(panel, " Now?")
    QTest.keyClick(panel.composer.field, Qt.Key.Key_Return)
    assert panel.talk.conversation.messages[0].text == "How? Now?"
    assert panel.composer.question == "the next question"
    await until(lambda: panel.talk.answering is None)
    QTest.keyClick(panel.composer.field, Qt.Key.Key_Return)
    await until(lambda: panel.talk.answering is None)
    assert panel.composer.question == ""
    await until(lambda: on_disk("one") == Unasked())


async def test_a_question_to_begin_with_does_not_cost_what_was_written(run: Run, start: Start) -> None:
    panel = chat_of(await start())
    write(panel, "half a thought")
    panel.composer.take(CODE)
    panel.beginning.chosen.emit("Explain this file", (CODE,))
    assert panel.composer.draft == Draft("Explain this file", (CODE,))
    panel.composer.field.undo()
    assert panel.composer.question == "half a thought"


async def test_who_wants_no_copies_of_unsaved_text_gets_none_and_who_wants_no_session_begins_anew(
    run: Run, start: Start
) -> None:
    had("one", "How?")
    first = await start()
    first.window._store.change("safety", keep_unsaved=False, restore_session=False)
    panel = chat_of(first)
    await panel.talk.open("one")
    write(panel, "a secret")
    await first.end()
    assert not [*chats_folder().glob("*.draft")]
    panel = chat_of(await start())
    assert not panel.talk.is_opening
    assert panel.talk.conversation.messages == ()


async def test_a_disk_that_takes_no_draft_is_said_and_the_draft_stays(run: Run, start: Start) -> None:
    started = await start()
    panel = chat_of(started)
    chats_folder().parent.mkdir(parents=True, exist_ok=True)
    chats_folder().write_text("a file where the folder should be")
    write(panel, "words")
    await until(lambda: "cannot be kept safe" in started.texts())
    assert panel.composer.question == "words"
    chats_folder().unlink()
    await until(lambda: on_disk(NEW).draft.question == "words")


@pytest.mark.parametrize("content", ["", "{}", '{"format": 99}', '{"format": 1, "number": "x"}', "[" * 9999])
def test_a_file_that_is_no_draft_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "one.draft").write_text(content)
    (tmp_path / "open.json").write_text(content)
    assert UnaskedFiles(tmp_path).read("one") == Unasked()
    assert UnaskedFiles(tmp_path).read_open() == ""


def test_a_conversation_that_lies_elsewhere_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "open.json").write_text('{"format": 1, "id": "../../elsewhere"}')
    assert UnaskedFiles(tmp_path).read_open() == ""


def test_a_draft_goes_with_its_conversation_for_good(tmp_path: Path) -> None:
    archive, files = Archive(tmp_path), UnaskedFiles(tmp_path)
    archive.add("one", Asked(1, "why", 1.0))
    files.write("one", Unasked(Draft("and how")))
    archive.delete("one")
    archive.bring_back("one")
    assert files.read("one").draft.question == "and how"
    archive.delete("one")
    archive.forget_deleted()
    assert [*tmp_path.iterdir()] == []
