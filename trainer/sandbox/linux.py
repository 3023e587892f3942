"""How a process on Linux fences itself in, by system calls alone: namespaces, limits, Landlock and seccomp.

Landlock (files, from kernel 5.13) and seccomp (system calls) are the floor. Namespaces come on top where an
ordinary user may have them: a network with nothing in it, no other process in sight, and a folder in memory
that cannot grow past its size.
"""

import ctypes
import functools
import os
import resource
import signal
import stat
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from trainer.sandbox.limits import Limits
from trainer.sandbox.syscalls import filter_program

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _NEW_NAMES, _NEW_IPC, _NEW_USER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
_NEW_PROCESSES, _NEW_NETWORK = 0x20000000, 0x40000000
_PRIVATE_TREE = (1 << 14) | (1 << 18)  # MS_REC | MS_PRIVATE
_PLAIN_FILES = 2 | 4 | 8  # MS_NOSUID | MS_NODEV | MS_NOEXEC
_DETACH = 2
_DIE_WITH_PARENT, _DUMPABLE, _SECCOMP, _NO_NEW_PRIVILEGES = 1, 4, 22, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _WRITE_FILE, _READ_FOLDER, _TRUNCATE = 1 << 2, 1 << 1, 1 << 3, 1 << 14
_DEVICE_CONTROL = 1 << 15
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # how many kinds of access it knows; later ones 16
_NEVER = (1 << 0) | (1 << 6) | (1 << 11) | _DEVICE_CONTROL  # run, make devices, control devices
_CAPABILITIES = 0x20080522
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev/zero", "/dev/urandom")


class Namespaces:
    """Those of this process, out of which each child gets one more, in which it is alone."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def separate_next_child(self) -> None:
        _check(_LIBC.setns(self._own, _NEW_PROCESSES), "setns")
        _check(_LIBC.unshare(_NEW_PROCESSES), "unshare")

    def mount_memory(self, folder: Path, size_mb: int) -> None:
        """A folder that holds so much and no more, and goes with the last process that sees it."""
        options = f"size={size_mb}m,nr_inodes={256 * size_mb},mode=700".encode()
        flags = ctypes.c_ulong(_PLAIN_FILES)
        _check(_LIBC.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options), "mount")

    def unmount(self, folder: Path) -> None:
        _check(_LIBC.umount2(os.fsencode(folder), _DETACH), "umount")


def enter_namespaces(folder: Path) -> Namespaces | None:
    """Goes on in a child, in namespaces of its own; None, and nothing done, where that is not allowed.

    Tried first in a process that is thrown away, for half of it cannot be taken back.
    """
    trial = os.fork()
    if trial == 0:
        os._exit(0 if _tries_namespaces(folder) else 1)
    if os.waitpid(trial, 0)[1] != 0:
        return None
    _unshare()
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    die_with_parent()
    _own_mounts()
    return Namespaces()


def _tries_namespaces(folder: Path) -> bool:
    try:
        _unshare()
        child = os.fork()
        if child:
            return os.waitpid(child, 0)[1] == 0
        _own_mounts()
        namespaces = Namespaces()
        namespaces.separate_next_child()
        namespaces.mount_memory(folder, 1)
        os._exit(0)
    except OSError:
        return False


def _unshare() -> None:
    user, group = os.geteuid(), os.getegid()
    flags = _NEW_USER | _NEW_MOUNTS | _NEW_NAMES | _NEW_IPC | _NEW_PROCESSES | _NEW_NETWORK
    _check(_LIBC.unshare(flags), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _own_mounts() -> None:
    _check(_LIBC.mount(None, b"/", None, ctypes.c_ulong(_PRIVATE_TREE), None), "mount")


def die_with_parent() -> None:
    _prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def fence(folder: Path, limits: Limits, *, counts_processes: bool) -> tuple[str, ...]:
    """All of it around this process, for good; what could not be put up, in words."""
    missing = []
    steps: dict[str, Callable[[], object]] = {
        "limits on memory and time": lambda: limit(limits, counts_processes=counts_processes),
        "giving up privileges": give_up_privileges,
        "Landlock, which fences files": lambda: fence_files(folder, readable_paths()),
        "seccomp, which fences system calls": filter_calls,
    }
    for name, step in steps.items():
        try:
            step()
        except OSError as error:
            missing.append(f"{name} ({error.strerror or error})")
    return tuple(missing)


def limit(limits: Limits, *, counts_processes: bool) -> None:
    """Memory on top of what the process has already. The system counts processes a user, not a sandbox."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + (limits.memory_mb << 20)
    seconds = int(limits.seconds) + 2
    sizes = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: limits.file_mb << 20,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if counts_processes:
        sizes[resource.RLIMIT_NPROC] = limits.processes
    for kind, size in sizes.items():
        hard = resource.getrlimit(kind)[1]
        least = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(kind, (least, least))


