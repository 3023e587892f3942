"""Which .gitignore files hold where: told as git tells it, and nothing in their place makes us wait."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.spec.ignore_files import IgnoreFiles

FILES = ("a.log", "build/a", "inner/kept.log", "inner/b.log", "inner/c.tmp", "deep/a/x", "deep/a/y", "secret")
RULES = {
    ".gitignore": "*.log\n/build/\n",
    "inner/.gitignore": "!kept.log\n*.tmp\n",
    "deep/.gitignore": "*\n!*/\n!y\n",
    ".git/info/exclude": "secret\n",
}


def ignored_below(top: Path) -> set[str]:
    """As whoever shows or reads a tree finds them: nothing below an ignored folder is asked about."""
    found, waiting = set(), [(top, IgnoreFiles.of(top))]
    while waiting:
        folder, files = waiting.pop()
        for path in [path for path in folder.iterdir() if path.name != ".git"]:
            if files.verdict(str(path), is_folder=path.is_dir()):
                found.add(path.relative_to(top).as_posix())
            elif path.is_dir():
                waiting.append((path, files.within(str(path))))
    return found


def test_the_same_is_ignored_as_by_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name, text in {**dict.fromkeys(FILES, ""), **RULES}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    listing = ["git", "-C", tmp_path, "status", "--porcelain", "--ignored", "-z"]
    answer = subprocess.run(listing, capture_output=True, check=True, text=True).stdout.split("\0")
    theirs = {line[3:].rstrip("/") for line in answer if line.startswith("!!")}
    assert len(theirs) > 5
    assert ignored_below(tmp_path) == theirs


def test_a_folder_is_not_ignored_by_the_rules_in_it(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub" / "inner").mkdir(parents=True)
    (tmp_path / "sub" / ".gitignore").write_text("*\n!inner/\n")
    holding = IgnoreFiles.of(tmp_path / "sub" / "inner")
    assert holding.verdict(str(tmp_path / "sub" / "inner" / "a.py"), is_folder=False)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with names are POSIX's")
def test_what_is_no_file_of_its_own_says_nothing_and_makes_nobody_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / "elsewhere").write_text("*\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".gitignore").symlink_to(tmp_path / "elsewhere")
    holding = IgnoreFiles.of(tmp_path).within(str(tmp_path / "sub"))
    assert holding.verdict(str(tmp_path / "sub" / "a.py"), is_folder=False) is None
