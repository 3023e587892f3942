"""A model that chats comes from a hub on this machine, is asked, stopped, and its code goes into the text."""

import json
import sys
from pathlib import Path

import pytest

from tests.app.workers import CODE, answering_model
from tests.hub import ID, Hub, running
from tests.journeys.pointer import Pointer
from tests.journeys.screen import Screen, screen
from tests.journeys.sight import START
from tests.journeys.test_chatting import kinds, records
from tests.journeys.test_downloading import download_and_use
from tests.journeys.test_writing import program, set_up
from tests.tiny import tiny_folder, tiny_tokenizer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")
BEGUN = "def add(first, second):\n    return first + second\n\n\n"


def test_a_person_gets_a_model_that_chats_asks_it_and_takes_its_code(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "sums.py"
    for name in ("picture", "offered", "vocabulary"):
        (tmp_path / name).mkdir()
    set_up(home, tiny_folder(tmp_path / "first", tiny_tokenizer(tmp_path / "vocabulary")))
    settings = home / "settings" / "settings.json"
    slow = {"precision": "fp32", "device": "cpu", "max_tokens": 4096}  # enough to be stopped
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"chat": slow}))
    file.write_text(BEGUN)
    offered = answering_model(tmp_path / "offered")
    files = {part.name: part.read_bytes() for part in offered.iterdir() if part.name != "README.md"}
    with (
        running(Hub(files, large=frozenset({"model.safetensors"}))) as hub,
        screen(tmp_path / "picture") as seen,
    ):
        own = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        seen.settings |= {**own, "NO_PROXY": "127.0.0.1"}
        pointer = Pointer(seen, tmp_path)
        with program(seen, home, file, start=START) as process:
            seen.activate("sums.py")
            download_and_use(pointer, seen, "Use for Chat")
            seen.wait(lambda: used(home) == str(home / "data" / "models" / ID), "the model in use")

            seen.press("ctrl+1", "ctrl+End", "ctrl+l")
            seen.write("how do I add them up")
            seen.press("Return")
            seen.wait(lambda: f"{CODE}\n```" in written(home), "an answer that streams")
            seen.press("Escape")
            seen.wait(lambda: "ended" in kinds(home), "the answer to stop")
            assert records(home)[0][-1]["end"] == "cancelled"

            bring_into_sight(pointer, seen)
            pointer.click("button", "Insert")
            seen.wait(lambda: saved(seen, file) == BEGUN + CODE, "the code at the cursor")
            seen.press("ctrl+a")
            pointer.click("button", "Replace")  # which stands beside it
            pointer.wait("words", "- goes")
            assert file.read_text() == BEGUN + CODE
            seen.press("Return")
            seen.wait(lambda: saved(seen, file) == CODE, "the code in the place of all")
            seen.press("ctrl+z")
            seen.wait(lambda: saved(seen, file) == BEGUN + CODE, "all of it back")
            process.terminate()
            assert process.wait(60) == 128 + 15


def used(home: Path) -> str:
    settings = json.loads((home / "settings" / "settings.json").read_text())
    return str(settings.get("chat", {}).get("model", ""))


def bring_into_sight(pointer: Pointer, seen: Screen) -> None:
    """The code, which stands at the head of a long answer."""
    end = pointer.wait("words", "Stopped")

    def is_in_sight() -> bool:
        if pointer.find("button", "Insert") is not None:
            return True
        seen.turn_wheel(end.x, end.y - 100, is_back=True)
        seen.pause(0.5)
        return False

    pointer.wait_for(is_in_sight, "the code of the answer")
    seen.pause(0.5)


def written(home: Path) -> str:
    """What has come of the only answer."""
    found = records(home)
    return "".join(str(record["text"]) for record in found[0] if record["type"] == "wrote") if found else ""


def saved(seen: Screen, file: Path) -> str:
    seen.press("ctrl+s")
    return file.read_text()
