"""Going somewhere by typing: commands after >, lines after :, files by their names, all in one palette."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

from app.documents.document_tabs import DocumentTabs
from app.documents.documents import Documents
from app.palette.palette import Choice, Entry, Palette, Source
from app.shell.commands import Commands

_COMMANDS, _LINE, _FILES = ">", ":", ""


class Going:
    def __init__(
        self,
        palette: Palette,
        commands: Commands,
        documents: Documents,
        tabs: DocumentTabs,
        files: Callable[[bool], Sequence[Entry]],
    ) -> None:
        """`files`: what is known of the folder's files; True where the palette is opened and may wait."""
        self._palette, self._commands, self._documents, self._tabs = palette, commands, documents, tabs
        self._files = files

    def to_command(self) -> Coroutine[Any, Any, None]:
        """Like the others: opens the palette at once; what is given back waits for the choice."""
        return self._go(_COMMANDS)

    def to_line(self) -> Coroutine[Any, Any, None]:
        return self._go(_LINE)

    def to_file(self) -> Coroutine[Any, Any, None]:
        return self._go(_FILES)

    def _go(self, typed: str) -> Coroutine[Any, Any, None]:
        files = _Files(self._file_entries, self._files)
        choice = self._palette.choose(
            {
                _COMMANDS: Source(self._commands.entries, "Type a command", "No command fits"),
                _LINE: Source(list, "Type a line, or line:column", "Type a number", takes_text=True),
                _FILES: Source(files.entries, "Type a file's name; > for commands, : for a line"),
            },
            typed,
        )
        return self._arrive(choice)

    async def _arrive(self, chosen: Awaitable[Choice | None]) -> None:
        choice = await chosen
        if choice is None:
            return
        if choice.prefix == _COMMANDS and choice.id is not None:
            self._commands.trigger(choice.id)
        elif choice.prefix == _LINE:
            self._go_to_line(choice.text)
        elif choice.id is not None:
            await self._documents.open(Path(choice.id))

    def step_tab(self, steps: int) -> None:
        if self._tabs.count():
            self._tabs.setCurrentIndex((self._tabs.currentIndex() + steps) % self._tabs.count())

    def _go_to_line(self, text: str) -> None:
        line, _, column = text.replace(",", ":").partition(":")
        document = self._tabs.current()
        if document is not None and line.strip().isdecimal():
            document.go_to_line(int(line), max(0, int(column) - 1) if column.strip().isdecimal() else 0)
            document.editor.setFocus()

    def _file_entries(self, files: Iterable[Entry]) -> list[Entry]:
        """What is open, what was open lately, then what the folder has, each once."""
        folder = self._documents.folder
        paths: dict[Path, None] = {document.path: None for document in self._documents if document.path}
        paths |= dict.fromkeys(path for path in self._documents.recent if path.is_file())
        entries = [Entry(str(path), path.name, str(_shown(path.parent, folder))) for path in paths]
        known = {entry.id for entry in entries}
        return entries + [entry for entry in files if entry.id not in known]


class _Files:
    """Entries of files while one types: made anew where the folder has been read meanwhile."""

    def __init__(
        self, make: Callable[[Sequence[Entry]], list[Entry]], known: Callable[[bool], Sequence[Entry]]
    ):
        self._make, self._known = make, known
        self._made_of = known(True)
        self._made = make(self._made_of)

    def entries(self) -> list[Entry]:
        known = self._known(False)
        if known is not self._made_of:
            self._made_of, self._made = known, self._make(known)
        return self._made


def _shown(path: Path, folder: Path | None) -> Path:
    if folder is not None and path.is_relative_to(folder):
        return path.relative_to(folder)
    return path
