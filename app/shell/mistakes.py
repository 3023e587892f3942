"""Mistakes of the program's own: told to the person in one sentence, kept whole for whoever mends them.

What a slot, a timer or a coroutine raises ends here. The window goes on; the text in it is not touched.
"""

import asyncio
import sys
import traceback
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject, Signal

_KEPT = 20


class Mistakes(QObject):
    """`made`: a sentence."""

    made = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._texts: list[str] = []
        self._hook_before = sys.excepthook

    @property
    def text(self) -> str:
        return "\n".join(self._texts)

    def catch(self) -> None:
        """From now on, until `let_go`."""
        self._hook_before, sys.excepthook = sys.excepthook, self._take
        asyncio.get_running_loop().set_exception_handler(self._take_from_loop)

    def let_go(self) -> None:
        sys.excepthook = self._hook_before

    def _take(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, error, where))
        self._texts = [*self._texts, text][-_KEPT:]
        if sys.stderr is not None:  # a windowed program has none under Windows
            sys.stderr.write(text)
        self.made.emit(
            f"SmallCoder made a mistake ({kind.__name__}); your text is as it was. Please report it."
        )

    def _take_from_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(context["message"])
        self._take(type(error), error, error.__traceback__)
