"""What a machine has left when another process of ours runs a model beside this one."""

import subprocess
import sys
from pathlib import Path

from core.fitting import this_machine
from core.spec.sizes import MB

HOLDS_A_FILE = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    sum(pages[place] for place in range(0, len(pages), 4096))
    print("read", flush=True)
    sys.stdin.read()
"""


def test_weights_that_another_of_our_processes_has_mapped_are_counted_though_the_system_would_give_them_back(
    tmp_path: Path,
) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(bytes(64 * MB))
    command = [sys.executable, "-c", HOLDS_A_FILE, str(weights)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "read\n"
        alone, beside = this_machine(0), this_machine(0, 5 * MB, other.pid)
        other.communicate("")
    if sys.platform == "linux":  # where it can be told which pages are of files
        assert beside.ours_bytes - 5 * MB >= 64 * MB
        assert alone.free_bytes - beside.free_bytes > 40 * MB  # other programs come and go meanwhile
    assert this_machine(0, 0, other.pid).ours_bytes == 0
