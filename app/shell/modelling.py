"""Modelling: the room of models joined to the window: its wishes to the settings, the engine and the disk.

What is advised is app/models/counsel's; which model runs is ModelChoice's, which follows the settings.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from app import engines
from app.engine_client import EngineState
from app.engines import Engines
from app.errands import Errands
from app.job_client import JobClient
from app.memory.memory import WINDOW, MemoryWatch
from app.models.counsel import ROLES, USE, Counsel, Uses
from app.models.downloads import Downloads
from app.models.entry import Entry
from app.models.fit import Machines
from app.models.measuring import Measuring
from app.models.shelf import Shelf
from app.questions import CANCEL, Choice, Questions
from app.settings import Settings, SettingsStore
from app.shell.frame import Frame
from app.shell.notices import Notice
from app.theme import Theme
from app.wording import place_text
from core.spec.budget import CARD_RESERVE_BYTES, CARD_RUNTIME_BYTES
from core.spec.calibration import runtime_bytes
from core.spec.catalogue import Role
from core.spec.folders import adapters_folder
from core.spec.library import describe_model
from core.spec.machine import Machine
from core.spec.sizes import size_text

if TYPE_CHECKING:  # pages and dialogs are read when they are first wanted, so that the window is seen sooner
    from app.models.convert_dialog import ConvertDialog
    from app.models.download_dialog import DownloadDialog
    from app.models.models_page import ModelsPage


class Modelling(QObject):
    """
    Signals:
        said: a sentence for the status bar.
        train_requested: what is to be trained: a path or a preset's name.
    """

    said = Signal(str)
    train_requested = Signal(str)

    def __init__(
        self,
        engines: Engines,
        store: SettingsStore,
        watch: MemoryWatch,
        frame: Frame,
        questions: Questions,
        theme: Theme,
    ) -> None:
        super().__init__(frame)
        self._engines, self._store, self._watch = engines, store, watch
        self._frame, self._questions, self._theme = frame, questions, theme
        self._errands = Errands()
        self._wanted_for: dict[str, Role | None] = {}
        self._page: ModelsPage | None = None
        self._dialogs: set[DownloadDialog | ConvertDialog] = set()
        self.downloads = Downloads(self)
        self.counsel = Counsel(
            Shelf(self._folders, self), self.downloads, Measuring(self), self._machines, self
        )
        self.downloads.arrived.connect(self._greet)
        self.downloads.forgotten.connect(lambda id, problem: self.said.emit(problem or f"{id} is discarded."))
        frame.add_page("models", self._make_page)
        frame.add_page("first_run", self._make_first_run)
        for role in ROLES:
            engines.engine_for(role).state_changed.connect(self._show_uses)
        store.changed.connect(self._follow_settings)
        self._show_uses()

    def welcome_newcomer(self) -> None:
        """At the first start of all: what suits this machine is found out while one reads on."""
        self._frame.show_page("first_run")
        self.counsel.shelf.look()
        self.counsel.measuring.start()

    def show_measuring(self) -> None:
        self._frame.show_page("first_run")
        self.counsel.measuring.start()

    def use(self, role: Role, path: str) -> None:
        """From now on, until another is chosen."""
        is_usual = role == "completion" and path == str(engines.EMBEDDED)
        self._engines.set_default(role, "" if is_usual else path)

    def download(self, id: str, role: Role | None = None) -> None:
        """Asks first. `role`: what it is to be used for once it is here, where that was said."""
        from app.models.download_dialog import DownloadDialog

        dialog = DownloadDialog(id, self._theme, self._frame.window())
        dialog.agreed.connect(lambda name, file: self._fetch(name, file, role))
        dialog.is_here.connect(lambda path: self._take_found(path, role))
        self._open(dialog)

    async def end(self) -> None:
        """Whatever runs is ended; a download loses nothing by it."""
        await self._errands.stop()
        jobs = [*self.findChildren(JobClient), *(dialog.job for dialog in self._dialogs)]
        await asyncio.gather(*(job.end(patience_s=0) for job in jobs))

    def _make_page(self) -> QWidget:
        from app.models.models_page import ModelsPage

        page = ModelsPage(self._theme, self.counsel)
        page.default_requested.connect(self.use)
        page.load_requested.connect(lambda role, anyway: self._engines.load(role, anyway=anyway))
        page.unload_requested.connect(self._unload)
        page.download_requested.connect(lambda id, role: self.download(id, role or None))
        page.discard_requested.connect(lambda id: self._errands.start(self._discard(id)))
        page.convert_requested.connect(self._convert)
        page.delete_requested.connect(lambda entry: self._errands.start(self._delete(entry)))
        page.train_requested.connect(lambda entry: self.train_requested.emit(entry.path or entry.id))
        page.reveal_requested.connect(_reveal)
        page.folder_requested.connect(lambda: self._errands.start(self._add_folder()))
        page.file_requested.connect(lambda: self._errands.start(self._add_file()))
        page.measure_requested.connect(self.show_measuring)
        adapter = page.detail.adapter
        adapter.adapter_requested.connect(self._set_adapter)
        adapter.choice_requested.connect(lambda: self._errands.start(self._choose_adapter()))
        self._page = page
        self._show_adapter()
        self.counsel.measuring.recall()
        return page

    def _make_first_run(self) -> QWidget:
        from app.models.first_run import FirstRunPage

        page = FirstRunPage(self._theme, self.counsel)
        page.default_requested.connect(self.use)
        page.download_requested.connect(lambda id, role: self.download(id, role or None))
        page.looked_at.connect(self.look_at)
        page.all_requested.connect(lambda: self._frame.show_page("models"))
        page.done.connect(self._frame.texts_wanted)
        return page

    def look_at(self, key: str) -> None:
        self._frame.show_page("models")
        if self._page is not None:
            self._page.look_at(key)

    def _folders(self) -> list[Path]:
        """Those that are used, too: they may have been chosen where nobody looks."""
        embedded = [engines.EMBEDDED] if engines.has_embedded() else []
        used = [Path(target.path) for role in ROLES if (target := self._engines.target(role)) is not None]
        return list(dict.fromkeys([*embedded, *used, *map(Path, self._store.settings.models.folders)]))

    def _machines(self) -> Machines:
        """A model that is loaded makes room for another, so ours are not counted, but for the window."""
        sight = self._watch.history[-1] if self._watch.history else self._watch.look()
        machine, card = sight.machine, sight.card
        window = sum(share.held_bytes for share in machine.ours if share.name == WINDOW)
        system = Machine(machine.limit_bytes, machine.others_bytes + window, runtime_bytes())
        vram = None
        if card is not None:
            vram = Machine(card.limit_bytes, card.others_bytes, CARD_RUNTIME_BYTES, CARD_RESERVE_BYTES)
        return Machines(system, vram, machine.total_bytes)

    def _follow_settings(self, _: Settings) -> None:
        self._show_uses()
        self._show_adapter()

    def _show_uses(self) -> None:
        targets = {role: self._engines.target(role) for role in ROLES}
        paths = {role: target.path if target else "" for role, target in targets.items()}
        states = {role: self._engines.engine_for(role).state for role in ROLES}
        loaded = {paths[role]: _how(state) for role, state in states.items() if state.phase == "ready"}
        failed = {paths[role]: state.problem for role, state in states.items() if state.phase == "failed"}
        self.counsel.take_uses(
            Uses(paths["completion"], paths["chat"], tuple(loaded.items()), tuple(failed.items()))
        )

    def _show_adapter(self) -> None:
        if self._page is not None:
            engine = self._store.settings.engine
            self._page.detail.adapter.show_adapter(engine.adapter, engine.adapter_strength)

    def _unload(self, path: str) -> None:
        for role in ROLES:
            if self.counsel.uses.of(role) == path:
                self._engines.unload(role)

    def _set_adapter(self, folder: str, strength: float) -> None:
        self._store.change("engine", adapter=folder, adapter_strength=strength)

    async def _choose_adapter(self) -> None:
        kept = adapters_folder()
        begins = kept if kept.is_dir() else Path.home()
        folder = await self._questions.folder_to_open(begins, "Choose What a Run Has Learnt")
        if folder is not None:
            self._set_adapter(str(folder), self._store.settings.engine.adapter_strength)

    async def _delete(self, entry: Entry) -> None:
        """With what was made of it, and out of every use."""
        roles = [role for role in ROLES if entry.is_at(self.counsel.uses.of(role))]
        used = f" It is used for {' and '.join(roles)} now, which it then is no longer." if roles else ""
        again = "It can be downloaded again." if entry.hub_id else "It cannot be brought back."
        answer = await self._questions.ask(
            f"Delete {entry.name}?",
            [Choice("delete", "Delete", "destroy"), CANCEL],
            f"This frees {size_text(entry.size_bytes)} in {place_text(entry.path)}. {again}{used}",
        )
        if answer != "delete":
            return
        for role in roles:
            await self._engines.let_go(role)
            self._engines.set_default(role, "")
        job = JobClient("Deleting", self)
        word = await job.run(["models", "delete", entry.path, "--yes", "--json"])
        job.deleteLater()
        is_gone = word.is_good and isinstance(word.result, dict)
        freed = size_text(int(word.result.get("freed_bytes", 0))) if is_gone else ""
        self.said.emit(f"{entry.name} is deleted; {freed} are free again." if is_gone else word.sentence)
        self.counsel.shelf.look()

    async def _discard(self, id: str) -> None:
        choices = [Choice("discard", "Discard", "destroy"), CANCEL]
        question = f"Delete what has come of {id} so far?"
        if await self._questions.ask(question, choices, "A later download begins anew.") == "discard":
            self.downloads.forget(id)

    async def _add_folder(self) -> None:
        folder = await self._questions.folder_to_open(Path.home(), "Choose a Folder of Models")
        if folder is not None:
            self._look_in(folder)

    async def _add_file(self) -> None:
        """A file is looked at by itself, and not all that lies beside it."""
        for file in await self._questions.names_to_open(Path.home(), "Open GGUF File"):
            self._look_in(file)

    def _look_in(self, place: Path) -> None:
        folders = self._store.settings.models.folders
        if str(place) not in folders:
            self._store.change("models", folders=[*folders, str(place)])
        self.counsel.shelf.look()

    def _fetch(self, id: str, file: str, role: Role | None) -> None:
        self._wanted_for[id] = role
        self.downloads.start(id, file)
        self.look_at(f"hub:{id}")

    def _greet(self, id: str, path: str) -> None:
        role = self._wanted_for.pop(id, None)
        if role:
            self.use(role, path)
            self.said.emit(f"{id} is here and is used for {role}.")
            return
        self._errands.start(self._offer_use(id, path))

    async def _offer_use(self, id: str, path: str) -> None:
        """What it is good for; a model that chats may do for completion, too."""
        loop = asyncio.get_event_loop()
        model = await loop.run_in_executor(None, describe_model, Path(path))
        chats = model is not None and model.has_chat_template
        roles: list[Role] = ["chat"] if chats else []
        roles += ["completion"] if model is None or model.has_fim or not chats else []
        deeds = [(USE[role], partial(self.use, role, path)) for role in roles]
        deeds.append(("Show It", partial(self.look_at, f"disk:{path}")))
        notice = Notice(f"{id} has come and is whole.", "info", f"download {id}", tuple(deeds))
        self._frame.notices.add(notice)

    def _take_found(self, path: str, role: Role | None) -> None:
        if role:
            self.use(role, path)
        self.counsel.shelf.look()

    def _convert(self, entry: Entry) -> None:
        from app.models.convert_dialog import ConvertDialog

        dialog = ConvertDialog(entry, self._theme, self._frame.window())
        dialog.made.connect(lambda _: self.counsel.shelf.look())
        dialog.place_requested.connect(lambda: self._errands.start(self._choose_place(dialog)))
        self._open(dialog)

    def _open(self, dialog: DownloadDialog | ConvertDialog) -> None:
        self._dialogs.add(dialog)
        dialog.destroyed.connect(lambda: self._dialogs.discard(dialog))
        dialog.open()

    async def _choose_place(self, dialog: ConvertDialog) -> None:
        folder = await self._questions.folder_to_open(Path.home(), "Choose Where It Goes")
        if folder is not None:
            dialog.put_into(folder)


def _how(state: EngineState) -> str:
    """Where and how a model runs, and what better ways were tried."""
    facts = state.facts
    if facts is None:
        return "Yes"
    threads = f", {facts.threads} threads" if facts.device == "cpu" else ""
    text = f"{facts.precision} on {facts.device}{threads}; {facts.kernel}"
    return ". ".join([text, *facts.concessions])


def _reveal(path: str) -> None:
    """A model's folder, or the one that its file lies in."""
    place = Path(path)
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(place if place.is_dir() else place.parent)))
