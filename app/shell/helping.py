"""Helping: the keys, what went wrong, what a report should say, and who made all this."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QWidget

from app.actions import KeyMap
from app.engines import Engines
from app.shell.commands import Commands
from app.shell.diagnostics import diagnostics
from app.shell.log_dialog import LogDialog
from app.shell.mistakes import Mistakes
from app.shell.notices import Notice, NoticeBar
from app.shell.shortcuts import ShortcutsDialog
from app.theme import Theme


class Helping(QObject):
    """`said`: a sentence for the person."""

    said = Signal(str)

    def __init__(
        self, window: QWidget, engines: Engines, keys: KeyMap, theme: Theme, notices: NoticeBar
    ) -> None:
        super().__init__(window)
        self._window, self._engines, self._keys = window, engines, keys
        self._theme, self._notices = theme, notices
        self._mistakes = Mistakes(self)
        self._mistakes.made.connect(self._tell_mistake)

    def join(self, commands: Commands) -> None:
        commands.on(
            {
                "help.log": self._show_log,
                "help.shortcuts": lambda: _open(ShortcutsDialog(self._keys, self._theme, self._window)),
                "help.diagnostics": self._copy_diagnostics,
                "help.about": self._show_about,
            }
        )

    def begin(self) -> None:
        """From now on mistakes are caught, until `end`."""
        self._mistakes.catch()

    def end(self) -> None:
        self._mistakes.let_go()

    def _show_about(self) -> None:
        from app.shell.about import AboutDialog  # reads what is installed, which the first sight need not

        _open(AboutDialog(self._theme, self._window))

    def _show_log(self) -> None:
        _open(LogDialog(self._diagnostics(), self._theme, self._window))

    def _copy_diagnostics(self) -> None:
        QGuiApplication.clipboard().setText(self._diagnostics())
        self.said.emit("Diagnostics are copied, without names of people; paste them into a report.")

    def _diagnostics(self) -> str:
        states = [client.state for client in self._engines.clients()]
        return diagnostics(states, self._mistakes.text, self._engines.log())

    def _tell_mistake(self, sentence: str) -> None:
        deeds = (("What Went Wrong", self._show_log),)
        self._notices.add(Notice(sentence, "error", "mistake", deeds))


def _open(dialog: QDialog) -> None:
    """Nothing stops for it, and once closed it is gone."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
