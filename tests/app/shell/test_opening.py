"""Names that a start is given: what is there is opened, and what is not is begun."""

from pathlib import Path

from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.windows import Start


async def test_a_start_with_a_name_that_no_file_has_begins_that_file(
    run: Run, start: Start, tmp_path: Path
) -> None:
    begun = await start(tmp_path / "new.py")
    assert begun.names == ["new.py"]
    assert begun.window.frame.notices.texts == []
    await begun.window.opening.open_or_begin([tmp_path / "other.py"])  # as a second start asks for it
    assert begun.names == ["new.py", "other.py"]
    begun.trigger("file.save")
    await until((tmp_path / "other.py").exists)
