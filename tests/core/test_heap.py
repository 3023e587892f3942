"""What a run frees: kept for its next step, and given back when it stands still."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE, PIECE = 4096, 48 << 20
# three steps meet whatever is new; of a fourth it tells the faults, and what is resident at its end
PROGRAM = f"""
import resource, sys
from core import heap

def resident() -> int:
    return int(open("/proc/self/statm").read().split()[1])

def step() -> None:
    pieces = [bytearray({PIECE}) for _ in range(3)]

if sys.argv[1] != "not":
    heap.keep_what_is_freed()
if sys.argv[1] == "nothing large":
    heap.keep_nothing_large()
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
kept = resident()
heap.give_back()
print(faults, kept, resident())
"""


def figures(way: str) -> tuple[int, int, int]:
    """Faults of a step, and pages resident after it, before and after all was given back."""
    command = [sys.executable, "-c", PROGRAM, way]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    faults, kept, left = map(int, done.stdout.split())
    return faults, kept, left


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory goes its usual way")
def test_a_step_takes_no_page_that_the_one_before_it_had_and_all_can_be_given_back() -> None:
    faults, kept, left = figures("keep")
    usual_faults, usual_kept, _ = figures("not")
    pages = 3 * PIECE // PAGE
    assert faults < pages // 100 < usual_faults
    assert kept - usual_kept > 0.9 * pages
    assert kept - left > 0.9 * pages


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory goes its usual way")
def test_who_wants_memory_more_than_time_keeps_no_large_piece() -> None:
    _, kept, left = figures("nothing large")
    pages = PIECE // PAGE
    assert kept - left < 0.1 * pages
