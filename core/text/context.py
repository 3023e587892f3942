"""Text from other open files, as tokens that stand in front of the file that is being written.

Vocabularies that have marks between files get these; to others the files look like parts of one, each under a
comment that names it. Nothing here depends on what is typed, so a cache holds it.
"""

from collections.abc import Callable, Sequence

from core.spec.editing import ContextFile, Editing
from core.text.fim import FileMarks

SHARE_OF_ROOM = 4
_LEAST_ROOM_TOKENS = 64  # less would hold a path and hardly a line
_SLASHES = (
    *("c", "c++", "c#", "objective-c", "java", "javascript", "typescript", "tsx", "jsx", "go", "rust", "zig"),
    *(
        "swift",
        "kotlin",
        "dart",
        "scala",
        "groovy",
        "php",
        "scss",
        "sass",
        "less",
        "glsl",
        "cuda",
        "solidity",
    ),
)
_COMMENTS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(_SLASHES, ("// ", "")),
    **dict.fromkeys(("sql", "lua", "haskell", "ada", "elm", "vhdl"), ("-- ", "")),
    **dict.fromkeys(("html", "xml", "markdown", "vue", "svelte"), ("<!-- ", " -->")),
    **dict.fromkeys(("css",), ("/* ", " */")),
    **dict.fromkeys(("tex", "erlang", "matlab", "prolog"), ("% ", "")),
    **dict.fromkeys(("common lisp", "emacs lisp", "scheme", "clojure"), (";; ", "")),
}

Encode = Callable[[str, bool], tuple[int, ...]]
Fit = Callable[[str, int], tuple[int, ...]]


def marked_context(
    editing: Editing, marks: FileMarks, room_tokens: int, encode: Encode, fit: Fit
) -> list[int]:
    """Ends with the path of the file that follows. `fit`: whole lines of a text, as many as go in."""
    project = () if marks.project is None or editing.project is None else encode(editing.project + "\n", True)
    before = [] if marks.project is None or not project else [marks.project, *project]
    after = [marks.file, *encode(_one_line(editing.path or "") + "\n", True)]

    def header(file: ContextFile) -> list[int]:
        return [marks.file, *encode(_one_line(file.path) + "\n", True)]

    blocks = _blocks(editing.context, room_tokens - len(before) - len(after), header, fit)
    return [*before, *blocks, *after] if blocks else []


def commented_context(editing: Editing, room_tokens: int, encode: Encode, fit: Fit) -> list[int]:
    opening, closing = _COMMENTS.get((editing.language or "").lower(), ("# ", ""))

    def header(path: str) -> list[int]:
        return list(encode(f"{opening}{_one_line(path)}{closing}\n", True))

    after = [*encode("\n", True), *header(editing.path)] if editing.path else list(encode("\n", True))
    blocks = _blocks(editing.context, room_tokens - len(after), lambda file: header(file.path), fit)
    return [*blocks, *after] if blocks else []


def _blocks(
    files: Sequence[ContextFile], room_tokens: int, header: Callable[[ContextFile], list[int]], fit: Fit
) -> list[int]:
    """What matters most stands nearest to what is being written, and is the last to be cut."""
    blocks: list[int] = []
    for file in files:
        title = header(file)
        left = room_tokens - len(blocks) - len(title)
        if left < _LEAST_ROOM_TOKENS:
            break
        text = file.text if file.text.endswith("\n") else file.text + "\n"
        blocks[:0] = [*title, *fit(text, left)]
    return blocks


def _one_line(path: str) -> str:
    return " ".join(path.split())
