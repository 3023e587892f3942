"""Settings: what is written comes back; what cannot be understood is kept aside, never lost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.settings import Appearance, BoundKeys, Settings, SettingsFile, SettingsStore
from core.spec.errors import UsageError


@pytest.fixture
def store(tmp_path: Path, qtbot: QtBot) -> Iterator[SettingsStore]:
    made = SettingsStore(SettingsFile(tmp_path / "settings.json"))
    yield made
    made.flush()


def test_settings_come_back_as_they_went(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "below" / "settings.json")
    wanted = replace(
        Settings(),
        appearance=Appearance("dark", 1.25, "Mono", 12.5),
        keys=(BoundKeys("file.save", ("F2", "Ctrl+S")), BoundKeys("app.quit", ())),
    )
    file.write(wanted)
    assert file.read() == (wanted, "")
    assert [path.name for path in file.path.parent.iterdir()] == ["settings.json"]


def test_without_a_file_the_usual_settings_hold_and_nothing_is_said(tmp_path: Path) -> None:
    assert SettingsFile(tmp_path / "settings.json").read() == (Settings(), "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no JSON object"),
        ("{}", "does not say its format"),
        ('{"format": 2}', "newer SmallCoder"),
        ('{"format": 1, "apearance": {}}', "did you mean 'appearance'?"),
        ('{"format": 1, "appearance": {"ui_scale": 99}}', "must be at most 2.5"),
        ('{"format": 1, "appearance": {"theme": "pink"}}', "one of system, light, dark"),
        ('{"format": 1, "keys": [{"keys": []}]}', "lacks the key 'action'"),
    ],
)
def test_what_cannot_be_used_is_kept_aside_and_said(text: str, said: str, tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    for number in (1, 2):
        file.path.write_text(text)
        settings, problem = file.read()
        assert settings == Settings()
        assert said in problem
        assert (tmp_path / f"settings.json.broken-{number}").read_text() == text
        assert not file.path.exists()


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.path.mkdir()
    settings, problem = file.read()
    assert settings == Settings()
    assert "check the name and your access" in problem
    assert file.path.exists()


def test_a_change_is_told_at_once_and_written_soon(
    store: SettingsStore, tmp_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(store.changed) as told:
        store.change("appearance", theme="dark")
    assert told.args == [store.settings]
    qtbot.waitUntil((tmp_path / "settings.json").exists)
    assert json.loads((tmp_path / "settings.json").read_text())["appearance"]["theme"] == "dark"


def test_a_change_out_of_bounds_changes_nothing(store: SettingsStore) -> None:
    with pytest.raises(UsageError, match="at most"):
        store.change("appearance", ui_scale=50.0)
    assert store.settings == Settings()


def test_settings_that_cannot_be_written_are_said_and_stay_in_use(tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    store = SettingsStore(SettingsFile(tmp_path / "file" / "settings.json"))
    store.change("appearance", theme="dark")
    with qtbot.waitSignal(store.failed) as said:
        store.flush()
    assert said.args is not None
    assert said.args[0].startswith("The settings could not be kept")
    assert store.settings.appearance.theme == "dark"
