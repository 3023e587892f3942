"""Detail: one model with all that is known of it, whether it fits, and what can be done with it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.layouts import empty
from app.models.adapter_panel import AdapterPanel
from app.models.counsel import USE, Uses
from app.models.downloads import Download
from app.models.entry import Entry, spelled_licence
from app.models.fit import Machines, verdict_of
from app.models.fit_table import FitTable
from app.naming import label, named, set_role
from app.theme import Theme
from app.wording import place_text
from core.spec.catalogue import Role
from core.spec.removal import why_kept
from core.spec.sizes import size_text


class Detail(QScrollArea):
    """Wishes:
    use_requested: a role and a path. unload_requested: a path.
    load_requested: the role that a model is set for, and whether even where it does not fit.
    download_requested, pause_requested, discard_requested: a name on the hub.
    convert_requested, train_requested, delete_requested: an Entry.
    reveal_requested: a path, in the system's file manager.
    """

    use_requested = Signal(str, str)
    load_requested = Signal(str, bool)
    unload_requested = Signal(str)
    download_requested = Signal(str)
    pause_requested = Signal(str)
    discard_requested = Signal(str)
    convert_requested = Signal(object)
    train_requested = Signal(object)
    delete_requested = Signal(object)
    reveal_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, widgetResizable=True)
        named(self, "About this model", style="page")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.entry: Entry | None = None
        self._uses: tuple[Role, ...] = ()
        self._how = ""
        self._does_fit = True
        self._download: Download | None = None
        self._name = label("", "section", wraps=True)
        self._about = label("", "muted", wraps=True)
        self._problem = label("", "danger", wraps=True)
        self._progress = named(QProgressBar(self, textVisible=False), "How far the download is")
        self._progress_text = label("", "muted", wraps=True)
        self._buttons, self._more = QHBoxLayout(), QHBoxLayout()
        for row in (self._buttons, self._more):
            row.setSpacing(8)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(24)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnStretch(1, 1)
        self._fit_title = label("Does it fit?", "heading")
        self._fits = FitTable(theme, self)
        self.adapter = AdapterPanel(theme, self)
        self._arrange()

    def show_entry(self, entry: Entry, machines: Machines, uses: Uses, download: Download | None) -> None:
        before = (self.entry, self._uses, self._how, self._does_fit)
        if self.entry is not None and self.entry.key != entry.key:
            self.verticalScrollBar().setValue(0)
        was_running = self._download is not None and self._download.state
        self.entry, self._download = entry, download
        self._uses, self._how = uses.roles_of(entry), uses.how(entry)
        self._show_problem(entry.problem or uses.trouble(entry))
        self._does_fit = verdict_of(entry.network, machines.system).tone != "danger"
        is_other = before != (self.entry, self._uses, self._how, self._does_fit)
        self._show_download()
        is_known = entry.network is not None and not entry.problem
        if is_other or was_running != (download is not None and download.state):
            self._show_texts(entry)
            self._show_facts(entry)
            self._show_buttons(entry)
        self._fit_title.setVisible(is_known)
        self._fits.setVisible(is_known)
        if entry.network is not None and is_known:
            self._fits.show_fits(entry.network, machines)
        self.adapter.setVisible("completion" in self._uses and not entry.problem)

    def go_into(self) -> None:
        """The keyboard comes to what can be done first."""
        for row in (self._buttons, self._more):
            item = row.itemAt(0)
            if item is not None and (button := item.widget()) is not None:
                button.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def _arrange(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(24, 16, 24, 24)
        column.setSpacing(8)
        for part in (self._name, self._about, self._problem, self._progress, self._progress_text):
            column.addWidget(part)
        column.addSpacing(4)
        column.addLayout(self._buttons)
        column.addLayout(self._more)
        column.addSpacing(12)
        column.addLayout(self._facts)
        column.addSpacing(12)
        column.addWidget(self._fit_title)
        column.addWidget(self._fits)
        column.addSpacing(12)
        column.addWidget(self.adapter)
        column.addStretch(1)
        content = named(QWidget(self), style="page")
        content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        content.setLayout(column)
        self.setWidget(content)

    def _show_texts(self, entry: Entry) -> None:
        self._name.setText(entry.name)
        self._about.setText(entry.about)
        self._about.setVisible(bool(entry.about))

    def _show_problem(self, problem: str) -> None:
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))

    def _show_download(self) -> None:
        download = self._download
        self._progress.setVisible(download is not None and download.state != "failed")
        self._progress_text.setVisible(download is not None)
        if download is not None:
            self._progress.setRange(0, 1000 if download.total_bytes else 0)
            self._progress.setValue(round(1000 * download.share))
            self._progress_text.setText(download.text)
            set_role(self._progress_text, "danger" if download.state == "failed" else "muted")

    def _show_facts(self, entry: Entry) -> None:
        empty(self._facts)
        for row, (name, value) in enumerate(_facts(entry, self._uses, self._how)):
            text = label(value, wraps=True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(text, row, 1)

    def _show_buttons(self, entry: Entry) -> None:
        empty(self._buttons)
        empty(self._more)
        if entry.section == "preset":
            self._add("Train It…", lambda: self.train_requested.emit(entry))
        elif entry.section == "disk":
            self._show_deeds_of_a_model(entry)
        elif self._download is not None and self._download.state == "running":
            self._add("Pause", lambda: self.pause_requested.emit(entry.id))
        else:
            is_begun = self._download is not None or entry.begun_bytes > 0
            text = "Go On" if is_begun else f"Download, {size_text(entry.size_bytes)}"
            self._add(text, lambda: self.download_requested.emit(entry.id))
            if is_begun:
                self._add("Discard", lambda: self.discard_requested.emit(entry.id))
        for row in (self._buttons, self._more):
            row.addStretch(1)

    def _show_deeds_of_a_model(self, entry: Entry) -> None:
        if entry.is_usable:
            for role, text in USE.items():
                can = entry.has_chat if role == "chat" else True
                if can and role not in self._uses:
                    self._add(text, partial(self.use_requested.emit, role, entry.path))
            if self._how:
                self._add("Unload", lambda: self.unload_requested.emit(entry.path))
            elif self._uses:
                text, anyway = ("Load", False) if self._does_fit else ("Load Anyway", True)
                self._add(text, partial(self.load_requested.emit, self._uses[0], anyway))
            self._add("Convert…", lambda: self.convert_requested.emit(entry), self._more)
        self._add("Show in Folder", lambda: self.reveal_requested.emit(entry.path), self._more)
        if not why_kept(Path(entry.path)):
            self._add("Delete…", lambda: self.delete_requested.emit(entry), self._more)

    def _add(self, text: str, do: Callable[[], object], row: QHBoxLayout | None = None) -> None:
        button = QPushButton(text, self)
        button.clicked.connect(lambda _=False: do())
        (row or self._buttons).addWidget(button)


def _facts(entry: Entry, uses: tuple[Role, ...], how: str) -> list[tuple[str, str]]:
    facts = [("Used for", " and ".join(uses))] if uses else []
    facts += [("Runs", how)] if how else []
    facts += [("Family", entry.family)] if entry.family else []
    facts += [("Weights", f"{entry.parameters:,}")] if entry.parameters else []
    facts += [("Context", f"{entry.context_tokens:,} tokens")] if entry.context_tokens else []
    if entry.section != "preset" and not entry.problem:
        facts += [("Abilities", _abilities(entry)), ("Licence", spelled_licence(entry.licence))]
    facts += [("HumanEval", f"{entry.human_eval:.1f} %, as published")] if entry.human_eval else []
    if entry.size_bytes:
        facts += [("On disk" if entry.section == "disk" else "Download", size_text(entry.size_bytes))]
    facts += [("Came so far", size_text(entry.begun_bytes))] if entry.begun_bytes else []
    if entry.section != "preset":
        facts += [("Where", place_text(entry.path) if entry.path else f"huggingface.co/{entry.id}")]
    return facts


def _abilities(entry: Entry) -> str:
    fills = (
        "Fills in between what stands before and behind"
        if entry.has_fim
        else ("Continues what stands before the cursor only")
    )
    return f"{fills}; answers questions" if entry.has_chat else f"{fills}; is not made to answer questions"
