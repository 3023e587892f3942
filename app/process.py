"""WorkerProcess: the one class that starts a process and reads its lines.

Bytes in whole lines, whatever they mean; how it ended, as a value. Which process, and what its lines say, is
known to the clients above it.
"""

import os
import shutil
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal
from shiboken6 import isValid

from core.spec.lines import MAX_LINE_BYTES

ROOT = Path(__file__).parents[1]
_CONSOLE_TWIN = "smallcoder-cli"
# it calls itself what a person would type, where it complains of an option
_ENTRY = """\
import sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0] = "main.py"
import main; sys.exit(main.main())"""
_LOG_BYTES = 2**16
_TURN_S = 0.004  # reading at most so long before the window has its turn
_alone: list["subprocess.Popen[bytes]"] = []
_TERMINATE_AFTER_MS, _KILL_AFTER_MS = 2000, 1000
# Linux shares processors out among sessions first, and niceness counts within one only. A session has one of
# its own, which may be set ten times a second. With this one it has a tenth of a core that
# another wants, too: the window hardly notices, and beside who takes all there is it comes to its end
_SESSION_NICENESS = 10
_NICE_SESSION = """\
lower() { echo "$0" >/proc/self/autogroup; }
{ lower || { sleep 0.2; lower; }; } 2>/dev/null
exec "$@\""""


@dataclass(frozen=True)
class Outcome:
    """How a process ended. `exit_code` is None where it never ran; `log` is the end of its standard error."""

    exit_code: int | None
    crashed: bool
    was_asked_to: bool
    log: str

    @property
    def is_clean(self) -> bool:
        return self.was_asked_to or (self.exit_code == 0 and not self.crashed)

    def sentence(self, name: str) -> str:
        """What happened, for a person."""
        if self.exit_code is None:
            return f"{name} could not be started."
        if self.was_asked_to:
            return f"{name} was stopped."
        if self.crashed:
            return f"{name} ended unexpectedly; the system may have run out of memory."
        return f"{name} ended with code {self.exit_code}."


class WorkerProcess(QObject):
    """One process at a time; it may be started again once it has ended.

    `name` is what a person reads where memory is shown; the command, where nobody gives one.

    Signals:
        line_read: a whole line of its standard output, without its end.
        ended: the Outcome, once everything it said has been read.
    """

    line_read = Signal(bytes)
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = ""
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read_lines)
        self._process.readyReadStandardError.connect(self._read_log)
        self._process.finished.connect(self._end)
        self._process.errorOccurred.connect(self._end_unstarted)
        self._log = bytearray()
        self._was_asked_to_end = self._was_terminated = False
        self._read_on = QTimer(self, singleShot=True, interval=0)
        self._read_on.timeout.connect(self._read_lines)
        self._force = QTimer(self, singleShot=True)
        self._force.timeout.connect(self._use_force)
        _all_of_them.add(self)

    @property
    def is_running(self) -> bool:
        return self._process.state() != QProcess.ProcessState.NotRunning

    @property
    def pid(self) -> int:
        return self._process.processId()

    @property
    def log(self) -> str:
        return self._log.decode("utf-8", "replace")

    def start(self, command: Sequence[str], environment: QProcessEnvironment | None = None) -> None:
        self._log.clear()
        self.name = self.name or _named_after(command)
        self._was_asked_to_end = self._was_terminated = False
        self._process.setProcessEnvironment(environment or QProcessEnvironment.systemEnvironment())
        self._process.start(command[0], list(command[1:]))

    def write(self, line: bytes) -> None:
        if self.is_running:
            self._process.write(line)

    def stop(self, patience_ms: int | None = None) -> None:
        """Asks it to end by closing its input; terminates it when that is not heard, and kills it at last.

        `patience_ms`: for what has to be saved first; else it has two seconds.
        """
        if not self.is_running:
            return
        self._was_asked_to_end = True
        self._process.closeWriteChannel()
        self._force.start(_TERMINATE_AFTER_MS if patience_ms is None else patience_ms)

    def kill(self) -> None:
        self._process.kill()

    def _use_force(self) -> None:
        if not self.is_running:
            return
        if not self._was_terminated:
            self._was_terminated = True
            self._process.terminate()
            self._force.start(_KILL_AFTER_MS)
        else:
            self._process.kill()

    def _read_lines(self) -> None:
        deadline = time.monotonic() + _TURN_S
        while self._process.canReadLine():
            if time.monotonic() > deadline:
                self._read_on.start()
                return
            self._read_line()
        if self._process.bytesAvailable() > MAX_LINE_BYTES:  # it will never be a line
            self._process.kill()

    def _read_line(self) -> None:
        self.line_read.emit(bytes(self._process.readLine().data()).rstrip(b"\r\n"))

    def _read_log(self) -> None:
        self._log += self._process.readAllStandardError().data()
        del self._log[:-_LOG_BYTES]

    def _end(self, exit_code: int, status: QProcess.ExitStatus) -> None:
        self._force.stop()
        self._read_on.stop()
        while self._process.canReadLine():
            self._read_line()
        self._process.readAllStandardOutput()  # half a line is none
        self._read_log()
        crashed = status == QProcess.ExitStatus.CrashExit
        self.ended.emit(Outcome(exit_code, crashed, self._was_asked_to_end, self.log))

    def _end_unstarted(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(Outcome(None, False, self._was_asked_to_end, self._process.errorString()))


_all_of_them: "weakref.WeakSet[WorkerProcess]" = weakref.WeakSet()


def running() -> list[WorkerProcess]:
    """Every process of ours that runs now, whoever has started it."""
    found = [process for process in _all_of_them if isValid(process) and process.is_running]
    return sorted(found, key=lambda process: process.pid)


def _named_after(command: Sequence[str]) -> str:
    """The words that follow the program, such as: train resume."""
    words = command[command.index(str(ROOT)) + 1 :] if str(ROOT) in command else command[1:]
    return " ".join(words[:2]).capitalize() or Path(command[0]).name


class Alone:
    """A process that nobody owns: it outlives whom it will, says nothing but to a file, and hears nothing.

    QProcess has a way to this, which in PySide does not tell the process's number. It gives way as `gently`
    has it, in spite of the session of its own that it needs to outlive this one's.
    """

    def __init__(self, command: Sequence[str], niceness: int, log: Path) -> None:
        """An OSError says why it cannot be."""
        with log.open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603 (ourselves)
                _gently_in_own_session([*command], niceness),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
                | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
            )
        _alone.append(self._process)  # who lets go of one that runs is complained of

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None


def gently(command: list[str], niceness: int) -> list[str]:
    """The same, giving way to the window where both want a core. Elsewhere than on POSIX as it is."""
    nice = shutil.which("nice") if os.name == "posix" else None
    return [nice, "-n", str(niceness), *command] if nice else command


def _gently_in_own_session(command: list[str], niceness: int) -> list[str]:
    shell = shutil.which("sh") if sys.platform == "linux" else None
    gentle = gently(command, niceness)
    return [shell, "-c", _NICE_SESSION, str(_SESSION_NICENESS), *gentle] if shell else gentle


def own_command(words: Sequence[str]) -> list[str]:
    """This program with a command, in a process of its own; its environment stands already."""
    if getattr(sys, "frozen", False):
        own = Path(sys.executable)
        twin = own.with_name(_CONSOLE_TWIN + own.suffix)  # Windows gives a windowed program no usable streams
        return [str(twin if twin.exists() else own), *words]
    return [sys.executable, "-c", _ENTRY, str(ROOT), *words]
