"""The chat panel in the window: what goes along, where code goes, what is asked first, what is shown."""

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.chat.archive import Archive
from app.chat.body import Body
from app.chat.code_block import CodeBlock
from app.chat.conversation import Answering, Asked, Conversation, Ended, Message, Wrote
from app.chat.panel import ChatPanel
from app.chat.prose import Prose
from app.chat.transcript import Transcript
from app.documents.changes_view import ChangesView
from app.engine_client import EngineState
from app.settings import Appearance
from app.shell import chatting
from app.theme import Theme
from core.spec.folders import chats_folder
from core.spec.messages import Statistics
from tests.app.conftest import Run
from tests.app.desk import FACTS
from tests.app.patience import until
from tests.app.windows import Start, Started

ANSWER = "Like this:\n\n```python\ndef total(items):\n    return sum(items)\n```\n\nThat is all."


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, Appearance())


def chat_of(started: Started) -> ChatPanel:
    started.window.frame.set_shown(started.window.frame.chat, True)
    panel = started.window.frame.made_page("chat")
    assert isinstance(panel, ChatPanel)
    return panel


def press(parent: QWidget, name: str) -> None:
    """The one button in sight that a screen reader calls so."""
    buttons = [*parent.findChildren(QToolButton), *parent.findChildren(QPushButton)]
    [button] = [
        button
        for button in buttons
        if not button.isHidden() and name in (button.accessibleName(), button.text())
    ]
    button.click()


def had(id: str, question: str, answer: str = ANSWER, at: float = 1.0) -> None:
    figures = Statistics(100, 0, 0, 12, 50.0, 500.0)
    records = (Asked(1, question, at), Answering(2, "m", at), Wrote(2, answer), Ended(2, "end", "", figures))
    Archive(chats_folder()).add(id, *records)


