"""Questions to the person that stop nothing: a coroutine waits for the answer, the window goes on.

exec() is never used: it would run the coroutines' loop inside itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QDialog, QFileDialog, QInputDialog, QMessageBox, QWidget

_SIGN = 40
_ROLES = {
    "accept": QMessageBox.ButtonRole.AcceptRole,
    "destroy": QMessageBox.ButtonRole.DestructiveRole,
    "other": QMessageBox.ButtonRole.ActionRole,
    "reject": QMessageBox.ButtonRole.RejectRole,
}


@dataclass(frozen=True)
class Choice:
    """`role`: accept, destroy, other or reject."""

    id: str
    label: str
    role: str = "accept"


CANCEL = Choice("cancel", "Cancel", "reject")
SAVE = Choice("save", "Save")
DISCARD = Choice("discard", "Discard", "destroy")
SAVE_AS = Choice("save_as", "Save As…")


class Questions:
    """Asked above `window`, whose other parts wait for the answer."""

    def __init__(self, window: QWidget) -> None:
        self._window = window

    async def ask(self, text: str, choices: Sequence[Choice], details: str = "") -> str:
        """The id of a choice. The first is taken with Enter, unless it destroys something: then that is the
        last, which is also taken with Esc or by closing the question."""
        box = QMessageBox(self._window)
        box.setIconPixmap(self._window.window().windowIcon().pixmap(_SIGN))  # Qt's own is of another style
        box.setWindowTitle("SmallCoder")
        box.setAccessibleName(text)
        box.setText(text)
        box.setInformativeText(details)
        buttons = {choice.id: box.addButton(choice.label, _ROLES[choice.role]) for choice in choices}
        usual = choices[-1] if choices[0].role == "destroy" else choices[0]
        box.setDefaultButton(buttons[usual.id])
        box.setEscapeButton(buttons[choices[-1].id])
        await _answered(box)
        clicked = box.clickedButton()
        return next((name for name, button in buttons.items() if button is clicked), choices[-1].id)

    async def tell(self, text: str) -> None:
        await self.ask(text, [Choice("ok", "OK", "reject")])

    async def words(self, text: str, start: str = "") -> str:
        """What the person writes; empty where they would rather not."""
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle("SmallCoder")
        dialog.setLabelText(text)
        dialog.setTextValue(start)
        dialog.setAccessibleName(text)
        return dialog.textValue().strip() if await _answered(dialog) else ""

    async def name_to_save(self, folder: Path, name: str) -> Path | None:
        """Whether an existing file may be overwritten is asked here and not by Qt, which would stop us."""
        while True:
            dialog = QFileDialog(self._window, "Save As", str(folder))
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
            dialog.selectFile(name)
            if not await _answered(dialog):
                return None
            path = Path(dialog.selectedFiles()[0])
            if not path.exists():
                return path
            answer = await self.ask(
                f"{path.name} exists already in {path.parent}.",
                [Choice("other", "Choose Another Name"), Choice("overwrite", "Overwrite", "destroy"), CANCEL],
                "Overwriting loses what is in it.",
            )
            if answer != "other":
                return path if answer == "overwrite" else None

    async def names_to_open(self, folder: Path, title: str = "Open File") -> list[Path]:
        dialog = QFileDialog(self._window, title, str(folder))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        return [Path(name) for name in dialog.selectedFiles()] if await _answered(dialog) else []

    async def folder_to_open(self, folder: Path, title: str = "Open Folder") -> Path | None:
        dialog = QFileDialog(self._window, title, str(folder))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        # sizes and dates would help to choose no folder, and are too narrow to be read beside the names
        dialog.setViewMode(QFileDialog.ViewMode.List)
        return Path(dialog.selectedFiles()[0]) if await _answered(dialog) else None


async def _answered(dialog: QDialog) -> bool:
    """Whether it was accepted. What was chosen can be asked until the next turn of the loop."""
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def take(result: int) -> None:
        if not answer.done():
            answer.set_result(result)

    dialog.finished.connect(take)
    dialog.open()
    try:
        return bool(await answer)
    finally:
        dialog.finished.disconnect(take)
        dialog.close()
        dialog.deleteLater()
