"""BenchCompare: two measurements side by side, figure by figure; what may be noise is said to be noise."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.benchmarks.figure_table import FigureTable
from app.command_line import CommandLine
from app.naming import label, named
from app.theme import Theme

_HEADS = ("Figure", "Before", "After", "", "Why")
_NUMBERS, _WORD = (1, 2), 3
_EMPTY = (
    "Choose two rows above to see which is better, and whether that is more than noise. "
    "Choose one, and its last measurement is compared with the one before."
)
_SIGNS = {"better": ("arrow-up", "success"), "worse": ("arrow-down", "danger"), "noise": ("dot", "muted")}


class BenchCompare(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Comparison")
        self._theme = theme
        self.title = label("", "heading", wraps=True)
        self.said = label(_EMPTY, "muted", wraps=True)
        self.table = FigureTable("Differences", _HEADS, _NUMBERS, self)
        self.command = CommandLine(theme, "The command that compares", self)
        self._arrange()
        self.show_nothing()

    def show_nothing(self, sentence: str = _EMPTY) -> None:
        self.title.hide()
        self.said.setText(sentence)
        self.said.show()
        self._show_parts(False)

    def show_command(self, title: str, command: str) -> None:
        """It is being compared."""
        self.title.setText(title)
        self.title.show()
        self.said.setText("Comparing…")
        self.said.show()
        self.command.show_command(command)
        self._show_parts(False)

    def show_pairs(self, pairs: Sequence[dict[str, Any]]) -> None:
        """What `bench compare --json` printed."""
        changes = [(pair, change) for pair in pairs for change in pair["changes"]]
        if not changes:
            self.show_nothing("These have nothing in common that could be compared.")
            return
        notes = list(dict.fromkeys(note for pair in pairs for note in pair["notes"]))
        self.said.setText("\n".join(f"{note[0].upper()}{note[1:]}." for note in notes))
        self.said.setVisible(bool(notes))
        self.table.setRowCount(len(changes))
        for row, (pair, change) in enumerate(changes):
            word = word_of(change)
            kind = ", your code" if pair["after"]["kind"] == "repo" else ""
            scale, name = _unit(change)
            texts = (
                f"{name}{kind}",
                _shown(change["before"] / scale),
                _shown(change["after"] / scale),
                word,
                change["why"],
            )
            self.table.show_row(row, texts)
            if word in _SIGNS:
                self.table.show_icon(row, _WORD, self._theme.icon(*_SIGNS[word]))
        self._show_parts(True)

    def _show_parts(self, shown: bool) -> None:
        for part in (self.table, self.command):
            part.setVisible(shown)

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.title)
        layout.addWidget(self.said)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.command)
        layout.addStretch(0)


def word_of(change: dict[str, Any]) -> str:
    if change["before"] == change["after"]:
        return "same"
    if change["is_noise"]:
        return "noise"
    return "better" if change["is_better"] else "worse"


def _unit(change: dict[str, Any]) -> tuple[float, str]:
    """Nobody reads bytes."""
    name = str(change["name"])
    return (1e6, name.replace("bytes", "MB")) if str(change["figure"]).endswith("_bytes") else (1.0, name)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
