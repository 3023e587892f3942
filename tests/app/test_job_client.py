"""JobClient with real commands: a run that is stopped and saved, a download, a result, refusals, a kill."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QProcessEnvironment
from pytestqt.qtbot import QtBot

from app import job_client
from app.job_client import JobClient, LastWord, shown_command
from core.spec.messages import Event, Failed, Finished, Note, Progress, Started
from tests.app.conftest import Run
from tests.hub import ID, Hub, running
from tests.tiny import tiny_folder, tiny_tokenizer
from trainer.spec.runs import find_run


class Heard:
    """A job's client, and all that it told."""

    def __init__(self, qtbot: QtBot) -> None:
        self.job = JobClient("The job")
        self.events: list[Event] = []
        self.steps: list[Progress] = []
        self.words: list[LastWord] = []
        self.job.told.connect(self.events.append)
        self.job.progressed.connect(self.steps.append)
        self.job.ended.connect(self.words.append)
        self._qtbot = qtbot

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition)

    def last_word(self) -> LastWord:
        self.wait(lambda: bool(self.words))
        [word] = self.words
        assert not self.job.is_running
        return word


@pytest.fixture
def heard(qtbot: QtBot) -> Iterator[Heard]:
    made = Heard(qtbot)
    yield made
    if made.job.is_running:
        made.job.kill()
        made.last_word()


@pytest.fixture
def in_place_of_the_program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A job that behaves as no command of ours should."""

    def behave(script: str) -> None:
        command = [sys.executable, "-u", "-c", script]
        monkeypatch.setattr(job_client, "own_command", lambda words: [*command, *words])

    return behave


def settings(**values: str) -> QProcessEnvironment:
    made = QProcessEnvironment.systemEnvironment()
    for name, value in values.items():
        made.insert(name, value)
    return made


def test_a_run_that_is_stopped_has_saved_and_says_so(heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "vocabulary").mkdir()
    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path / "vocabulary"))
    source = tmp_path / "source"
    source.mkdir()
    for number in range(8):
        lines = [f"def twice_{number}_{line}(x):\n    return x * {line}\n\n" for line in range(30)]
        (source / f"part_{number}.py").write_text("".join(lines))
    words = ["train", "new", str(tmp_path / "run"), "--source", str(source), "--model", str(model)]
    words += ["--recipe", "full", "--steps", "100000", "--batch-size", "1", "--context-tokens", "64"]
    words += ["--device", "cpu", "--precision", "fp32", "--threads", "1", "--events"]
    heard.job.start(words)
    heard.wait(lambda: bool(heard.steps) or bool(heard.words))
    heard.job.stop()
    word = heard.last_word()
    assert word.how == "stopped", (word.sentence, word.log)
    assert word.finished is not None
    assert word.finished.stopped
    assert any(isinstance(event, Started) for event in heard.events)
    assert heard.events[-1] == word.finished
    assert find_run(str(tmp_path / "run")).steps_saved()


def test_a_download_tells_its_licence_first_and_what_it_has_made(heard: Heard, tmp_path: Path) -> None:
    files = {"tiny.gguf": b"GGUF" + bytes(100)}
    with running(Hub(files, large=frozenset(files))) as hub:
        words = ["models", "download", ID, "--out", str(tmp_path / "made"), "--events"]
        heard.job.start(words, settings(HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0", NO_PROXY="127.0.0.1"))
        word = heard.last_word()
    assert word.how == "finished", word
    assert word.finished == Finished(path=str(tmp_path / "made" / "tiny.gguf"))
    told = [type(event) for event in heard.events]
    assert (told[:2], told[-1]) == ([Started, Note], Finished)
    assert heard.steps[0].total == 104
    assert isinstance(heard.events[1], Note)
    assert "licence apache-2.0" in heard.events[1].text


@pytest.mark.parametrize("format", ["--events", "--json"])
def test_a_refusal_of_the_command_is_the_last_word(heard: Heard, format: str) -> None:
    heard.job.start(["models", "download", "no-such-name", format])
    word = heard.last_word()
    assert word.how == "failed"
    assert word.sentence.startswith("'no-such-name' is not the id of a model")
    assert [type(event) for event in heard.events] == ([Started, Failed] if format == "--events" else [])


def test_a_mistyped_option_is_said_too(heard: Heard) -> None:
    heard.job.start(["models", "list", "--jason"])
    word = heard.last_word()
    assert word.how == "failed"
    assert word.sentence == "unrecognized arguments: --jason; see main.py --help"


async def test_a_result_can_be_waited_for(run: Run) -> None:
    word = await JobClient().run(["train", "list", "--json"])
    assert (word.how, word.result, word.sentence) == ("finished", [], "")


def test_a_killed_job_has_failed_and_one_that_is_deaf_is_ended(
    heard: Heard, in_place_of_the_program: Callable[[str], None]
) -> None:
    in_place_of_the_program(
        'import signal; print(\'{"type": "note", "text": "here"}\'); '
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
    )
    heard.job.start(["--events"])
    heard.wait(lambda: bool(heard.events))
    assert heard.job.pid is not None
    os.kill(heard.job.pid, signal.SIGKILL)
    word = heard.last_word()
    assert word.how == "failed"
    assert word.sentence == "The job ended unexpectedly; the system may have run out of memory."

    heard.events.clear()
    heard.words.clear()
    heard.job.start(["--events"])
    heard.wait(lambda: bool(heard.events))
    heard.job.stop(patience_s=0)
    word = heard.last_word()
    assert word.how == "stopped"
    assert word.sentence == "The job was stopped before it had come to an end by itself."


def test_wishes_reach_a_run(heard: Heard, in_place_of_the_program: Callable[[str], None]) -> None:
    in_place_of_the_program(
        "import json, sys\n"
        'for line in sys.stdin: print(json.dumps({"type": "note", "text": line.strip()}))\n'
        'print(json.dumps({"type": "finished", "stopped": True, "path": "there", "metrics": []}))'
    )
    heard.job.start(["--events"])
    heard.job.pause()
    heard.job.go_on()
    heard.wait(lambda: len(heard.events) == 2)
    heard.job.stop()
    assert heard.last_word().how == "stopped"
    assert heard.events == [Note("pause"), Note("resume"), Finished(stopped=True, path="there")]


@pytest.mark.parametrize(
    ("script", "words", "said"),
    [
        ("print('Welcome to my library!')", ["--events"], "The job ended without saying what became of it."),
        ("print('Welcome to my library!')", ["--json"], "The job answered with something that is no JSON."),
        ("raise SystemExit(1)", ["--json"], "The job ended with code 1."),
    ],
)
def test_a_job_that_speaks_otherwise_gets_a_last_word_too(
    heard: Heard, in_place_of_the_program: Callable[[str], None], script: str, words: list[str], said: str
) -> None:
    in_place_of_the_program(script)
    heard.job.start(words)
    word = heard.last_word()
    assert (word.how, word.sentence) == ("failed", said)


def test_lines_that_are_no_events_are_kept_for_the_log_and_end_nothing(
    heard: Heard, in_place_of_the_program: Callable[[str], None]
) -> None:
    in_place_of_the_program(
        "import sys; print('a warning of some library'); print('beside', file=sys.stderr)\n"
        'print(\'{"type": "finished"}\')'
    )
    heard.job.start(["--events"])
    assert heard.last_word().is_good
    assert heard.job.log == "a warning of some library\nbeside\n"


def test_the_command_that_a_person_types_has_no_options_for_programs() -> None:
    shown = shown_command(["models", "convert", "a model", "out", "--json"])
    assert shown == "python3 main.py models convert 'a model' out"
