"""The last token before the cursor, taken back so that the model writes it anew.

Where a person stops is seldom where the model's own tokens end: behind an indentation, or in the middle of a
word, comes a token that training text hardly ever shows there. So the last one is taken back, and the model
begins with tokens that spell its text again, as its own text would have had them. Nothing of that is shown.
"""

from bisect import bisect_left
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.text.tokenizer import Tokenizer
from core.text.window import Window

_INDENTATION = b" \t"
_ABOVE_ALL = b"\xff" * 4  # no token of a text, which is UTF-8, goes on like this


def taken_back(window: Window, tokenizer: Tokenizer) -> tuple[Window, str]:
    """The window without the last token of the prefix, and that token's text.

    Nothing is taken where no other stands before it, or where it is a part of a character.
    """
    last = window.prefix_end - 1
    text = _text_of(window.tokens[last], tokenizer) if last > 0 else ""
    if not text:
        return window, ""
    return replace(window, tokens=window.tokens[:last] + window.tokens[last + 1 :], prefix_end=last), text


def _text_of(token: int, tokenizer: Tokenizer) -> str:
    try:
        return tokenizer.token_bytes(token).decode()
    except UnicodeDecodeError:
        return ""


class Spellings:
    """Of one vocabulary: which tokens can come next where a text must be spelt."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        spelt = ((tokenizer.token_bytes(token), token) for token in range(tokenizer.vocab_size))
        ordered = sorted((spelling, token) for spelling, token in spelt if spelling)
        self._spellings = [spelling for spelling, _ in ordered]
        self._tokens = np.array([token for _, token in ordered], np.int64)

    def of(self, token: int) -> bytes:
        return self._tokenizer.token_bytes(token)

    def fitting(self, rest: bytes, below: int) -> NDArray[np.int64]:
        """Tokens under number `below` that begin with `rest` or are a beginning of it.

        Behind spaces no token with more of them: how far a line is indented is the person's to say.
        """
        shorter = [self._tokens[self._all_of(rest[:length])] for length in range(1, len(rest))]
        first, end = self._beginning_with(rest)
        longer = self._tokens[first:end]
        if not rest.strip(_INDENTATION):
            wider = [range(*self._beginning_with(rest + bytes([blank]))) for blank in _INDENTATION]
            longer = np.delete(longer, [place - first for places in wider for place in places])
        tokens = np.concatenate([*shorter, longer])
        return tokens[tokens < below]

    def _beginning_with(self, spelling: bytes) -> tuple[int, int]:
        return bisect_left(self._spellings, spelling), bisect_left(self._spellings, spelling + _ABOVE_ALL)

    def _all_of(self, spelling: bytes) -> slice:
        return slice(bisect_left(self._spellings, spelling), bisect_left(self._spellings, spelling + b"\0"))
