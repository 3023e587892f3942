"""Parts of the window keep their sizes and their places."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QToolButton

from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.windows import Start, Started


@pytest.mark.parametrize("width", [700, 1100])
async def test_side_bar_and_output_come_back_as_large_as_they_were(
    run: Run, start: Start, width: int
) -> None:
    before = await start()
    frame = before.window.frame
    before.window.resize(width, 640)
    before.trigger("view.output")
    await until(frame.output.isVisible)
    frame.set_sizes([310, 300, 0], [300, 170])
    await until(lambda: abs(frame.output.height() - 170) <= 2)
    assert abs(frame.side_bar.width() - 310) <= 2
    await before.end()
    after = (await start()).window.frame
    await until(after.output.isVisible)
    assert abs(after.output.height() - 170) <= 2
    assert abs(after.side_bar.width() - 310) <= 2


async def test_the_output_goes_with_the_texts_and_comes_back_with_them(run: Run, started: Started) -> None:
    frame = started.window.frame
    started.trigger("file.new")
    started.trigger("view.output")
    for part in ("models", "settings"):
        started.trigger(f"view.{part}")
        assert (frame.page, frame.output.isVisible()) == (part, False)
    started.trigger("view.output")
    assert (frame.page, frame.output.isVisible()) == ("texts", True)


async def test_the_output_is_put_away_by_its_own_button(run: Run, start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    begun = await start(tmp_path / "a.py")
    begun.trigger("view.output")
    buttons = begun.window.project.output.findChildren(QToolButton)
    next(button for button in buttons if button.accessibleName() == "Close Output").click()
    assert not begun.window.frame.output.isVisible()
    assert begun.window.focusWidget() is begun.window.tabs.current().editor  # type: ignore[union-attr]


async def test_many_tabs_are_scrolled_and_not_cut_to_nothing(run: Run, start: Start, tmp_path: Path) -> None:
    names = ["basket.py", "basket_of_all_the_goods_there_are.py", "report.py", "stock.py", "shop.py"]
    for name in names:
        (tmp_path / name).write_text("")
    begun = await start(*[tmp_path / name for name in names])
    begun.window.resize(640, 500)
    begun.trigger("view.chat")
    bar = begun.window.tabs.tabBar()
    await until(lambda: bar.width() < 400)
    widths = [(bar.tabRect(number).width(), bar.tabSizeHint(number).width()) for number in range(len(names))]
    assert [shown == whole for shown, whole in widths] == [True, False, True, True, True]
    assert widths[1][0] > widths[0][0]
