"""One window a person: a second start hands its files to the first and ends.

The two meet at a local socket whose name comes from the person's settings folder, so that separate homes have
separate windows.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from core.spec.folders import settings_folder

_PATIENCE_MS = 2000
_MAX_BYTES = 2**20


class Instance(QObject):
    """`asked`: paths that another start was given, none where it only wants the window to be seen."""

    asked = Signal(list)

    def __init__(self, name: str | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name or _name()
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)

    def is_first(self, paths: Sequence[Path]) -> bool:
        """Whether this start is to open the window. Where it is not, the first has the paths now."""
        if self._hand_over(paths):
            return False
        if not self._server.listen(self.name):
            QLocalServer.removeServer(self.name)  # of one that was killed: nobody has answered there
            self._server.listen(self.name)
        return True

    def close(self) -> None:
        self._server.close()

    def _hand_over(self, paths: Sequence[Path]) -> bool:
        socket = QLocalSocket()
        socket.connectToServer(self.name)
        if not socket.waitForConnected(_PATIENCE_MS):
            return False
        socket.write(json.dumps([str(path.absolute()) for path in paths]).encode() + b"\n")
        heard = socket.waitForBytesWritten(_PATIENCE_MS) and socket.waitForReadyRead(_PATIENCE_MS)
        socket.disconnectFromServer()
        return heard

    def _greet(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(socket.deleteLater)
            self._take(socket)

    def _read(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._take(socket)

    def _take(self, socket: QLocalSocket) -> None:
        if socket.bytesAvailable() > _MAX_BYTES:
            socket.abort()
        elif socket.canReadLine():
            paths = _paths(bytes(socket.readLine().data()))
            socket.write(b"ok\n")
            socket.flush()
            if paths is not None:
                self.asked.emit(paths)


def _paths(line: bytes) -> list[Path] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if not isinstance(content, list) or not all(isinstance(item, str) for item in content):
        return None
    return [Path(item) for item in content]


def _name() -> str:
    home = str(settings_folder().absolute())
    return f"smallcoder-{hashlib.sha256(home.encode()).hexdigest()[:16]}"
