"""BenchPage: measure, read what was measured, see it drawn, and be advised. It shows and wishes."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.benchmarks.advice import BenchAdvice
from app.benchmarks.answers import BenchAnswers
from app.benchmarks.charts import BenchCharts
from app.benchmarks.compare import BenchCompare
from app.benchmarks.history import BenchHistory
from app.benchmarks.progress import BenchProgress
from app.benchmarks.setup import BenchSetup
from app.benchmarks.shelf import Kept
from app.benchmarks.table import BenchTable
from app.benchmarks.ways import Suite, Way, suites_of, ways_of
from app.naming import label, named
from app.theme import Theme

_WIDTH, _TABLE_HEIGHT = 760, 120
_EMPTY = "Nothing has been measured yet. Choose models under Measure; their figures then stand here."


class BenchPage(QWidget):
    """Wishes:
    export_requested: a kind, "json", "csv", "md" or "png".
    delete_requested: the Ways whose measurements are to be deleted.
    compare_requested: one Way or two.
    use_requested: a Way that is to suggest from now on.
    file_requested: results of elsewhere are to be shown too.
    looked: it has come into sight, and wants to know what there is.
    """

    export_requested = Signal(str)
    delete_requested = Signal(object)
    compare_requested = Signal(object)
    use_requested = Signal(object)
    file_requested = Signal()
    looked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Benchmark", style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._kept: Sequence[Kept] = ()
        self.setup = BenchSetup(theme)
        self.progress = BenchProgress(theme)
        self.table = BenchTable()
        self.answers, self.history = BenchAnswers(theme), BenchHistory(theme)
        self.comparison, self.charts, self.advice = (
            BenchCompare(theme),
            BenchCharts(theme),
            BenchAdvice(theme),
        )
        self.search = named(QLineEdit(self), "Find a model among the results")
        self.suites = named(QComboBox(self), "Whose quality is shown")
        self.use = named(QPushButton("Use It", self), "Suggest with the chosen model as it was measured")
        self.export = QPushButton("Export", self)
        self.delete = QPushButton("Delete…", self)
        self.tabs = QTabWidget(self)
        self.details = QTabWidget(self)
        self._nothing = label(_EMPTY, "muted", wraps=True)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._arrange()
        self._connect()
        self.show_kept(())

    @property
    def suite(self) -> Suite | None:
        found = self.suites.currentData()
        return found if isinstance(found, Suite) else None

    def show_kept(self, kept: Sequence[Kept]) -> None:
        """All results there are, newest first."""
        before = self.suite
        self._kept = kept
        self.suites.blockSignals(True)
        self.suites.clear()
        for suite in suites_of(kept):
            self.suites.addItem(f"Quality in {suite.title}", suite)
        self._choose_suite(before)
        self.suites.blockSignals(False)
        self.setup.take_past([item.result for item in kept])
        self.advice.show_kept(kept)
        self._show()

    def show_measured(self, measured: Sequence[Kept]) -> None:
        """What has just been measured is chosen, whatever was looked at or looked for before."""
        if not measured:
            return
        self.search.clear()
        if suites := suites_of(measured):
            self._choose_suite(suites[0])
        self.table.choose_only({(item.result.place, item.result.precision) for item in measured})

    def show_results(self) -> None:
        had_keys = self.isAncestorOf(QApplication.focusWidget() or self.window())
        self.tabs.setCurrentIndex(1)
        if had_keys:  # what had them may be about to go
            self.table.setFocus()

    def measure(self, model: str) -> None:
        """With this model chosen; the rest is the person's."""
        self.setup.choose(model)
        self.tabs.setCurrentIndex(0)

    def measure_quality(self, model: str, precision: str) -> None:
        """Everything is chosen for it; the person begins it."""
        self.setup.choose_own_tasks(model, precision)
        self.tabs.setCurrentIndex(0)
        self.setup.start.setFocus()

    def chosen(self) -> list[Way]:
        """The rows that are chosen where there are several; one always is, so that stands for all."""
        chosen = self.table.chosen()
        return chosen if len(chosen) > 1 else self.table.shown()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.looked.emit()

    def _choose_suite(self, wanted: Suite | None) -> None:
        """The first, where there is no such one any more."""
        places = range(self.suites.count())
        self.suites.setCurrentIndex(next((i for i in places if self.suites.itemData(i) == wanted), 0))

    def _show(self) -> None:
        words = self.search.text().lower().split()
        ways = [way for way in ways_of(self._kept) if all(word in way.title.lower() for word in words)]
        self.table.show_ways(ways, self.suite)
        self.table.choose_first()
        self.charts.show_ways(ways, self.suite)
        has_any = bool(self._kept)
        self._nothing.setVisible(not has_any)
        for part in (self._split, self.search, self.use, self.export, self.delete):
            part.setVisible(has_any)
        self.suites.setVisible(self.suites.count() > 1)
        self.show_chosen()

    def show_chosen(self) -> None:
        """The details of the rows that are chosen."""
        chosen = self.table.chosen()
        self.answers.show_kept(chosen[0].kept if chosen else [])
        self.history.show_ways(chosen, self.suite)
        self.delete.setEnabled(bool(chosen))
        self.use.setEnabled(len(chosen) == 1 and chosen[0].has_weights)
        if self.details.currentWidget() is self.comparison:
            self._ask_to_compare()

    def _ask_to_compare(self) -> None:
        chosen = self.table.chosen()
        if 1 <= len(chosen) <= 2:
            self.compare_requested.emit(chosen)
        else:
            self.comparison.show_nothing()

    def _arrange(self) -> None:
        for tabs in (self.tabs, self.details, self.answers.texts):
            tabs.setDocumentMode(True)
            tabs.tabBar().setDrawBase(False)
            named(tabs.tabBar(), style="parts")
        self.tabs.setObjectName("page_parts")
        self.tabs.addTab(self._measuring(), "Measure")
        for part, title in (
            (self._results(), "Results"),
            (_margined(self.charts), "Charts"),
            (_margined(self.advice), "Advice"),
        ):
            self.tabs.addTab(_scrolled(part, title), title)
        top = QVBoxLayout()
        top.setContentsMargins(32, 24, 32, 8)
        top.setSpacing(12)
        top.addWidget(label("Benchmark", "title"))
        top.addWidget(self.progress)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.tabs, 1)

    def _results(self) -> QWidget:
        self.search.setPlaceholderText("Find a model")
        self.search.setClearButtonEnabled(True)
        menu = QMenu(self.export)
        for kind, text in (
            ("json", "Results with Every Answer (JSON)…"),
            ("csv", "Figures for a Spreadsheet (CSV)…"),
            ("md", "Table as Text (Markdown)…"),
            ("png", "Chart of Quality and Speed (PNG)…"),
        ):
            menu.addAction(text).triggered.connect(
                lambda _=False, kind=kind: self.export_requested.emit(kind)
            )
        menu.addSeparator()
        menu.addAction("Show Results of Another Machine…").triggered.connect(self.file_requested)
        self.export.setMenu(menu)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.search, 1)
        for part in (self.suites, self.use, self.export, self.delete):
            row.addWidget(part)
        self.details.addTab(self.answers, "Answers")
        self.details.addTab(self.history, "History")
        self.details.addTab(self.comparison, "Compare")
        self.table.setMinimumHeight(self._theme.scaled(_TABLE_HEIGHT))
        self._split.addWidget(self.table)
        self._split.addWidget(self.details)
        self._split.setSizes([240, 360])
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(32, 16, 32, 16)
        column.setSpacing(12)
        column.addLayout(row)
        column.addWidget(self._nothing)
        column.addWidget(self._split, 1)
        column.addStretch(0)
        return whole

    def _connect(self) -> None:
        self.search.textChanged.connect(self._show)
        self.suites.currentIndexChanged.connect(self._show)
        self.table.chosen_changed.connect(self.show_chosen)
        self.details.currentChanged.connect(self.show_chosen)
        self.use.clicked.connect(lambda: self.use_requested.emit(self.table.chosen()[0]))
        self.delete.clicked.connect(lambda: self.delete_requested.emit(self.table.chosen()))
        self.tabs.currentChanged.connect(self._recall_advice)
        self.advice.quality_requested.connect(self.measure_quality)

    def _recall_advice(self) -> None:
        if self.tabs.currentIndex() == 3:
            self.advice.recall()

    def _measuring(self) -> QWidget:
        """The choices scroll; what begins it stays in sight below them."""
        inner = named(QWidget(), style="page")
        row = QHBoxLayout(inner)
        row.setContentsMargins(32, 16, 32, 16)
        self.setup.setMaximumWidth(self._theme.scaled(_WIDTH))
        row.addWidget(self.setup, 100)
        row.addStretch(1)
        scroll = named(QScrollArea(self, widgetResizable=True), "What to measure")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inner)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(scroll, 1)
        column.addWidget(self.setup.foot)
        return whole


def _margined(content: QWidget) -> QWidget:
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(32, 0, 32, 24)
    column.addWidget(content)
    return whole


def _scrolled(content: QWidget, name: str) -> QWidget:
    """Where the window is lower than it needs; it must not grow out of the screen."""
    scroll = named(QScrollArea(widgetResizable=True), name)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidget(named(content, style="page"))
    return scroll
