"""The README tells commands that there are: each is understood, and what it links to is there."""

import re
import shlex
from pathlib import Path

import pytest

import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BEFORE_THE_MAP = TEXT.partition("\n## The map\n")[0]
NUMBERS = {"N", "L", "C"}


def commands() -> list[str]:
    """Each line of code with one, without its remark; where it names several, one by one."""
    found: list[str] = []
    for line in re.findall(r"(?m)^    python3 main\.py\b(.*)", BEFORE_THE_MAP):
        told = re.sub(r"\s+[#<].*", "", line).strip()
        told = re.sub(r"(\w)\|\S+", r"\1", told)  # of --to native|hf one
        first, *others = re.split(r" \| ", re.sub(r"\[.*?\]", "", told))
        found += [first, *(f"{first.split()[0]} {other}" for other in others)]
    return found


def test_commands_are_found() -> None:
    assert len(commands()) > 30
    assert {"train list", "models presets", "bench recommend"} <= {
        re.sub(" +", " ", told) for told in commands()
    }


@pytest.mark.parametrize("told", commands())
def test_every_command_is_understood(told: str) -> None:
    words = ["1" if word in NUMBERS else word for word in shlex.split(told)]
    main.parse(words)


def test_pictures_and_files_are_there() -> None:
    named = set(re.findall(r"\]\(([^)#:]+)\)", BEFORE_THE_MAP))
    named |= set(
        re.findall(
            r"\b((?:app|core|trainer|resources|tests|packaging)/[\w./-]+\.(?:py|md|json|svg))", BEFORE_THE_MAP
        )
    )
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