def fence_files(folder: Path, readable: list[Path]) -> None:
    """Landlock: everything in `folder`, reading in `readable`, nothing else."""
    abi = _call(_LANDLOCK_CREATE, None, 0, 1)
    rights = (1 << _RIGHTS_BY_ABI.get(abi, 16)) - 1
    network, scopes = (3 if abi >= 4 else 0), (3 if abi >= 6 else 0)
    attributes = struct.pack("=QQQ", rights, network, scopes)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = _call(_LANDLOCK_CREATE, attributes, size, 0)
    _permit(rules, folder, rights & ~_NEVER)
    _permit(rules, Path("/dev/null"), rights & (_READ_FILE | _WRITE_FILE | _TRUNCATE))
    for path in readable:
        _permit(rules, path, _READ_FILE | _READ_FOLDER)
    _call(_LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)


def _permit(rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE
        rule = struct.pack("=Qi", rights, opened)
        _call(_LANDLOCK_ADD, rules, 1, rule, 0)
    finally:
        os.close(opened)


def give_up_privileges() -> None:
    """Also those of root, and of the first user in a namespace."""
    _prctl(_NO_NEW_PRIVILEGES, 1)
    _check(_LIBC.capset(struct.pack("=Ii", _CAPABILITIES, 0), bytes(24)), "capset")
    _prctl(_DUMPABLE, 0)


def prepare() -> None:
    """What each copy of this process would else find out for itself."""
    readable_paths()
    filter_program(1)


def filter_calls() -> None:
    """seccomp: from here on this process makes only the calls in the list."""
    program = filter_program(os.getpid())
    if not program:
        raise OSError(f"no filter for {os.uname().machine}")
    steps = ctypes.create_string_buffer(program, len(program))
    argument = ctypes.create_string_buffer(
        struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(steps))
    )
    _prctl(_SECCOMP, 2, ctypes.addressof(argument))


@functools.cache
def readable_paths() -> list[Path]:
    """What Python needs in order to import its own library; not our package, where tasks and answers lie."""
    if getattr(sys, "frozen", False):
        bundle = Path(sys.executable).parent
        inside = Path(getattr(sys, "_MEIPASS", bundle))
        hidden = inside / "resources"
        wanted = [Path(sys.executable), inside]
    else:
        hidden = Path(__file__).resolve().parents[2]
        wanted = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
        wanted.append(Path(sys.base_prefix, "lib"))
    wanted += map(Path, (*_LIBRARIES, *_SYSTEM_FILES))
    there = {path.resolve() for path in wanted if path.exists()}
    return sorted({path for folder in there for path in _without(folder, hidden)})


def _without(folder: Path, hidden: Path) -> Iterator[Path]:
    if folder == hidden or folder.is_relative_to(hidden):
        return
    if not hidden.is_relative_to(folder):
        yield folder
        return
    for entry in folder.iterdir():
        yield from _without(entry, hidden)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """A system call that the C library has no name for; numbers as wide as the kernel reads them."""
    words = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    return _check(_LIBC.syscall(ctypes.c_long(number), *words), "system call")


def _prctl(option: int, value: int, further: int = 0) -> None:
    words = [ctypes.c_ulong(item) for item in (value, further, 0, 0)]
    _check(_LIBC.prctl(option, *words), "prctl")


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
