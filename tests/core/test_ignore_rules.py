"""A .gitignore means to us what it means to git, and cannot make us wait."""

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.spec.ignore_rules import IgnoreRules

FOLDERS = ["a", "b", "d", "ab", "a/b", "a/d", "b/a", "a/b/d", "d/a"]
FILES = [
    *("c.py", "a/c.py", "a/b/c.py", "x", "a/x", "ab/x", "d/x.py", "b/a/x", "a/b/d/c.py", "d/a/b", "d/ab"),
    *("b/c.py", "#a", "!a", "]", "a ", "-", "a\\", "é.py"),
]
SEGMENTS = [
    *("a", "b", "c.py", "a*", "*", "*.py", "**", "?", "[ab]", "d", "ab", "[!a]", "[]a]", "\\a", "a ", "\\!a"),
    *(
        "#a",
        "[[:alpha:]]",
        "a\\",
        "[a-]",
        "[b-a]",
        "[a-c]*",
        "[^]]",
        "[\\]a]",
        "*b*",
        "?*",
        "a\\ ",
        "[[:foo:]]",
    ),
    *("[a-\\c]", "[!a-c]", "\\", "é*", ".", "[.]"),
]
LINES = st.builds(
    lambda start, root, segments, end: start + root + "/".join(segments) + end,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " ", "\r"]),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", folder], check=True)
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    for name in FILES:
        (folder / name).touch()
    return folder


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, min_size=1, max_size=4))
def test_git_keeps_the_same_files(repository: Path, lines: list[str]) -> None:
    (repository / ".gitignore").write_bytes("\n".join(lines).encode())
    listing = ["git", "-C", str(repository), "ls-files", "-o", "--exclude-standard", "-z"]
    kept = subprocess.run(listing, capture_output=True, check=True).stdout.decode().split("\0")
    rules = IgnoreRules("\n".join(lines))
    ours = {name for name in FILES if not _is_ignored(rules, name.split("/"))}
    assert ours == set(kept) - {"", ".gitignore"}


def _is_ignored(rules: IgnoreRules, parts: list[str]) -> bool:
    inside = any(rules.verdict(parts[:end], is_folder=True) for end in range(1, len(parts)))
    return inside or bool(rules.verdict(parts, is_folder=False))


def test_no_pattern_takes_long() -> None:
    rules = IgnoreRules("a*" * 40 + "b\n" + "**/" * 40 + "x\n" + "/".join(["**", "a"] * 30) + "/b\n")
    start = time.perf_counter()
    rules.verdict(["a" * 250] * 40, is_folder=False)
    assert time.perf_counter() - start < 1  # tried again at each star it would take years


def test_a_byte_order_mark_hides_no_pattern() -> None:
    assert IgnoreRules("\ufeffbuild\n").verdict(["build"], is_folder=True)
