"""How a model is chosen for a role: from those on this disk, or as a folder or file."""

import asyncio
from pathlib import Path

from PySide6.QtCore import QObject

from app import engines
from app.engines import Engines
from app.palette.palette import Entry, Palette, Source
from app.questions import Questions
from app.settings import SettingsStore
from core.spec.catalogue import Role
from core.spec.library import ModelFile, find_models
from core.spec.sizes import size_text

_FOLDER, _FILE, _USUAL = ":folder", ":file", ":usual"
_TITLES: dict[Role, str] = {"completion": "Choose a model", "chat": "Choose a model that answers"}


class ModelChoice(QObject):
    def __init__(self, chosen: Engines, palette: Palette, questions: Questions, store: SettingsStore) -> None:
        super().__init__(chosen)
        self._engines, self._palette, self._questions, self._store = chosen, palette, questions, store

    async def choose(self, role: Role = "completion") -> None:
        path = await self._asked(role)
        if path is not None:
            self._engines.set_default(role, path)

    async def _asked(self, role: Role) -> str | None:
        """A path, an empty text for the usual model of the role, None where nothing was chosen."""
        loop = asyncio.get_running_loop()
        places = engines.places_of_models(self._store.settings)
        library = await loop.run_in_executor(None, find_models, places)
        # what comes along is the usual one, which the list begins with
        models = [
            model for model in library.models if model.problem is None and model.path != engines.EMBEDDED
        ]
        if role == "chat":
            models.sort(key=lambda model: not model.has_chat_template)
        entries = [_entry(model) for model in models]
        if role == "chat":
            entries.insert(0, Entry(_USUAL, "The Model That Completes", "no second one in memory"))
        elif engines.has_embedded():
            entries.insert(0, Entry(_USUAL, engines.EMBEDDED.name, "comes with SmallCoder, knows Python"))
        entries += [
            Entry(_FOLDER, "Model Folder…", "one of SmallCoder's own, or of Hugging Face"),
            Entry(_FILE, "GGUF File…", "one file with everything in it"),
        ]
        choice = await self._palette.choose({"": Source(lambda: entries, _TITLES[role])})
        match choice.id if choice is not None else None:
            case str() as id if id == _USUAL:
                return ""
            case str() as id if id == _FOLDER:
                folder = await self._questions.folder_to_open(Path.home(), "Choose a Model's Folder")
                return str(folder) if folder else None
            case str() as id if id == _FILE:
                files = await self._questions.names_to_open(Path.home())
                return str(files[0]) if files else None
            case path:
                return path


def _entry(model: ModelFile) -> Entry:
    facts = [size_text(model.size_bytes)]
    facts += ["fills in"] if model.has_fim else []
    facts += ["chats"] if model.has_chat_template else []
    return Entry(str(model.path), model.name, ", ".join([*facts, str(model.path)]))
