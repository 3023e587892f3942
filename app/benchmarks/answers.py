"""BenchAnswers: every answer of a measurement as the model gave it, what became of it, and why."""

import difflib
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QSplitter,
    QTabWidget,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.benchmarks.shelf import Kept
from app.benchmarks.ways import Suite, when
from app.naming import label, named
from app.theme import Theme
from core.spec.errors import DataError
from core.spec.trials import Trial

_NOTHING = "Choose a row above that has been asked tasks; its answers are shown here."
_TABS = (
    ("Answer", "All that the model wrote", ""),
    (
        "Difference",
        "To the reference: + is in the answer alone, - in the reference alone",
        "No reference was kept.",
    ),
    ("Program", "What was run, the answer in its place", "Nothing was run."),
    ("Printed", "By the program", "It printed nothing."),
)
_MOST_LINES = 2000  # that are compared: an answer may be made to take for ever
_SCORES = ("syntax", "constructs", "flow", "practices", "exact", "similarity")


class BenchAnswers(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Answers")
        self._theme = theme
        self._kept: list[Kept] = []
        self._trials: tuple[Trial, ...] = ()
        self.measurement = named(QComboBox(self), "Which measurement")
        self.filter = named(QComboBox(self), "Which answers")
        self.tasks = named(QListWidget(self), "Tasks and what became of them", role="boxed")
        self.verdict = label("", wraps=True)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.texts = QTabWidget(self)
        self.views = [named(QPlainTextEdit(self, readOnly=True), meaning) for _, meaning, _ in _TABS]
        self._nothing = label(_NOTHING, "muted", wraps=True)
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._set_fonts()
        self._arrange()
        self.measurement.currentIndexChanged.connect(self._read)
        self.filter.currentIndexChanged.connect(self._list)
        self.tasks.currentRowChanged.connect(lambda _: self._show_trial())
        theme.changed.connect(self._dress)
        self.show_kept([])

    def _set_fonts(self) -> None:
        for view in self.views:
            view.setFont(self._theme.fixed_font())

    def _dress(self) -> None:
        self._set_fonts()
        self._list()

    def show_kept(self, kept: Sequence[Kept]) -> None:
        """The measurements of one model at one precision that asked tasks, newest first."""
        found = [item for item in kept if item.result.kind in ("quality", "repo")]
        if found and found == self._kept:
            return
        self._kept = found
        self.measurement.blockSignals(True)
        self.measurement.clear()
        for item in found:
            self.measurement.addItem(f"{when(item)}, {Suite(item.result.kind, item.suite).title}")
        self.measurement.blockSignals(False)
        self._nothing.setText(_NOTHING)
        for part in (self.measurement, self.filter, self._split):
            part.setVisible(bool(found))
        self._nothing.setVisible(not found)
        self._read()

    @property
    def shown(self) -> Trial | None:
        item = self.tasks.currentItem()
        return self._trials[item.data(Qt.ItemDataRole.UserRole)] if item is not None else None

    def _read(self) -> None:
        place = self.measurement.currentIndex()
        try:
            self._trials = self._kept[place].rows() if 0 <= place < len(self._kept) else ()
        except DataError as error:
            self._trials = ()
            self._nothing.setText(str(error))
            self._nothing.show()
        wrong = sum(not trial.is_good for trial in self._trials)
        self.filter.blockSignals(True)
        self.filter.clear()
        self.filter.addItem(f"All {len(self._trials)} answers")
        self.filter.addItem(f"The {wrong} that are wrong")
        self.filter.blockSignals(False)
        self._list()

    def _list(self) -> None:
        only_wrong = self.filter.currentIndex() == 1
        self.tasks.blockSignals(True)  # while the old rows go, they would be looked up among the new answers
        self.tasks.clear()
        for place, trial in enumerate(self._trials):
            if only_wrong and trial.is_good:
                continue
            attempt = f", attempt {trial.attempt + 1}" if trial.attempt else ""
            item = QListWidgetItem(f"{trial.task}{attempt}: {trial.outcome}")
            good = ("check", "success") if trial.is_good else ("error", "danger")
            item.setIcon(self._theme.icon(*good))
            item.setData(Qt.ItemDataRole.UserRole, place)
            self.tasks.addItem(item)
        self.tasks.setCurrentRow(0)
        self.tasks.blockSignals(False)
        self._show_trial()

    def _show_trial(self) -> None:
        trial = self.shown
        self.verdict.setText(_verdict(trial) if trial is not None else "")
        texts = ("", "", "", "") if trial is None else _texts(trial)
        for view, text in zip(self.views, texts, strict=True):
            view.setPlainText(text)
        self._mark_difference()

    def _mark_difference(self) -> None:
        """Lines that differ have their sign, and its colour beside that."""
        view, colours = self.views[1], self._theme.colours
        marks = []
        block = view.document().firstBlock()
        while block.isValid():
            token = {"+": "success", "-": "danger"}.get(block.text()[:1])
            if token is not None:
                mark = QTextEdit.ExtraSelection()
                mark.cursor = QTextCursor(block)
                mark.cursor.movePosition(
                    QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor
                )
                mark.format = QTextCharFormat()
                mark.format.setForeground(colours.colour(token))
                marks.append(mark)
            block = block.next()
        view.setExtraSelections(marks)

    def _arrange(self) -> None:
        for place, (view, (title, meaning, nothing)) in enumerate(zip(self.views, _TABS, strict=True)):
            view.setPlaceholderText(nothing)
            view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self.texts.addTab(view, title)
            self.texts.setTabToolTip(place, meaning)
        right = QWidget(self)
        column = QVBoxLayout(right)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.verdict)
        column.addWidget(self.texts, 1)
        self._split.addWidget(self.tasks)
        self._split.addWidget(right)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([260, 600])
        self._split.setChildrenCollapsible(False)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.measurement)
        top.addWidget(self.filter)
        top.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self._nothing)
        layout.addWidget(self._split, 1)
        layout.addStretch(0)


def _verdict(trial: Trial) -> str:
    """What became of it and why, and what each score of it is."""
    scores = [f"{name} {value:.0%}" for name in _SCORES if (value := getattr(trial, name)) is not None]
    took = f"{trial.new_tokens} tokens in {trial.total_ms:,.0f} ms" if trial.new_tokens else ""
    parts = [f"{trial.outcome.capitalize()}. {trial.reason}".strip()]
    parts += [f"Quality {trial.quality:.0f} of 100: {', '.join(scores)}. {took}".rstrip(". ") + "."]
    parts += [f"It falls short of: {'; '.join(trial.broken)}."] if trial.broken else []
    return "\n".join(parts)


def _texts(trial: Trial) -> tuple[str, str, str, str]:
    output = trial.output or "(The model wrote nothing.)"
    return output, difference(trial.expected, trial.used), trial.program, trial.printed


def difference(reference: str, answer: str) -> str:
    """Line by line: + is in the answer alone, - in the reference alone. Empty where no reference was kept."""
    if not reference:
        return ""
    old, new = (text.rstrip("\n").split("\n")[:_MOST_LINES] for text in (reference, answer))
    lines = []
    for kind, *(a, b, c, d) in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            lines += [f"  {line}" for line in old[a:b]]
        else:
            lines += [f"- {line}" for line in old[a:b]] + [f"+ {line}" for line in new[c:d]]
    return "\n".join(lines)
