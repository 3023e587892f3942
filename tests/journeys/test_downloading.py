"""A model comes from a hub on this machine into the real program, is loaded with a click, and suggests."""

import json
import sys
from pathlib import Path

import pytest

from tests.app.workers import tireless_model
from tests.hub import ID, Hub, running
from tests.journeys.pointer import Pointer
from tests.journeys.screen import Screen, screen
from tests.journeys.sight import START
from tests.journeys.test_writing import is_suggested, program, set_up
from tests.tiny import tiny_folder, tiny_tokenizer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")
WEIGHTS = "model.safetensors"


def test_a_person_downloads_a_model_and_writes_with_it(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "sums.py"
    for name in ("picture", "offered", "vocabulary"):
        (tmp_path / name).mkdir()
    set_up(home, tiny_folder(tmp_path / "first", tiny_tokenizer(tmp_path / "vocabulary")))
    file.write_text("def add(first, second):\n    return first + second\n\n\n")
    offered = tireless_model(tmp_path / "offered")
    files = {part.name: part.read_bytes() for part in offered.iterdir() if part.name != "README.md"}
    with running(Hub(files, large=frozenset({WEIGHTS}))) as hub, screen(tmp_path / "picture") as seen:
        own = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        seen.settings |= {**own, "NO_PROXY": "127.0.0.1"}
        pointer = Pointer(seen, tmp_path)
        with program(seen, home, file, start=START) as process:
            seen.activate("sums.py")
            download_and_use(pointer, seen, "Use for Completion")
            seen.wait(lambda: used(home) == str(home / "data" / "models" / ID), "the model in use")
            assert {part: (Path(used(home)) / part).read_bytes() for part in files} == files
            pointer.wait("button", "stories")
            seen.press("ctrl+1", "ctrl+End")
            seen.write("total = ad")
            seen.wait(lambda: is_suggested(seen), "grey text")
            process.terminate()
            assert process.wait(60) == 128 + 15


def download_and_use(pointer: Pointer, seen: Screen, use: str) -> None:
    pointer.click("button", "Models")
    pointer.click("button", "Add a Model")
    pointer.click("choice", "From the Hugging Face Hub")
    pointer.click("field", "Name on the hub")
    seen.write(ID)
    pointer.click("button", "Look Up")
    pointer.wait("words", "Apache")
    pointer.click("button", "Download")
    pointer.click("button", use)


def used(home: Path) -> str:
    settings = json.loads((home / "settings" / "settings.json").read_text())
    return str(settings["engine"]["model"])
