"""The code in an answer that is written in Markdown: what stands between its fences.

An answer that is still being written counts too: a fence that is not closed yet goes on to the end.
"""

import re
import unicodedata
from dataclasses import dataclass

from app.languages import Language, language_named

_OPENS = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*$")
_KEPT_CONTROLS = frozenset("\n\t")


@dataclass(frozen=True)
class Code:
    """`language` is None where the fence does not name one. `is_fenced`: else it is the whole answer."""

    text: str
    language: Language | None = None
    is_fenced: bool = False


def code_in(answer: str) -> Code:
    """The first block that is not about a command line; a later one is mostly an example of its use."""
    blocks = _blocks(answer)
    if not blocks:
        return Code(answer.strip("\n"))
    code = next((block for block in blocks if block[0] not in _COMMAND_LINES), blocks[0])
    name, lines = code
    return Code("\n".join(lines), language_named(name) if name else None, is_fenced=True)


def visible(text: str) -> str:
    """Without what nobody could see, such as what turns the direction of reading."""
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        letter for letter in text if letter in _KEPT_CONTROLS or unicodedata.category(letter) not in hidden
    )


_COMMAND_LINES = frozenset({"sh", "bash", "shell", "console", "zsh", "text", "plaintext", "output"})


def _blocks(answer: str) -> list[tuple[str, list[str]]]:
    """Each fence's name and lines."""
    blocks: list[tuple[str, list[str]]] = []
    fence = ""
    for line in answer.splitlines():
        if fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            else:
                blocks[-1][1].append(line)
        elif (found := _OPENS.match(line)) is not None:
            fence = found[1]
            blocks.append((found[2].lower(), []))
    return blocks
