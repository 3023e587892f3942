"""What the window shows of connections, and the switch that refuses them in this process and its children."""

import os
import time

import pytest

from app.shell.networking import NetworkDialog
from core.spec import network
from core.spec.network import OFFLINE, Attempt
from tests.app.conftest import Run
from tests.app.windows import Start


async def test_connections_are_counted_since_the_start_and_can_be_refused(
    run: Run, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFLINE, "")
    network._note(Attempt(time.time() - 9000, "models download", "huggingface.co:443"))
    started = await start()
    started.trigger("help.network")
    [dialog] = started.window.findChildren(NetworkDialog)
    assert dialog.said.text() == "SmallCoder has tried no connection since it was started"
    assert whats(dialog) == ["", "models download"]
    heading = dialog.list.topLevelItem(0)
    assert heading is not None
    assert heading.text(0) == "Earlier, before this start"
    dialog.offline.click()
    assert started.window._store.settings.safety.offline
    assert os.environ[OFFLINE] == "1"
    network._note(Attempt(time.time(), "models download", "huggingface.co:443", was_refused=True))
    dialog.look()
    assert dialog.said.text() == "SmallCoder has tried one connection since it was started"
    assert whats(dialog) == ["models download", "", "models download"]
    newest = dialog.list.topLevelItem(0)
    assert newest is not None
    said = [newest.text(column) for column in (1, 2, 3)]
    assert said == ["models download", "huggingface.co:443", "refused"]
    dialog.offline.click()
    assert os.environ[OFFLINE] == ""
    dialog.reject()


def whats(dialog: NetworkDialog) -> list[str]:
    """What each row says the connection was for; a heading says nothing there."""
    rows = range(dialog.list.topLevelItemCount())
    return [item.text(1) for row in rows if (item := dialog.list.topLevelItem(row)) is not None]
