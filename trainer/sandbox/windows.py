"""A process on Windows in a job object: bounded memory and time, one process, and an end together with ours.

Written from Microsoft's documentation; it has not been run. It fences no files and no network, which is why a
person is asked first.
"""

import ctypes
import msvcrt
import os
import struct
import subprocess
import sys
import time
from typing import Any

from trainer.sandbox.limits import Limits

assert sys.platform == "win32"  # noqa: S101 - so that it is type-checked for Windows, and only there

_EXTENDED_LIMITS, _UI_RESTRICTIONS = 9, 4
_PROCESS_TIME, _ACTIVE_PROCESSES, _PROCESS_MEMORY, _END_WITH_HANDLE = 0x2, 0x8, 0x100, 0x2000
_ALL_UI = 0xFF
_SUSPENDED = 0x4
_TICKS_EACH_SECOND = 10_000_000
_PYTHON_MB = 64
_LOOKS_EVERY_SECONDS = 0.005


def start(words: list[str], files: list[int], limits: Limits, **settings: Any) -> "subprocess.Popen[bytes]":
    """`words` with the files' handles in place of {}: it begins once the job is around it."""
    import psutil

    handles = [msvcrt.get_osfhandle(file) for file in files]
    for handle in handles:
        os.set_handle_inheritable(handle, True)
    shown = subprocess.STARTUPINFO()
    shown.lpAttributeList = {"handle_list": handles}
    process = subprocess.Popen(  # noqa: S603 - our own program
        words,
        startupinfo=shown,
        creationflags=_SUSPENDED | subprocess.CREATE_NO_WINDOW,
        **settings,
    )
    try:
        vars(process)["job"] = _job(limits, int(vars(process)["_handle"]))
    except OSError:
        process.kill()
        raise
    psutil.Process(process.pid).resume()
    return process


def handle_of(file: int) -> int:
    return msvcrt.get_osfhandle(file)


def end(process: "subprocess.Popen[bytes]") -> int:
    """Whatever is in the job ends with its last handle."""
    ctypes.windll.kernel32.CloseHandle(ctypes.c_void_p(vars(process).pop("job")))
    return process.wait()


def opened(handles: list[int], *, prints: bool) -> tuple[int, int, int, int]:
    """In the new process: its four files; a sample prints into the last."""
    source, incoming, outgoing, last = (msvcrt.open_osfhandle(handle, os.O_BINARY) for handle in handles)
    output = last if prints else os.open(os.devnull, os.O_RDWR)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(output, number)
    return source, incoming, outgoing, last


def ready(file: int, seconds: float) -> bool:
    """Whether there is something to read, or nothing will come any more."""
    until = time.monotonic() + seconds
    pipe = ctypes.c_void_p(msvcrt.get_osfhandle(file))
    while time.monotonic() < until:
        waiting = ctypes.c_ulong()
        is_open = ctypes.windll.kernel32.PeekNamedPipe(pipe, None, 0, None, ctypes.byref(waiting), None)
        if waiting.value or not is_open:
            return True
        time.sleep(_LOOKS_EVERY_SECONDS)
    return False


def _job(limits: Limits, process: int) -> int:
    kernel = ctypes.windll.kernel32
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = kernel.CreateJobObjectW(None, None)
    flags = _PROCESS_TIME | _ACTIVE_PROCESSES | _PROCESS_MEMORY | _END_WITH_HANDLE
    ticks = int((limits.seconds + 2) * _TICKS_EACH_SECOND)
    memory = (limits.memory_mb + _PYTHON_MB) << 20
    basic = struct.pack("@qqIQQIQII", ticks, 0, flags, 0, 0, 1, 0, 0, 0)
    extended = basic + struct.pack("@6Q4Q", *[0] * 6, memory, 0, 0, 0)
    for kind, data in ((_EXTENDED_LIMITS, extended), (_UI_RESTRICTIONS, struct.pack("@I", _ALL_UI))):
        if not kernel.SetInformationJobObject(ctypes.c_void_p(job), kind, data, len(data)):
            raise ctypes.WinError()
    if not kernel.AssignProcessToJobObject(ctypes.c_void_p(job), ctypes.c_void_p(process)):
        raise ctypes.WinError()
    return int(job)
