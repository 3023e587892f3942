"""DownloadDialog: before anything comes, its licence, its size, and whether the disk has room."""

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QFontDatabase
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.job_client import JobClient, LastWord, shown_command
from app.models.downloads import download_words
from app.models.entry import spelled_licence
from app.naming import label, named, set_role
from app.theme import Theme
from app.wording import place_text
from core.spec.sizes import size_text

_WIDTH = 520


@dataclass(frozen=True)
class Plan:
    """What `models download ID --plan --json` says."""

    licence: str | None
    is_free: bool
    size_bytes: int
    missing_bytes: int
    free_bytes: int
    folder: str
    path: str | None
    gguf_files: tuple[str, ...]

    @classmethod
    def of(cls, said: Any) -> "Plan | None":
        """None of another version's answer."""
        try:
            known = {name: said[name] for name in cls.__dataclass_fields__}
            return cls(**known | {"gguf_files": tuple(said["gguf_files"])})
        except (KeyError, TypeError):
            return None

    @property
    def has_room(self) -> bool:
        return self.missing_bytes <= self.free_bytes


class DownloadDialog(QDialog):
    """`agreed`: the name on the hub, and of several GGUF files which. `is_here`: it needs no download, and
    where it lies."""

    agreed = Signal(str, str)
    is_here = Signal(str)

    def __init__(self, id: str, theme: Theme, parent: QWidget | None = None) -> None:
        """`id` may be empty; a person then writes it."""
        super().__init__(parent)
        self.setWindowTitle("Download a Model")
        self.setMinimumWidth(theme.scaled(_WIDTH))
        self.job = JobClient("Asking the hub", self)
        self.job.ended.connect(self._take)
        self._plan: Plan | None = None
        self._id = named(QLineEdit(id, self), "Name on the hub")
        self._id.setPlaceholderText("OWNER/NAME, as Qwen/Qwen2.5-Coder-0.5B")
        self._id.setReadOnly(bool(id))
        self._ask = QPushButton("Look Up", self)
        self._ask.setVisible(not id)
        self._wait = named(QProgressBar(self, textVisible=False), "Asking the hub")
        self._wait.setRange(0, 0)
        self._said = label("", "muted", wraps=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._values = {name: self._row(name) for name in ("Licence", "Download", "Disk", "Goes to")}
        self._file = named(QComboBox(self), "GGUF file")
        self._terms = named(QPushButton("Read It on the Model's Page", self), role="link")
        self._command = label("", "muted", wraps=True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self._yes = QPushButton("Download", self)
        self._yes.setDefault(True)
        self._buttons.addButton(self._yes, QDialogButtonBox.ButtonRole.AcceptRole)
        self._arrange()
        self._connect()
        self._show_plan(None)
        if id:
            self._look_up()

    def _row(self, name: str) -> QLabel:
        value = label("", wraps=True)
        row = self._grid.rowCount()
        self._grid.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, row, 1)
        return value

    def _arrange(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._id, 1)
        line.addWidget(self._ask)
        self._facts = QWidget(self)
        facts = QVBoxLayout(self._facts)
        facts.setContentsMargins(0, 0, 0, 0)
        facts.setSpacing(8)
        facts.addLayout(self._grid)
        facts.addWidget(self._file)
        facts.addWidget(self._terms, 0, Qt.AlignmentFlag.AlignLeft)
        facts.addWidget(self._command)
        self._command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(12)
        layout.addLayout(line)
        layout.addWidget(self._wait)
        layout.addWidget(self._said)
        layout.addWidget(self._facts)
        layout.addStretch(1)
        layout.addWidget(self._buttons)

    def _connect(self) -> None:
        self._ask.clicked.connect(lambda _=False: self._look_up())
        self._id.textEdited.connect(lambda _: self._show_plan(None))
        self._file.activated.connect(lambda _: self._look_up())
        self._terms.clicked.connect(lambda _=False: self._open_page())
        self._yes.clicked.connect(lambda _=False: self._agree())
        self._buttons.rejected.connect(self.reject)
        self.finished.connect(lambda _: self._leave())

    def _wanted_file(self) -> str:
        return str(self._file.currentData() or "")

    def _look_up(self) -> None:
        id = self._id.text().strip()
        if not id or self.job.is_running:
            return
        self._show_plan(None)
        self._wait.show()
        self._say("Asking the hub what would come, and under which licence…")
        self.job.start(download_words(id, self._wanted_file(), "--plan", "--json"))

    def _take(self, word: LastWord) -> None:
        self._wait.hide()
        if word.how == "stopped":
            return
        plan = Plan.of(word.result) if word.is_good else None
        if plan is None:
            self._say(word.sentence or "The hub's answer was not understood; look it up again.", "danger")
            self._ask.setText("Try Again")
            self._ask.show()
        else:
            self._show_plan(plan)

    def _say(self, sentence: str, role: str = "muted") -> None:
        self._said.setText(sentence)
        self._said.setVisible(bool(sentence))
        set_role(self._said, role)

    def _show_plan(self, plan: Plan | None) -> None:
        self._plan = plan
        self._wait.hide()
        self._facts.setVisible(plan is not None)
        self._yes.setEnabled(plan is not None and plan.has_room and plan.size_bytes > 0)
        if plan is None:
            self._say("")
            return
        self._values["Licence"].setText(spelled_licence(plan.licence) if plan.licence else "It names none")
        set_role(self._values["Licence"], "" if plan.is_free else "warning")
        here = plan.size_bytes - plan.missing_bytes
        came = f", of which {size_text(here)} are here" if here else ""
        size = f"{size_text(plan.size_bytes)}{came}" if plan.size_bytes else "Depends on the file"
        self._values["Download"].setText(size)
        self._values["Disk"].setText(f"{size_text(plan.free_bytes)} free")
        self._values["Goes to"].setText(place_text(plan.folder))
        self._terms.setVisible(not plan.is_free)
        id, file = self._id.text().strip(), self._wanted_file()
        self._command.setText(shown_command(download_words(id, file)))
        self._show_files(plan)
        self._show_verdict(plan)

    def _show_files(self, plan: Plan) -> None:
        self._file.setVisible(len(plan.gguf_files) > 1)
        if [self._file.itemText(place) for place in range(1, self._file.count())] != [*plan.gguf_files]:
            self._file.clear()
            self._file.addItem("The usual file" if plan.size_bytes else "Which of its files…", "")
            for name in plan.gguf_files:
                self._file.addItem(name, name)

    def _show_verdict(self, plan: Plan) -> None:
        self._yes.setText("Go On" if plan.size_bytes > plan.missing_bytes else "Download")
        if plan.path:
            self._say(f"It is on this disk already: {place_text(plan.path)}. It is used there.")
            self._yes.setText("Use It There")
            self._yes.setEnabled(True)
        elif not plan.size_bytes:
            self._say("It offers several files, each a whole model; choose one of them.")
        elif not plan.has_room:
            lack = plan.missing_bytes - plan.free_bytes
            self._say(f"The disk has no room for it: free {size_text(lack)} first.", "danger")
        elif not plan.is_free:
            self._say("Its licence may restrict what you do with it; read it before you go on.", "warning")
        else:
            self._say("Its licence lets you use it freely.")

    def _agree(self) -> None:
        if self._plan is None:
            return
        if self._plan.path:
            self.is_here.emit(self._plan.path)
        else:
            self.agreed.emit(self._id.text().strip(), self._wanted_file())
        self.accept()

    def _leave(self) -> None:
        """Gone once nothing of it runs any more."""
        self.job.ended.connect(self.deleteLater)
        self.job.stop(0)
        if not self.job.is_running:
            self.deleteLater()

    def _open_page(self) -> None:
        QDesktopServices.openUrl(QUrl(f"https://huggingface.co/{self._id.text().strip()}"))
