"""Samples that want too much, and systems that offer too little: a bounded end, in words, nothing left."""

import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from core.spec.errors import JobError
from tests.trainer.sandbox.refusal import under_refusal
from trainer.sandbox.child import child_command
from trainer.sandbox.limits import Limits
from trainer.sandbox.private_folder import is_larger, remove
from trainer.sandbox.sandbox import Sandbox

SHORT = Limits(seconds=0.3, memory_mb=128, file_mb=1, output_bytes=1000)

ENDLESS = {
    "loops": "def f():\n    while True: pass",
    "loops when loaded": "while True: pass",
    "sleeps": "import time\ndef f():\n    time.sleep(1000)",
    "catches everything": """
def f():
    while True:
        try:
            while True: pass
        except BaseException:
            pass
""",
    "ignores every signal": """
import signal
def f():
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    while True: pass
""",
    "disarms timers": """
import signal, resource
def f():
    signal.alarm(0)
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))
    except ValueError:
        pass
    while True: pass
""",
    "waits for what never comes": "def f():\n    import os\n    os.read(4, 1)\n    os.read(4, 1000)",
    "prints": """
def f():
    while True:
        try:
            print('x' * 1000)
        except OSError:
            pass
""",
    "writes files": """
def f():
    number = 0
    while True:
        number += 1
        try:
            open(f'file-{number}', 'w').write('x' * 100_000)
        except OSError:
            pass
""",
    "cannot be held in C": "import re\ndef f():\n    return re.match('(a+)+$', 'a' * 40 + 'b')",
    "asks without end": "def f(g=None):\n    while True: g and g()",
    "has thousands of threads": """
import threading, time
def f():
    while True:
        try:
            threading.Thread(target=time.sleep, args=(1000,)).start()
        except (RuntimeError, MemoryError):
            pass
""",
    "iterates without end": "import itertools\ndef f():\n    return itertools.count()",
}


@pytest.mark.parametrize("sample", ENDLESS.values(), ids=ENDLESS)
def test_what_does_not_end_is_ended(sandbox: Sandbox, sample: str) -> None:
    before = time.monotonic()
    verdict = sandbox.run(sample, "list(f())", entry_point="f", limits=SHORT)
    assert verdict.outcome == "timeout"
    assert verdict.message == "It took longer than 0.3 seconds."
    assert len(verdict.stdout) <= SHORT.output_bytes
    assert time.monotonic() - before < 10


HUNGRY = {
    "at once": "def f():\n    return len(bytearray(10 << 30))",
    "bit by bit": "def f():\n    kept = []\n    while True: kept.append(bytes(1 << 20))",
    "in a number": "def f():\n    return (1 << (1 << 36)) > 0",
    "when loaded": "kept = [0] * (1 << 31)",
    "mapped": "import mmap\ndef f():\n    return [mmap.mmap(-1, 1 << 30) for _ in range(10)] and 1",
}


@pytest.mark.parametrize("sample", HUNGRY.values(), ids=HUNGRY)
def test_memory_ends_where_it_should(fenced: Sandbox, sample: str) -> None:
    limits = Limits(seconds=20.0, memory_mb=128)
    verdict = fenced.run(sample, "assert f() == 1", entry_point="f", limits=limits)
    if "mmap" in sample:  # the system says that to Python in another way
        assert "Cannot allocate memory" in verdict.message
    else:
        assert verdict.outcome == "memory", verdict


def test_an_answer_may_not_be_without_end(sandbox: Sandbox, quick: Limits) -> None:
    """More than a message may hold: said as what it is, by an honest sample and by one that is not."""
    sample = "def f():\n    return 'x' * (1 << 25)"
    verdict = sandbox.run(sample, "assert len(f()) == 1 << 25", entry_point="f", limits=quick)
    assert not verdict.passed
    assert "more than is carried" in verdict.message


def test_a_folder_is_full_at_its_size(fenced: Sandbox) -> None:
    if "namespaces" not in fenced.confinement.holds:
        pytest.skip("there is no folder in memory")
    small = Limits(seconds=20.0, file_mb=1)
    sample = """
import os
def f():
    try:
        for number in range(100):
            open(f'file-{number}', 'wb').write(bytes(100_000))
    except OSError as error:
        return error.errno, sum(os.path.getsize(name) for name in os.listdir('.')) <= 1 << 20
"""
    verdict = fenced.run(sample, "assert f() == (28, True)", entry_point="f", limits=small)
    assert verdict.passed, verdict


