"""The keys of a suggestion, pressed in the real window: heard before every shortcut and every menu."""

import sys
from pathlib import Path

import psutil
import pytest

from app.theme import LIGHT
from tests.app.workers import tireless_model
from tests.journeys.screen import screen
from tests.journeys.test_writing import ENOUGH_GREY, program, set_up

BEGUN = "def add(first, second):\n    return first + second\n\n\n"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")


def test_a_suggestion_is_dismissed_asked_for_turned_and_taken_in_parts(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "sums.py"
    (tmp_path / "picture").mkdir()
    (tmp_path / "made").mkdir()
    set_up(home, tireless_model(tmp_path / "made"))
    file.write_text(BEGUN)
    typed = BEGUN + "total = ad"
    with screen(tmp_path / "picture") as seen, program(seen, home, file) as process:

        def is_grey() -> bool:
            return seen.count(LIGHT.ghost) >= ENOUGH_GREY

        def saved() -> str:
            seen.press("ctrl+s")
            return file.read_text()

        seen.activate("sums.py")
        seen.wait(lambda: bool(psutil.Process(process.pid).children()), "the engine")
        seen.press("ctrl+End")
        seen.write("total = ad")
        seen.wait(is_grey, "grey text")
        seen.press("Escape")
        seen.wait(lambda: not is_grey(), "the grey text to go")
        seen.wait(lambda: saved() == typed, "nothing but what was typed")
        seen.press("ctrl+space")
        seen.wait(is_grey, "the suggestion that was asked for")
        seen.press("alt+bracketright")
        seen.press("alt+bracketleft")
        seen.wait(lambda: saved() == typed, "the text, which other suggestions do not change")
        seen.wait(is_grey, "grey text still, since saving is no reason for it to go")
        seen.press("ctrl+Right")
        seen.wait(lambda: saved() != typed, "a word of it")
        word = file.read_text()
        assert word.startswith(typed)
        assert "\n" not in word[len(typed) :].rstrip("\n")
        seen.wait(is_grey, "the rest of it")
        seen.press("shift+Tab")
        seen.wait(lambda: len(saved()) > len(word), "the rest of its line")
        assert file.read_text().startswith(word)
        process.terminate()
        assert process.wait(60) == 128 + 15
