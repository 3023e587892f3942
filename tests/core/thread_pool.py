"""The native thread pool as Python sees it, with the tasks of tests/native/pool_check.c."""

import ctypes
import subprocess
from ctypes import POINTER, Structure, byref, c_int, c_int32, c_uint64, c_void_p
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "core/native/pool.c", ROOT / "tests/native/pool_check.c"]
MOST = 64


class Counts(Structure):
    _fields_ = (
        ("runs", c_uint64),
        ("fewer_runs", c_uint64),
        ("waited_ns", c_uint64),
        ("lost_ns", c_uint64),
    )


class Meeting(Structure):
    _fields_ = (
        ("rounds", c_int32),
        ("count", c_int32),
        ("calls", c_int32 * MOST),
        ("round", c_int32 * MOST),
        ("surprises", c_int32 * MOST),
        ("turns", c_int32),
    )


class Gate(Structure):
    """Nobody who is inside leaves before it is open."""

    _fields_ = (("inside", c_int32), ("open", c_int32))


def build(target: Path, *options: str) -> Path:
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    command = ["cc", "-std=c11", "-O2", "-g", "-pthread", *warnings, f"-I{SOURCES[0].parent}", *options]
    subprocess.run([*command, *SOURCES, "-o", target], check=True)
    return target


class ThreadPool:
    def __init__(self, library: Path | str) -> None:
        self.library = ctypes.CDLL(str(library))
        self.library.pool_shared.restype = c_void_p
        self.library.pool_run.argtypes = (c_void_p, c_void_p, c_void_p)
        self.library.pool_set_threads.argtypes = (c_void_p, c_int)
        self.library.pool_threads.argtypes = (c_void_p,)
        self.library.pool_counts.argtypes = (c_void_p, POINTER(Counts))
        self.library.pool_stop.argtypes = (c_void_p,)
        self.pool = self.library.pool_shared()

    def run(self, task: str, argument: Structure | c_int32) -> None:
        self.library.pool_run(self.pool, getattr(self.library, f"pool_check_{task}"), byref(argument))

    def set_threads(self, wanted: int) -> None:
        self.library.pool_set_threads(self.pool, wanted)

    def threads(self) -> int:
        return int(self.library.pool_threads(self.pool))

    def counts(self) -> Counts:
        counts = Counts()
        self.library.pool_counts(self.pool, byref(counts))
        return counts

    def stop(self) -> None:
        self.library.pool_stop(self.pool)

    def filled_stacks(self) -> int:
        filled = c_int32()
        self.run("stack", filled)
        return int(filled.value)

    def meet(self, rounds: int = 10) -> int:
        """How many threads met; all did as they should."""
        meeting = Meeting(rounds=rounds)
        self.run("meet", meeting)
        assert list(meeting.calls) == [1] * meeting.count + [0] * (MOST - meeting.count)
        assert not any(meeting.surprises)
        assert meeting.turns == rounds
        return meeting.count
