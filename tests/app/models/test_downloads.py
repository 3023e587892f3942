"""Downloads by real processes from a hub on this machine that drops, lies, holds back and is not there."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app import job_client
from app.models.download_dialog import DownloadDialog
from app.models.downloads import Download, Downloads
from app.process import own_command
from app.theme import Theme
from core.spec.folders import models_folder
from core.spec.library import describe_model, find_unfinished
from tests.hub import ID, Hub, running
from tests.tiny import tiny_folder, tiny_tokenizer

WEIGHTS = "model.safetensors"
HELD_BYTES = 3_000_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("hub")
    made = tiny_folder(folder / "model", tiny_tokenizer(folder), vocab_size=16_000)
    return {file.name: file.read_bytes() for file in made.iterdir() if file.name != "README.md"}


@pytest.fixture
def hub(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running(Hub(dict(files), large=frozenset({WEIGHTS}))) as started:
        for name, value in {
            "HF_ENDPOINT": started.url,
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        yield started


class Watched:
    """Downloads, and all that was told of one."""

    def __init__(self, qtbot: QtBot) -> None:
        self.downloads = Downloads()
        self.seen: list[Download] = []
        self.arrived: list[tuple[str, str]] = []
        self.downloads.changed.connect(self._see)
        self.downloads.arrived.connect(lambda id, path: self.arrived.append((id, path)))
        self._qtbot = qtbot

    def _see(self, id: str) -> None:
        download = self.downloads[id]
        if download is not None:
            self.seen.append(download)

    def wait(self, condition: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()))

    def state(self) -> str:
        download = self.downloads[ID]
        return download.state if download else ""

    def end(self) -> None:
        self.downloads.pause(ID)
        self.wait(lambda: not self.downloads.are_running)


@pytest.fixture
def watched(qtbot: QtBot) -> Iterator[Watched]:
    made = Watched(qtbot)
    yield made
    made.end()


def test_a_download_is_paused_goes_on_where_it_was_and_arrives_whole(hub: Hub, watched: Watched) -> None:
    hub.holds_after = HELD_BYTES
    watched.downloads.start(ID)
    watched.wait(lambda: watched.seen[-1].done_bytes >= HELD_BYTES // 2)
    running_now = watched.seen[-1]
    assert running_now.total_bytes == sum(map(len, hub.files.values()))
    assert 0 < running_now.share < 1
    assert " of " in running_now.text
    watched.downloads.pause(ID)
    watched.wait(lambda: watched.state() == "paused")
    assert "are here" in watched.seen[-1].text
    [begun] = find_unfinished(models_folder())
    assert (begun.name, begun.size_bytes >= HELD_BYTES // 2) == (ID, True)

    hub.holds_after = None
    hub.go_on.set()
    hub.requests.clear()
    watched.downloads.start(ID)
    watched.wait(lambda: watched.arrived)
    assert watched.downloads[ID] is None
    [(id, path)] = watched.arrived
    assert (id, Path(path)) == (ID, models_folder() / ID)
    model = describe_model(Path(path))
    assert model is not None
    assert model.problem is None
    [wanted] = [wanted for _, asked, wanted in hub.requests if asked.endswith(WEIGHTS) and wanted]
    assert int(wanted.removeprefix("bytes=").partition("-")[0]) >= HELD_BYTES // 2


def test_what_has_come_can_be_discarded(hub: Hub, watched: Watched) -> None:
    begun = models_folder() / ID.partition("/")[0] / f".{ID.partition('/')[2]}.download"
    begun.mkdir(parents=True)
    (begun / "model.safetensors.0123.partial").write_bytes(bytes(1000))
    gone: list[tuple[str, str]] = []
    watched.downloads.forgotten.connect(lambda id, problem: gone.append((id, problem)))
    watched.downloads.forget(ID)
    watched.wait(lambda: gone)
    assert gone == [(ID, "")]
    assert not begun.exists()


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda weights: weights[:-1] + b"!", "is not what the hub lists"),
        (lambda weights: weights + bytes(2_000_000), "more of model.safetensors than it lists"),
    ],
    ids=["wrong hash", "wrong size"],
)
def test_a_hub_that_lies_is_found_out_in_one_sentence(
    hub: Hub, watched: Watched, lie: Callable[[bytes], bytes], said: str
) -> None:
    hub.lies = {WEIGHTS: lie(hub.files[WEIGHTS])}
    watched.downloads.start(ID)
    watched.wait(lambda: watched.state() == "failed")
    assert said in watched.seen[-1].text
    assert not (models_folder() / ID).exists()


def test_without_a_connection_it_is_said_and_can_be_tried_again(
    hub: Hub, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    watched.downloads.start(ID)
    watched.wait(lambda: watched.state() == "failed")
    assert watched.seen[-1].text.startswith("127.0.0.1 cannot be reached")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    watched.downloads.start(ID)
    watched.wait(lambda: watched.arrived)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX's")
def test_a_disk_that_fills_up_meanwhile_is_said(
    hub: Hub, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files is to the program what a full disk is."""
    limited = ["sh", "-c", 'ulimit -f 2000; exec "$@"', "sh"]
    monkeypatch.setattr(job_client, "own_command", lambda words: [*limited, *own_command(words)])
    watched.downloads.start(ID)
    watched.wait(lambda: watched.state() == "failed")
    assert watched.seen[-1].text.startswith("The disk is full; what is done stays in")


