"""The thread pool of the native library, as its compiler and the system's scheduler treat it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.thread_pool import ROOT, Gate, ThreadPool, build

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the tasks are written for POSIX systems")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what its threads do")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("pool") / "pool.so", "-shared", "-fPIC")


@pytest.fixture
def pool(library: Path) -> Iterator[ThreadPool]:
    pool = ThreadPool(library)
    pool.set_threads(1)
    yield pool
    pool.stop()


def in_a_process(library: Path, script: str) -> str:
    """What the script writes. It has the pool, and ends within half a minute whatever its threads are at."""
    before = f"import os, time\nfrom tests.core.thread_pool import *\npool = ThreadPool({str(library)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", before + script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def wait_inside(gate: Gate, count: int) -> None:
    deadline = time.monotonic() + 20
    while gate.inside < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("wanted", range(1, 9))
def test_every_id_is_called_once_and_barriers_let_nobody_through(pool: ThreadPool, wanted: int) -> None:
    pool.set_threads(wanted)
    assert pool.meet(0) == wanted
    for _ in range(10):
        assert 1 <= pool.meet(50) <= wanted


def test_the_number_of_threads_changes_between_runs(pool: ThreadPool) -> None:
    for wanted in (3, 1, 64, 2, 8, 1, 5):
        pool.set_threads(wanted)
        assert pool.threads() == wanted
        assert pool.meet(1) == wanted


@pytest.mark.parametrize(("wanted", "threads"), [(-5, 1), (0, 1), (65, 64), (2**31 - 1, 64)])
def test_a_number_of_threads_that_cannot_be_is_brought_into_bounds(
    pool: ThreadPool, wanted: int, threads: int
) -> None:
    pool.set_threads(wanted)
    assert pool.threads() == threads


def test_a_stopped_pool_starts_again(pool: ThreadPool) -> None:
    for _ in range(3):
        pool.set_threads(4)
        pool.meet()
        pool.stop()
        pool.stop()
    assert pool.meet() >= 1


def test_a_task_may_use_a_quarter_of_a_megabyte_of_stack(pool: ThreadPool) -> None:
    pool.set_threads(4)
    assert pool.filled_stacks() == 4


def test_runs_are_counted(pool: ThreadPool) -> None:
    before = pool.counts()
    pool.set_threads(2)
    for _ in range(5):
        pool.meet(20)
    after = pool.counts()
    assert after.runs - before.runs == 5
    assert after.waited_ns > before.waited_ns


def test_a_second_caller_waits_for_the_first(pool: ThreadPool) -> None:
    pool.set_threads(3)
    first, second = Gate(), Gate(open=1)
    callers = [threading.Thread(target=pool.run, args=("stay", gate)) for gate in (first, second)]
    callers[0].start()
    wait_inside(first, 3)
    callers[1].start()
    callers[1].join(0.1)
    assert second.inside == 0
    first.open = 1
    for caller in callers:
        caller.join(20)
    assert second.inside > 0


def test_a_caller_without_pause_does_not_starve_another(pool: ThreadPool) -> None:
    pool.set_threads(2)
    enough, runs = threading.Event(), 0

    def call_without_pause() -> None:
        nonlocal runs
        while not enough.is_set():
            pool.meet(2)
            runs += 1

    other = threading.Thread(target=call_without_pause)
    other.start()
    for _ in range(100):
        pool.meet(2)
    enough.set()
    other.join(20)
    assert runs > 1


@on_linux
def test_workers_have_a_name_and_leave_signals_to_others(pool: ThreadPool) -> None:
    others = set(Path("/proc/self/task").iterdir())  # of an engine that this process has had before
    pool.set_threads(3)
    pool.meet()
    begun = set(Path("/proc/self/task").iterdir()) - others
    states = [(thread / "status").read_text() for thread in begun]
    workers = [state for state in states if state.startswith("Name:\tsmallcoder\n")]
    assert len(workers) == 2
    for state in workers:
        blocked = int(state.partition("SigBlk:")[2].split()[0], 16)
        assert blocked >> (signal.SIGINT - 1) & 1
        assert not blocked >> (signal.SIGSEGV - 1) & 1


def test_an_idle_pool_costs_nothing(library: Path) -> None:
    script = """
