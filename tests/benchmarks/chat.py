"""What the chat costs the window: `python -m tests.benchmarks.chat [--seconds N]`. Prints one line of JSON.

A conversation of 200 messages is read from its file, opened and painted, several times; an answer, prose and
code, comes in at 200 tokens a second, one by one, while a timer tells how late its beats are; then one of
50 MB is opened, with the same timer. No model: how fast one writes is no matter here. Without a display the
offscreen platform is taken.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["QT_API"] = "pyside6"
if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import qasync
from PySide6.QtWidgets import QApplication

from app import engines
from app.chat.archive import Archive
from app.chat.conversation import Answering, Asked, Attachment, Ended, Record, Wrote
from app.chat.panel import ChatPanel
from app.garbage import MainThreadGarbage
from app.main_window import MainWindow
from app.run import make_window
from core import report
from core.spec.folders import chats_folder
from core.spec.messages import Statistics
from tests.benchmarks.window_stalls import Beats, Paints, spread

MESSAGES, OPENINGS, TOKENS_PER_S = 200, 7, 200
LARGE_BYTES = 50_000_000
ANSWER = '''The sum is taken over **all** items, so `total` is a *float* even where every price is an int.

1. First, empty lists give zero.
2. Then, what is `None` is left out.

```python
def total(items: list[Item], rate: float = 0.0) -> float:
    """What all of it costs, with tax."""
    amount = sum(item.price * item.count for item in items if item.price is not None)
    return round(amount * (1 + rate), 2)
```

| input | result |
|---|---|
| `[]` | 0.0 |
| one bolt | 0.2 |

'''


def conversation(id: str) -> None:
    records: list[Record] = []
    for number in range(1, MESSAGES, 2):
        records += [Asked(number, f"Question {number}: why is the total a float?", 1.0)]
        records += [Answering(number + 1, "model", 1.0), Wrote(number + 1, ANSWER)]
        records += [Ended(number + 1, "end", "", Statistics(200, 100, 0, 150, 100.0, 2000.0))]
    Archive(chats_folder()).add(id, *records)


async def opened(panel: ChatPanel) -> list[float]:
    """Milliseconds from the wish to the paint, of conversations that were not seen before."""
    found = []
    paints = Paints(panel.transcript.viewport())
    for number in range(OPENINGS):
        conversation(f"long {number}")
        await asyncio.sleep(0.3)
        painted = paints.next()
        begun = time.perf_counter()
        await panel.talk.open(f"long {number}")
        found.append((await painted - begun) * 1000)
    return found


async def streamed(panel: ChatPanel, seconds: float) -> list[float]:
    """How late beats are while an answer comes; at its end it is as long as that takes."""
    panel.talk._note(Asked(MESSAGES + 1, "Go on", 1.0))
    panel.talk._note(Answering(MESSAGES + 2, "model", 1.0))
    panel.talk.changed.emit(panel.talk.conversation)
    tokens = [ANSWER[start : start + 4] for start in range(0, len(ANSWER), 4)]
    beats = Beats()
    beats.start()
    begun, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - begun) < seconds:
        while sent < now * TOKENS_PER_S:
            panel.talk.wrote.emit(MESSAGES + 2, tokens[sent % len(tokens)])
            panel.talk.progressed.emit(MESSAGES + 2, f"Writing: {sent:,} tokens")
            sent += 1
        await asyncio.sleep(1 / TOKENS_PER_S)
    beats.stop()
    return beats.late_ms


def large_conversation() -> str:
    """250 files went along with its questions."""
    code = "def add(first, second):\n    return first + second\n" * (LARGE_BYTES // 250 // 48)
    records: list[Record] = []
    for number in range(1, 501, 2):
        file = Attachment("file", "sums.py", code, "python")
        records += [Asked(number, f"Question {number}", 1.0, (file,)), Answering(number + 1, "model", 1.0)]
        records += [Wrote(number + 1, word) for word in ANSWER.split()]
        records += [Ended(number + 1, "end", "", Statistics(200, 100, 0, 150, 100.0, 2000.0))]
    Archive(chats_folder()).add("large", *records)
    return "large"


async def opened_large(panel: ChatPanel) -> dict[str, float]:
    id, beats = large_conversation(), Beats()
    await asyncio.sleep(1)
    beats.start()
    begun = time.perf_counter()
    await panel.talk.open(id)
    took_ms = (time.perf_counter() - begun) * 1000
    beats.stop()
    return {"large_open_ms": took_ms} | spread("large_open_late", beats.late_ms)


async def measured(window: MainWindow, seconds: float) -> dict[str, float]:
    window.resize(1200, 780)
    window.show()
    garbage = MainThreadGarbage(window)  # as app.run does
    garbage.keep_all_there_is()
    await window.begin([])
    window.commands.trigger("view.chat")
    panel = window.frame.made_page("chat")
    assert isinstance(panel, ChatPanel)
    await asyncio.sleep(1)
    openings = await opened(panel)
    await asyncio.sleep(1)
    late = await streamed(panel, seconds)
    large = await opened_large(panel)
    garbage.stop()
    window._has_left = True
    window.close()
    await window.end()
    return spread("open", openings) | spread("streaming_late", late) | large


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the answer comes in")
    arguments = parser.parse_args()
    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    engines.EMBEDDED = Path("no model is needed here")
    with tempfile.TemporaryDirectory() as home:
        os.environ["SMALLCODER_HOME"] = home
        figures = loop.run_until_complete(measured(make_window(application), arguments.seconds))
    report.say(json.dumps(figures))
    loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
