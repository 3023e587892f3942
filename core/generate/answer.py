"""An answer under way: pieces of text as they come, and afterwards how it went."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Literal

Ending = Literal["end", "stop", "length", "context", "trimmed", "unsure", "cancelled"]


def _never() -> bool:
    return False


def _ignore(done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Hooks:
    """Called on the engine's thread between two tokens and between two chunks of a prompt.

    `is_cancelled` may do other work first, such as a shorter answer; `on_read` hears how far it has read.
    """

    is_cancelled: Callable[[], bool] = _never
    on_read: Callable[[int, int], None] = _ignore


NO_HOOKS = Hooks()


@dataclass
class Statistics:
    """Filled in while the answer runs. `reused_tokens` of the prompt had been read before; `chance`: that
    all of the text is what would be written, where it was asked how sure the model is."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    dropped_tokens: int = 0
    dropped_messages: int = 0
    new_tokens: int = 0
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    chance: float | None = None
    ending: Ending = "cancelled"


@dataclass(frozen=True)
class Answer:
    """Iterate over it once; `statistics` are complete when the pieces have ended."""

    pieces: Generator[str]
    statistics: Statistics

    def __iter__(self) -> Iterator[str]:
        return self.pieces

    def text(self) -> str:
        return "".join(self.pieces)
