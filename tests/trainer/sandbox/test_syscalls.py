"""The filter program, walked through step by step as a kernel does, also for a processor that is not here."""

import errno
import platform
import struct

import pytest

from trainer.sandbox.syscalls import filter_program

ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
REFUSED, UNKNOWN, DONE = ERROR | errno.EPERM, ERROR | errno.ENOSYS, ERROR
ME = 7
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# by the numbers in the kernel's own tables: x86_64, aarch64
CALLS = {
    "read": ((0, 63), (), ALLOW),
    "openat to read": ((257, 56), (0, 0, 0), ALLOW),
    "openat to write": ((257, 56), (0, 0, 0o1101), ALLOW),
    "openat that cuts while reading": ((257, 56), (0, 0, 0o1000), REFUSED),
    "clone of a thread": ((56, 220), (0x3D0F00,), ALLOW),
    "clone of a process": ((56, 220), (17,), REFUSED),
    "clone of a thread in a namespace": ((56, 220), (0x3D0F00 | 0x10000000,), REFUSED),
    "clone3": ((435, 435), (), UNKNOWN),
    "execve": ((59, 221), (), REFUSED),
    "execveat": ((322, 281), (), REFUSED),
    "kill of itself": ((62, 129), (ME, 15), ALLOW),
    "kill of another": ((62, 129), (8, 15), REFUSED),
    "kill of all": ((62, 129), (0xFFFFFFFF, 15), REFUSED),
    "tgkill of another": ((234, 131), (8, 8, 15), REFUSED),
    "tkill": ((200, 130), (ME, 15), REFUSED),
    "socket": ((41, 198), (1, 1, 0), REFUSED),
    "connect": ((42, 203), (), REFUSED),
    "a pair of streams": ((53, 199), (1, 1 | 0o2000000, 0), ALLOW),
    "a pair of datagrams": ((53, 199), (1, 2, 0), REFUSED),
    "a pair on the internet": ((53, 199), (2, 1, 0), REFUSED),
    "fcntl, duplicate": ((72, 25), (3, 1030, 0), ALLOW),
    "fcntl, owner": ((72, 25), (3, 8, 1), REFUSED),
    "fcntl, signal": ((72, 25), (3, 10, 9), REFUSED),
    "ioctl, terminal": ((16, 29), (0, 0x5401), ALLOW),
    "ioctl, type into a terminal": ((16, 29), (0, 0x5412), REFUSED),
    "prctl, name": ((157, 167), (15,), ALLOW),
    "prctl, dumpable": ((157, 167), (4, 1), REFUSED),
    "prlimit of itself": ((302, 261), (0, 7), ALLOW),
    "prlimit of another": ((302, 261), (8, 7), REFUSED),
    "chmod": ((91, 52), (), DONE),
    "chown": ((260, 54), (), DONE),
    "utime": ((280, 88), (), DONE),
    "truncate": ((76, 45), (), REFUSED),
    "ptrace": ((101, 117), (), REFUSED),
    "mount": ((165, 40), (), REFUSED),
    "unshare": ((272, 97), (), REFUSED),
    "io_uring_setup": ((425, 425), (), REFUSED),
    "bpf": ((321, 280), (), REFUSED),
    "process_vm_readv": ((310, 270), (), REFUSED),
    "shmget": ((29, 194), (), REFUSED),
    "setxattr": ((188, 5), (), REFUSED),
    "landlock_restrict_self": ((446, 446), (), REFUSED),
    "one of the future": ((2000, 2000), (), UNKNOWN),
}


def walked(program: bytes, architecture: int, number: int, arguments: tuple[int, ...]) -> int:
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, architecture, 0, *words)
    steps = [struct.unpack_from("=HBBI", program, place) for place in range(0, len(program), 8)]
    held = place = 0
    while True:
        code, if_true, if_false, value = steps[place]
        place += 1
        if code == 0x20:
            held = struct.unpack_from("=I", data, value)[0]
        elif code == 0x54:
            held &= value
        elif code in (0x15, 0x35):
            place += if_true if (held == value if code == 0x15 else held >= value) else if_false
        else:
            assert code == 0x06
            return int(value)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_each_call_gets_its_answer(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    program, column = filter_program.__wrapped__(ME), [*ARCHITECTURES].index(machine)
    answers = {
        call: walked(program, ARCHITECTURES[machine], numbers[column], arguments)
        for call, (numbers, arguments, _) in CALLS.items()
    }
    assert answers == {call: answer for call, (_, _, answer) in CALLS.items()}


def test_other_numbers_for_the_same_calls_are_deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    program = filter_program.__wrapped__(ME)
    assert walked(program, 0x40000003, 3, ()) == KILL, "those of 32 bits"
    assert walked(program, ARCHITECTURES["x86_64"], 0x40000000, ()) == KILL, "those of x32"


def test_a_processor_that_is_not_known_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert filter_program.__wrapped__(ME) == b""
