"""ScanView: what a scan has found so far, and at its end: counts, files and why, what the model will see."""

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPushButton,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.form import NoWheel
from app.naming import label, named, set_role
from app.runs.draft import LISTED
from app.runs.glimpse import GlimpseView
from app.runs.scanned_files import ACCEPTED, ALL, LEFT_OUT, ScannedFiles, ShownFiles, can_be_overruled
from app.theme import Theme
from core.spec.messages import Event, Finished, Glimpse, Judged, Metric, Note, Progress
from core.spec.sizes import size_text

_HEIGHT = 264
_COLLECT_MS = 50  # a scan tells thousands of files a second, and a table is laid out for each telling
_KINDS = ((LEFT_OUT, "Left out"), (ACCEPTED, "To be learnt from"), (ALL, "All"))


class ScanView(QWidget):
    """
    Signals, all wishes:
        overrule_requested: a Judged that a person thinks otherwise of.
        stop_requested, again_requested: the folders are to be looked through no longer, or once more.
    """

    overrule_requested = Signal(object)
    stop_requested = Signal()
    again_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.counts: Mapping[str, float] = {}
        self._waiting: list[Judged] = []
        self._licences = ""
        self._is_whole = self._is_looking = False
        self.sentence = label("", wraps=True)
        self.turn_button = QPushButton(self)
        self.details = label("", "muted", wraps=True)
        self.files = ScannedFiles(theme, self)
        self.shown_files = ShownFiles(self.files)
        self.kind_box = named(QComboBox(self), "Which files are shown")
        for kind, text in _KINDS:
            self.kind_box.addItem(text, kind)
        self.words_field = named(QLineEdit(self), "Find a file")
        self.words_field.setPlaceholderText("Find a file or a reason")
        self.words_field.setClearButtonEnabled(True)
        self.overrule_button = QPushButton("Learn From It Anyway", self)
        self.table = named(QTableView(self), "Files that were scanned")
        self.glimpses = GlimpseView(theme, self)
        self.tabs = QTabWidget(self)
        self._fill()
        self._collect = QTimer(self, singleShot=True, interval=_COLLECT_MS)
        self._collect.timeout.connect(self._show_waiting)
        self._connect()
        self._show_deed()

    def begin(self) -> None:
        self.counts, self._licences, self._is_whole = {}, "", False
        self._waiting.clear()
        self.files.clear()
        self.glimpses.clear()
        set_role(self.sentence, "muted")
        self.sentence.setText("Looking through the folders…")
        self.details.setText("")
        self._show_looking(True)

    def take(self, event: Event) -> None:
        match event:
            case Judged():
                self._waiting.append(event)
                if not self._collect.isActive():
                    self._collect.start()
            case Glimpse():
                self.glimpses.add(event)
            case Note():
                self._licences = event.text
            case Progress():
                self._count(event.metrics)
                self.sentence.setText(f"{self._sentence()} so far…")
            case Finished():
                self._count(event.metrics)
                self._show_whole()

    def show_problem(self, sentence: str) -> None:
        set_role(self.sentence, "danger")
        self.sentence.setText(sentence)
        self.details.setText("")
        self._show_looking(False)

    @property
    def is_whole(self) -> bool:
        """Whether there is something to learn from, and all of it was seen."""
        return self._is_whole and self.counts.get("accepted", 0) > 0

    @property
    def tokens(self) -> int:
        return round(self.counts.get("tokens", 0))

    def _show_whole(self) -> None:
        self._show_waiting()
        self._is_whole = True
        self._show_looking(False)
        if not self.counts.get("accepted"):
            choose = "Choose another folder, or take what was left out after all."
            self.show_problem(
                f"Nothing here can be learnt from. {choose}"
                if self.counts.get("left_out")
                else "There is no file here. Choose another folder."
            )
            self.details.setText(self._reasons())
            return
        if not self.counts.get("left_out") and self.kind_box.currentData() == LEFT_OUT:
            self.kind_box.setCurrentIndex(self.kind_box.findData(ACCEPTED))  # an empty list says nothing
        set_role(self.sentence, "")
        self.sentence.setText(f"{self._sentence()}.")
        self.details.setText(self._reasons())

    def _show_looking(self, looking: bool) -> None:
        self._is_looking = looking
        self.turn_button.setText("Stop" if looking else "Look Again")
        self.turn_button.setToolTip(
            "Look no further" if looking else "Files may have changed since the folders were looked through"
        )

    def _turn(self) -> None:
        if not self._is_looking:
            self.again_requested.emit()
            return
        self.stop_requested.emit()
        self._show_waiting()
        self.show_problem("Stopped before all was looked through. Take a smaller folder, or look again.")

    def _count(self, metrics: tuple[Metric, ...]) -> None:
        self.counts = {metric.name: metric.value or 0.0 for metric in metrics}

    def _sentence(self) -> str:
        counts = self.counts
        return (
            f"{counts.get('accepted', 0):,.0f} files to learn from ({size_text(counts.get('bytes', 0))}, "
            f"about {counts.get('tokens', 0):,.0f} tokens), {counts.get('left_out', 0):,.0f} left out"
        )

    def _reasons(self) -> str:
        counts = self.counts
        copies = counts.get("left_out_duplicate", 0) + counts.get("left_out_near_duplicate", 0)
        hidden = counts.get("left_out_secret", 0) + counts.get("left_out_secret_name", 0)
        one_copy, one_secret = copies == 1, hidden == 1
        said = [f"{copies:,.0f} {'is a copy' if one_copy else 'are copies'} of another"] if copies else []
        holds = "holds a secret and is" if one_secret else "hold secrets and are"
        said += [f"{hidden:,.0f} {holds} never learnt from"] if hidden else []
        most = max(
            (count for name, count in counts.items() if name == "accepted" or name.startswith("left_out_")),
            default=0.0,
        )
        said += [f"the first {LISTED:,} of each reason are listed"] if most > LISTED else []
        parts = ["; ".join(said) + "." if said else "", f"{self._licences}." if self._licences else ""]
        text = " ".join(part for part in parts if part)
        return text[:1].upper() + text[1:]

    def _fill(self) -> None:
        table = self.table
        table.setModel(self.shown_files)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(self._theme.scaled(24))
        head = table.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(2, QHeaderView.ResizeMode.Interactive)
        head.resizeSection(2, self._theme.scaled(88))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.kind_box)
        row.addWidget(self.words_field, 1)
        row.addWidget(self.overrule_button)
        files = QWidget(self)
        column = QVBoxLayout(files)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(table, 1)
        self.tabs.addTab(files, "Files")
        self.tabs.addTab(self.glimpses, "What the Model Will See")
        self.tabs.setFixedHeight(self._theme.scaled(_HEIGHT + 48))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.sentence, 1)
        top.addWidget(self.turn_button, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(top)
        layout.addWidget(self.details)
        layout.addSpacing(8)
        layout.addWidget(self.tabs)

    def _connect(self) -> None:
        self.kind_box.currentIndexChanged.connect(self._filter)
        self.kind_box.installEventFilter(NoWheel(self))
        self.words_field.textChanged.connect(self._filter)
        self.table.selectionModel().currentRowChanged.connect(self._show_deed)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.doubleClicked.connect(lambda _: self._overrule())
        self.turn_button.clicked.connect(lambda _=False: self._turn())
        self.overrule_button.clicked.connect(lambda _=False: self._overrule())
        self._filter()

    def _filter(self) -> None:
        self.shown_files.show_only(self.kind_box.currentData(), self.words_field.text())

    def _show_waiting(self) -> None:
        found, self._waiting = self._waiting, []
        self.files.add(found)

    def _current(self) -> Judged | None:
        index: QModelIndex = self.shown_files.mapToSource(self.table.currentIndex())
        return self.files.at(index.row()) if index.isValid() else None

    def _show_deed(self) -> None:
        file = self._current()
        can = file is not None and can_be_overruled(file)
        self.overrule_button.setEnabled(can)
        is_taken = file is not None and not file.reason
        self.overrule_button.setText("Leave It Out" if is_taken else "Learn From It Anyway")
        why_not = "" if can or file is None else f"It stays out: {file.why}."
        self.overrule_button.setToolTip(why_not)

    def _overrule(self) -> None:
        file = self._current()
        if file is not None and can_be_overruled(file):
            self.overrule_requested.emit(file)

    def _open_menu(self, place: QPoint) -> None:
        if self._current() is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        deed = menu.addAction(self.overrule_button.text(), self._overrule)
        deed.setEnabled(self.overrule_button.isEnabled())
        menu.popup(self.table.viewport().mapToGlobal(place))