@pytest.fixture
def theme(qapp: object) -> Theme:
    from app.settings import Appearance

    return Theme(qapp, Appearance(theme="light"))  # type: ignore[arg-type]


def texts(dialog: DownloadDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if not label.isHidden())


def button(dialog: DownloadDialog, text: str) -> QPushButton:
    [found] = [button for button in dialog.findChildren(QPushButton) if button.text() == text]
    return found


def test_before_a_download_its_licence_size_and_command_are_shown(
    hub: Hub, theme: Theme, qtbot: QtBot
) -> None:
    hub.licence = "bigcode-openrail-m"
    agreed: list[tuple[str, str]] = []
    dialog = DownloadDialog(ID, theme)
    dialog.agreed.connect(lambda id, file: agreed.append((id, file)))
    dialog.open()
    assert not button(dialog, "Download").isEnabled()
    qtbot.waitUntil(lambda: not dialog.job.is_running)
    said = texts(dialog)
    assert "BigCode OpenRAIL-M" in said
    assert "may restrict" in said
    assert "GB free" in said
    assert f"python3 main.py models download {ID}" in said
    assert not any("resolve" in path for _, path, _ in hub.requests)
    button(dialog, "Download").click()
    assert agreed == [(ID, "")]


def test_of_several_gguf_files_one_is_asked_for(hub: Hub, theme: Theme, qtbot: QtBot) -> None:
    hub.files = {"m-Q4_0.gguf": b"GGUF" + bytes(10), "m-Q5_0.gguf": b"GGUF" + bytes(20)}
    dialog = DownloadDialog(ID, theme)
    dialog.open()
    qtbot.waitUntil(lambda: not dialog.job.is_running)
    assert "choose one of them" in texts(dialog)
    assert not button(dialog, "Download").isEnabled()
    dialog._file.setCurrentIndex(2)
    dialog._file.activated.emit(2)
    qtbot.waitUntil(lambda: not dialog.job.is_running)
    assert "--file m-Q5_0.gguf" in texts(dialog)
    button(dialog, "Download").click()


def test_what_the_hub_refuses_is_said_in_the_dialog_and_nothing_can_be_agreed_to(
    hub: Hub, theme: Theme, qtbot: QtBot
) -> None:
    hub.is_gated = True
    dialog = DownloadDialog(ID, theme)
    dialog.open()
    qtbot.waitUntil(lambda: not dialog.job.is_running)
    assert "agreed to its terms" in texts(dialog)
    assert not button(dialog, "Download").isEnabled()
    assert button(dialog, "Try Again").isVisible()
    dialog.reject()


def test_a_dialog_that_is_closed_while_it_asks_leaves_no_process(
    hub: Hub, theme: Theme, qtbot: QtBot
) -> None:
    dialog = DownloadDialog(ID, theme)
    dialog.open()
    gone: list[bool] = []
    dialog.destroyed.connect(lambda: gone.append(True))
    dialog.reject()
    qtbot.waitUntil(lambda: bool(gone))
