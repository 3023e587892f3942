"""What is printed for a person: a model's text cannot move the cursor over ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
from core import report
for say in (report.say, report.complain, report.show_progress):
    say("0 right\\x1b[1A\\x1b[2K\\r15 of 15 right\\x9b2K\\ttab")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX has pseudo terminals")
def test_at_a_terminal_control_characters_are_seen_and_not_obeyed() -> None:
    ours, theirs = os.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=theirs, stderr=theirs, check=True, timeout=60
        )
        os.close(theirs)
        said = os.read(ours, 65536).decode("utf-8", "replace")
    finally:
        os.close(ours)
    assert said.count("15 of 15 right") == 3
    assert said.replace("\r\x1b[K", "").count("\x1b") == 0  # which is ours, to begin a line of progress anew
    assert "\u241b[1A" in said
    assert "\x9b" not in said
    assert "\ttab" in said


def test_a_program_gets_the_text_as_it_is() -> None:
    words = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert b"\x1b[1A" in done.stdout
