"""What the status bar says of a text, chosen otherwise: language, indentation, encoding, line ends."""

from dataclasses import replace

from PySide6.QtGui import QFontDatabase

from app.documents.document import Document
from app.documents.document_tabs import DocumentTabs
from app.documents.documents import Documents
from app.documents.text_form import LINE_END_NAMES, with_line_end
from app.editor.code_editor import CodeEditor
from app.editor.indentation import Indentation
from app.languages import LANGUAGES
from app.palette.palette import Entry, Palette, Source
from app.settings import SettingsStore
from app.shell.texts import Texts

_ENCODINGS = (
    "utf-8",
    "utf-16",
    "cp1252",
    "iso-8859-1",
    "iso-8859-15",
    "cp1251",
    "shift_jis",
    "gb18030",
    "big5",
)
_WIDTHS = (2, 3, 4, 8)
_SAVE, _READ = "save", "read"


class TextChoices:
    def __init__(
        self,
        palette: Palette,
        documents: Documents,
        tabs: DocumentTabs,
        texts: Texts,
        store: SettingsStore,
    ) -> None:
        self._palette, self._documents, self._tabs, self._texts = palette, documents, tabs, texts
        self._store = store

    async def code_font(self) -> None:
        """Of all texts: those typefaces whose letters are equally wide."""
        families = [name for name in QFontDatabase.families() if QFontDatabase.isFixedPitch(name)]
        entries = [Entry("", "The System's")] + [Entry(name, name) for name in families]
        choice = await self._palette.choose({"": Source(lambda: entries, "Choose a typeface for code")})
        if choice is not None and choice.id is not None:
            self._store.change("appearance", code_font=choice.id)

    async def language(self) -> None:
        names = [Entry(language.name, language.name, ", ".join(language.files[:4])) for language in LANGUAGES]
        found = await self._chosen(names, "Choose a language")
        if found is not None:
            document, name = found
            language = next(language for language in LANGUAGES if language.name == name)
            self._texts.set_language(document, language)

    async def indentation(self) -> None:
        entries = [Entry(f"{width}", f"Spaces: {width}") for width in _WIDTHS]
        entries += [Entry(f"-{width}", f"Tabs, as wide as {width}") for width in (4, 8)]
        found = await self._chosen(entries, "Choose how lines are indented from now on")
        if found is not None:
            document, text = found
            self._editor(document).set_indentation(Indentation(abs(int(text)), int(text) < 0))

    async def line_ends(self) -> None:
        entries = [Entry(end, name) for end, name in LINE_END_NAMES.items()]
        found = await self._chosen(entries, "Choose the line ends to save with")
        if found is not None:
            document, end = found
            document.set_form(with_line_end(document.form, end))

    async def encoding(self) -> None:
        entries = [
            Entry(f"{_READ} {name}", f"Read Again as {name.upper()}", "the bytes of the file stay")
            for name in _ENCODINGS
        ]
        entries += [
            Entry(f"{_SAVE} {name}", f"Save as {name.upper()}", "the letters of the text stay")
            for name in _ENCODINGS
        ]
        found = await self._chosen(entries, "Choose an encoding")
        if found is not None:
            document, (what, name) = found[0], found[1].split(" ")
            if what == _READ:
                await self._documents.reopen_with(document, name)
            else:
                form = replace(
                    document.form, encoding=name, bom=b"", is_declared=False, has_stray_bytes=False
                )
                document.set_form(form)

    async def _chosen(self, entries: list[Entry], hint: str) -> tuple[Document, str] | None:
        """For the text that was in front when it was asked, if it is still open."""
        document = self._tabs.current()
        choice = await self._palette.choose({"": Source(lambda: entries, hint)}) if document else None
        if document is None or choice is None or choice.id is None or document not in self._documents:
            return None
        return document, choice.id

    def _editor(self, document: Document) -> CodeEditor:
        return self._texts.editor_of(document)
