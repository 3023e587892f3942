"""AskingPace: how long to wait after a key before the engine is asked.

Told from how fast it answers and how fast one types. An engine that answers between two keys is asked at
almost every one. Where it does not, most of its work would be called off unseen: then it is asked at a pause.
"""

from collections import deque

_QUICKEST_MS, _SLOWEST_MS = 40, 700
_USUAL_BETWEEN_KEYS_MS = 180
_LONGEST_BETWEEN_KEYS_MS = 600  # longer is a pause, not typing
_REMEMBERED = 24
_CONTEXT_LETTERS = ((400.0, 6000), (120.0, 2000))  # from so many tokens read a second


class AskingPace:
    def __init__(self) -> None:
        self._between_keys: deque[float] = deque(maxlen=_REMEMBERED)
        self._answers: deque[float] = deque(maxlen=_REMEMBERED)
        self._tokens_read, self._read_s = 0.0, 0.0
        self._context_letters = _CONTEXT_LETTERS[0][1]

    @property
    def answer_ms(self) -> float | None:
        """From the wish to the first text, as it usually is; None before the first answer."""
        return _middle(self._answers)

    @property
    def between_keys_ms(self) -> float:
        return _middle(self._between_keys) or _USUAL_BETWEEN_KEYS_MS

    def note_key(self, since_last_ms: float) -> None:
        if since_last_ms <= _LONGEST_BETWEEN_KEYS_MS:
            self._between_keys.append(since_last_ms)

    def note_answer(self, first_text_ms: float) -> None:
        self._answers.append(first_text_ms)

    def note_reading(self, tokens: int, milliseconds: float) -> None:
        """Of a prompt that had not been read before. Short ones say little."""
        if tokens >= 64 and milliseconds > 0:
            self._tokens_read = self._tokens_read / 2 + tokens
            self._read_s = self._read_s / 2 + milliseconds / 1000

    def pause_ms(self) -> int:
        answer = self.answer_ms
        if answer is None:
            return round(self.between_keys_ms / 2)
        between = self.between_keys_ms
        wanted = answer / 3 if answer <= between else max(1.5 * between, answer / 2)
        return round(min(max(wanted, _QUICKEST_MS), _SLOWEST_MS))

    def context_letters(self) -> int:
        """How much of other files is worth its reading. It never grows again: a change is read all over."""
        if self._read_s > 0:
            speed = self._tokens_read / self._read_s
            affordable = next((letters for least, letters in _CONTEXT_LETTERS if speed >= least), 0)
            self._context_letters = min(self._context_letters, affordable)
        return self._context_letters


def _middle(values: deque[float]) -> float | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None
