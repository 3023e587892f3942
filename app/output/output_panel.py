"""OutputPanel: runs a Python file and shows what it prints; files in a traceback can be opened from there."""

import os
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QKeyEvent, QMouseEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.naming import label
from app.output.interpreter import NoInterpreter, environment, interpreter
from app.output.program import Program
from app.output.terminal_text import TerminalText
from app.theme import Theme

_MAX_LINES = 10_000
_MARGIN = 8
_TURN_MS, _LETTERS_A_TURN, _LETTERS_OF_A_LINE = 10, 12_000, 60  # a line costs as much as so many letters
_PLACE = re.compile(r'File "(?P<path>[^"<>]+)", line (?P<line>\d+)')


class OutputPanel(QWidget):
    """`open_requested`: a path, a line from one, a column and a length. `state_changed`: whether it runs.
    `close_requested`: it has been seen enough of."""

    open_requested = Signal(object, int, int, int)
    state_changed = Signal(bool)
    close_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._folder = Path()
        self._text = TerminalText()
        # on their way into the view: a line that is pushed out here would have been pushed out there too
        self._waiting: deque[str] = deque(maxlen=_MAX_LINES)
        self._begun = ""
        self._turn = QTimer(self, singleShot=True, interval=_TURN_MS)
        self._turn.timeout.connect(self._show_some)
        self._ending: tuple[int, float] | None = None
        self._last: tuple[Path, Path | None, str] | None = None
        self._next: tuple[Path, Path | None, str] | None = None
        self._program = Program(self)
        self._program.printed.connect(lambda data: self._show(*self._text.feed(data)))
        self._program.ended.connect(self._end_soon)
        self._title = label("Output", "muted")
        self._title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._buttons = {
            name: self._button(title)
            for name, title in (
                *(("play", "Run Again"), ("stop", "Stop"), ("trash", "Clear")),
                ("close", "Close Output"),
            )
        }
        self._buttons["play"].clicked.connect(lambda _=False: self.run_again())
        self._buttons["stop"].clicked.connect(lambda _=False: self.stop())
        self._buttons["trash"].clicked.connect(lambda _=False: self.clear())
        self._buttons["close"].clicked.connect(lambda _=False: self.close_requested.emit())
        self.view = _OutputView()
        self.view.link_chosen.connect(self._open)
        self._input_row = QWidget()  # with its margins: where nothing runs, there is no strip of them
        self._input = QLineEdit()
        self._input.setPlaceholderText("Input for the program: Enter sends a line")
        self._input.setAccessibleName("Input for the program")
        self._input.returnPressed.connect(self._send)
        self._arrange()
        theme.changed.connect(self._show_icons)
        self._show_icons()
        self._show_state()

    @property
    def is_running(self) -> bool:
        """Until its last words are shown."""
        return self._program.is_running or self._ending is not None

    @property
    def said(self) -> str:
        return self._title.text()

    def run(self, file: Path, top: Path | None, chosen: str = "") -> None:
        """`chosen`: the Python of the settings. What still runs is stopped before."""
        if self.is_running:
            self._next = (file, top, chosen)
            self._program.stop()
            return
        self._last = (file, top, chosen)
        self.clear()
        try:
            python = interpreter(file, top, chosen)
            self._folder = file.parent
            self._program.start([str(python), str(file)], file.parent, environment(os.environ))
            self._say(f"{python} {file.name}")
        except NoInterpreter as error:
            self._say(str(error))
        except OSError as error:
            self._say(f"{file.name} cannot be run ({error.strerror}); choose another Python in the settings.")
        self._show_state()

    def run_again(self) -> None:
        if self._last is not None:
            self.run(*self._last)

    def stop(self) -> None:
        self._next = None
        self._program.stop()

    def clear(self) -> None:
        self._text = TerminalText()
        self._waiting.clear()
        self._begun = ""
        self.view.clear()

    def close_program(self) -> None:
        """For the window's end."""
        self._turn.stop()
        self._program.close()

    def set_code_font(self, family: str, points: float) -> None:
        """As in the editor; without a family the system's."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        if family:
            font.setFamily(family)
        font.setPointSizeF(points)
        self.view.setFont(font)

    def _button(self, title: str) -> QToolButton:
        button = QToolButton()
        button.setAccessibleName(title)
        button.setToolTip(title)
        return button

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(16, 4, 4, 4)
        row.setSpacing(0)
        row.addWidget(self._title, 1)
        for button in self._buttons.values():
            row.addWidget(button)
        bottom = QHBoxLayout(self._input_row)
        bottom.setContentsMargins(16, 4, 16, 8)
        bottom.addWidget(self._input)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._input_row)

    def _show_icons(self) -> None:
        for name, button in self._buttons.items():
            button.setIcon(self._theme.icon(name))
        self.view.set_link_colour(self._theme.colours.colour("accent"))

    def _say(self, text: str) -> None:
        self._title.setText(text)
        self._title.setToolTip(text)
        self._title.setAccessibleName(text)

    def _show_state(self) -> None:
        runs = self.is_running
        if not runs and (self._input.hasFocus() or self._buttons["stop"].hasFocus()):
            self.view.setFocus()  # else Qt gives it to whatever comes next in the window
        self._buttons["stop"].setEnabled(runs)
        self._buttons["play"].setEnabled(self._last is not None)
        self._input_row.setVisible(runs)
        self.state_changed.emit(runs)

    def _show(self, finished: Sequence[str], begun: str) -> None:
        self._waiting.extend(finished)
        self._begun = begun
        if not self._turn.isActive():
            self._show_some()

    def _show_some(self) -> None:
        """As many lines as nobody notices; the others in the next turns."""
        lines: list[str] = []
        room = _LETTERS_A_TURN
        while self._waiting and room > 0:
            lines.append(self._waiting.popleft())
            room -= len(lines[-1]) + _LETTERS_OF_A_LINE
        self.view.show_lines(lines, "" if self._waiting else self._begun, self._folder)
        if self._waiting:
            self._turn.start()
        elif self._ending is not None:
            self._end(*self._ending)

    def _send(self) -> None:
        line = self._input.text() + "\n"
        self._input.clear()
        self._show(*self._text.feed(line.encode()))  # as a terminal shows what is typed
        self._program.write(line)

    def _end_soon(self, code: int, seconds: float) -> None:
        self._ending = (code, seconds)
        self._show(*self._text.feed(b"", final=True))

    def _end(self, code: int, seconds: float) -> None:
        self._ending = None
        name = self._last[0].name if self._last else "The program"
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._say(f"{name} {how} after {seconds:.1f} s")
        self._show_state()
        following, self._next = self._next, None
        if following is not None:
            self.run(*following)

    def _open(self, path: str, line: int) -> None:
        self.open_requested.emit(Path(path), line, 0, 0)


class _OutputView(QPlainTextEdit):
    """`link_chosen`: a path and a line, clicked or with Enter."""

    link_chosen = Signal(str, int)

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setMaximumBlockCount(_MAX_LINES)
        self.setAccessibleName("What the program printed")
        self.document().setDocumentMargin(_MARGIN)
        self.setViewportMargins(_MARGIN, 0, 0, 0)  # so that it begins where its title does
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.viewport().setMouseTracking(True)
        self._link = QTextCharFormat()
        self._link.setFontUnderline(True)
        self._link.setAnchor(True)

    def set_link_colour(self, colour: object) -> None:
        self._link.setForeground(colour)  # type: ignore[arg-type]

    def show_lines(self, finished: Sequence[str], begun: str, folder: Path) -> None:
        """In place of the line that was begun; follows the end unless the person has scrolled away."""
        bar = self.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 1
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        plain = QTextCharFormat()
        waiting: list[str] = []
        for line in finished:
            found = _PLACE.search(line)
            if found is None:
                waiting.append(line + "\n")
                continue
            cursor.insertText("".join([*waiting, line[: found.start()]]), plain)
            self._link.setAnchorHref(f"{found['line']}:{folder / found['path']}")
            cursor.insertText(found[0], self._link)
            waiting = [line[found.end() :] + "\n"]
        cursor.insertText("".join([*waiting, begun]), plain)
        cursor.endEditBlock()
        if follows:
            bar.setValue(bar.maximum())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        is_link = bool(self.anchorAt(event.position().toPoint()))
        self.viewport().setCursor(
            Qt.CursorShape.PointingHandCursor if is_link else Qt.CursorShape.IBeamCursor
        )
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and not self.textCursor().hasSelection():
            self._choose(self.anchorAt(event.position().toPoint()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            found = _PLACE.search(self.textCursor().block().text())
            if found is not None:
                cursor = QTextCursor(self.textCursor().block())
                cursor.setPosition(cursor.position() + found.start() + 1)
                self._choose(cursor.charFormat().anchorHref())
            return
        super().keyPressEvent(event)

    def _choose(self, link: str) -> None:
        line, _, path = link.partition(":")
        if path:
            self.link_chosen.emit(path, int(line))
