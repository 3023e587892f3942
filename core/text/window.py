"""What of a file a model reads when it completes at the cursor, as tokens that stand still while one types.

The text before the cursor is cut into blocks at places that depend on nothing typed later; the window begins
at such a place, and each block is encoded once. The text ends where the cursor is, also in mid-word; how a
model is helped over that is in retaking.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from core.spec.editing import Editing
from core.spec.errors import DoesNotFit
from core.text import context
from core.text.fim import FimMarks, build, find_file_marks
from core.text.tokenizer import Tokenizer

STEP_TOKENS = 256
_LETTERS_PER_TOKEN = 4  # of code, about
# Bounds what is looked at: of text that needs still fewer tokens, some that would fit is left out.
_MOST_LETTERS_PER_TOKEN = 8
_SUFFIX_SHARE = 4
_LAST_SUFFIX_TOKENS = 256  # where it stands behind what is typed, all of it is read again at each key
_LEAST_ROOM_TOKENS = 16
_KEPT_BLOCKS = 256
# how much of what is left out is looked through for what followed the same words
_LETTERS_BEFORE, _LETTERS_BEHIND = 2**16, 2**14
_LETTERS_BELOW = 2**11
_INNER_BYTES = frozenset(bytes([byte]) for byte in range(0x80, 0xC0))  # of a character, after its first
_NOTHING_MORE = Editing()
_LINE_START = re.compile(r"(?<=\n)(?=.)", re.DOTALL)
_OUTERMOST_LINE_START = re.compile(r"(?<=\n)(?=\S)")


@dataclass(frozen=True)
class Window:
    """`prefix_end`: how many of the tokens come up to the cursor; none where no text does.

    `left_out_tokens` is told from the letters left out and from how many letters a token was of those
    read: to count them would mean encoding the whole file at each key.
    """

    tokens: list[int]
    prefix_end: int = 0
    prefix_left_out_letters: int = 0
    suffix_left_out_letters: int = 0
    left_out_tokens: int = 0


@dataclass(frozen=True)
class _Part:
    tokens: tuple[int, ...]
    letters: int


class WindowBuilder:
    """For one model; remembers what it has encoded."""

    def __init__(self, tokenizer: Tokenizer, marks: FimMarks | None) -> None:
        self._tokenizer, self._marks = tokenizer, marks
        self._file_marks = find_file_marks(tokenizer)
        self._encode = lru_cache(maxsize=_KEPT_BLOCKS)(self._encode_anew)
        self._ids = lru_cache(maxsize=_KEPT_BLOCKS)(self._ids_anew)

    def build(self, prefix: str, suffix: str, room_tokens: int, editing: Editing = _NOTHING_MORE) -> Window:
        """At most `room_tokens`, and never none."""
        if room_tokens < _LEAST_ROOM_TOKENS:
            raise DoesNotFit(
                f"There is room for {max(room_tokens, 0)} tokens of text around the cursor and at least"
                f" {_LEAST_ROOM_TOKENS} are needed; ask for a shorter answer or take a longer context."
            )
        bos_id = self._tokenizer.bos_id
        start = [bos_id] if self._tokenizer.add_bos and bos_id is not None else []
        room_tokens -= len(start)
        outside, inside = self._context(editing, room_tokens // context.SHARE_OF_ROOM)
        room_tokens -= len(outside) + len(inside)
        after = _Part((), 0)
        if self._marks is None or not suffix:
            before = self._end_of(prefix, room_tokens, continues=bool(inside))
            tokens = [*start, *outside, *inside, *before.tokens]
            prefix_end = len(tokens)
        else:
            room_tokens -= self._marks.count
            after = self._beginning_of(suffix, _suffix_room(room_tokens, self._marks))
            before = self._end_of(prefix, room_tokens - len(after.tokens), continues=bool(inside))
            tokens = [*start, *outside, *build(self._marks, [*inside, *before.tokens], after.tokens)]
            prefix_end = len(tokens) - (0 if self._marks.ends_with_prefix else len(after.tokens) + 2)
        prefix_left_out, suffix_left_out = len(prefix) - before.letters, len(suffix) - after.letters
        letters = before.letters + after.letters
        rate = (len(before.tokens) + len(after.tokens)) / letters if letters else 1 / _LETTERS_PER_TOKEN
        return Window(
            tokens or [any_start(self._tokenizer)],
            prefix_end if before.tokens else 0,
            prefix_left_out,
            suffix_left_out,
            ceil((prefix_left_out + suffix_left_out) * rate),
        )

    def left_out(self, prefix: str, suffix: str, window: Window) -> tuple[NDArray[np.int32], ...]:
        """Behind the window and in front of it, what is near as tokens, for who wants to look through it."""
        before = prefix[: window.prefix_left_out_letters]
        behind = suffix[len(suffix) - window.suffix_left_out_letters :][:_LETTERS_BEHIND]
        return self._in_blocks(behind, 0), self._in_blocks(before, max(len(before) - _LETTERS_BEFORE, 0))

    def line_below(self, suffix: str) -> tuple[int, ...]:
        """The next one that is not blank, behind the cursor's own."""
        _, _, lines = suffix[:_LETTERS_BELOW].partition("\n")
        line = next((line for line in lines.split("\n") if line.strip()), "")
        return self._encode((" " if line[:1].isspace() else "") + line.strip(), True) if line else ()

    def _in_blocks(self, text: str, start: int) -> NDArray[np.int32]:
        """From a block on that begins within half a step of the one that `start` is in."""
        step = STEP_TOKENS * _LETTERS_PER_TOKEN
        edges = [_block_start(text, number, step) for number in range(start // step, ceil(len(text) / step))]
        blocks = [self._ids(text[start:end]) for start, end in pairwise([*edges, len(text)])]
        return np.concatenate([np.empty(0, np.int32), *blocks])

    def _context(self, editing: Editing, room_tokens: int) -> tuple[list[int], list[int]]:
        """Other files: in front of the whole, where marks keep them apart, or else of the prefix alone."""
        if not editing.context:
            return [], []
        if self._file_marks is None:
            return [], context.commented_context(editing, room_tokens, self._encode, self._lines_of)
        marks = self._file_marks
        return context.marked_context(editing, marks, room_tokens, self._encode, self._lines_of), []

    def _lines_of(self, text: str, room_tokens: int) -> tuple[int, ...]:
        return self._beginning_of(text, room_tokens).tokens

    def _end_of(self, text: str, room_tokens: int, continues: bool) -> _Part:
        # where there is little room the steps are smaller, else each would throw away most of the window
        step_tokens = min(STEP_TOKENS, max(room_tokens // 12, 1))
        starts = self._fitting_starts(text, room_tokens, step_tokens)
        for index in range(len(starts)):
            edges = [*starts[index:], len(text)]
            tokens = [
                token
                for place, (start, end) in enumerate(pairwise(edges))
                for token in self._encode(text[start:end], place > 0 or continues)
            ]
            if len(tokens) <= room_tokens:
                return _Part(tuple(tokens), len(text) - edges[0])
        return self._end_of_tokens(tokens, room_tokens, step_tokens)

    def _fitting_starts(self, text: str, room_tokens: int, step_tokens: int) -> list[int]:
        """Where the blocks begin that fit together, the first of them perhaps not quite; at least one."""
        step = step_tokens * _LETTERS_PER_TOKEN
        oldest = len(text) - room_tokens * _MOST_LETTERS_PER_TOKEN
        last = max((len(text) - step // 2) // step, 0)
        starts = [_block_start(text, last, step)]
        # The last block is up to one step and a half long, and room is kept for that: if its own tokens
        # counted, whose number goes up and down as one types a word, the window could move to and fro.
        total = max(len(self._encode(text[starts[0] :], True)), 5 * step_tokens // 2)
        for number in range(last - 1, -1, -1):
            start = _block_start(text, number, step)
            total += len(self._encode(text[start : starts[0]], True))
            if total > room_tokens or start < oldest:
                break
            starts.insert(0, start)
        return starts

    def _end_of_tokens(self, tokens: list[int], room_tokens: int, step_tokens: int) -> _Part:
        """Of a text whose last block alone is too long, as where each letter is several tokens."""
        left_out = -(-(len(tokens) - room_tokens) // step_tokens) * step_tokens
        kept = tokens[left_out:]
        while kept and self._tokenizer.token_bytes(kept[0])[:1] in _INNER_BYTES:
            del kept[0]
        return _Part(tuple(kept), len(self._text(kept)))

    def _beginning_of(self, text: str, room_tokens: int) -> _Part:
        """Whole lines, as long as there is one that fits."""
        if len(text) > room_tokens * _MOST_LETTERS_PER_TOKEN:
            text = _whole_lines(text[: room_tokens * _MOST_LETTERS_PER_TOKEN])
        tokens = self._encode(text, True)
        limit = room_tokens
        while len(tokens) > room_tokens:
            text = _whole_lines(self._text(tokens[:limit]))
            tokens = self._encode(text, True)
            limit -= 1
        return _Part(tokens, len(text))

    def _text(self, tokens: Sequence[int]) -> str:
        return b"".join(map(self._tokenizer.token_bytes, tokens)).decode("utf-8", "ignore")

    def _encode_anew(self, text: str, continues: bool) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, continues=continues))

    def _ids_anew(self, text: str) -> NDArray[np.int32]:
        return np.array(self._encode(text, True), np.int32)


def any_start(tokenizer: Tokenizer) -> int:
    """A network must be fed something: where there is no text, a mark that stands between texts."""
    line_end = tokenizer.encode("\n", continues=True)
    candidates = (tokenizer.bos_id, tokenizer.eos_id, *line_end, 0)
    return next(token for token in candidates if token is not None)


def _suffix_room(room_tokens: int, marks: FimMarks) -> int:
    """Told from the room alone, so that it stands still whatever is typed."""
    share = room_tokens // _SUFFIX_SHARE
    return share if marks.ends_with_prefix else min(share, _LAST_SUFFIX_TOKENS)


def _block_start(text: str, number: int, step: int) -> int:
    """Known once the text is half a step longer, and told from that half alone: the start of a line, best of
    one that is not indented, since there most vocabularies cut in any case."""
    if number == 0:
        return 0
    start, end = number * step, number * step + step // 2
    found = _OUTERMOST_LINE_START.search(text, start, end) or _LINE_START.search(text, start, end)
    return found.start() if found else start


def _whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1] or text
