"""Deleting models: what is ours goes with all that was made of it, what is not ours stays."""

import re
import sys
from pathlib import Path

import pytest

from core import load
from core.spec.errors import UsageError
from core.spec.folders import embedded_model, hub_cache_folder, models_folder
from core.spec.library import find_models
from core.spec.removal import packed_folder, remove_model, why_kept
from tests.core.test_library import gguf_bytes, make_folder
from tests.tiny import tiny_folder, tiny_tokenizer


def test_a_model_goes_with_its_packed_copies_and_those_of_others_stay(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(tmp_path)
    models = models_folder() / "someone"
    models.mkdir(parents=True)
    for name in ("goes", "stays"):
        load(tiny_folder(models / name, tokenizer), precision="int8", device="cpu").close()
    copies = {copy.stat().st_size for copy in packed_folder().iterdir()}
    assert len([*packed_folder().iterdir()]) == 2
    size = sum(file.stat().st_size for file in (models / "goes").iterdir())
    assert remove_model(models / "goes") - size in copies
    assert [path.name for path in models.iterdir()] == ["stays"]
    assert len([*packed_folder().iterdir()]) == 1
    said: list[str] = []
    load(models / "stays", precision="int8", device="cpu", on_step=said.append).close()
    assert not any("packing" in step for step in said)


def test_of_a_file_in_parts_all_go_and_another_file_beside_it_stays() -> None:
    folder = models_folder() / "someone" / "in-parts"
    folder.mkdir(parents=True)
    parts = [folder / f"m-0000{number}-of-00002.gguf" for number in (1, 2)]
    for file in (*parts, folder / "other-Q4_0.gguf"):
        file.write_bytes(gguf_bytes())
    (folder / "LICENSE").write_text("free")
    remove_model(parts[0])
    assert sorted(file.name for file in folder.iterdir()) == ["LICENSE", "other-Q4_0.gguf"]
    remove_model(folder / "other-Q4_0.gguf")
    assert [*models_folder().iterdir()] == []  # with the licence, and no folder is left


def test_what_a_kill_left_of_a_deletion_is_no_model_and_goes_with_the_next() -> None:
    make_folder(models_folder() / "someone" / ".half.going")
    assert find_models([models_folder()]).models == ()
    remove_model(make_folder(models_folder() / "someone" / "whole"))
    assert [*models_folder().iterdir()] == []


def test_half_a_model_can_go_too() -> None:
    folder = models_folder() / "someone" / "half"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    remove_model(folder)
    assert not folder.exists()


def test_nothing_of_the_persons_or_of_other_programs_is_deleted(tmp_path: Path) -> None:
    theirs = make_folder(tmp_path / "theirs")
    cached = make_folder(hub_cache_folder() / "models--a--b" / "snapshots" / "0")
    outer = make_folder(models_folder() / "outer")
    inner = make_folder(outer / "inner")
    nowhere = models_folder() / "no"
    refused = {theirs: "own folder", cached: "hf cache rm", outer: str(inner), nowhere: "no model"}
    for path, reason in refused.items():
        assert reason in why_kept(path)
        with pytest.raises(UsageError):
            remove_model(path)
    for path in (theirs, cached, outer, inner):
        assert (path / "model.safetensors").exists()
    assert why_kept(models_folder())


def test_what_is_not_there_is_said_to_be_no_model_and_ours_to_be_ours() -> None:
    assert re.search(r"There is no model at nosuch; .*models list", why_kept(Path("nosuch")))
    assert "part of SmallCoder" in why_kept(embedded_model())
    with pytest.raises(UsageError):
        remove_model(embedded_model())
    assert embedded_model().is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_through_a_link_nothing_is_deleted(tmp_path: Path) -> None:
    theirs = make_folder(tmp_path / "theirs" / "model")
    models_folder().mkdir(parents=True)
    (models_folder() / "linked").symlink_to(theirs)
    (models_folder() / "someone").symlink_to(theirs.parent)
    for path in (models_folder() / "linked", models_folder() / "someone" / "model"):
        assert "linked to" in why_kept(path)
    (models_folder().parent.parent / "elsewhere").mkdir()
    assert "own folder" in why_kept(models_folder() / ".." / ".." / "elsewhere")