async def test_code_of_an_answer_goes_to_the_cursor_and_over_a_selection_only_after_a_look(
    run: Run, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("class Till:\n    \n    def old(self):\n        return 0\n")
    started = await start(tmp_path / "a.py")
    panel = chat_of(started)
    had("one", "How?")
    await panel.talk.open("one")
    await until(lambda: bool(panel.transcript.findChildren(CodeBlock)))
    document = started.window.tabs.current()
    assert document is not None
    press(panel, "Copy this code")
    assert QGuiApplication.clipboard().text() == "def total(items):\n    return sum(items)"

    document.go_to_line(2, 4)
    press(panel, "Insert this code at the cursor")
    assert document.text().startswith(
        "class Till:\n    def total(items):\n        return sum(items)\n    def old"
    )
    document.editor.undo()
    assert document.text() == "class Till:\n    \n    def old(self):\n        return 0\n"

    press(panel, "Put this code in the place of the selection")
    assert "Select in the editor" in started.window.status.text("message")
    cursor = document.editor.textCursor()
    cursor.setPosition(document.text().index("def old"))
    cursor.setPosition(len(document.text()), cursor.MoveMode.KeepAnchor)
    document.editor.setTextCursor(cursor)
    press(panel, "Put this code in the place of the selection")
    await until(lambda: bool(started.window.findChildren(ChangesView)))
    [view] = started.window.findChildren(ChangesView)
    assert "- def old(self):\n-         return 0\n" in view.lines.toPlainText()
    assert "+     def total" not in view.lines.toPlainText()  # as deep as what it takes the place of
    assert "def old" in document.text()
    press(view, "Replace")
    await until(lambda: "def old" not in document.text())
    assert document.text().endswith("\n    def total(items):\n        return sum(items)\n")
    document.editor.undo()
    assert "def old" in document.text()


async def test_the_key_of_the_chat_goes_to_the_question_past_the_code_of_an_answer(
    run: Run, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    had("one", "How?")
    started = await start(tmp_path / "a.py")
    panel = chat_of(started)
    await panel.talk.open("one")
    await until(lambda: bool(panel.transcript.findChildren(CodeBlock)))
    document = started.window.tabs.current()
    assert document is not None
    document.editor.setFocus()
    started.trigger("view.chat")
    assert started.window.focusWidget() is panel.composer.field


async def test_a_title_that_looks_like_markup_is_shown_as_it_was_written(run: Run, start: Start) -> None:
    had("one", "<h1>How</h1> & why?")
    started = await start()
    panel = chat_of(started)
    await panel.talk.open("one")
    assert panel._title.textFormat() == Qt.TextFormat.PlainText
    assert "&lt;h1&gt;How&lt;/h1&gt; &amp; why?" in panel._title.toolTip()
    panel.show_history()
    await until(lambda: panel.history.list.count() == 1)
    item = panel.history.list.item(0)
    assert item.text().startswith("<h1>How</h1> & why?")  # which a list shows as it is
    assert "&lt;h1&gt;" in item.toolTip()


async def test_a_file_goes_along_only_when_one_wants_it_and_one_with_secrets_never(
    run: Run, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / ".env").write_text("PASSWORD=1234\n")
    started = await start(tmp_path / "a.py")
    panel = chat_of(started)
    assert panel.composer.taken == ()
    assert "Add a.py" in [
        chip.text() for chip in panel.composer.findChildren(QToolButton) if chip.isVisible()
    ]
    started.trigger("chat.ask_selection")
    [taken] = panel.composer.taken
    assert (taken.name, taken.text, taken.language) == ("a.py", "x = 1\n", "python")
    press(panel.composer, "Leave a.py out again")
    assert panel.composer.taken == ()

    await started.window.documents.open(tmp_path / ".env")
    started.trigger("chat.ask_selection")
    assert panel.composer.taken == ()
    [offer] = panel._offers
    assert offer.attachment.text == ""
    chips = [chip for chip in panel.composer.findChildren(QToolButton) if chip.text() == ".env"]
    assert [chip.isEnabled() for chip in chips if chip.isVisible()] == [False]


async def test_nothing_is_opened_or_fetched_because_an_answer_says_so(
    run: Run, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    started = await start()
    panel = chat_of(started)
    had("one", "How?", f"<img src='file://{tmp_path}'> ![p](file:///etc/passwd) [here](https://example.org)")
    await panel.talk.open("one")
    [prose] = panel.transcript.findChildren(Prose)
    kind = QTextDocument.ResourceType.ImageResource.value
    found = prose.document().resource(kind, QUrl("file:///etc/passwd"))
    assert isinstance(found, QImage)  # one empty point, and not the file
    assert (found.width(), found.pixel(0, 0)) == (1, 0)
    assert "!p" in prose.toPlainText()
    assert "<img src=" in prose.toPlainText()  # markup is shown as the text that it is
    prose.anchorClicked.emit(QUrl("https://example.org"))
    await until(lambda: bool(started.window.findChildren(QMessageBox)))
    [box] = started.window.findChildren(QMessageBox)
    assert "https://example.org" in box.informativeText()
    next(button for button in box.buttons() if "Cancel" in button.text()).click()
    await until(lambda: not started.window.findChildren(QMessageBox))
    prose.anchorClicked.emit(QUrl("file:///etc/passwd"))
    await until(lambda: "is not opened" in started.window.status.text("message"))
    assert opened == []


async def test_a_model_that_only_completes_is_called_so_and_one_that_answers_is_offered(
    run: Run, start: Start
) -> None:
    started = await start()
    panel = chat_of(started)
    wanted: list[str] = []
    panel.download_requested.connect(wanted.append)
    panel.model.show_engine(EngineState("ready", facts=FACTS), has_begun=False)
    assert "is not made to chat" in started.texts()
    [offer] = [button for button in panel.findChildren(QPushButton) if button.text().startswith("Get ")]
    offer.click()
    assert wanted == ["Qwen/Qwen2.5-Coder-0.5B-Instruct"]
    panel.model.show_engine(
        EngineState("ready", facts=FACTS), has_begun=True
    )  # it is said as long as it answers
    assert "is not made to chat" in started.texts()
    assert not offer.isHidden()
    panel.composer.field.setPlainText("Hello?")
    QTest.keyClick(panel.composer.field, Qt.Key.Key_Return)
    await until(lambda: panel.talk.answering is None)
    assert "No model is chosen; choose one first." in started.texts()
    ways = [button for button in panel.transcript.findChildren(QPushButton) if not button.isHidden()]
    assert [button.text() for button in ways] == ["Try Again"]


async def test_conversations_are_found_renamed_deleted_and_brought_back(run: Run, start: Start) -> None:
    had("one", "How do I sort?", at=1.0)
    had("two", "What is a till?", at=2.0)
    started = await start()
    panel = chat_of(started)
    history = panel.history
    panel.show_history()
    await until(lambda: history.list.count() == 2)
    history.search.setText("sort")
    await until(lambda: history.list.count() == 1)
    QTest.keyClick(history.list, Qt.Key.Key_F2)
    editor = history.list.focusWidget() or history.list
    QTest.keyClicks(editor, "Sorting")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    await until(lambda: history.list.count() == 1 and history.list.item(0).text().startswith("Sorting"))
    QTest.keyClick(history.list, Qt.Key.Key_Delete)
    assert history.list.count() == 0
    press(history, "Undo")
    await until(lambda: history.list.count() == 1)
    history.search.clear()
    await until(lambda: history.list.count() == 2)
    history.opened.emit("one")
    await until(lambda: panel.talk.conversation.title == "Sorting")
    assert not history.isVisible()


async def test_a_conversation_is_exported_as_markdown_under_its_title(
    run: Run, start: Start, tmp_path: Path
) -> None:
    had("one", "How do I sort?")
    started = await start()
    panel = chat_of(started)
    panel.show_history()
    await until(lambda: panel.history.list.count() == 1)
    press(panel.history, "Export as Markdown")
    await until(lambda: bool(started.window.findChildren(QFileDialog)))
    [dialog] = started.window.findChildren(QFileDialog)
    assert [Path(name).name for name in dialog.selectedFiles()] == ["How do I sort.md"]
    line = dialog.findChild(QLineEdit)
    assert line is not None
    line.setText(str(tmp_path / "talk.md"))
    dialog.accept()
    await until(lambda: "Exported to" in started.window.status.text("message"))
    assert started.window.status.text("message") == f"Exported to {tmp_path / 'talk.md'}"
    written = (tmp_path / "talk.md").read_text(encoding="utf-8")
    assert written.startswith("# How do I sort?\n\n## You\n\nHow do I sort?\n\n## m\n\nLike this:")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_an_export_over_a_link_changes_the_file_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "kept.md").write_text("older")
    (tmp_path / "link.md").symlink_to(tmp_path / "kept.md")
    chatting._write(tmp_path / "link.md", "# How do I sort?\n")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "kept.md").read_text(encoding="utf-8") == "# How do I sort?\n"


async def test_an_earlier_question_is_taken_back_only_when_it_is_asked_anew(run: Run, start: Start) -> None:
    had("one", "How do I sort?")
    started = await start()
    panel = chat_of(started)
    await panel.talk.open("one")
    press(panel.transcript, "Edit this question and ask again")
    assert panel.composer.question == "How do I sort?"
    QTest.keyClick(panel.composer.field, Qt.Key.Key_Escape)
    assert panel.composer.question == ""
    assert len(panel.talk.conversation.messages) == 2
    press(panel.transcript, "Edit this question and ask again")
    QTest.keyClicks(panel.composer.field, " Stably?")
    QTest.keyClick(panel.composer.field, Qt.Key.Key_Return)
    assert panel.talk.conversation.messages[0].text == "How do I sort? Stably?"
    await until(lambda: panel.talk.answering is None)
    assert [message.role for message in Archive(chats_folder()).read("one")[0].messages] == [
        "user",
        "assistant",
    ]


async def test_enter_asks_shift_enter_goes_on_and_a_long_paste_becomes_a_chip(run: Run, start: Start) -> None:
    started = await start()
    composer = chat_of(started).composer
    asked: list[str] = []
    composer.asked.connect(lambda question, _: asked.append(question))
    composer.field.setFocus()
    QTest.keyClicks(composer.field, "one")
    QTest.keyClick(composer.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(composer.field, "two")
    data = QMimeData()
    data.setText("x = 1\n" * 200_000)
    composer.field.insertFromMimeData(data)
    assert composer.field.toPlainText() == "one\ntwo"
    [pasted] = composer.taken
    assert (pasted.name, len(pasted.text)) == ("Pasted text, 1.2 MB", 1_200_000)
    QTest.keyClick(composer.field, Qt.Key.Key_Return)
    assert asked == ["one\ntwo"]


def test_while_an_answer_grows_only_its_last_block_is_drawn_again(qtbot: QtBot, theme: Theme) -> None:
    body = Body(theme)
    qtbot.addWidget(body)
    body.resize(400, 600)
    body.show()
    with qtbot.waitSignal(body.drawn):
        body.add("A sentence.\n\n```python\nx = 1\n")
    first, code = body._views
    with qtbot.waitSignal(body.drawn):
        body.add("y = 2\n")
    assert body._views == [first, code]
    assert isinstance(code, CodeBlock)
    assert code.text.toPlainText() == "x = 1\ny = 2"
    body.show_text("A sentence.\n\n```python\nx = 1\ny = 2\n```\nThe \x07end.")
    last = body._views[2]
    assert isinstance(last, Prose)
    assert last.toPlainText() == "The \u2407end."


def test_a_long_conversation_is_made_from_its_end_and_upwards_as_one_scrolls(
    qtbot: QtBot, theme: Theme
) -> None:
    messages = tuple(
        Message(number, "user" if number % 2 else "assistant", f"Message {number}.\n\n" + "words " * 60)
        for number in range(1, 201)
    )
    transcript = Transcript(theme)
    qtbot.addWidget(transcript)
    transcript.resize(400, 600)
    transcript.show()
    transcript.show_conversation(Conversation("c", messages))
    bar = transcript.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    made = len(transcript.views)
    assert made < 20
    assert transcript.views[-1].number == 200
    bar.setValue(0)
    held = transcript.views[0]
    place = held.mapTo(transcript, held.rect().topLeft()).y()
    qtbot.waitUntil(lambda: len(transcript.views) > made)
    qtbot.waitUntil(lambda: abs(held.mapTo(transcript, held.rect().topLeft()).y() - place) <= 1)
    numbers = [view.number for view in transcript.views]
    assert numbers == list(range(numbers[0], 201))
