"""Programs on a Linux that refuses a part of the sandbox's fence, as older and stricter systems do."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any


def under_refusal(refused: str, program: str, **settings: Any) -> str:
    """What a program prints for which the kernel answers some calls as an older or stricter one would."""
    refusals = {"Landlock": (444, 38), "seccomp": (157, 22), "namespaces": (272, 1)}
    number, error = refusals[refused]
    # by number alone; of prctl only PR_SET_SECCOMP, whose first argument is 22
    look = "(0x20, 0, 0, 16), (0x15, 0, 1, 22)," if refused == "seccomp" else ""
    skipped = 3 if look else 1
    prelude = f"""
        import ctypes, struct, sys
        steps = [(0x20, 0, 0, 0), (0x15, 0, {skipped}, {number}), {look}
                 (0x06, 0, 0, 0x50000 | {error}), (0x06, 0, 0, 0x7FFF0000)]
        code = b"".join(struct.pack("=HBBI", *step) for step in steps)
        held = ctypes.create_string_buffer(code, len(code))
        given = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(held)))
        libc = ctypes.CDLL(None)
        words = [ctypes.c_ulong(word) for word in (1, 0, 0, 0)]
        assert libc.prctl(38, *words) == 0
        words = [ctypes.c_ulong(word) for word in (2, ctypes.addressof(given), 0, 0)]
        assert libc.prctl(22, *words) == 0
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(program)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=120,
        **settings,
    ).stdout
