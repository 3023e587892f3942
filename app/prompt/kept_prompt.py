"""KeptPrompt: the prompt is in a file a moment later, and there again at the next start, after a kill too."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QPlainTextEdit

from core.spec.disk import write_whole
from core.spec.folders import data_folder

_WRITE_AFTER_MS = 500


class KeptPrompt(QObject):
    """`failed`: a sentence for the person, once until writing works again."""

    failed = Signal(str)

    def __init__(self, field: QPlainTextEdit, keeps: Callable[[], bool]) -> None:
        """`keeps`: whether the person wants copies of unsaved text at all."""
        super().__init__(field)
        self._field, self._keeps = field, keeps
        self._file = data_folder() / "prompt.txt"
        self._is_failing = False
        self._later = QTimer(self, singleShot=True, interval=_WRITE_AFTER_MS)
        self._later.timeout.connect(self.write)
        try:
            field.setPlainText(self._file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):  # none was kept, or none of ours
            field.clear()
        field.textChanged.connect(self._write_soon)
        field.installEventFilter(self)

    def write(self) -> None:
        self._later.stop()
        text = self._field.toPlainText() if self._keeps() else ""
        try:
            if text:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self._file, text.encode("utf-8", "replace"), waits=False)
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            if not self._is_failing:
                self.failed.emit(f"The prompt cannot be kept safe ({error.strerror}); free some space.")
            self._is_failing = True
        else:
            self._is_failing = False

    def _write_soon(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """With its page, or with the window at its end."""
        if event.type() == QEvent.Type.Hide and self._later.isActive():
            self.write()
        return False
