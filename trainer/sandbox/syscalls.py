"""Which system calls a sample may make on Linux, as a filter program for seccomp.

A list of what is allowed, so that whatever a kernel learns next is refused. What goes by a path and opens
nothing is not fenced by Landlock: changing the mode, owner or dates of a file is therefore only said to have
been done. The numbers are the kernel's, for two processors (those for aarch64 have not been run).
"""

import errno
import functools
import platform
import struct
from dataclasses import dataclass

# name: number on x86_64, number on aarch64; -1 where there is none
# fmt: off
_ALLOWED = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "stat": (4, -1),
    "lstat": (6, -1), "newfstatat": (262, 79), "statx": (332, 291), "lseek": (8, 62),
    "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66),
    "preadv": (295, 69), "pwritev": (296, 70), "preadv2": (327, 286), "pwritev2": (328, 287),
    "access": (21, -1), "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, -1),
    "readlinkat": (267, 78), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50),
    "mkdir": (83, -1), "mkdirat": (258, 34), "rmdir": (84, -1), "unlink": (87, -1),
    "unlinkat": (263, 35), "rename": (82, -1), "renameat": (264, 38), "renameat2": (316, 276),
    "link": (86, -1), "linkat": (265, 37), "symlink": (88, -1), "symlinkat": (266, 36),
    "umask": (95, 166), "ftruncate": (77, 46), "fallocate": (285, 47), "fadvise64": (221, 223),
    "fsync": (74, 82), "fdatasync": (75, 83), "flock": (73, 32), "statfs": (137, 43),
    "fstatfs": (138, 44), "copy_file_range": (326, 285), "sendfile": (40, 71), "getdents64": (217, 61),
    "getdents": (78, -1), "dup": (32, 23), "dup2": (33, -1), "dup3": (292, 24), "pipe": (22, -1),
    "pipe2": (293, 59), "close_range": (436, 436), "poll": (7, -1), "ppoll": (271, 73),
    "select": (23, -1), "pselect6": (270, 72), "epoll_create1": (291, 20), "epoll_ctl": (233, 21),
    "epoll_wait": (232, -1), "epoll_pwait": (281, 22), "eventfd2": (290, 19), "sendto": (44, 206),
    "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "shutdown": (48, 210),
    "getsockopt": (55, 209), "setsockopt": (54, 208), "getsockname": (51, 204), "getpeername": (52, 205),
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "brk": (12, 214),
    "madvise": (28, 233), "msync": (26, 227), "mincore": (27, 232), "membarrier": (324, 283),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136), "rt_sigsuspend": (130, 133), "rt_sigtimedwait": (128, 137),
    "sigaltstack": (131, 132), "alarm": (37, -1), "setitimer": (38, 103), "getitimer": (36, 102),
    "pause": (34, -1), "futex": (202, 98), "set_robust_list": (273, 99), "set_tid_address": (218, 96),
    "rseq": (334, 293), "arch_prctl": (158, -1), "restart_syscall": (219, 128), "exit": (60, 93),
    "exit_group": (231, 94), "wait4": (61, 260), "waitid": (247, 95), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "sched_getparam": (143, 121), "sched_getscheduler": (145, 120),
    "getcpu": (309, 168), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "gettimeofday": (96, 169),
    "time": (201, -1), "times": (100, 153), "getrusage": (98, 165), "sysinfo": (99, 179),
    "uname": (63, 160), "getrandom": (318, 278), "getrlimit": (97, 163), "getpid": (39, 172),
    "getppid": (110, 173), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "getgroups": (115, 158), "getresuid": (118, 148),
    "getresgid": (120, 150), "getpgid": (121, 155), "getpgrp": (111, -1), "getsid": (124, 156),
    "setrlimit": (160, 164),
}
_SAID_TO_BE_DONE = {
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54), "utime": (132, -1),
    "utimes": (235, -1), "utimensat": (280, 88), "futimesat": (261, -1),
}
_LOOKED_AT = {
    "open": (2, -1), "openat": (257, 56), "clone": (56, 220), "clone3": (435, 435),
    "openat2": (437, 437), "kill": (62, 129), "tgkill": (234, 131), "socketpair": (53, 199),
    "prctl": (157, 167), "prlimit64": (302, 261), "ioctl": (16, 29), "fcntl": (72, 25),
}
# fmt: on

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, name in the kernel
_X32 = 0x40000000  # a second set of numbers on x86_64
_CLONE_THREAD = 0x10000
_CLONE_NAMESPACES = 0x7E020080
_OPENS_AND_CUTS, _CUTS_WITHOUT_WRITING = 0x203, 0x200  # O_ACCMODE | O_TRUNC; O_RDONLY | O_TRUNC
_NAMES_A_THREAD = (15, 16)  # PR_SET_NAME, PR_GET_NAME
_ASKS_A_TERMINAL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS .. FIONREAD .. FIOCLEX
_FILE_CONTROL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)  # no owner, signal or lease
_UNIX_STREAM = ((0, 0xFFFFFFFF, (1,)), (1, 0xF, (1,)))
_WORD = 0xFFFFFFFF

