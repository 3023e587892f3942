"""The limits that macOS puts on a process. Written from its documentation; it has not been run.

It fences no files and no network, and does not hold a process to its memory, which is why a person is asked.
"""

import ctypes
import os
import resource

from trainer.sandbox.limits import Limits

_PROCESSES_OF_A_USER = 4  # PROC_UID_ONLY, of libproc
_NUMBER_BYTES = 4


def fence(limits: Limits) -> tuple[str, ...]:
    seconds = int(limits.seconds) + 2
    sizes = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: limits.file_mb << 20,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: limits.memory_mb << 20,
        resource.RLIMIT_NPROC: _processes_now() + limits.processes,
    }
    missing = ["a fence around files", "a fence around the network", "a limit on memory that holds"]
    for kind, size in sizes.items():
        try:
            hard = resource.getrlimit(kind)[1]
            least = size if hard == resource.RLIM_INFINITY else min(size, hard)
            resource.setrlimit(kind, (least, least))
        except (OSError, ValueError) as error:
            missing.append(f"a limit ({error})")
    return tuple(missing)


def _processes_now() -> int:
    """The limit is on all that a user runs, not on what a sample starts."""
    library = ctypes.CDLL(None)
    return int(library.proc_listpids(_PROCESSES_OF_A_USER, os.getuid(), None, 0)) // _NUMBER_BYTES
