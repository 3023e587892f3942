"""RunSetup: the page on which a new run comes about: what it learns from, how, and what that will take.

It shows and wishes; scans, estimates and runs are processes, which it knows nothing of.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.layouts import Column
from app.naming import label, named, set_role
from app.runs.choices import BaseModel, RunChoices
from app.runs.draft import Draft, free_name, name_problem, of_speed, with_looks
from app.runs.folder_list import FolderList
from app.runs.outlook import Outlook, smaller_spec
from app.runs.room import room_now
from app.runs.scan import ScanView
from app.runs.scanned_files import overruled
from app.runs.words import in_window, is_refused_for_room
from app.theme import Theme
from core.spec.messages import Event, Finished, Judged
from trainer.spec.estimates import Estimate
from trainer.spec.jobs import TrainSpec

_ASK_AFTER_MS = 800
_LOOK_EVERY_MS = 3000


class RunSetup(QWidget):
    """
    Signals, all wishes:
        scan_requested, estimate_requested, begin_requested: a Draft.
        engine_bytes_requested: how much the models that run hold now is wanted at once.
        folder_choice_requested, model_choice_requested: a person wants to look for one.
        stop_requested: what is being prepared or looked through is to be called off.
        said: a sentence for the person.
    """

    scan_requested = Signal(object)
    estimate_requested = Signal(object)
    begin_requested = Signal(object)
    engine_bytes_requested = Signal()
    folder_choice_requested = Signal()
    model_choice_requested = Signal()
    stop_requested = Signal()
    said = Signal(str)

    def __init__(self, theme: Theme, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._estimate: Estimate | None = None
        self._measured: tuple[Any, ...] = ()
        self._engine_bytes = 0
        self._is_named = False
        self._is_beginning = False
        self._is_measuring = False
        self._may_insist = False
        self.folders = FolderList(theme, self)
        self.scan = ScanView(theme, self)
        self.choices = RunChoices(theme, draft, self)
        self.outlook = Outlook(theme, self)
        self.begin_button = named(QPushButton("Start Learning", self), role="primary")
        self.anyway_button = QPushButton("Start Anyway", self)
        self.stop_button = QPushButton("Stop", self)
        self.beginning = label("", "muted", wraps=True)
        self._later = QTimer(self, singleShot=True, interval=_ASK_AFTER_MS)
        self._later.timeout.connect(self._ask_estimate)
        self._look_again = QTimer(self, interval=_LOOK_EVERY_MS)  # others may have given back what it lacks
        self._look_again.timeout.connect(self._look_where_seen)
        self._to_deeds = QTimer(self, singleShot=True, interval=0)  # once there is room for what is said
        self._to_deeds.timeout.connect(lambda: self._scroll.ensureWidgetVisible(self._deeds, 0, 16))
        self._parts: list[QWidget] = []
        self._arrange(theme)
        self._connect()
        self._show_all()

    @property
    def draft(self) -> Draft:
        return self.choices.draft

    def set_models(self, models: Sequence[BaseModel]) -> None:
        self.choices.set_models(models)

    def set_engine_bytes(self, count: int) -> None:
        """What the models that run hold."""
        self._engine_bytes = count
        self._show_outlook()

    def set_limit(self, ram_mb: int) -> None:
        """Of the settings, which holds unless the person has set another here."""
        if "ram_mb" not in self.choices.touched and ram_mb != self.draft.spec.ram_mb:
            self._forget_refusal()
            self.choices.show_draft(replace(self.draft, spec=replace(self.draft.spec, ram_mb=ram_mb)))
            self._look_at_memory()
            self._show_outlook()

    def add_folders(self, paths: Sequence[Path]) -> None:
        self.folders.add(paths)

    def add_folder(self, path: Path) -> None:
        self.folders.add([path])

    def set_model(self, path: Path | str) -> None:
        self.choices.set_model(str(path))

    def take_scan(self, event: Event) -> None:
        self.scan.take(event)
        if isinstance(event, Finished):
            self._fit_looks()
            self._ask_later()
            self._show_all()

    def show_scan_problem(self, sentence: str) -> None:
        self.scan.show_problem(in_window(sentence))
        self.outlook.wait("")
        self._show_all()

    def take_estimate(self, estimate: Estimate) -> None:
        self._is_measuring = False
        self._estimate = estimate
        self._fit_looks()
        self._show_outlook()

    def show_estimate_problem(self, sentence: str) -> None:
        self._is_measuring = False
        self._estimate = None
        self.outlook.show_problem(in_window(sentence))
        self._show_deeds()

    def show_beginning(self, sentence: str) -> None:
        """What is being prepared; the rest waits meanwhile."""
        self._is_beginning = True
        self._say(sentence, "muted")

    def show_begun(self, problem: str = "") -> None:
        """Or why it was not."""
        self._is_beginning = False
        self._may_insist = is_refused_for_room(problem)
        self._say(in_window(problem, offers_anyway=True), "danger" if problem else "muted")
        was_measuring, self._is_measuring = self._is_measuring, False  # it was called off for this
        if problem:
            self._look_at_memory()
        if problem and was_measuring:
            self._ask_later()

    def start_over(self, draft: Draft) -> None:
        """For another run, from the same folders. Nothing is measured while one goes on."""
        self._is_named = False
        self._forget_refusal()
        self.choices.touched.clear()
        kept = replace(draft, folders=self.draft.folders, scan=self.draft.scan)
        self.choices.show_draft(replace(kept, name=free_name(kept.folders)))
        self._fit_looks()
        self._show_all()

    def begin_anew(self, draft: Draft) -> None:
        """By a person's wish, who finds all as it usually is; not while what was set up is being prepared."""
        if self._is_beginning:
            return
        self.start_over(draft)
        self._scroll.verticalScrollBar().setValue(0)
        self._look_at_memory()
        if self.draft.folders and of_speed(self.draft.spec) != self._measured:
            self._ask_later()

    def begin_like(self, draft: Draft, usual: TrainSpec) -> None:
        """Another run with the settings of an earlier one; what differs from the usual was set on purpose.
        The limit is today's, and who insisted then is asked again."""
        draft = replace(draft, spec=replace(draft.spec, ram_mb=usual.ram_mb, anyway=usual.anyway))
        names = usual.__dataclass_fields__
        self.choices.touched = {name for name in names if getattr(draft.spec, name) != getattr(usual, name)}
        self._is_named = False
        self.choices.show_draft(replace(draft, folders=self.draft.folders, name=free_name(draft.folders)))
        if draft.folders == self.draft.folders:
            self._scan()
        else:
            self.folders.set_folders(draft.folders)

    def _arrange(self, theme: Theme) -> None:
        column = QVBoxLayout()
        column.setSpacing(8)
        title = label("Teach a model your code", "title", wraps=True)
        about = label(
            "It learns on this machine, from folders that you choose, and nothing leaves it. At the end you "
            "see whether it became better, on files that it was not shown.",
            "muted",
            wraps=True,
        )
        column.addWidget(title)
        column.addWidget(about)
        column.addSpacing(16)
        column.addWidget(label("1  What it learns from", "section"))
        column.addWidget(self.folders)
        column.addWidget(self.scan)
        self._deeds = QWidget(self)
        row = QHBoxLayout(self._deeds)
        row.setContentsMargins(0, 8, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.begin_button)
        row.addWidget(self.anyway_button)
        row.addWidget(self.stop_button)
        row.addWidget(self.beginning, 1)
        steps: tuple[tuple[str, QWidget], ...] = (
            ("2  How", self.choices),
            ("3  What it will take", self.outlook),
        )
        for text, part in steps:
            heading = label(text, "section")
            heading.setContentsMargins(0, 16, 0, 0)
            self._parts += [heading, part]
        self._parts.append(self._deeds)
        for each in self._parts:
            column.addWidget(each)
        column.addStretch(1)
        self._scroll = named(QScrollArea(self, widgetResizable=True), "A new run", style="page")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(Column(theme, column))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)

    def _connect(self) -> None:
        self.folders.changed.connect(self._take_folders)
        self.folders.choice_requested.connect(self.folder_choice_requested)
        self.folders.refused.connect(self.said)
        self.scan.overrule_requested.connect(self._overrule)
        self.scan.again_requested.connect(self._scan)
        self.scan.stop_requested.connect(self._stop_scan)
        self.choices.changed.connect(self._take_choices)
        self.choices.model_choice_requested.connect(self.model_choice_requested)
        self.outlook.smaller_requested.connect(self._take_smaller)
        self.begin_button.clicked.connect(lambda _=False: self._begin())
        self.anyway_button.clicked.connect(lambda _=False: self._begin(anyway=True))
        self.stop_button.clicked.connect(lambda _=False: self.stop_requested.emit())

    def _take_folders(self, folders: tuple[Path, ...]) -> None:
        name = self.draft.name
        if not self._is_named or not name:
            name = free_name(folders) if folders else ""
        self.choices.show_draft(replace(self.draft, folders=folders, name=name))
        self._scan()

    def _overrule(self, file: Judged) -> None:
        self.choices.show_draft(replace(self.draft, scan=overruled(self.draft.scan, file)))
        self._scan()

    def _scan(self) -> None:
        self._estimate = None
        self._forget_refusal()
        self.scan.begin()
        self.outlook.wait("Known once the folders are looked through.")
        self._show_all()
        self.scan_requested.emit(self.draft)

    def _stop_scan(self) -> None:
        self.stop_requested.emit()
        self.outlook.wait("")

    def _take_choices(self, draft: Draft) -> None:
        if draft.name != free_name(draft.folders):
            self._is_named = True
        self._forget_refusal()
        self._look_at_memory()
        self._show_outlook()
        if of_speed(self.draft.spec) != self._measured:
            self._ask_later()

    def _take_smaller(self, changes: dict[str, object]) -> None:
        self.choices.touched |= {*changes}
        self._forget_refusal()
        self.choices.show_draft(smaller_spec(self.draft, changes))
        self._ask_later()
        self._show_outlook()

    def _fit_looks(self) -> None:
        """How often it looks whether it became better hangs on how long it is; who has said is not asked."""
        spec = self.draft.spec
        steps = None if self._estimate is None else self._estimate.steps(spec)
        if steps is None:
            return
        wanted = with_looks(spec, steps)
        kept = {name: getattr(spec, name) for name in self.choices.touched}
        self.choices.show_draft(replace(self.draft, spec=replace(wanted, **kept)))

    def _ask_later(self) -> None:
        if self.scan.is_whole:
            self.outlook.show_measuring()
            self._later.start()

    def _ask_estimate(self) -> None:
        self._is_measuring = True
        if self._is_beginning:
            return  # it is asked again should nothing begin
        self._measured = of_speed(self.draft.spec)
        self.estimate_requested.emit(self.draft)

    def _begin(self, *, anyway: bool = False) -> None:
        self._look_at_memory()
        draft = self.draft
        if anyway:
            draft = replace(draft, spec=replace(draft.spec, anyway=True))
        if self.outlook.fits or draft.spec.anyway:
            self.begin_requested.emit(draft)
        else:
            self._say(self.outlook.memory.text(), "danger")

    def _look_where_seen(self) -> None:
        if self.isVisible():
            self._look_at_memory()

    def _look_at_memory(self) -> None:
        """The machine's as it is now; what is being measured would count as others'."""
        self.engine_bytes_requested.emit()
        known, did_fit = self._estimate, self.outlook.fits
        if known is None or known.device != "cpu" or self._is_measuring or not self.scan.is_whole:
            return
        self._estimate = replace(known, machine=room_now(self.draft.spec.ram_mb))
        self._show_outlook()
        if not self.outlook.fits or did_fit:
            return
        self._forget_refusal()
        self._show_deeds()
        if known.tokens_per_s is None and not self.outlook.frees_engine:
            self._ask_later()  # no step was taken where it did not fit

    def _say(self, sentence: str, role: str) -> None:
        """Beside the button, and in sight with it."""
        set_role(self.beginning, role)
        self.beginning.setText(sentence)
        self._show_deeds()
        if sentence:
            self._to_deeds.start()

    def _forget_refusal(self) -> None:
        """It was of other settings, or of less memory."""
        if not self._is_beginning:
            self._may_insist = False
            self.beginning.clear()

    def _show_outlook(self) -> None:
        self.outlook.show_command(self.draft)
        if self._estimate is not None and self.scan.is_whole:
            self.outlook.show_estimate(self._estimate, self.draft, self._engine_bytes)
            if self._later.isActive():
                self.outlook.show_measuring()
        if self.outlook.fits:
            self._look_again.stop()
        elif not self._look_again.isActive():
            self._look_again.start()
        self._show_deeds()

    def _show_all(self) -> None:
        has_folders = bool(self.draft.folders)
        self.scan.setVisible(has_folders)
        for part in self._parts:
            part.setVisible(has_folders)
        self._show_outlook()

    def _show_deeds(self) -> None:
        can_begin = self.scan.is_whole and not name_problem(self.draft.name) and not self._is_beginning
        fits = self.outlook.fits or self.draft.spec.anyway
        may = {
            self.begin_button: can_begin and fits,
            self.anyway_button: can_begin and (self._may_insist or not fits),
            self.stop_button: self._is_beginning,
        }
        forms, keys = (self.folders, self.scan, self.choices), QApplication.focusWidget() or self
        is_losing = not may[keys] if keys in may else any(part.isAncestorOf(keys) for part in forms)
        self.begin_button.setEnabled(may[self.begin_button] or keys is self.begin_button)
        for button in (self.anyway_button, self.stop_button):
            button.setVisible(may[button] or keys is button)
        if is_losing and (self._is_beginning or keys in may):
            # what is disabled or hidden while it has the keys gives them to the next, and the page goes there
            next((button for button in may if may[button]), self._scroll).setFocus()
        self.begin_button.setEnabled(may[self.begin_button])
        for button in (self.anyway_button, self.stop_button):
            button.setVisible(may[button])
        for part in forms:
            part.setEnabled(not self._is_beginning)