_LOAD, _AND, _IF_EQUAL, _IF_ABOVE, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_REFUSE = _ERROR | errno.EPERM
_UNKNOWN = _ERROR | errno.ENOSYS  # upon which the C library goes an older way
_NEWEST = 1000


@dataclass(frozen=True)
class _Look:
    """What a call returns where its arguments are as said: each masked, and one of the values."""

    arguments: tuple[tuple[int, int, tuple[int, ...]], ...]
    then: int = _ALLOW
    otherwise: int = _REFUSE


@functools.cache
def filter_program(process: int) -> bytes:
    """For the process of that number; empty where this processor is not known."""
    if platform.machine() not in _ARCHITECTURES:
        return b""
    column, architecture = _ARCHITECTURES[platform.machine()]
    looks = {
        "clone": _Look(((0, _CLONE_THREAD | _CLONE_NAMESPACES, (_CLONE_THREAD,)),)),
        "open": _Look(((1, _OPENS_AND_CUTS, (_CUTS_WITHOUT_WRITING,)),), _REFUSE, _ALLOW),
        "openat": _Look(((2, _OPENS_AND_CUTS, (_CUTS_WITHOUT_WRITING,)),), _REFUSE, _ALLOW),
        "kill": _Look(((0, _WORD, (process,)),)),
        "tgkill": _Look(((0, _WORD, (process,)),)),
        "prlimit64": _Look(((0, _WORD, (0,)),)),
        "prctl": _Look(((0, _WORD, _NAMES_A_THREAD),)),
        "ioctl": _Look(((1, _WORD, _ASKS_A_TERMINAL),)),
        "fcntl": _Look(((1, _WORD, _FILE_CONTROL),)),
        "socketpair": _Look(_UNIX_STREAM),
        "clone3": _Look((), _UNKNOWN),
        "openat2": _Look((), _UNKNOWN),
    }
    program = [
        *(_step(_LOAD, _ARCHITECTURE_AT), _step(_IF_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL)),
        *(_step(_LOAD, _NUMBER_AT), _step(_IF_ABOVE, _X32, 0, 1), _step(_RETURN, _KILL)),
    ]
    for name, look in looks.items():
        program += _case(_LOOKED_AT[name][column], _steps(look))
    for numbers in _SAID_TO_BE_DONE.values():
        program += _case(numbers[column], [_step(_RETURN, _ERROR)])
    for numbers in _ALLOWED.values():
        program += _case(numbers[column], [_step(_RETURN, _ALLOW)])
    program += [_step(_IF_ABOVE, _NEWEST, 0, 1), _step(_RETURN, _UNKNOWN), _step(_RETURN, _REFUSE)]
    return b"".join(program)


def _case(number: int, steps: list[bytes]) -> list[bytes]:
    return [_step(_IF_EQUAL, number, 0, len(steps)), *steps] if number >= 0 else []


def _steps(look: _Look) -> list[bytes]:
    steps = []
    for place, mask, values in look.arguments:
        steps += [_step(_LOAD, _ARGUMENTS_AT + 8 * place), _step(_AND, mask)]
        for left, value in zip(range(len(values), 0, -1), values, strict=True):
            steps.append(_step(_IF_EQUAL, value, left, 0))
        steps.append(_step(_RETURN, look.otherwise))
    return [*steps, _step(_RETURN, look.then)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
