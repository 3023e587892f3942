"""Placing: the window stands where it stood, with the parts that were shown; noted while it is open, too."""

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.session import Session, SessionFile
from app.shell.frame import Frame
from app.theme import Theme

_SIZE = (1200, 780)
_SHARE_OF_SCREEN = 0.95
_NOTE_AFTER_MS = 1000


class Placing(QObject):
    """`failed`: a sentence for the person."""

    failed = Signal(str)

    def __init__(self, window: QWidget, frame: Frame, file: SessionFile) -> None:
        super().__init__(window)
        self._window, self._frame, self._file = window, frame, file
        self._note_later = QTimer(self, singleShot=True, interval=_NOTE_AFTER_MS)
        self._note_later.timeout.connect(self.note)
        frame.changed.connect(self._note_later.start)
        window.installEventFilter(self)

    def restore(self, theme: Theme) -> None:
        session, frame = self._file.read(), self._frame
        room = self._window.screen().availableSize() * _SHARE_OF_SCREEN
        self._window.resize(QSize(*map(theme.scaled, _SIZE)).boundedTo(room))
        if session.geometry:
            geometry = session.geometry.encode("ascii", "replace")
            self._window.restoreGeometry(QByteArray.fromBase64(geometry))
        frame.set_sizes(session.sizes, session.heights)
        for part, is_shown in (
            (frame.side_bar, session.side_bar),
            (frame.chat, session.chat),
            (frame.output, session.output),
        ):
            frame.set_shown(part, is_shown)

    def note(self) -> None:
        frame = self._frame
        widths, heights = frame.sizes()
        session = Session(
            bytes(self._window.saveGeometry().toBase64().data()).decode("ascii"),
            tuple(widths),
            tuple(heights),
            side_bar=frame.has_side_bar,
            chat=not frame.chat.isHidden(),
            output=frame.has_output,
        )
        try:
            self._file.write(session)
        except OSError as error:
            self.failed.emit(f"The window's place could not be kept: {error.strerror}.")

    def stop(self) -> None:
        self._window.removeEventFilter(self)
        self._note_later.stop()
        self.note()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._note_later.start()
        return False
