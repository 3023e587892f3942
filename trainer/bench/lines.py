"""Lines drawn from a folder of Python, to be written anew: the same ones for the same folder and seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from core.spec.errors import DataError

_LEAST_LETTERS = 8


@dataclass(frozen=True)
class Line:
    """`text` is the whole line behind its indentation; `prefix` and `suffix` are its file around it."""

    file: str
    number: int
    prefix: str
    text: str
    suffix: str

    @property
    def stands_elsewhere(self) -> bool:
        """In its file too, whatever its indentation: such a line can be copied."""
        others = f"{self.prefix}\n{self.suffix}".split("\n")
        return self.text.strip() in map(str.strip, others)


@dataclass(frozen=True)
class SourceFile:
    name: str
    text: str


def python_files(folder: Path) -> list[SourceFile]:
    """In the order of their names, whatever order a system lists them in."""
    paths = sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix())
    files = [SourceFile(path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in paths]
    if not files:
        raise DataError(f"In {folder} there is no Python; name the folder 'held_out' of a corpus.")
    return files


def draw_lines(files: Sequence[SourceFile], count: int, seed: int) -> list[Line]:
    """None that are blank, comments or imports, or shorter than eight letters."""
    places = [(file, *place) for file in range(len(files)) for place in _places(files[file].text)]
    chosen = Random(seed).sample(places, max(min(count, len(places)), 0))  # noqa: S311 (no secret)
    return [_line(files[file], number, start, end) for file, number, start, end in chosen]


def draw_texts(files: Sequence[SourceFile], most_bytes: int, seed: int) -> list[str]:
    """Whole files in an order drawn by lot, until there are so many bytes."""
    texts, left = [], most_bytes
    for file in Random(seed).sample(list(files), len(files)):  # noqa: S311 (no secret)
        if left <= 0:
            break
        texts.append(file.text)
        left -= len(file.text.encode())
    return texts


def _line(file: SourceFile, number: int, start: int, end: int) -> Line:
    return Line(file.name, number, file.text[:start], file.text[start:end], file.text[end:])


def _places(text: str) -> Iterator[tuple[int, int, int]]:
    """Number, from 1, and where the line begins and ends without its indentation and its line end."""
    begin = 0
    for number, line in enumerate(text.split("\n"), start=1):
        said = line.strip()
        if len(said) >= _LEAST_LETTERS and not said.startswith("#") and not _is_import(said):
            start = begin + len(line) - len(line.lstrip())
            yield number, start, start + len(said)
        begin += len(line) + 1


def _is_import(line: str) -> bool:
    return line.startswith("import ") or (line.startswith("from ") and " import " in line)
