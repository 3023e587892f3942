"""How the window stood comes back; what cannot be understood is as if there were nothing."""

from pathlib import Path

import pytest

from app.session import Session, SessionFile

STOOD = Session("AAAA", (1, 2, 3), (4, 5), side_bar=False, chat=True)


def test_a_session_comes_back_as_it_went(tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "below" / "session.json")
    file.write(STOOD)
    assert SessionFile(file.path).read() == STOOD
    assert [path.name for path in file.path.parent.iterdir()] == ["session.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "chat": 3}', "[" * 100_000])
def test_what_cannot_be_understood_is_a_new_window(text: str, tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "session.json")
    assert file.read() == Session()
    file.path.write_text(text)
    assert file.read() == Session()


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "session.json")
    file.write(STOOD)
    file.path.unlink()
    file.write(STOOD)
    assert not file.path.exists()
