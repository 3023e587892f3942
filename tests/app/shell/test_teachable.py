"""Which models a run can begin from: wherever the person keeps them, the one in use first."""

from pathlib import Path

import pytest

from app import engines
from app.settings import Engine, Models, Settings
from app.shell.teachable import teachable_models
from tests.tiny import tiny_folder, tiny_tokenizer


def test_models_of_added_folders_can_be_taught_and_the_one_in_use_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tiny_tokenizer(tmp_path)
    along, first, second = (tiny_folder(tmp_path / name, tokenizer) for name in ("along", "first", "second"))
    monkeypatch.setattr(engines, "EMBEDDED", along)
    added = Models(folders=(str(first), str(second)))
    usual = teachable_models(Settings(models=added))
    assert [model.path for model in usual] == [str(along), str(first), str(second)]
    assert usual[0].about == "comes with SmallCoder"
    chosen = teachable_models(Settings(models=added, engine=Engine(model=str(second))))
    assert [model.path for model in chosen] == [str(second), str(along), str(first)]
