"""A benchmark in the real program on a real display, begun with the mouse, and its table read."""

import json
import sys
from pathlib import Path

import pytest

from tests.journeys.pointer import Pointer
from tests.journeys.screen import screen
from tests.journeys.sight import START
from tests.journeys.test_writing import program, set_up
from tests.tiny import tiny_folder, tiny_tokenizer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")
NAME = "small-one"
TASKS = 2


def test_a_person_measures_two_precisions_and_reads_the_table(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("picture", "vocabulary"):
        (tmp_path / name).mkdir()
    (home / "data" / "models").mkdir(parents=True)
    model = tiny_folder(home / "data" / "models" / NAME, tiny_tokenizer(tmp_path / "vocabulary"))
    set_up(home, model)
    with screen(tmp_path / "picture") as seen:
        pointer = Pointer(seen, tmp_path)
        with program(seen, home, start=START) as process:
            seen.activate("SmallCoder")
            pointer.click("button", "Benchmark")
            pointer.wait("cell", NAME)
            for other in pointer.all_seen("cell"):
                pointer.tick("cell", other.words, wanted=other.words.startswith(NAME))
            pointer.tick("box", "Automatic", wanted=False)
            pointer.tick("box", "int8")
            pointer.tick("box", "int4")
            pointer.tick("box", "Speed", wanted=False)
            pointer.click("field", "Only so many tasks")
            seen.press("ctrl+a")
            seen.write(str(TASKS))
            pointer.click("button", "Measure")
            pointer.wait_for(lambda: len(table(pointer)) == 2, "two rows")
            assert table(pointer) == measured(home)
            process.terminate()
            assert process.wait(60) == 128 + 15


def table(pointer: Pointer) -> list[list[str]]:
    """Model, precision, quality, how many were passed."""
    return sorted(row[:4] for row in pointer.rows("What was measured"))


def measured(home: Path) -> list[list[str]]:
    """As the commands wrote it down."""
    [file] = (home / "data" / "benchmarks").glob("*-quality-*.json")
    results = json.loads(file.read_text())
    assert {result["precision"] for result in results} == {"int8", "int4"}
    return sorted(
        [NAME, result["precision"], f"{result['quality']:.1f}", f"{result['passed']} of {TASKS}"]
        for result in results
    )
