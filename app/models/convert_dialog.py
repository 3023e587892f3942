"""ConvertDialog: a model in another format or precision, checked by loading it back before it is done.

It shows the command that it runs. What the command checks is its own matter (core/checkpoint/convert.py).
"""

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.job_client import JobClient, LastWord, shown_command
from app.models.entry import Entry
from app.naming import label, named, set_role
from app.theme import Theme
from app.wording import place_text
from core.spec.folders import models_folder
from core.spec.sizes import size_text

_WIDTH = 560


@dataclass(frozen=True)
class Target:
    """What comes out: its name on the command line, what it is for, and the precisions it may have."""

    format: str
    title: str
    about: str
    precisions: tuple[str, ...]
    ending: str = ""


TARGETS = (
    Target(
        "native",
        "SmallCoder",
        "For this program: loads fastest, and runs learn from it.",
        ("fp16", "fp32", "bf16"),
    ),
    Target(
        "gguf",
        "GGUF",
        "One file for llama.cpp and what is built on it.",
        ("int8", "int4", "fp16", "bf16", "fp32"),
        ".gguf",
    ),
    Target("hf", "Hugging Face", "For transformers and what is built on it.", ("fp16", "bf16", "fp32")),
    Target("onnx", "ONNX", "For onnxruntime; needs the extra package: --extra export.", ("fp32",)),
)


class ConvertDialog(QDialog):
    """
    Signals:
        made: the path of what was made and checked.
        place_requested: a person wants to choose the folder it goes to.
    """

    made = Signal(str)
    place_requested = Signal()

    def __init__(self, entry: Entry, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Convert {entry.name}")
        self.setMinimumWidth(theme.scaled(_WIDTH))
        self._entry = entry
        self._folder = models_folder()
        self._has_own_name = False
        self.job = JobClient("The conversion", self)
        self.job.ended.connect(self._take)
        self._format = named(QComboBox(self), "Format")
        for target in TARGETS:
            self._format.addItem(target.title, target.format)
        self._precision = named(QComboBox(self), "Precision")
        self._about = label("", "muted", wraps=True)
        self._name = named(QLineEdit(self), "Name of what is made")
        self._place = label("", "muted", wraps=True)
        self._choose = named(QPushButton("Choose…", self), "Choose the folder it goes to")
        self._command = label("", "muted", wraps=True)
        self._wait = named(QProgressBar(self, textVisible=False), "Converting")
        self._wait.setRange(0, 0)
        self._said = label("", "muted", wraps=True)
        self._buttons = QDialogButtonBox(self)
        self._close = self._buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self._go = QPushButton("Convert", self)
        self._go.setDefault(True)
        self._buttons.addButton(self._go, QDialogButtonBox.ButtonRole.ActionRole)
        self._arrange()
        self._connect()
        self._show_target()

    @property
    def words(self) -> list[str]:
        """What is run."""
        source, destination = self._entry.path or self._entry.id, str(self._destination())
        to, precision = self._target().format, self._precision.currentText()
        return ["models", "convert", source, destination, "--to", to, "--precision", precision]

    def put_into(self, folder: Path) -> None:
        self._folder = folder
        self._show_command()

    def _arrange(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        place = QHBoxLayout()
        place.setSpacing(8)
        place.addWidget(self._place, 1)
        place.addWidget(self._choose)
        for row, (name, field) in enumerate(
            (("Format", self._format), ("Precision", self._precision), ("Name", self._name))
        ):
            caption = label(name, "muted")
            caption.setBuddy(field)
            grid.addWidget(caption, row, 0)
            grid.addWidget(field, row, 1)
        grid.addWidget(label("Goes to", "muted"), 3, 0)
        grid.addLayout(place, 3, 1)
        self._command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(12)
        layout.addLayout(grid)
        layout.addWidget(self._about)
        layout.addWidget(self._command)
        layout.addWidget(self._wait)
        layout.addWidget(self._said)
        layout.addStretch(1)
        layout.addWidget(self._buttons)
        self._wait.hide()
        self._said.hide()

    def _connect(self) -> None:
        self._format.currentIndexChanged.connect(lambda _: self._show_target())
        self._precision.currentIndexChanged.connect(lambda _: self._show_command())
        self._name.textEdited.connect(lambda _: self._keep_name())
        self._choose.clicked.connect(lambda _=False: self.place_requested.emit())
        self._go.clicked.connect(lambda _=False: self._convert())
        self._buttons.rejected.connect(self.reject)
        self.finished.connect(lambda _: self._leave())

    def _target(self) -> Target:
        return TARGETS[max(0, self._format.currentIndex())]

    def _destination(self) -> Path:
        return self._folder / (self._name.text().strip() or "model")

    def _keep_name(self) -> None:
        self._has_own_name = True
        self._show_command()

    def _show_target(self) -> None:
        target = self._target()
        self._precision.blockSignals(True)
        self._precision.clear()
        self._precision.addItems(target.precisions)
        self._precision.blockSignals(False)
        self._about.setText(target.about)
        self._show_command()

    def _show_command(self) -> None:
        target = self._target()
        if not self._has_own_name:
            stem = Path(self._entry.name).name.removesuffix(".gguf")
            self._name.setText(f"{stem}-{target.format}-{self._precision.currentText()}{target.ending}")
        self._place.setText(place_text(str(self._folder)))
        self._command.setText(shown_command(self.words))

    def _convert(self) -> None:
        if self.job.is_running:
            return
        self._set_busy(True)
        self._say("Reading, writing, and loading back to compare…")
        self.job.start([*self.words, "--json"])

    def _set_busy(self, is_busy: bool) -> None:
        self._wait.setVisible(is_busy)
        for field in (self._format, self._precision, self._name, self._choose, self._go):
            field.setEnabled(not is_busy)
        self._close.setText("Stop" if is_busy else "Close")

    def _take(self, word: LastWord) -> None:
        self._set_busy(False)
        if word.how == "stopped":
            return
        if not word.is_good or not isinstance(word.result, dict):
            self._say(word.sentence or "It ended without a result; see what went wrong.", "danger")
            return
        done = word.result
        self._say(
            f"Done and checked: {size_text(int(done.get('size_bytes', 0)))}. Loaded back, it computes "
            f"{_exactly(float(done.get('difference', 0.0)))} what it should; this precision costs "
            f"{_nats(float(done.get('divergence', 0.0)))} a token.",
            "success",
        )
        self.made.emit(str(done.get("path", self._destination())))

    def _leave(self) -> None:
        """Gone once nothing of it runs any more; what was half written goes with it."""
        self.job.ended.connect(self.deleteLater)
        self.job.stop(0)
        if not self.job.is_running:
            self.deleteLater()

    def _say(self, sentence: str, role: str = "muted") -> None:
        self._said.setText(sentence)
        self._said.setVisible(bool(sentence))
        set_role(self._said, role)


def _exactly(difference: float) -> str:
    return "exactly" if difference == 0 else f"within {difference:.1e}"


def _nats(divergence: float) -> str:
    """What a model's predictions lose; a few hundredths can be felt."""
    return f"{divergence:.4f} nats" if divergence >= 0.0001 else "less than 0.0001 nats"
