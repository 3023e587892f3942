"""Keys of the editor as a person presses them, in a whole window."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.app.conftest import Run
from tests.app.windows import Start

_CTRL, _SHIFT, _ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


async def test_keys_of_lines_and_words_do_what_they_do_elsewhere(
    run: Run, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("cat = 1\ndog = cat\n")
    window = (await start(tmp_path / "a.py")).window
    editor = window.tabs.current().editor  # type: ignore[union-attr]
    QTest.keyClick(editor, Qt.Key.Key_D, _CTRL)
    assert editor.textCursor().selectedText() == "cat"
    QTest.keyClick(editor, Qt.Key.Key_D, _CTRL)
    assert editor.textCursor().position() == len("cat = 1\ndog = cat")
    assert editor.toPlainText() == "cat = 1\ndog = cat\n"
    QTest.keyClick(editor, Qt.Key.Key_Down, _ALT | _SHIFT)
    assert editor.toPlainText() == "cat = 1\ndog = cat\ndog = cat\n"
    QTest.keyClick(editor, Qt.Key.Key_K, _CTRL | _SHIFT)
    assert editor.toPlainText() == "cat = 1\ndog = cat\n"
