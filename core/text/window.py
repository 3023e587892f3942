"""What of a file a model reads when it completes at the cursor, as tokens that stand still while one types.

The text before the cursor is cut into blocks at places that depend on nothing typed later; the window begins
at such a place, and each block is encoded once. The text ends where the cursor is, also in mid-word: FIM
models were taught middles that begin there, so no token is taken back and written anew.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from core.spec.errors import DoesNotFit
from core.text.fim import FimMarks, build
from core.text.tokenizer import Tokenizer

STEP_TOKENS = 256
# Bounds what is looked at: of text that needs fewer tokens than this, some that would fit is left out.
MOST_LETTERS_PER_TOKEN = 16
_LETTERS_PER_TOKEN = 4
_SUFFIX_SHARE = 4
# Where the suffix stands last, it is read again at each key.
_LAST_SUFFIX_TOKENS = 256
_LEAST_ROOM_TOKENS = 16
_KEPT_BLOCKS = 1024
_LINE_START = re.compile(r"(?<=\n)")
_OUTERMOST_LINE_START = re.compile(r"(?<=\n)(?=\S)")


@dataclass(frozen=True)
class Window:
    """`left_out_tokens` is told from the letters left out and how many of those read made a token: to count
    them would mean encoding the whole file at each key."""

    tokens: list[int]
    prefix_left_out_letters: int = 0
    suffix_left_out_letters: int = 0
    left_out_tokens: int = 0


@dataclass(frozen=True)
class _Part:
    """Encoded text and how many letters it stands for."""

    tokens: list[int]
    letters: int


class WindowBuilder:
    """For one model; remembers blocks of text it has encoded."""

    def __init__(self, tokenizer: Tokenizer, marks: FimMarks | None) -> None:
        self._tokenizer, self._marks = tokenizer, marks
        self._encode = lru_cache(maxsize=_KEPT_BLOCKS)(self._encode_block)

    def build(self, prefix: str, suffix: str, room_tokens: int) -> Window:
        """At most `room_tokens` tokens."""
        if room_tokens < _LEAST_ROOM_TOKENS:
            raise DoesNotFit(
                f"There is room for {max(room_tokens, 0)} tokens of text around the cursor and at least"
                f" {_LEAST_ROOM_TOKENS} are needed; ask for a shorter answer or take a longer context."
            )
        start = _bos(self._tokenizer)
        room_tokens -= len(start)
        if self._marks is None or not suffix:
            before = self._end_of(prefix, room_tokens)
            after, tokens = _Part([], 0), before.tokens
        else:
            room_tokens -= self._marks.count
            after = self._beginning_of(suffix, self._suffix_room(room_tokens, self._marks))
            before = self._end_of(prefix, room_tokens - len(after.tokens))
            tokens = build(self._marks, before.tokens, after.tokens)
        window = (start + tokens) or [any_start(self._tokenizer)]
        return _counted(window, before, after, len(prefix), len(suffix))

    @staticmethod
    def _suffix_room(room_tokens: int, marks: FimMarks) -> int:
        """Told from the room alone, so that it stands still whatever is typed."""
        share = room_tokens // _SUFFIX_SHARE
        comes_first = marks.suffix_first or marks.middle is None
        return share if comes_first else min(share, _LAST_SUFFIX_TOKENS)

    def _end_of(self, prefix: str, room_tokens: int) -> _Part:
        """The last blocks that fit together; of a single one that does not fit, its end."""
        # a window of few tokens moves in smaller steps, else each would throw away most of it
        step = _LETTERS_PER_TOKEN * min(STEP_TOKENS, max(room_tokens // 8, 1))
        end = len(prefix)
        oldest = end - room_tokens * MOST_LETTERS_PER_TOKEN
        parts: list[_Part] = []
        total = 0
        for number in range(max(end // step - 1, 0), -1, -1):
            start = _block_start(prefix, number, step)
            part = self._block(prefix[start:end], is_first=not parts or start == 0)
            total += len(part.tokens)
    
    def _encode_block(self, text: str, continues: bool) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, continues=continues))
