"""Markdown as blocks: prose and code, so that a text that grows is split again at its end only.

Also what of a model's text is shown as it is: control characters and marks that turn the direction of text
are made visible. How blocks look is not here.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x85]")
# marks by which text can be made to look like another text
_TURNING = dict.fromkeys((*range(8234, 8239), *range(8294, 8298), 8206, 8207, 65279), 65533)
_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_UNSEEN = _CONTROL | dict.fromkeys(range(128, 160), 65533) | _TURNING
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Block:
    """`language`: of code, as the fence says it."""

    kind: Literal["prose", "code"]
    text: str
    language: str = ""


def presentable(text: str) -> str:
    """The same with nothing in it that is not seen."""
    return _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text).translate(_UNSEEN))


def blocks(text: str) -> list[Block]:
    """Of a whole text, prose that follows prose in one."""
    joined: list[Block] = []
    for block in split(text)[0]:
        if joined and block.kind == joined[-1].kind == "prose":
            joined[-1] = Block("prose", joined[-1].text + block.text)
        else:
            joined.append(block)
    return joined


def split(text: str) -> tuple[list[Block], int]:
    """The top-level blocks, and where the last of them begins."""
    starts = _starts(text)
    made: list[Block] = []
    begin = last = 0
    for token in _parser().parse(text):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        end = starts[min(token.map[1], len(starts) - 1)]
        last = begin
        if token.type in ("fence", "code_block"):
            own = starts[token.map[0]]
            if text[begin:own].strip():  # what defines links makes no block
                made.append(Block("prose", text[begin:own]))
            last = own
            made.append(_code(token))
        else:
            made.append(Block("prose", text[begin:end]))
        begin = end
    if text[begin:].strip():
        last = begin
        made.append(Block("prose", text[begin:]))
    return made, last


class GrowingText:
    """The blocks of a text that comes in pieces. Only the last ones can change."""

    def __init__(self) -> None:
        self.text = ""
        self._finished: list[Block] = []
        self._begin = 0  # of the last block
        self._fence: re.Pattern[str] | None = None  # what would end it, where it is open code
        self._scanned = 0

    def add(self, piece: str) -> list[Block]:
        """All blocks."""
        self.text += piece
        if self._fence is not None and not self._has_ended(self._fence):
            return [*self._finished, self._open_code()]
        self._fence = None
        found, last = split(self.text[self._begin :])
        if "\n" not in self.text[self._begin + last :].lstrip():
            return [*self._finished, *found]  # a line that is not whole may yet belong to the block before it
        self._finished += found[:-1]
        self._begin += last
        self._watch_fence()
        return [*self._finished, *found[-1:]]

    def _has_ended(self, fence: re.Pattern[str]) -> bool:
        """What has been looked at is not looked at again, but for its last line."""
        line = self.text.rfind("\n", 0, self._scanned) + 1
        self._scanned = len(self.text)
        return fence.search(self.text, line) is not None

    def _watch_fence(self) -> None:
        opening = re.match(r" {0,3}(`{3,}|~{3,})[^\n]*\n", self.text[self._begin :])
        if opening is not None:
            mark = opening[1]
            ending = re.compile(rf"^ {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$", re.MULTILINE)
            if ending.search(self.text, self._begin + opening.end()) is None:
                self._fence = ending
                self._scanned = len(self.text)

    def _open_code(self) -> Block:
        first, _, rest = self.text[self._begin :].partition("\n")
        return Block("code", rest.removesuffix("\n"), _language(first.strip().strip("`~")))


@cache
def _parser() -> MarkdownIt:
    """Blocks only: what stands in a line is Qt's to read."""
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable(["inline", "text_join"])
    return parser


def _code(token: Token) -> Block:
    text = token.content.removesuffix("\n")
    return Block("code", text, _language(token.info))


def _language(info: str) -> str:
    return next(iter(info.split()), "")


def _starts(text: str) -> list[int]:
    """Where each line begins, and the end."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return [*starts, len(text)] if starts[-1] != len(text) else [*starts]
