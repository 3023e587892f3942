"""ChangesView: two versions of a text side by side as one list of differences, and which of them to keep."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QFont, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.naming import label
from app.theme import Theme

_CONTEXT = 3
# comparing takes time that grows with the square of what differs
_MAX_COMPARED = 3_000
_MAX_SHOWN = 5_000


@dataclass(frozen=True)
class Line:
    """`kind`: "+", "-", " ", or "@" where lines are left out."""

    kind: str
    text: str


def differences(mine: str, theirs: str) -> Iterator[Line]:
    """What would have to be done to mine to get theirs."""
    old, new = mine.split("\n"), theirs.split("\n")
    shorter = min(len(old), len(new))
    start = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    back = next(
        (place for place in range(shorter - start) if old[-1 - place] != new[-1 - place]), shorter - start
    )
    old_middle, new_middle = old[start : len(old) - back], new[start : len(new) - back]
    if not old_middle and not new_middle:
        return
    if start > _CONTEXT:
        yield Line("@", f"{start - _CONTEXT:,} equal lines above")
    yield from (Line(" ", text) for text in old[max(0, start - _CONTEXT) : start])
    if max(len(old_middle), len(new_middle)) > _MAX_COMPARED:
        yield from (Line("-", text) for text in old_middle)
        yield from (Line("+", text) for text in new_middle)
    else:
        yield from _compared(old_middle, new_middle)
    after = old[len(old) - back :]
    yield from (Line(" ", text) for text in after[:_CONTEXT])
    if len(after) > _CONTEXT:
        yield Line("@", f"{len(after) - _CONTEXT:,} equal lines below")


def _compared(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            equal = old[old_start:old_end]
            if len(equal) > 2 * _CONTEXT + 1:
                left_out = len(equal) - 2 * _CONTEXT
                yield from (Line(" ", text) for text in equal[:_CONTEXT])
                yield Line("@", f"{left_out:,} equal lines")
                equal = equal[-_CONTEXT:]
            yield from (Line(" ", text) for text in equal)
        else:
            yield from (Line("-", text) for text in old[old_start:old_end])
            yield from (Line("+", text) for text in new[new_start:new_end])


@dataclass(frozen=True)
class Choices:
    """What is asked, what + and - mean, and answers: an id and a title each. `usual`: what Enter takes."""

    question: str
    explanation: str
    answers: tuple[tuple[str, str], ...]
    usual: str = ""


def of_file(name: str) -> Choices:
    """For a file that another program has changed: "load" for theirs, "keep" for mine."""
    return Choices(
        f"{name}: your text and the file",
        "- only in your text      + only in the file",
        (("keep", "Keep Mine"), ("load", "Load Theirs")),
    )


class ChangesView(QDialog):
    """`chosen`: the id of an answer. Closing it chooses nothing."""

    chosen = Signal(str)

    def __init__(self, choices: Choices, theme: Theme, font: QFont, window: QWidget) -> None:
        """`font`: that of the text."""
        super().__init__(window)
        self.setWindowTitle(choices.question)
        self._theme = theme
        explanation = label(choices.explanation, "muted")
        self.lines = QPlainTextEdit()
        self.lines.setReadOnly(True)
        self.lines.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.lines.setFont(font)
        self.lines.setAccessibleName("Differences")
        buttons = QDialogButtonBox()
        for wish, title in choices.answers:
            button = buttons.addButton(title, QDialogButtonBox.ButtonRole.ActionRole)
            button.setAccessibleName(title)
            button.setAutoDefault(False)  # Enter must not decide between two texts of a person's
            button.setDefault(wish == choices.usual)
            button.clicked.connect(lambda _=False, wish=wish: self._choose(wish))
        close = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        close.clicked.connect(self.reject)
        close.setAutoDefault(not choices.usual)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(explanation)
        layout.addWidget(self.lines, 1)
        layout.addWidget(buttons)
        self.resize(theme.scaled(800), theme.scaled(520))

    def compare(self, mine: str, theirs: str) -> None:
        colours = self._theme.colours
        grounds = {"+": _faint(colours.colour("success")), "-": _faint(colours.colour("danger"))}
        shown = [line for _, line in zip(range(_MAX_SHOWN), differences(mine, theirs), strict=False)]
        if len(shown) == _MAX_SHOWN:
            shown.append(Line("@", "more differences than are shown here"))
        self.lines.setPlainText(
            "\n".join(_marked(line) for line in shown) or "There is no difference any more."
        )
        selections = []
        for number, line in enumerate(shown):
            if line.kind in grounds:
                selections.append(_whole_line(self.lines, number, grounds[line.kind]))
        self.lines.setExtraSelections(selections)

    def _choose(self, wish: str) -> None:
        self.chosen.emit(wish)
        self.accept()


def _marked(line: Line) -> str:
    return f"{'…' if line.kind == '@' else line.kind} {line.text}"


def _faint(colour: QColor) -> QColor:
    colour.setAlphaF(0.22)
    return colour


def _whole_line(view: QPlainTextEdit, number: int, ground: QColor) -> QTextEdit.ExtraSelection:
    selection = QTextEdit.ExtraSelection()
    selection.cursor = QTextCursor(view.document().findBlockByNumber(number))
    look = QTextCharFormat()
    look.setBackground(ground)
    look.setProperty(QTextBlockFormat.Property.FullWidthSelection, True)
    selection.format = look
    return selection
