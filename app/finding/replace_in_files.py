"""ReplaceInFiles: what was found in the files of a folder becomes another text, where nobody has left it out.

A text that is open is changed in its editor, where it can be undone; a file that is not is written at once,
whole or not at all, in its own encoding, and its former text is kept as long as somebody may want it back.
A file in which something else is found by now is left as it is.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import regex

from app.documents.documents import Documents
from app.documents.replace_file import CannotWrite, may_be_written
from app.documents.text_file import CannotRead, ChangedOutside, Stamp, TextFile, read, write
from app.documents.text_form import CannotEncode
from app.finding.find_in_files import Query, compiled, each_match
from app.finding.replacement import Replacement
from app.wording import counted

_SHOWN_PROBLEMS = 3
_REFUSALS = (CannotRead, CannotWrite, CannotEncode, ChangedOutside)


@dataclass(frozen=True)
class Wish:
    """In this file, of so many matches those with these numbers."""

    path: Path
    numbers: frozenset[int]
    count: int


@dataclass
class Report:
    """`problems`: why some files were left as they are; a sentence each."""

    matches: int = 0
    files: int = 0
    open_files: int = 0
    problems: list[str] = field(default_factory=list)
    written: list[tuple[TextFile, Stamp]] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        files = counted(self.files, "file")
        said = f"{counted(self.matches, 'match', 'matches')} replaced in {files}."
        if self.open_files:
            said += f" {counted(self.open_files, 'is', 'are')} open and not saved yet."
        if self.problems:
            said += " " + " ".join(self.problems[:_SHOWN_PROBLEMS])
        if len(self.problems) > _SHOWN_PROBLEMS:
            said += f" {len(self.problems) - _SHOWN_PROBLEMS} more were left as they are."
        return said


class ReplaceInFiles:
    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def replace(self, query: Query, text: str, wishes: Sequence[Wish]) -> Report:
        """UsageError where the text names a group that the expression has not."""
        pattern = compiled(query)
        replacement = replacement_for(pattern, query, text)
        report = Report()
        for wish in wishes:
            try:
                await self._replace_one(wish, pattern, replacement, report)
            except TimeoutError:
                report.problems.append(f"{wish.path.name} was left: the expression takes too long in it.")
            except _REFUSALS as error:
                report.problems.append(str(error))
        return report

    async def undo(self, report: Report) -> str:
        """The files that nobody has changed since get their former text; what happened, in a sentence."""
        back, problems = 0, []
        for file, stamp in report.written:
            try:
                await asyncio.to_thread(write, file.path, file.text, file.form, stamp)
                back += 1
            except _REFUSALS as error:
                problems.append(str(error))
        self._documents.check_files()
        return " ".join([f"{counted(back, 'file')} as before.", *problems[:_SHOWN_PROBLEMS]])

    async def _replace_one(
        self, wish: Wish, pattern: "regex.Pattern[str]", replacement: Replacement, report: Report
    ) -> None:
        document = self._documents.at(wish.path)
        if document is None:
            old, stamp = await asyncio.to_thread(_rewritten, wish, pattern, replacement)
            report.written.append((old, stamp))
        elif document.editor.isReadOnly():
            raise CannotWrite(f"{document.name} cannot be edited.")
        else:
            revision = document.revision
            text = await asyncio.to_thread(replaced, document.text(), wish, pattern, replacement)
            if document.revision != revision:
                raise ChangedOutside(f"{document.name} was changed meanwhile; search again.")
            document.replace_text(text)
            report.open_files += 1
        report.files += 1
        report.matches += len(wish.numbers)


def replacement_for(pattern: "regex.Pattern[str]", query: Query, text: str) -> Replacement:
    names = [""] * (pattern.groups + 1)
    for name, number in pattern.groupindex.items():
        names[number] = name
    return Replacement(text, query.is_regex, names)


def replaced(text: str, wish: Wish, pattern: "regex.Pattern[str]", replacement: Replacement) -> str:
    """ChangedOutside where there is not found what the person has seen."""
    parts, place, count = [], 0, 0
    for number, found in each_match(pattern, text):
        count += 1
        if number in wish.numbers:
            parts += [text[place : found.start()], replacement.of(groups_of(found))]
            place = found.end()
    if count != wish.count:
        raise ChangedOutside(f"{wish.path.name} was changed since the search; search again.")
    return "".join([*parts, text[place:]])


def groups_of(found: "regex.Match[str]") -> list[str]:
    """The whole first; a group that took no part is empty."""
    return [found[0], *(group or "" for group in found.groups())]


def _rewritten(wish: Wish, pattern: "regex.Pattern[str]", replacement: Replacement) -> tuple[TextFile, Stamp]:
    """What the file was before, and its stamp since."""
    if not may_be_written(Path(os.path.realpath(wish.path))):
        raise CannotWrite(f"{wish.path.name} is read-only.")
    file = read(wish.path)
    text = replaced(file.text, wish, pattern, replacement)
    return file, write(wish.path, text, file.form, file.stamp).stamp
