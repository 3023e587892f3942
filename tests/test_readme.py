"""What the texts for people tell is so: commands are understood, files are there, figures are ours."""

import re
import shlex
from pathlib import Path

import pytest

import main
from bootstrap.environment import BUILDS, NEEDED_GB, supported_pythons
from tests.benchmarks import fits, tables

ROOT = Path(__file__).parents[1]
NAMES = ["README.md", "CONTRIBUTING.md", "packaging/README.md", "tests/benchmarks/README.md"]
NAMES += ["tests/benchmarks/CONTRIBUTING.md", "resources/models/smallcoder-nano/README.md"]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}
TEXT = TEXTS["README.md"]
BEFORE_THE_MAP = TEXT.partition("\n## The map\n")[0]
NUMBERS = {"N", "L", "C"}


def commands(text: str = BEFORE_THE_MAP) -> list[str]:
    """Each line of code with one, without its remark; where it names several, one by one."""
    found: list[str] = []
    for line in re.findall(r"(?m)^ {4,}python3 main\.py\b(.*)", text):
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


def test_tables_are_what_the_program_computes() -> None:
    assert tables.with_block(TEXT, fits.table(), "fits") == TEXT, "run python -m tests.benchmarks.tables"
    assert "| no |" in fits.table(), "the largest does not fit the smallest"


def test_what_the_set_up_takes_is_what_it_says() -> None:
    downloads = {name: re.findall(r"([\d.]+) GB", words)[0] for name, words in BUILDS.items()}
    told = f"({downloads['cpu']} GB to download, {NEEDED_GB['cpu']:g} GB of disk; "
    assert f"{told}with CUDA {downloads['cuda']} and {NEEDED_GB['cuda']:g})" in TEXT
    (_, lowest), (_, beyond) = supported_pythons()
    first, *others = [f"3.{minor}" for minor in range(lowest, beyond)]
    assert f"Python {', '.join([first, *others[:-1]])} or {others[-1]} is all" in TEXT


def test_what_is_said_of_the_peers_is_what_was_measured() -> None:
    """There with all their figures, here in a sentence."""
    sentence = re.search(r"\*\*Beside its peers\*\*.*?peers`", TEXT, re.DOTALL)
    assert sentence is not None
    ratios = re.findall(r"([\d.]+)\s+times", sentence[0])
    measured = TEXTS["tests/benchmarks/README.md"]
    assert len(ratios) == 3
    assert [ratio for ratio in ratios if not re.search(rf"\*\*[^*]*\b{ratio}\b", measured)] == []


@pytest.mark.parametrize("told", dict.fromkeys(told for text in TEXTS.values() for told in commands(text)))
def test_every_command_is_understood(told: str) -> None:
    words = ["1" if word in NUMBERS else word for word in shlex.split(told)]
    main.parse(words)


@pytest.mark.parametrize("name", NAMES)
def test_what_python_is_told_to_run_is_there(name: str) -> None:
    modules = re.findall(r"python3? -m (tests[\w.]+)", TEXTS[name])
    scripts = re.findall(r"(?:python3?|bash) ((?:packaging|resources|\.ci)/[\w./-]+)", TEXTS[name])
    files = [f"{module.replace('.', '/')}.py" for module in modules] + scripts
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_pictures_and_files_are_there() -> None:
    named = set(re.findall(r"\]\(([^)#:]+)\)", BEFORE_THE_MAP))
    named |= set(
        re.findall(
            r"\b((?:app|core|trainer|resources|tests|packaging)/[\w./-]+\.(?:py|md|json|svg))", BEFORE_THE_MAP
        )
    )
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
