"""Which model runs: that of the settings, else the one that comes with SmallCoder; and how one is chosen."""

import asyncio
from pathlib import Path

from PySide6.QtCore import QObject

from app.editor.questions import Questions
from app.engine_client import EngineClient, Target
from app.palette.palette import Entry, Palette, Source
from app.settings import Settings, SettingsStore
from core.spec.folders import embedded_model, hub_cache_folder, models_folder
from core.spec.library import ModelFile, find_models
from core.spec.placement import Placement

EMBEDDED = embedded_model()
_FOLDER, _FILE, _EMBEDDED = ":folder", ":file", ":embedded"
_MB = 1024**2


class ModelChoice(QObject):
    """Keeps the engine at what the settings say, and the settings at what a person chooses."""

    def __init__(
        self, engine: EngineClient, store: SettingsStore, palette: Palette, questions: Questions
    ) -> None:
        super().__init__(engine)
        self._engine, self._store, self._palette, self._questions = engine, store, palette, questions
        self._target = wanted(store.settings)
        engine.rest_after(store.settings.engine.unload_after_minutes)
        store.changed.connect(self._follow)

    def load(self) -> None:
        """What is wanted, where anything is."""
        if self._target is not None:
            self._engine.load(self._target.path, self._target.placement)

    async def choose(self) -> None:
        path = await self._asked()
        if path is not None:
            self._store.change("engine", model=path)

    def _follow(self, settings: Settings) -> None:
        self._engine.rest_after(settings.engine.unload_after_minutes)
        target = wanted(settings)
        if target != self._target:
            self._target = target
            if target is None:
                self._engine.unload()
            else:
                self.load()

    async def _asked(self) -> str | None:
        """A path, an empty text for the model that comes with SmallCoder, None where nothing was chosen."""
        loop = asyncio.get_running_loop()
        library = await loop.run_in_executor(None, find_models, [models_folder(), hub_cache_folder()])
        entries = [_entry(model) for model in library.models if model.problem is None]
        if has_embedded():
            entries.insert(0, Entry(_EMBEDDED, EMBEDDED.name, "comes with SmallCoder, knows Python"))
        entries += [
            Entry(_FOLDER, "Model Folder…", "one of SmallCoder's own, or of Hugging Face"),
            Entry(_FILE, "GGUF File…", "one file with everything in it"),
        ]
        choice = await self._palette.choose({"": Source(lambda: entries, "Choose a model")})
        match choice.id if choice is not None else None:
            case str() as id if id == _EMBEDDED:
                return ""
            case str() as id if id == _FOLDER:
                folder = await self._questions.folder_to_open(Path.home())
                return str(folder) if folder else None
            case str() as id if id == _FILE:
                files = await self._questions.names_to_open(Path.home())
                return str(files[0]) if files else None
            case path:
                return path


def has_embedded() -> bool:
    return (EMBEDDED / "config.json").is_file()


def wanted(settings: Settings) -> Target | None:
    engine, budget = settings.engine, settings.budget
    path = engine.model or (str(EMBEDDED) if has_embedded() else "")
    placement = Placement(
        device=engine.device,
        precision=engine.precision,
        threads=engine.threads,
        ram_mb=budget.ram_mb,
        vram_mb=budget.vram_mb,
    )
    return Target(path, placement) if path else None


def _entry(model: ModelFile) -> Entry:
    facts = [f"{model.size_bytes / _MB:,.0f} MB"]
    facts += ["fills in"] if model.has_fim else []
    facts += ["chats"] if model.has_chat_template else []
    return Entry(str(model.path), model.name, ", ".join([*facts, str(model.path)]))