pool.set_threads(4)
pool.meet(100)
begun = time.process_time()
time.sleep(1)
print(time.process_time() - begun)
"""
    assert float(in_a_process(library, script)) < 0.01


@pytest.mark.parametrize("moment", ["pass", "time.sleep(0.05)"])
def test_a_process_ends_whatever_its_workers_are_at(library: Path, moment: str) -> None:
    in_a_process(library, f"pool.set_threads(4)\npool.meet(100)\n{moment}")


def test_a_process_ends_in_the_middle_of_a_run(library: Path) -> None:
    script = """
import threading
pool.set_threads(3)
gate = Gate()
threading.Thread(target=pool.run, args=("stay", gate), daemon=True).start()
while gate.inside < 3: time.sleep(0.001)
"""
    in_a_process(library, script)


def test_a_child_of_fork_has_a_pool_and_so_has_its_parent(library: Path) -> None:
    script = """
pool.set_threads(3)
pool.meet(50)
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.threads() == 3 and pool.meet(0) == 3 and pool.meet(50) else 1)
    pool.meet(50)
    print(os.waitpid(child, 0)[1])
"""
    assert in_a_process(library, script).split() == ["0"] * 5


def test_a_fork_in_the_middle_of_a_run_leaves_the_child_free(library: Path) -> None:
    script = """
import threading
pool.set_threads(3)
first, second = Gate(), Gate(open=1)
callers = [threading.Thread(target=pool.run, args=("stay", gate)) for gate in (first, second)]
callers[0].start()
while first.inside < 3: time.sleep(0.001)
callers[1].start()
child = os.fork()
if child == 0:
    pool.meet(50)
    os._exit(0)
print(os.waitpid(child, 0)[1])
first.open = 1
for caller in callers: caller.join()
"""
    assert in_a_process(library, script).split() == ["0"]


def test_a_child_of_multiprocessing_has_a_pool(library: Path) -> None:
    script = """
import multiprocessing
pool.set_threads(2)
pool.meet(50)
child = multiprocessing.get_context("fork").Process(target=pool.meet, args=(50,))
child.start()
child.join()
print(child.exitcode)
"""
    assert in_a_process(library, script).split() == ["0"]


@on_linux
def test_a_system_that_refuses_threads_gets_by_with_fewer(library: Path) -> None:
    script = """
import resource
pages = int(open("/proc/self/statm").read().split()[0])
limits = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGESIZE") + (12 << 20), limits[1]))
pool.set_threads(64)
print(pool.meet(1))
resource.setrlimit(resource.RLIMIT_AS, limits)
pool.set_threads(63)
print(pool.meet(0))
"""
    refused, granted = map(int, in_a_process(library, script).split())
    assert 1 <= refused < 63
    assert granted == 63


@on_linux
def test_threads_without_a_core_are_given_up_and_tried_again(library: Path) -> None:
    """Two threads on one core are slower than one."""
    script = """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
pool.set_threads(2)
deadline, used = time.monotonic() + 20, [2]
while len(used) < 4 and time.monotonic() < deadline:
    count = pool.meet(300)
    if count != used[-1]: used.append(count)
print(used, pool.counts().fewer_runs > 0, pool.counts().lost_ns > 30e6)
"""
    assert in_a_process(library, script).strip() == "[2, 1, 2, 1] True True"


def test_the_hard_questions_are_answered(tmp_path: Path) -> None:
    program = build(tmp_path / "check")
    subprocess.run([program, "500", "10"], check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(("sanitizer", "forks"), [("thread", "0"), ("address,undefined", "30")])
def test_no_sanitizer_has_anything_to_say(tmp_path: Path, sanitizer: str, forks: str) -> None:
    """That for threads takes those of a child of fork for its parent's."""
    program = build(tmp_path / "check", f"-fsanitize={sanitizer}", "-fno-sanitize-recover")
    subprocess.run([program, "2000", forks], check=True, timeout=250)
