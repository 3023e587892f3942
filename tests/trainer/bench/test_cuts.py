"""Tasks cut from folders: the same each time, whole again with what stood there, from files that count."""

import shutil
from pathlib import Path

import pytest

from core.spec.errors import DataError
from trainer.bench.cuts import cut_folders
from trainer.bench.tasks import Task
from trainer.data.division import divided
from trainer.data.sources import Rejections, Sources
from trainer.spec.bench import RepoSettings
from trainer.spec.data import ScanSpec

PROJECT = Path(__file__).parents[3] / "trainer" / "bench"


def cut(*folders: Path, **settings: object) -> tuple[Task, ...]:
    return cut_folders(folders, RepoSettings(**settings), ScanSpec()).tasks  # type: ignore[arg-type]


def test_what_is_cut_out_makes_the_file_whole_again() -> None:
    tasks = cut(PROJECT, per_cut=30)
    assert [
        sum(task.category == kind for task in tasks) for kind in ("single-line", "multi-line", "block")
    ] == [30] * 3
    for task in tasks:
        name = task.id.rpartition(":")[0]
        assert task.program(task.middle) == (PROJECT / name).read_text(), task.id
        assert task.middle == task.middle.lstrip(" "), "it begins where the cursor stands"
        assert task.prefix.rpartition("\n")[2].strip() == ""
        assert task.suffix.startswith("\n") or not task.suffix


def test_each_kind_is_what_it_says() -> None:
    for task in cut(PROJECT, per_cut=40):
        lines = task.middle.split("\n")
        assert len(lines) == 1 if task.category == "single-line" else len(lines) <= 20
        if task.category == "multi-line":
            assert 2 <= len(lines) <= 5
        if task.category == "block":
            above = next(line for line in reversed(task.prefix.split("\n")[:-1]) if line.strip())
            own = len(task.prefix.rpartition("\n")[2])
            assert len(above) - len(above.lstrip()) < own
            below = next((line for line in task.suffix.split("\n") if line.strip()), "")
            assert len(below) - len(below.lstrip()) < own


def test_the_same_seed_cuts_the_same_wherever_the_folder_lies(tmp_path: Path) -> None:
    shutil.copytree(PROJECT, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    tasks = cut(PROJECT, per_cut=10)
    assert cut(tmp_path / "copy", per_cut=10) == tasks
    assert cut(PROJECT, per_cut=10, seed=7) != tasks
    assert {*tasks} < {*cut(PROJECT, per_cut=20)}, "more tasks leave the first ones as they are"


def test_files_have_their_turns(tmp_path: Path) -> None:
    for name, count in (("large.py", 500), ("small.py", 12), ("other.py", 12)):
        lines = [
            f"def {name[:5]}_{number}(argument):\n    return argument * {number}\n" for number in range(count)
        ]
        (tmp_path / name).write_text("\n".join(lines))
    names = [task.id.partition(":")[0] for task in cut(tmp_path, per_cut=9, cuts=("single-line",))]
    assert sorted(names) == ["large.py"] * 3 + ["other.py"] * 3 + ["small.py"] * 3


def test_only_what_was_held_out_is_cut_where_that_is_wanted(tmp_path: Path) -> None:
    for number in range(40):
        body = "".join(f"    total_{number} = value * {line}\n" for line in range(number, number + 9))
        (tmp_path / f"module_{number}.py").write_text(f"def step_{number}(value):\n{body}")
    documents = Sources((tmp_path,), ScanSpec()).documents("text", Rejections())
    texts = {
        document.samples[0].text  # type: ignore[union-attr]
        for split, document in divided(documents, 0.3)
        if split == "validation"
    }
    tasks = cut(tmp_path, per_cut=100, held_out_share=0.3)
    assert {task.program(task.middle) for task in tasks} == texts
    assert 1 < len(texts) < 30


def test_what_training_leaves_out_is_not_asked_for(tmp_path: Path) -> None:
    code = "def total(numbers):\n    result = 0\n    for number in numbers:\n        result += number\n"
    (tmp_path / "kept.py").write_text(code)
    (tmp_path / "copy.py").write_text(code)
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "ignored.py").write_text(code.replace("total", "other"))
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "theirs.py").write_text(code.replace("total", "theirs"))
    (tmp_path / "binary.py").write_bytes(b"\0\1\2" * 100)
    suite = cut_folders([tmp_path], RepoSettings(), ScanSpec())
    assert {task.id.partition(":")[0] for task in suite.tasks} == {"copy.py"}
    assert any("a .gitignore names it" in sentence for sentence in suite.skipped)


def test_several_folders_keep_their_files_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lines = [f"def {name}_{number}(argument):\n    return argument * {number}\n" for number in range(9)]
        (tmp_path / name / "code.py").write_text("\n".join(lines))
    tasks = cut(tmp_path / "one", tmp_path / "two", per_cut=6)
    assert len({task.id for task in tasks}) == len(tasks)


def test_lines_of_other_systems_and_languages_are_cut_too(tmp_path: Path) -> None:
    text = "".join(
        f"function step{number}(value) {{\r\n\treturn value + {number};\r\n}}\r\n" for number in range(9)
    )
    (tmp_path / "steps.js").write_bytes(text.encode())
    for task in cut(tmp_path, per_cut=5):
        assert task.program(task.middle) == text.replace("\r", ""), "as training reads it"


def test_a_folder_without_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(DataError, match="no code to cut from"):
        cut(tmp_path)