@pytest.mark.parametrize("refused", ["Landlock", "seccomp", "namespaces"])
@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own means")
def test_where_something_is_missing(refused: str) -> None:
    """The system is made to refuse it, for a process of ours that then opens a sandbox.

    Without namespaces the floor still holds, and a sandbox runs. Without the floor it runs only if agreed.
    """
    done = under_refusal(
        refused,
        """
        from trainer.sandbox.sandbox import Sandbox
        from trainer.sandbox.limits import Limits
        for allowed in (False, True):
            with Sandbox(allow_unconfined=allowed) as sandbox:
                verdict = sandbox.run("def f(): return 1", "assert f() == 1", entry_point="f")
                print(verdict.outcome, "|", *sandbox.confinement.missing, "|", *sandbox.confinement.holds)
        """,
    )
    cautious, agreed = done.splitlines()
    assert agreed.startswith("passed")
    if refused == "namespaces":
        assert cautious == agreed == "passed | | Landlock seccomp limits"
    else:
        assert cautious.startswith(f"refused | {refused}, which fences")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own means")
def test_a_folder_on_disk_is_watched_and_goes_away(tmp_path: Path) -> None:
    """Where there are no namespaces."""
    done = under_refusal(
        "namespaces",
        f"""
        import os
        from trainer.sandbox.sandbox import Sandbox
        from trainer.sandbox.limits import Limits
        full = "import time\\ndef f():\\n"
        full += "    for n in range(9): open(str(n), 'wb').write(bytes(900_000))\\n"
        full += "    time.sleep(60)"
        os.environ["TMPDIR"] = {str(tmp_path)!r}
        with Sandbox() as sandbox:
            verdict = sandbox.run(full, "f()", entry_point="f", limits=Limits(seconds=30, file_mb=4))
            print(verdict.outcome, verdict.message)
        """,
    )
    assert done == "killed It wrote more than 4 MB into its folder.\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(sys.platform == "win32", reason="not run there")
def test_a_template_that_was_killed_is_replaced(quick: Limits) -> None:
    """By another program, or by a system without memory."""
    sample, tests = "def f(): return 1", "assert f() == 1"
    before = {*psutil.Process().children()}
    with Sandbox(allow_unconfined=True) as own:
        assert own.run(sample, tests, entry_point="f", limits=quick).passed
        [template] = {*psutil.Process().children()} - before
        template.kill()
        template.wait()
        assert own.run(sample, tests, entry_point="f", limits=quick).passed


@pytest.mark.skipif(sys.platform == "win32", reason="not run there")
def test_a_template_that_dies_under_a_sample_is_said(quick: Limits) -> None:
    """And its processes go with it, so that nobody waits for the time to be over."""
    before = {*psutil.Process().children()}
    with Sandbox(allow_unconfined=True) as own:
        [template] = {*psutil.Process().children()} - before
        killer = threading.Timer(0.5, template.kill)
        killer.start()
        with pytest.raises(JobError, match="run the same again"):
            own.run("while True: pass", "f()", limits=quick)
        killer.join()


@pytest.mark.skipif(sys.platform == "win32", reason="not run there")
def test_fresh_processes_judge_as_the_template_does(quick: Limits) -> None:
    """The way of systems that cannot copy a process."""
    samples = {
        "def f(x):\n    print('here')\n    return x * x": "passed",
        "def f(x): return x": "failed",
        "def f(x): return open('/etc/passwd').read()": "error",
        "def f(x):\n    while True: pass": "timeout",
        "import os\ndef f(x): os._exit(0)": "killed",
    }
    with Sandbox(is_warm=False, allow_unconfined=sys.platform != "linux") as cold:
        assert "seccomp" in cold.confinement.holds or sys.platform != "linux"
        for sample, outcome in samples.items():
            limits = SHORT if outcome == "timeout" else quick
            verdict = cold.run(sample, "assert f(2) == 4", entry_point="f", limits=limits)
            assert verdict.outcome == outcome, verdict
            assert verdict.stdout == ("here\n" if "here" in sample else "")


def test_the_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no -c and no -m: a hidden word, which its entry hands over."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/smallcoder/smallcoder")
    assert child_command() == ["/opt/smallcoder/smallcoder", "sandbox-child"]


def test_what_is_in_a_folder_is_counted_and_removed(tmp_path: Path) -> None:
    """Hidden in links, in depths and behind modes; what links lead to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(bytes(100_000))
    inside = tmp_path / "inside"
    (inside / "a/b/c").mkdir(parents=True)
    (inside / "a/b/c/file").write_bytes(bytes(50_000))
    (inside / "link").symlink_to(outside)
    (inside / "broken").symlink_to("nowhere")
    assert is_larger(inside, 40_000)
    assert not is_larger(inside, 120_000)
    folder = os.open(inside, os.O_RDONLY)
    name = "deep" * 50
    for _ in range(30):  # together longer than a path may be
        os.mkdir(name, dir_fd=folder)
        folder, above = os.open(name, os.O_RDONLY, dir_fd=folder), folder
        os.close(above)
    os.close(folder)
    assert is_larger(inside, 1 << 40)
    (inside / "a").chmod(0)
    remove(inside)
    assert [*tmp_path.iterdir()] == [outside]
    assert (outside / "large").exists()
