"""What a report says of a copy and of a machine, and what it keeps to itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.spec.diagnostics import about_program, as_text, impersonal
from core.spec.sizes import in_gb
from core.spec.version import version

ROOT = Path(__file__).parents[2]


@pytest.fixture
def maria(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.spec.diagnostics.Path.home", lambda: Path("/home/maria"))
    monkeypatch.setattr("getpass.getuser", lambda: "maria")
    monkeypatch.setattr("platform.node", lambda: "marias-laptop")


@pytest.mark.usefixtures("maria")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('File "/home/maria/code/shop.py", line 3', 'File "~/code/shop.py", line 3'),
        ("/home/maria", "~"),
        ("/home/mariana/x", "~/x"),  # another person, and so also hidden
        ("/Users/otto/models and /home/otto", "~/models and ~"),
        (r"C:\Users\Otto\AppData\Local", r"~\AppData\Local"),
        ("c:\\\\Users\\\\Otto\\\\x.gguf", "~\\\\x.gguf"),  # as JSON writes it
        ("/mnt/data/maria/models", "/mnt/data/PERSON/models"),
        ("maria@marias-laptop: refused", "PERSON@MACHINE: refused"),
        ("https://maria:secret@index.example/simple", "https://index.example/simple"),
        ("token hf_abcdefghijKLM is refused", "token hf_… is refused"),
        ("marianne wrote maria.py", "marianne wrote maria.py"),  # a word of a text is no place
        ("/opt/homeland/x", "/opt/homeland/x"),
        ("/srv/app/home/data/runs", "/srv/app/home/data/runs"),
        ("at /mnt/c/Users/Otto/x", "at ~/x"),
    ],
)
def test_nothing_says_whose_it_is(text: str, told: str) -> None:
    assert impersonal(text) == told


def test_a_home_that_is_a_link_is_hidden_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "real")
    monkeypatch.setattr("core.spec.diagnostics.Path.home", lambda: tmp_path / "home")
    assert impersonal(f"{tmp_path / 'home'}/a {tmp_path / 'real'}/b") == "~/a ~/b"


def test_what_matters_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALLCODER_KERNELS", "plain")
    facts = about_program()
    assert facts["SmallCoder"] == f"{version()}, from source"
    assert "torch 2." in facts["packages"]
    assert "SMALLCODER_KERNELS: plain" in as_text(facts)


def test_the_command_knows_the_engine_and_not_the_person() -> None:
    code = "import sys, main; sys.exit(main.run(['diagnostics', '--json'], sets_itself_up=False))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert {"SmallCoder", "system", "memory", "C library", "torch", "cards"} <= set(told)
    assert os.environ["HOME"] not in done.stdout
    assert told["memory"].startswith(in_gb(psutil.virtual_memory().total))  # as the window says it, too
