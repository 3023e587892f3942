"""What a sentence says to type is what starts this copy, however it came here."""

import sys
from pathlib import Path

import pytest

from core.spec import program
from core.spec.errors import UsageError
from core.spec.presets import preset

WORDS = ("models", "show", "a model")


def test_in_a_clone_it_is_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program.command(*WORDS) == "python3 main.py models show 'a model'"
    assert program.command_for_extra("export") == "`python3 main.py --extra export`"
    monkeypatch.setattr(program, "__file__", "/nowhere/site-packages/core/spec/program.py")
    assert program.command("test") == "smallcoder test"
    assert program.command_for_extra("export") == "`pip install 'smallcoder[export]'`"


@pytest.mark.skipif(sys.platform == "win32", reason="the packaged programs there have an ending")
def test_in_the_packaged_app_it_is_the_twin_by_its_name_or_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tmp_path / "my app"
    app.mkdir()
    for name in ("smallcoder", "smallcoder-cli"):
        (app / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(app / "smallcoder"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program.command("models", "list") == f"'{app}/smallcoder-cli' models list"
    (tmp_path / "smallcoder-cli").symlink_to(app / "smallcoder-cli")
    assert program.command("models", "list") == "smallcoder-cli models list"
    assert program.command_for_extra("export").endswith("in a copy from source")


def test_a_mistake_is_answered_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "kind", lambda: "installed")
    with pytest.raises(UsageError, match=r"See 'smallcoder models presets'\.$"):
        preset("smallcoder-huge")
