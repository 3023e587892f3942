"""The examples that come along do what they say, with the model that comes along."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "resources/examples"


SERVE = "import sys; sys.path.insert(0, sys.argv[1]); import main; main.run(['serve'], sets_itself_up=False)"


def said_by(name: str, *words: str, folder: Path) -> str:
    """Started elsewhere than at the root, by the Python of this environment."""
    command = [sys.executable, str(EXAMPLES / name), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_fills_in_a_line(tmp_path: Path) -> None:
    beginning, _, rest = said_by("complete.py", folder=tmp_path).partition("    return ")
    assert beginning.startswith("import os\n")
    assert rest.partition("\n")[0].strip()
    assert rest.endswith("print(size_of('notes.txt'))\n")


def test_another_program_talks_to_the_engine(tmp_path: Path) -> None:
    answer = said_by("talk_to_serve.py", sys.executable, "-c", SERVE, str(ROOT), folder=tmp_path)
    assert answer.startswith("def area(width, height):\n    return ")
    assert answer.partition("return ")[2].strip()


def test_the_sample_data_is_what_its_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_samples", EXAMPLES / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "SAMPLES", tmp_path)
    script.main()
    for place in ("stories.parquet", *(f"texts/notes-{number:02}.txt" for number in range(1, 25))):
        assert (tmp_path / place).read_bytes() == (ROOT / "resources/samples" / place).read_bytes(), place


def test_every_example_is_tried_here() -> None:
    tried = (Path(__file__)).read_text(encoding="utf-8")
    assert all(file.name in tried for file in EXAMPLES.glob("*.py"))
