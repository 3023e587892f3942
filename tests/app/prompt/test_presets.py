"""Presets: saved per model, kept for the next start, and no file is too broken to begin with."""

import json
from pathlib import Path

import pytest

from app.prompt.presets import GIVEN, USUAL, Presets
from core.spec.errors import UsageError
from core.spec.sampling import Sampling

OWN = Sampling(temperature=1.5, stop=("\n\n", "def "), seed=2**62)


def test_presets_and_what_was_used_last_belong_to_a_model_and_are_kept(tmp_path: Path) -> None:
    presets = Presets(tmp_path / "folder" / "presets.json")
    assert presets.last("nano") == GIVEN[USUAL]
    presets.save("nano", " Wild ", OWN)
    presets.keep_last("other", OWN)
    again = Presets(presets.path)
    assert again.names("nano") == [*GIVEN, "Wild"]
    assert again.get("nano", "Wild") == OWN
    assert again.names("other") == [*GIVEN]
    assert again.last("other") == OWN
    assert again.last("nano") == GIVEN[USUAL]
    again.remove("nano", "Wild")
    assert Presets(presets.path).names("nano") == [*GIVEN]


@pytest.mark.parametrize("name", ["", "  ", "Precise"])
def test_a_name_that_cannot_be_taken_is_refused(tmp_path: Path, name: str) -> None:
    presets = Presets(tmp_path / "presets.json")
    with pytest.raises(UsageError, match=r"name"):
        presets.save("nano", name, OWN)
    assert not presets.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"format": 2, "models": {}}',
        '{"format": 1, "models": []}',
        '{"format": 1, "models": {"nano": {"own": {"x": {"temperature": 9}}}}}',
        '{"format": 1, "models": {"nano": {"own": {}, "last": {"top_q": 1}}}}',
        "[" * 100_000,
    ],
)
def test_a_file_that_cannot_be_understood_is_kept_aside_and_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "presets.json"
    path.write_text(content)
    presets = Presets(path)
    assert presets.names("nano") == [*GIVEN]
    assert str(tmp_path / "presets.json.broken-1") in presets.problem
    assert (tmp_path / "presets.json.broken-1").read_text() == content
    presets.save("nano", "Wild", OWN)
    assert json.loads(path.read_text())["models"]["nano"]["own"]["Wild"]["temperature"] == 1.5
