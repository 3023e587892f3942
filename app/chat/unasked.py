"""What a person has written in the chat and not asked yet, and which conversation was open, as small files.

They lie beside the conversations, so that neither a restart nor a kill takes anything. No Qt here; when they
are written is in drafting.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.chat.archive import DRAFT_ENDING
from app.chat.conversation import Attachment, Conversation
from core.spec.disk import write_whole
from core.spec.errors import UsageError
from core.spec.fields import from_json, setting, to_json

FORMAT = 1
NEW = "new"  # the key of a conversation in which nothing was ever asked
_OPEN = "open.json"
_NOT_UNDERSTOOD = (OSError, ValueError, RecursionError, UsageError)


@dataclass(frozen=True)
class Draft:
    question: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Unasked:
    """`draft`: the next question. `anew`: the earlier one with the `number`, as it is being written anew; 0
    where none is."""

    draft: Draft = setting(Draft(), "The next question")
    number: int = setting(0, "Of the question that is written anew", low=0)
    anew: Draft = setting(Draft(), "How that is to read")


def key_of(talk: Conversation) -> str:
    return talk.id if talk.next_number > 1 else NEW


class UnaskedFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> Unasked:
        """Nothing where there is none, or none that this version understands."""
        with suppress(*_NOT_UNDERSTOOD):
            return from_json(Unasked, _content(self._path(key)), "a draft")
        return Unasked()

    def write(self, key: str, unasked: Unasked) -> None:
        """OSError where it cannot be kept."""
        if unasked == Unasked():
            self._path(key).unlink(missing_ok=True)
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(key), json.dumps({"format": FORMAT} | to_json(unasked)), waits=False)

    def read_open(self) -> str:
        """The id of the conversation that was open; empty where it was a new one."""
        with suppress(*_NOT_UNDERSTOOD):
            id = _content(self._folder / _OPEN).get("id")
            if isinstance(id, str) and Path(id).name == id:
                return id
        return ""

    def write_open(self, id: str) -> None:
        """OSError where it cannot be kept."""
        if id != self.read_open():
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / _OPEN, json.dumps({"format": FORMAT, "id": id}), waits=False)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{DRAFT_ENDING}"


def _content(path: Path) -> dict[str, Any]:
    content: Any = json.loads(path.read_bytes())
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise UsageError("It is of another version.")
    return content
