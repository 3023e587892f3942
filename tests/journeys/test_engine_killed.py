"""The engine dies in mid-sentence: the sentence, the chat and the text stay, and another engine goes on."""

import sys
from pathlib import Path

import pytest

from tests.app.workers import tireless_model
from tests.journeys.pointer import Pointer
from tests.journeys.screen import screen
from tests.journeys.sight import START
from tests.journeys.test_chatting import kinds, records
from tests.journeys.test_writing import ended, is_suggested, program, set_up, worker_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")


def test_an_engine_that_dies_in_mid_sentence_takes_nothing_with_it(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "sums.py"
    for name in ("picture", "made"):
        (tmp_path / name).mkdir()
    set_up(home, tireless_model(tmp_path / "made"))
    file.write_text("def add(first, second):\n    return first + second\n\n\n")
    with screen(tmp_path / "picture") as seen:
        pointer = Pointer(seen, tmp_path)
        with program(seen, home, file, start=START) as process:
            seen.activate("sums.py")
            pointer.wait("button", "tireless")
            seen.press("ctrl+End")
            seen.write("total = ad")
            seen.press("ctrl+l")
            seen.write("what does it add")
            seen.press("Return")
            seen.wait(lambda: "wrote" in kinds(home), "an answer that is written down while it comes")
            killed = worker_of(process)
            killed.kill()
            seen.wait(lambda: "ended" in kinds(home), "the end of the answer")
            [talk] = records(home)
            assert any(record["type"] == "wrote" and record["text"] for record in talk)
            assert talk[-1]["end"] == "failed"
            assert "ended unexpectedly" in str(talk[-1]["problem"])
            pointer.wait("words", "The engine ended unexpectedly")
            seen.write("and again")
            seen.press("Return")
            seen.wait(lambda: kinds(home)[-1] == "wrote", "another answer")
            assert worker_of(process) != killed
            seen.press("Escape")
            seen.wait(lambda: kinds(home)[-1] == "ended", "the answer to stop")
            seen.press("ctrl+1")
            seen.wait(lambda: is_suggested(seen), "grey text")
            seen.press("ctrl+s")
            seen.wait(lambda: file.read_text().endswith("total = ad"), "the text")
            process.terminate()
            assert ended(process)[0] == 128 + 15
