"""Program: a program of the person's that runs beside the window, whatever it does.

It writes no faster than the window reads, and everything it has started ends with it when it is stopped. Our
own workers are not started here: see process.
"""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

_CHUNK_BYTES = 1 << 16
_PAUSE_MS = 10  # between two chunks: some six megabytes a second
_LAST_WORDS_S = 0.3  # for the output of a program that has ended, while others hold its pipe
_GRACE_MS = 1500
_ROUNDS = 5  # who is just being started when we look is found in the next


class Program(QObject):
    """`printed`: bytes of its output. `ended`: its exit code (negative: the signal) and how long it ran."""

    printed = Signal(bytes)
    ended = Signal(int, float)
    _read = Signal(bytes)
    _finished = Signal(int, float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._taken = threading.Event()
        self._closing = threading.Event()
        self._read.connect(self._take)
        self._finished.connect(self._end)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._taken.set)
        self._kill_later = QTimer(self, singleShot=True, interval=_GRACE_MS)
        self._kill_later.timeout.connect(self.kill)

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        """OSError where it cannot be started."""
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(
            subprocess, "CREATE_NO_WINDOW", 0
        )
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=flags,
        )
        self._process = process
        self._closing.clear()
        self._reader = threading.Thread(target=self._follow, args=(process,), name="program", daemon=True)
        self._reader.start()

    def write(self, text: str) -> None:
        """A line for its input; a program that does not want any more is no mistake."""
        if self._process is None or self._process.stdin is None:
            return
        os.set_blocking(self._process.stdin.fileno(), False)  # one that never reads must not stop the window
        try:
            os.write(self._process.stdin.fileno(), text.encode())
        except OSError:
            return

    def stop(self) -> None:
        """Politely, and a moment later for sure."""
        if self._process is not None and not self._kill_later.isActive():
            self._kill_later.start()
            for process in _family(self._process.pid):
                _tell(process, terminate=True)

    def kill(self) -> None:
        self._kill_later.stop()
        if self._process is not None:
            for _ in range(_ROUNDS):
                family = _family(self._process.pid)
                for process in family:
                    _tell(process, terminate=False)
                if not family:
                    break

    def close(self) -> None:
        """For the window's end: nothing is left running, nobody is told."""
        self.kill()
        self._closing.set()
        self._taken.set()
        self._pause.stop()
        if self._reader is not None:
            self._reader.join(timeout=5)
        self._let_go()

    def _follow(self, process: "subprocess.Popen[bytes]") -> None:
        """In the thread. Waits for the window before it reads on, so that the program waits as well."""
        begin = time.monotonic()
        stream = process.stdout
        ended_at = 0.0
        while stream is not None and not self._closing.is_set():
            if _is_readable(stream.fileno()):
                data = os.read(stream.fileno(), _CHUNK_BYTES)
                if not data:
                    break
                self._taken.clear()
                self._read.emit(data)
                self._taken.wait()
            elif process.poll() is not None:
                ended_at = ended_at or time.monotonic()
                if time.monotonic() - ended_at > _LAST_WORDS_S:
                    break  # what it has started goes on, and is not waited for
        while process.poll() is None and not self._closing.is_set():
            try:  # it has closed its output and goes on
                process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
        if stream is not None:
            stream.close()
        if not self._closing.is_set():
            self._finished.emit(process.returncode, time.monotonic() - begin)
        else:
            process.wait()

    def _take(self, data: bytes) -> None:
        self.printed.emit(data)
        self._pause.start()

    def _end(self, code: int, seconds: float) -> None:
        self._kill_later.stop()
        self._let_go()
        self.ended.emit(code, seconds)

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # what was written and never read
                process.stdin.close()


def _is_readable(handle: int) -> bool:
    """Where only sockets can be asked, the reading itself waits."""
    return os.name == "nt" or bool(select.select([handle], [], [], 0.1)[0])


def _family(leader: int) -> list[psutil.Process]:
    """The program, what it has started, and what these have left behind in its session."""
    found: dict[int, psutil.Process] = {}
    try:
        first = psutil.Process(leader)
        found |= {process.pid: process for process in (first, *first.children(recursive=True))}
    except psutil.Error:
        pass
    if hasattr(os, "getsid"):
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == leader:
                    found[process.pid] = process
            except OSError:
                continue
    return [process for process in found.values() if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _tell(process: psutil.Process, *, terminate: bool) -> None:
    try:
        if terminate and os.name != "nt":
            process.send_signal(signal.SIGTERM)
        else:
            process.kill()
    except psutil.Error:  # it was quicker, or belongs to somebody else now
        return
