"""Editing: what an editor knows beside the text around the cursor, and how much it wants of an answer.

Everything has a default: a script that completes a text says nothing of this.
"""

from dataclasses import dataclass
from typing import Literal

from core.spec.errors import UsageError
from core.spec.fields import setting
from core.spec.secret_files import is_secret_file

Extent = Literal["line", "block", "all"]

MOST_CONTEXT_FILES = 16
MOST_CONTEXT_LETTERS = 2**16


@dataclass(frozen=True)
class ContextFile:
    """Some of another file that is open; `path` is what a model sees of where it lies."""

    path: str
    text: str


@dataclass(frozen=True)
class Editing:
    """Refuses files that hold secrets, so that whoever asks and whoever answers keep to one rule.

    Where an `extent` is said, the text ends where a person has stopped: its last token is written anew (see
    core/text/retaking), and `recall` counts. Where none is, the answer goes on behind exactly the tokens of
    the text, as the network alone likes best.
    """

    path: str | None = setting(None, "The file, where the text has one")
    language: str | None = setting(None, "The language, as Pygments names it")
    project: str | None = setting(None, "The name of what the file is part of")
    context: tuple[ContextFile, ...] = setting((), "Text from other files, what matters most first")
    extent: Extent | None = setting(
        None, "A line, a block or all of it; nothing said, all, behind exactly its tokens"
    )
    least_chance: float = setting(
        0.0, "End before the word with which the chance of all of it falls lower; 0 is off", low=0, high=1
    )
    alternative: int = setting(
        0, "0 begins as the model likes best, 1 with its second choice, and so on", low=0, high=32
    )
    recall: bool = setting(True, "Believe what followed the same words, where the model says how far")

    def __post_init__(self) -> None:
        for path in (self.path, *(file.path for file in self.context)):
            if path is not None and is_secret_file(path):
                raise UsageError(
                    f"{path} may hold secrets, so no model reads it; leave it out, or give it another name."
                )
        letters = sum(len(file.text) for file in self.context)
        if len(self.context) > MOST_CONTEXT_FILES or letters > MOST_CONTEXT_LETTERS:
            raise UsageError(
                f"There are {len(self.context)} files with {letters:,} letters of context; send at most "
                f"{MOST_CONTEXT_FILES} files and {MOST_CONTEXT_LETTERS:,} letters."
            )
