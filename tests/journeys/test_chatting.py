"""The chat of the real program on a real display: asked, stopped, killed in mid-answer, opened again."""

import json
import sys
from pathlib import Path

import pytest

from tests.app.workers import tireless_model
from tests.journeys.screen import Screen, screen
from tests.journeys.test_writing import ended, program, set_up, workers_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")


def records(home: Path) -> list[list[dict[str, object]]]:
    """Of each conversation, by its file's name."""
    files = sorted((home / "data" / "chats").glob("*.jsonl"))
    whole = [[line for line in file.read_text().split("\n")[:-1] if line] for file in files]
    return [[json.loads(line) for line in lines] for lines in whole]


def kinds(home: Path) -> list[object]:
    """Of all records of the newest conversation."""
    found = records(home)
    return [record["type"] for record in found[-1]] if found else []


def conversation(home: Path) -> str:
    """The id of the only one."""
    [file] = (home / "data" / "chats").glob("*.jsonl")
    return file.stem


def text_of(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_a_person_asks_stops_and_loses_nothing_when_the_program_is_killed(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "sums.py"
    (tmp_path / "picture").mkdir()
    (tmp_path / "made").mkdir()
    set_up(home, tireless_model(tmp_path / "made"))
    settings = json.loads((home / "settings" / "settings.json").read_text())
    settings["chat"] = {"max_tokens": 4096}
    (home / "settings" / "settings.json").write_text(json.dumps(settings))
    file.write_text("def add(first, second):\n    return first + second\n")
    with screen(tmp_path / "picture") as seen:
        with program(seen, home, file) as process:
            seen.activate("sums.py")
            seen.wait(lambda: bool(workers_of(process)), "the engine")
            seen.press("ctrl+a", "ctrl+shift+i")
            seen.write("what does it add")
            seen.press("Return")
            seen.wait(lambda: "wrote" in kinds(home), "an answer that is written down while it comes")
            seen.press("Escape")
            seen.wait(lambda: "ended" in kinds(home), "the answer to stop")
            [talk] = records(home)
            [asked] = [record for record in talk if record["type"] == "asked"]
            assert asked["text"] == "what does it add"
            assert file.read_text() in str(asked["attachments"]).encode().decode("unicode_escape")
            assert talk[-1]["end"] == "cancelled"
            seen.write("and why")
            seen.press("Return")
            seen.wait(lambda: kinds(home)[-1] == "wrote", "the second answer")
            process.kill()
            ended(process)
        killed = records(home)[0]
        assert killed[-1]["type"] == "wrote"

        with program(seen, home, file) as process:
            seen.activate("sums.py")
            seen.wait(lambda: len(workers_of(process)) == 1, "the engine")
            seen.pause(3)  # until the texts that were open are all there, and ask for the keyboard no more
            seen.press("ctrl+l")
            seen.write("once more")
            draft = home / "data" / "chats" / f"{conversation(home)}.draft"
            seen.wait(lambda: "once more" in text_of(draft), "what is written and not asked yet")
            process.kill()
            ended(process)

        asks_what_was_written(seen, home, file)
        assert records(home)[0][: len(killed)] == killed
        assert records(home)[0][-1]["end"] == "cancelled"  # a polite end writes how the answer ended


def asks_what_was_written(seen: Screen, home: Path, file: Path) -> None:
    with program(seen, home, file) as process:
        seen.activate("sums.py")
        seen.wait(lambda: len(workers_of(process)) == 1, "the engine")
        seen.pause(3)
        seen.press("ctrl+l", "Return")
        seen.wait(lambda: kinds(home)[-1] == "wrote", "an answer to what had been written")
        [talk] = records(home)
        assert [record["text"] for record in talk if record["type"] == "asked"][-1] == "once more"
        process.terminate()
        assert ended(process)[0] == 128 + 15
