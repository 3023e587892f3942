"""How the window stood: its place on the screen and which of its parts were shown. One small file.

Which texts were open, and where in them, is in app/documents/recovery.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.spec.disk import write_whole
from core.spec.errors import UsageError
from core.spec.fields import from_json, setting, to_json
from core.spec.folders import data_folder

FORMAT = 1


@dataclass(frozen=True)
class Session:
    geometry: str = setting("", "Qt's own note of the window's place, in base 64")
    sizes: tuple[int, ...] = setting((), "Widths of side bar, text and chat", low=0)
    heights: tuple[int, ...] = setting((), "Heights of text and output", low=0)
    side_bar: bool = setting(True, "Whether the side bar is shown")
    chat: bool = setting(False, "Whether the chat is shown")
    output: bool = setting(False, "Whether the output is shown")


class SessionFile:
    def __init__(self, path: Path | None = None) -> None:
        self.path = path or data_folder() / "session.json"
        self._last: Session | None = None

    def read(self) -> Session:
        """What cannot be understood is no loss that a person must hear of: the window opens as new."""
        try:
            content: Any = json.loads(self.path.read_bytes())
            if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
                return Session()
            return from_json(Session, content, str(self.path))
        except (OSError, ValueError, RecursionError, UsageError):
            return Session()

    def write(self, session: Session) -> None:
        """OSError where it cannot be kept."""
        if session == self._last:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps({"format": FORMAT} | to_json(session)), waits=False)
        self._last = session
