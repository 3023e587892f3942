"""The main window: makes the parts and connects them, and nothing else.

What a part does is in the part; what takes several steps is a coroutine in shell/.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from app.actions import KeyMap
from app.documents.document import Document
from app.documents.document_tabs import DocumentTabs
from app.documents.documents import Documents
from app.documents.recovery import Recovery
from app.engine_client import EngineState
from app.engines import Engines
from app.giving_way import GivingWay
from app.memory.gauge import MemoryGauge
from app.memory.memory import MemoryWatch
from app.palette.palette import Palette
from app.questions import Questions
from app.session import SessionFile
from app.settings import Settings, SettingsStore
from app.shell.activity_bar import ActivityBar
from app.shell.benchmarking import Benchmarking
from app.shell.chatting import Chatting
from app.shell.commands import Commands
from app.shell.editing import OF_A_TEXT, Editing
from app.shell.finding import Finding
from app.shell.frame import Frame
from app.shell.going import Going
from app.shell.helping import Helping
from app.shell.model_choice import ModelChoice
from app.shell.modelling import Modelling
from app.shell.notices import Notice, Weight
from app.shell.opening import Opening
from app.shell.placing import Placing
from app.shell.project import Project
from app.shell.prompting import Prompting
from app.shell.settings_page import SettingsPage
from app.shell.status_bar import StatusBar
from app.shell.text_choices import TextChoices
from app.shell.texts import Texts
from app.shell.training import Training
from app.shell.viewing import Viewing
from app.shell.welcome import WelcomePage
from app.suggestions.completion_policy import CompletionState
from app.theme import Theme
from core.spec.folders import data_folder


class MainWindow(QMainWindow):
    """`left`: the person has closed it, and has been asked; what still runs is to be ended."""

    left = Signal()

    def __init__(self, store: SettingsStore, theme: Theme, session: SessionFile) -> None:
        super().__init__()
        self.setWindowTitle("SmallCoder")
        self.setWindowIcon(theme.icon("smallcoder"))
        self.setAcceptDrops(True)
        self._store, self._theme = store, theme
        self._has_left = False
        self.keys = KeyMap(store.settings.keys, self)
        self.commands = Commands(self, self.keys)
        self.palette_line = Palette(theme, self)
        self.engines = Engines(store, self)
        self.engine = self.engines.completion
        self.giving_way = GivingWay(parent=self)
        self.questions = Questions(self)
        self.texts = Texts(store, theme, self.keys, self.engine)
        self.documents = Documents(self.texts.make_editor, self.questions, self)
        self.texts.follow(self.documents)
        self.tabs = DocumentTabs(theme)
        self.finding = Finding(self.tabs, self.texts, self.commands, theme)
        self.recovery = Recovery(self.documents, data_folder() / "recovery", self._order)
        self.project = Project(self.documents, self.tabs, self.questions, store, theme)
        self.opening = Opening(self.documents, self.tabs, self.recovery, self.questions, self.project)
        self.going = Going(self.palette_line, self.commands, self.documents, self.tabs, self.project.entries)
        self.choices = TextChoices(self.palette_line, self.documents, self.tabs, self.texts, store)
        self.model = ModelChoice(self.engines, self.palette_line, self.questions, store)
        self.prompting = Prompting(self.documents, self.tabs, self.texts, self.commands)
        self.finding.wanted.connect(self._show_number)
        self.finding.find_elsewhere = self._find_setting
        self.welcome = WelcomePage(theme, self.keys)
        self.frame = Frame(theme, ActivityBar(theme, self.keys))
        self.frame.changed.connect(self._allow_finding)
        self.helping = Helping(self, self.engines, self.keys, theme, self.frame.notices)
        self.viewing = Viewing(store, theme, self.frame)
        self.chatting = Chatting(self.documents, self.tabs, self.texts, self.questions, self.frame)
        self.benchmarking = Benchmarking(self.frame, self.questions, theme, store, self.start, self)
        self.memory = MemoryWatch(lambda: store.settings.budget, self.engines.clients)
        self.modelling = Modelling(self.engines, store, self.memory, self.frame, self.questions, theme)
        self.status = StatusBar(theme, self.commands, MemoryGauge(theme, self.memory))
        self.training = Training(store, theme, self.engines, self.questions, self.frame.notices)
        self._arrange()
        self._connect_texts()
        self._connect_engine()
        self._connect_settings()
        self._connect_commands()
        self.placing = Placing(self, self.frame, session)
        self.placing.failed.connect(self._warn)
        self.placing.restore(theme)
        self._show_current(None)
        self._show_engine(self.engine.state)

    async def begin(self, paths: Sequence[Path]) -> None:
        """Once the window is seen: what takes its time."""
        self.helping.begin()
        if self._store.problem:
            self._warn(self._store.problem)
        self.engines.load()
        self.recovery.keep_texts(self._store.settings.safety.keep_unsaved)
        self.welcome.setFocus()
        await self.opening.begin(paths, with_tabs=self._store.settings.safety.restore_session)
        self.training.begin(self.start, self.giving_way, self.memory)

    def welcome_newcomer(self) -> None:
        """Where this is the first start of all."""
        if self._store.is_first_start:
            self.modelling.welcome_newcomer()

    async def end(self) -> None:
        """What is not asked of anybody: files, threads and the worker are let go."""
        self.placing.stop()
        self.giving_way.stop()
        self.chatting.stop()
        await self.training.end()
        self._store.flush()
        self.project.stop()
        await self.opening.end()
        await self.modelling.end()
        await self.benchmarking.end()
        await self.engines.close()
        self.helping.end()

    def show_paths(self, paths: Sequence[Path]) -> None:
        """What another start was asked to open."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.raise_()
        self.activateWindow()
        self.start(self.opening.open_or_begin(paths))

    def _arrange(self) -> None:
        frame = self.frame
        frame.add_page("welcome", lambda: self.welcome)
        frame.add_page("texts", lambda: self.finding.page)
        frame.add_page("settings", self._make_settings_page)
        engine = self.engines.engine_for("chat")
        frame.add_page("prompt", lambda: self.prompting.make_page(self._theme, engine, self.start))
        frame.add_page("train", self.training.make_page)
        self.training.page_requested.connect(lambda: frame.show_page("train"))
        self.project.arrange(frame)
        self.chatting.join(self.engines, self._store, self._theme, self.commands)
        frame.show_page("welcome")
        whole = QWidget(self)
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(frame, 1)
        column.addWidget(self.status)
        self.setCentralWidget(whole)
        self.commands.fill(self.menuBar())

    def _connect_texts(self) -> None:
        documents, tabs = self.documents, self.tabs
        documents.opened.connect(tabs.add)
        documents.closed.connect(tabs.remove)
        documents.closed.connect(self._show_number)
        documents.shown.connect(self._show_document)
        documents.changed.connect(self._show_title)
        documents.changed.connect(self._show_form)
        documents.failed.connect(self._warn)
        documents.said.connect(self.status.say)
        tabs.wished.connect(lambda wish, document: self.start(self.opening.grant(wish, document)))
        tabs.current_changed.connect(self._show_current)
        self.texts.said.connect(self.status.say)
        self.texts.completion_changed.connect(self._show_completion)
        self.texts.language_changed.connect(self._show_form)
        self.texts.moved.connect(self._show_form)
        self.texts.moved.connect(self.giving_way.note_use)
        self.texts.zoom_requested.connect(self.viewing.zoom)
        self.recovery.failed.connect(self._warn)
        self.opening.said.connect(self.status.say)
        self.opening.folder_changed.connect(self.project.open_folder)
        self.opening.folder_changed.connect(self._show_folder)
        self.opening.folder_changed.connect(self.training.suggest)
        self.project.failed.connect(self._warn)
        self.prompting.failed.connect(self._warn)
        self.benchmarking.failed.connect(self._warn)
        self.benchmarking.said.connect(self.status.say)
        self.project.said.connect(self.status.say)
        self.helping.said.connect(self.status.say)

    def _connect_engine(self) -> None:
        self.engine.state_changed.connect(self._show_engine)
        self.engines.noted.connect(lambda said: self.frame.notices.add(Notice(said, "warning", "restart")))
        self.engine.replied.connect(self.status.hear)
        self.engines.engine_for("chat").replied.connect(self.giving_way.note_use)
        self.chatting.said.connect(self.status.say)
        self.chatting.download_requested.connect(lambda id: self.modelling.download(id, "chat"))
        self.modelling.said.connect(self.status.say)
        self.modelling.train_requested.connect(self.training.teach)
        self.training.benchmark_requested.connect(lambda model: self.benchmarking.measure(str(model)))

    def _connect_settings(self) -> None:
        self._store.changed.connect(self._follow_settings)
        self._store.failed.connect(self._warn)
        self.keys.changed.connect(self._keep_keys)
        self.welcome.action_requested.connect(self.commands.trigger)
        self.welcome.path_requested.connect(lambda path: self.start(self.opening.open([path])))

    def _connect_commands(self) -> None:
        opening, going, flow = self.opening, self.going, self._flow
        self.viewing.connect(self.commands)
        self.project.join(self.commands)
        self.training.join(self.commands)
        self.helping.join(self.commands)
        self.editing = Editing(self.tabs, self.texts, self.commands, self._store)
        self.commands.on(
            {
                "file.new": self.documents.new,
                "file.open": flow(opening.choose_files),
                "file.open_folder": flow(opening.choose_folder),
                "file.close_folder": lambda: opening.open_folder(None),
                "file.save": flow(lambda: opening.grant_current("save")),
                "file.save_as": flow(lambda: opening.grant_current("save_as")),
                "file.save_all": flow(self.documents.save_all),
                "file.close": flow(lambda: opening.grant_current("close")),
                "file.close_others": flow(lambda: opening.grant_current("close_others")),
                "file.reopen_closed": flow(self.documents.reopen_closed),
                "file.copy_path": flow(lambda: opening.grant_current("copy_path")),
                "app.quit": self.close,
                "view.memory_limit": self._show_memory_limit,
                "view.palette": flow(going.to_command),
                "go.file": flow(going.to_file),
                "go.line": flow(going.to_line),
                "go.next_tab": lambda: going.step_tab(1),
                "go.previous_tab": lambda: going.step_tab(-1),
                "go.editor": self._go_to_editor,
                "engine.choose": flow(self.model.choose),
                "chat.choose_model": flow(lambda: self.model.choose("chat")),
                "engine.load": self.engines.load,
                "engine.unload": self.engine.unload,
                "engine.restart": self.engine.restart,
                "file.encoding": flow(self.choices.encoding),
                "file.line_ends": flow(self.choices.line_ends),
                "edit.language": flow(self.choices.language),
                "edit.indentation": flow(self.choices.indentation),
                "view.code_font": flow(self.choices.code_font),
            }
        )

    def _show_memory_limit(self) -> None:
        self.frame.show_page("settings")
        page = self.frame.made_page("settings")
        if isinstance(page, SettingsPage):
            page.show_setting("budget", "ram_mb")

    def _make_settings_page(self) -> QWidget:
        page = SettingsPage(self._store, self._theme)
        page.model_choice_requested.connect(self.commands["engine.choose"].trigger)
        page.chat_model_choice_requested.connect(self.commands["chat.choose_model"].trigger)
        page.font_choice_requested.connect(self.commands["view.code_font"].trigger)
        page.shortcuts_requested.connect(self.commands["help.shortcuts"].trigger)
        return page

    def _find_setting(self) -> bool:
        page = self.frame.made_page("settings") if self.frame.page == "settings" else None
        if isinstance(page, SettingsPage):
            page.go_to_search()
        return page is not None

    def _allow_finding(self) -> None:
        """In a text, or among the settings, which need none."""
        can_find = self.tabs.current() is not None or self.frame.page == "settings"
        self.commands.enable(["edit.find"], can_find)

    def _order(self) -> tuple[list[Document], Document | None]:
        return self.tabs.documents(), self.tabs.current()

    def start(self, flow: Coroutine[Any, Any, Any]) -> None:
        """Nobody waits for it; what goes wrong in it is said."""
        self.documents.errands.start(flow)

    def _flow(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], None]:
        return lambda: self.start(make())

    def _warn(self, sentence: str, weight: Weight = "warning") -> None:
        self.frame.notices.add(Notice(sentence, weight))

    def _show_document(self, document: Document) -> None:
        self.tabs.show_document(document)
        self.viewing.show_texts(True)
        if not self.finding.is_typed_in:  # a restored text comes to the front, and nobody has asked for it
            document.editor.setFocus()

    def _go_to_editor(self) -> None:
        """From whichever page, to write on: a page that is left does not give its keys away by itself."""
        self.viewing.show_texts()
        document = self.tabs.current()
        (document.editor if document else self.welcome).setFocus()

    def _show_number(self) -> None:
        self.viewing.show_texts(len(self.documents) > 0)

    def _show_current(self, document: Document | None) -> None:
        self.commands.enable(OF_A_TEXT, document is not None)
        self._allow_finding()
        self._show_title()
        self._show_form()
        if document is None:
            self.status.show_completion(None)
        else:
            self._show_completion(document, self.texts.completion_of(document).state)

    def _show_completion(self, document: Document, state: CompletionState) -> None:
        if document is self.tabs.current():
            self.status.show_completion(state)

    def _show_form(self) -> None:
        """What kind of text is in front, and where in it the cursor stands."""
        document = self.tabs.current()
        self.status.show_text(document, self.texts.editor_of(document) if document else None)

    def _show_title(self) -> None:
        document = self.tabs.current()
        folder = self.documents.folder
        # [*] is where Qt shows that there is something to save
        parts = [document.name.replace("[*]", "[*][*]") + "[*]"] if document else []
        parts += [folder.name] if folder else []
        self.setWindowTitle(" — ".join([*parts, "SmallCoder"]))
        self.setWindowModified(bool(document and document.is_modified))

    def _show_folder(self, folder: Path | None) -> None:
        self.welcome.show_recent([path for path in self.documents.recent if path.exists()])
        self._show_title()

    def _show_engine(self, state: EngineState) -> None:
        self.status.show_engine(state)
        self.welcome.show_engine(state)
        self.commands.enable(["engine.load"], state.phase in ("off", "idle", "failed"))
        self.commands.enable(["engine.unload"], state.phase in ("loading", "ready"))
        if state.phase == "failed":
            again = "engine.restart" if state.is_restartable else "engine.load"
            try_again = ("Try Again", lambda: self.commands.trigger(again))
            anyway = ("Load Anyway", lambda: self.engines.load(anyway=True))
            choose = ("Choose Another Model", lambda: self.commands.trigger("engine.choose"))
            deeds = (anyway if state.is_too_large else try_again, choose)
            self.frame.notices.withdraw("restart")
            self.frame.notices.add(Notice(state.problem, "error", "engine", deeds))
        else:
            self.frame.notices.withdraw("engine")

    def _follow_settings(self, settings: Settings) -> None:
        self._theme.take(settings.appearance)
        self.keys.take(settings.keys)
        self.recovery.keep_texts(settings.safety.keep_unsaved)

    def _keep_keys(self) -> None:
        self._store.replace(replace(self._store.settings, keys=self.keys.bound()))

    async def _leave(self) -> None:
        if await self.training.may_leave() and await self.opening.may_leave():
            self._has_left = True
            self.close()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Files and folders from elsewhere are opened."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        self.start(self.opening.open(paths))

    def closeEvent(self, event: QCloseEvent) -> None:
        """The first time it asks; the window goes when all is answered."""
        if not self._has_left:
            event.ignore()
            self.start(self._leave())
            return
        event.accept()
        self.left.emit()
