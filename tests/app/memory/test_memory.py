"""Memory in the window: who holds what, what was planned, and a card whose driver is absent, odd or broken.

The driver's part is played by a library of our own under its name, which the real binding speaks to.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.engine_client import EngineClient
from app.job_client import JobClient
from app.memory.card import CardReader, CardSight
from app.memory.gauge import MemoryGauge, severity
from app.memory.memory import Memory, MemoryWatch, Plan, Share
from app.memory.panel import MemoryPanel, planned
from app.process import WorkerProcess
from app.settings import Appearance
from app.settings import Budget as Limits
from app.theme import Theme
from core.spec.budget import Budget
from core.spec.sizes import MB
from tests.app.workers import PLAIN
from tests.tiny import tiny_folder, tiny_tokenizer

ROOT = Path(__file__).parents[3]
GB = 2**30
DRIVER = r"""
#include <string.h>
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned pid; unsigned long long used; unsigned instance, computing; } process_t;
int nvmlInitWithFlags(unsigned flags) { return INIT; }
const char *nvmlErrorString(int code) { return "Driver/library version mismatch"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = CARDS; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { *handle = (void *)1; return 0; }
int nvmlDeviceGetName(void *handle, char *name, unsigned length) { strcpy(name, "MX450"); return 0; }
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    memory->total = 2048ull << 20; memory->used = 900ull << 20; memory->free = 1148ull << 20;
    return 0;
}
#ifdef TELLS
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process_t *found) {
    if (found == 0) { *count = 2; return 7; }
    *count = 2;
    found[0] = (process_t){11, 400ull << 20, 0, 0};
    found[1] = (process_t){12, ~0ull, 0, 0};
    return 0;
}
#endif
"""
ASK = """
import json, sys
from app.memory.card import CardReader
reader = CardReader()
reader.ask()
reader.wait(20)
sight = reader.sight
held = dict(sight.held_by) if sight else None
print(json.dumps([reader.problem, sight and [sight.name, sight.total_bytes, sight.used_bytes], held]))
"""


def asked(folder: Path, *defined: str) -> tuple[str, list[object] | None, dict[str, int | None] | None]:
    """What a window learns from a driver that was built so."""
    environment = dict(os.environ)
    if defined:
        source = folder / "driver.c"
        source.write_text(DRIVER)
        flags = [f"-D{name}" for name in defined]
        library = str(folder / "libnvidia-ml.so.1")
        subprocess.run(["cc", "-shared", "-fPIC", *flags, "-o", library, str(source)], check=True)
        environment["LD_LIBRARY_PATH"] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    problem, card, held = json.loads(done.stdout)
    return problem, card, held


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the library has this name on Linux only")


@on_linux
def test_a_card_is_read_with_what_each_process_holds(tmp_path: Path) -> None:
    problem, card, held = asked(tmp_path, "INIT=0", "CARDS=1", "TELLS")
    assert (problem, card) == ("", ["MX450", 2 * GB, 900 * MB])
    assert held == {"11": 400 * MB, "12": None}, "a share that the driver keeps to itself is no figure"


@on_linux
def test_an_old_driver_that_names_no_processes_still_tells_the_whole(tmp_path: Path) -> None:
    problem, card, held = asked(tmp_path, "INIT=0", "CARDS=1")
    assert (problem, card, held) == ("", ["MX450", 2 * GB, 900 * MB], {})


@on_linux
def test_a_broken_driver_is_said_in_a_sentence(tmp_path: Path) -> None:
    problem, card, _ = asked(tmp_path, "INIT=18", "CARDS=1")
    assert problem.startswith(
        "The NVIDIA driver does not work (RM has detected an NVML/RM version mismatch);"
    )
    assert card is None


@on_linux
def test_a_driver_without_a_card_is_no_problem(tmp_path: Path) -> None:
    assert asked(tmp_path, "INIT=0", "CARDS=0") == ("", None, None)


class PluggedIn(CardReader):
    """A card that is there, for a machine that has none."""

    def __init__(self, sight: CardSight | None = None, problem: str = "") -> None:
        super().__init__()
        self.sight, self.problem = sight, problem

    def ask(self) -> None:
        """It has been answered."""


def watch(
    limits: Limits | None = None, card: CardReader | None = None, engine: EngineClient | None = None
) -> MemoryWatch:
    limits = limits or Limits(0, 0)
    return MemoryWatch(lambda: limits, lambda: [engine] if engine else [], card or PluggedIn())


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, Appearance())


def test_what_is_ours_is_told_from_what_others_hold(qtbot: QtBot) -> None:
    worker = WorkerProcess()
    worker.start([sys.executable, "-c", "kept = b'x' * 300_000_000; print('ready'); input()"])
    with qtbot.waitSignal(worker.line_read):
        pass
    sight, system = watch().look(), psutil.virtual_memory()
    shares = {share.name: share.held_bytes for share in sight.machine.ours}
    assert shares["Window"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    assert shares["-c kept = b'x' * 300_000_000; print('ready'); input()"] > 300e6
    assert sight.machine.limit_bytes == sight.machine.total_bytes == system.total
    private = sum(shares.values()) - sight.machine.others_bytes
    assert 0 < sight.machine.others_bytes < system.total - system.available
    assert private < sum(shares.values())
    with qtbot.waitSignal(worker.ended):
        worker.kill()
    assert [share.name for share in watch().look().machine.ours] == ["Window"]


def test_what_a_job_starts_is_its_own_and_a_run_that_no_window_owns_is_ours_too(qtbot: QtBot) -> None:
    holds = "kept = b'x' * 100_000_000; print('ready', flush=True); input()"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {holds!r}])"
    job = JobClient("The benchmark")
    worker = job._worker
    with (
        qtbot.waitSignal(worker.line_read),
        subprocess.Popen(
            [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as run,
    ):
        worker.start([sys.executable, "-c", starts])
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        looking = watch(card=PluggedIn(CardSight("MX450", 2 * GB, 900 * MB, {run.pid: 600 * MB})))
        looking.find_runs = lambda: {run.pid: "Run mine"}
        qtbot.waitUntil(lambda: _holds(psutil.Process(worker.pid).children()))
        sight = looking.look()
        shares = {share.name: share.held_bytes for share in sight.machine.ours}
        assert shares["Benchmark"] > 100e6
        assert shares["Run mine"] > 100e6
        assert sight.card is not None
        assert sight.card.ours == (Share("Run mine", 600 * MB),)
        run.communicate("")
    with qtbot.waitSignal(worker.ended):
        worker.stop()


def _holds(children: list[psutil.Process]) -> bool:
    return any(child.memory_info().rss > 100e6 for child in children)


def test_the_limit_is_the_smaller_of_what_was_set_and_what_there_is(qtbot: QtBot) -> None:
    assert watch(Limits(512, 0)).look().machine.limit_bytes == 512 * MB
    assert watch(Limits(2**20, 0)).look().machine.limit_bytes == psutil.virtual_memory().total
    card = PluggedIn(CardSight("MX450", 2 * GB, 900 * MB))
    sight = watch(Limits(0, 1024), card).look()
    assert sight.card == Memory((), 900 * MB, 1024 * MB, 2 * GB)


def test_what_a_process_says_itself_counts_where_the_driver_does_not_tell(qtbot: QtBot) -> None:
    engine = EngineClient(command=[sys.executable, "-c", "input()"])
    engine.load("model", PLAIN)
    qtbot.waitUntil(lambda: engine.pid is not None)
    engine.card_bytes = 500 * MB
    for told, expected in (({}, 500), ({engine.pid: None}, 500), ({engine.pid: 700 * MB}, 700)):
        looking = watch(card=PluggedIn(CardSight("MX450", 2 * GB, 900 * MB, told)), engine=engine)
        card = looking.look().card
        assert card is not None
        assert card.ours == (Share("Engine", expected * MB),)
        assert card.others_bytes == (900 - expected) * MB
    with qtbot.waitSignal(engine.closed):
        engine.close()


@pytest.fixture
def engine(tmp_path: Path, qtbot: QtBot) -> Iterator[EngineClient]:
    """A real worker with a real tiny model."""
    client = EngineClient()
    client.load(str(tiny_folder(tmp_path / "tiny", tiny_tokenizer(tmp_path))), PLAIN)
    qtbot.waitUntil(lambda: client.state.phase in ("ready", "failed"))
    assert client.is_ready
    yield client
    with qtbot.waitSignal(client.closed):
        client.close()


def test_the_panel_shows_the_engine_and_the_sum_it_was_let_in_with(
    qtbot: QtBot, theme: Theme, engine: EngineClient
) -> None:
    looking = watch(Limits(8192, 2048), engine=engine)
    window = QWidget()
    qtbot.addWidget(window)
    gauge = MemoryGauge(theme, looking, window)
    panel = MemoryPanel(theme, gauge, window)
    text = spoken(panel)
    [plan] = looking.history[-1].machine.plans
    assert plan.budget.weights_bytes > 0
    assert plan.budget.total_bytes > 100 * MB, "the program is planned for, too"
    assert planned(plan) in text
    assert f"= {plan.budget.total_bytes / MB:,.0f} MB, and up to 256 MB to keep earlier texts." in text
    assert "Engine (tiny): " in text
    assert "Limit: 8.00 GB" in text
    assert "No NVIDIA card was found" in text
    panel.close()


def spoken(widget: QWidget) -> str:
    parts = [getattr(part, "text", str)() or "" for part in widget.findChildren(QWidget)]
    return "\n".join([*parts, *(part.accessibleName() for part in widget.findChildren(QWidget))])


def test_a_broken_driver_is_said_in_the_panel_and_the_gauge_goes_on(qtbot: QtBot, theme: Theme) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    gauge = MemoryGauge(theme, watch(card=PluggedIn(problem="The NVIDIA driver does not answer.")), window)
    panel = MemoryPanel(theme, gauge, window)
    assert "The NVIDIA driver does not answer." in spoken(panel)
    assert [name for name, _ in gauge.places] == [""]
    panel.close()


def test_the_gauge_makes_room_for_a_card_once_there_is_one(qtbot: QtBot, theme: Theme) -> None:
    card = PluggedIn()
    gauge = MemoryGauge(theme, watch(card=card))
    qtbot.addWidget(gauge)
    gauge.look()
    alone = gauge.sizeHint().width()
    card.sight = CardSight("MX450", 2 * GB, 900 * MB)
    gauge.look()
    assert gauge.sizeHint().width() > 1.8 * alone
    assert "VRAM: SmallCoder 0 MB, other programs 0.9 GB, of 2.0 GB" in gauge.accessibleDescription()


def test_only_the_last_minutes_are_kept(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    looking, seconds = watch(), iter(range(1000, 3000))
    monkeypatch.setattr("app.memory.memory.time", SimpleNamespace(monotonic=lambda: next(seconds)))
    for _ in range(400):
        looking.look()
    assert looking.history[-1].at - looking.history[0].at == pytest.approx(300, abs=1)


def test_memory_is_said_in_numbers_and_not_by_colour_alone() -> None:
    memory = Memory((Share("Window", 100 * MB), Share("Engine", 200 * MB)), 3 * GB, 8 * GB)
    assert memory.text == "3.3 / 8.0 GB"
    assert memory.details == "SmallCoder 300 MB, other programs 3.0 GB, of 8.0 GB"
    assert [severity(Memory((), part * GB // 100, GB)) for part in (80, 86, 96)] == ["", "warning", "danger"]
    plan = Plan("nano as int8", Budget(255 * MB, 37 * MB, 0, 8 * MB))
    assert planned(plan) == ("Planned for nano as int8: 37 MB weights + 8 MB work + 255 MB program = 300 MB.")
