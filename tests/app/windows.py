"""The whole window as `main.py` makes it, for tests that begin several; conftest has the fixtures."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication, QLabel

from app.main_window import MainWindow
from app.run import make_window

PARTS = ("files", "chat", "prompt", "models", "train", "benchmark", "settings")


class Started:
    """A window as `main.py` makes it."""

    def __init__(self, application: QApplication) -> None:
        application.setQuitOnLastWindowClosed(False)  # as app.run does
        self.window: MainWindow = make_window(application)
        self.window.show()
        self._has_ended = False

    async def begin(self, *paths: Path) -> "Started":
        await self.window.begin(paths)
        return self

    async def end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self.window.hide()
            await self.window.end()
            self.window.deleteLater()

    def trigger(self, action: str) -> None:
        self.window.commands.trigger(action)

    @property
    def names(self) -> list[str]:
        return [document.name for document in self.window.tabs.documents()]

    def texts(self) -> str:
        labels = self.window.findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible())


Start = Callable[..., Coroutine[Any, Any, Started]]
