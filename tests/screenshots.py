"""Pictures of the window in each of its states and in both themes: `python -m tests.screenshots FOLDER`.

The real window with a small project in it, driven as a person would. With `--model` a suggestion is shown
too; what it says is that model's own. Without a display the offscreen platform is taken.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

os.environ["QT_API"] = "pyside6"

import qasync
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from app.benchmarks.page import BenchPage
from app.chat.archive import Archive
from app.chat.conversation import Answering, Asked, Attachment, Ended, Wrote
from app.chat.panel import ChatPanel
from app.languages import PYTHON
from app.main_window import MainWindow
from app.prompt.asking import Asked as AskedForCode
from app.prompt.prompt_page import PromptPage
from app.run import make_window
from app.runs.page import TrainPage
from app.settings import ThemeChoice
from app.shell.shortcuts import ShortcutsDialog
from core.spec.folders import benchmarks_folder, cache_folder, chats_folder
from core.spec.messages import Chat, Done, Statistics, Text, Turn

SIZE = (1120, 700)
TALK = "in the picture"
_USUAL_CACHE = "~/.cache/smallcoder"  # where a person's is on Linux; that of the picture is gone after it
_COLOURS = 256
_PLAIN = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
THEMES: tuple[ThemeChoice, ...] = ("light", "dark")
REPORT = '''"""What is in store, as a table."""

from stock import Item, total_price


items = [Item("bolt", 0.2, 500), Item("lamp", 14.5, 3)]
for item in items:
    print(f"{item.name:<8}{item.price:>8.2f}{item.count:>6}")
print(f"{total_price(items):>22.2f}")
'''
STOCK = '''"""What a shop has in store."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Item:
    name: str
    price: float
    count: int = 0


def read_items(path: Path) -> list[Item]:
    with path.open() as file:
        return [Item(**entry) for entry in json.load(file)]


def total_price(items: list[Item]) -> float:
    return sum(item.price * item.count for item in items)
'''
SHOP = """

class Shop:
    def __init__(self, items):
        """
CHAT = """`total_price` adds up **price times count** of every item. Two things to know:

1. It reads only `price` and `count`, so anything with these two will do.
2. For no items it gives `0`, which is an *int*.

```python
def total_price(items: list[Item]) -> float:
    return sum((i.price * i.count for i in items), start=0.0)
```

Money is better kept in whole cents, or as a [Decimal](https://docs.python.org/3/library/decimal.html).
"""
PROMPT = "a function that counts how often each word of a text file occurs"
WRITTEN = (
    """from collections import Counter
from pathlib import Path


def count_words(path: Path) -> Counter[str]:
    text = path.read_text(encoding="utf-8")
    return Counter(text.lower().split())
""",
    """import re
from collections import Counter


def word_counts(name: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    with open(name) as file:
        for line in file:
            counts.update(re.findall(r"\\w+", line))
    return dict(counts)
""",
)
PROJECT = {
    "README.md": "# Inventory\n\nWhat a shop has in store.\n",
    "pyproject.toml": '[project]\nname = "inventory"\nversion = "1.0"\n',
    "report.py": REPORT,
    "stock.py": STOCK,
    "tests/test_stock.py": "from stock import Item, total_price\n",
}


def keep_conversation() -> None:
    """Written by hand: what a model says is no matter here."""
    model, now = "Qwen2.5-Coder-0.5B-Instruct", time.time()
    selection = Attachment("selection", "stock.py, lines 20–21", STOCK[-100:], "python")  # noqa: RUF001
    figures = Statistics(312, 0, 0, 118, 640.0, 3800.0)
    archive = Archive(chats_folder())
    question = Asked(1, "Is this right for an empty shop?", now, (selection,))
    archive.add(TALK, question, Answering(2, model, now), Wrote(2, CHAT), Ended(2, "end", "", figures))
    for title in ("How do I read a CSV file without pandas?", "What does frozen=True change?"):
        archive.add(archive.new_id(), Asked(1, title, now - 9000), Answering(2, model, now - 8990))


async def chat_states(window: MainWindow, project: Path) -> AsyncIterator[tuple[str, QWidget]]:
    await window.documents.open(project / "stock.py")
    keep_conversation()
    window.commands.trigger("view.chat")
    yield "chat_begin", window
    panel = window.frame.made_page("chat")
    assert isinstance(panel, ChatPanel)
    await panel.talk.open(TALK)
    yield "chat", window
    panel.show_history()
    yield "chat_history", window
    window.frame.set_shown(window.frame.chat, False)


PUBLISHED = Path(__file__).parent / "benchmarks" / "published" / "this-project.json"
SAMPLES = Path(__file__).parents[1] / "resources" / "samples" / "code"
SHORT_RUN = {
    **{"batch_size": 1, "accumulation": 1, "context_tokens": 128, "judged_lines": 8, "judged_tasks": 0},
    **{"validate_every": 4, "sample_every": 8, "checkpoint_every": 8},
}


async def prompt_states(window: MainWindow) -> AsyncIterator[tuple[str, QWidget]]:
    """The answers are written by hand, too."""
    window.commands.trigger("view.prompt")
    page = window.frame.made_page("prompt")
    assert isinstance(page, PromptPage)
    yield "prompt-empty", window
    page.prompt.setPlainText(PROMPT)
    page.count.setValue(2)
    sampling = replace(page.sampling.sampling, seed=42)
    for alternative, code in zip(page._lay_out(sampling), WRITTEN, strict=True):
        question = Chat(alternative.seed, (Turn("user", PROMPT),), sampling)
        alternative.begin(AskedForCode(question, "", PYTHON))
        alternative.hear(Text(alternative.seed, f"Here it is:\n\n```python\n{code}```\n"))
        figures = Statistics(24, 0, 0, 74, 210.0, 1630.0)
        alternative.hear(Done(alternative.seed, "end", figures))
    window.commands.trigger("view.side_bar")
    yield "prompt", window
    window.commands.trigger("view.side_bar")


async def tool_states(window: MainWindow) -> AsyncIterator[tuple[str, QWidget]]:
    window.commands.trigger("go.editor")
    window.commands.trigger("view.memory")
    yield "memory", window
    window.commands.trigger("view.memory")
    window.commands.trigger("edit.replace_in_files")
    finder = window.project.finder
    finder.look_for("price")
    finder.replace_field.setText("cost")
    await asyncio.sleep(1)
    yield "replace", window
    finder.look_for("nothing")
    window.commands.trigger("view.files")


async def states(window: MainWindow, project: Path, model: str) -> AsyncIterator[tuple[str, QWidget]]:
    """Each state's name, and what shows it, one after the other."""
    yield "welcome", window
    await window.opening.open([project, project / "report.py", project / "stock.py"])
    yield "texts", window
    window.commands.trigger("edit.find")
    window.finding.bar.find_field.setText("item")
    yield "find", window
    window.finding.bar.close_bar()
    going = asyncio.ensure_future(window.going.to_command())
    await asyncio.sleep(0.05)
    line = window.palette_line.findChild(QLineEdit)
    line.setText(">toggle")
    yield "palette", window
    window.commands["go.editor"].trigger()
    window.tabs.documents()[0].editor.setFocus()
    await going
    await window.documents.open(project / "report.py")
    window.commands.trigger("run.file")
    await asyncio.sleep(1.5)
    yield "output", window
    window.commands.trigger("view.output")
    async for state in chat_states(window, project):
        yield state
    async for state in prompt_states(window):
        yield state
    async for state in tool_states(window):
        yield state
    window.commands.trigger("view.settings")
    yield "settings", window
    window.commands.trigger("view.train")
    yield "train", window
    async for state in states_of_models(window):
        yield state
    async for state in states_of_benchmarks(window):
        yield state
    dialog = ShortcutsDialog(window.keys, window._theme, window)
    dialog.show()
    yield "shortcuts", dialog
    dialog.close()
    window._store.change("engine", model=model or str(project / "no-model"))
    window.commands.trigger("go.editor")
    await loaded(window)
    yield ("ready" if model else "failed"), window
    if model:
        document = await window.documents.open(project / "stock.py")
        assert document is not None
        window.activateWindow()  # which the dialog before it was
        document.editor.setFocus()
        document.editor.moveCursor(document.editor.textCursor().MoveOperation.End)
        document.editor.insertPlainText(SHOP)
        QTest.keyClicks(document.editor, "self.items = ")
        window.commands.trigger("completion.trigger")
        await asyncio.sleep(2)
        yield "suggestion", window


async def loaded(window: MainWindow) -> None:
    """Or failed, which is a state worth a picture too."""
    while window.engine.state.phase not in ("ready", "failed"):
        await asyncio.sleep(0.05)


async def states_of_models(window: MainWindow) -> AsyncIterator[tuple[str, QWidget]]:
    window.commands.trigger("view.models")
    shelf = window.modelling.counsel.shelf
    while not shelf.has_looked or shelf.is_looking:
        await asyncio.sleep(0.05)
    window.modelling.look_at("hub:Qwen/Qwen2.5-Coder-0.5B")
    yield "models", window
    window.frame.show_page("first_run")
    yield "first-run", window


async def states_of_training(window: MainWindow, project: Path) -> AsyncIterator[tuple[str, QWidget]]:
    """A short run, from its folder to its verdict, with the model that comes along: it takes minutes."""
    shutil.copytree(SAMPLES, project / "code")
    window.commands.trigger("view.train")
    page = window.frame.made_page("train")
    assert isinstance(page, TrainPage)
    page.setup.add_folders([project / "code"])
    while not page.setup.scan.is_whole:
        await asyncio.sleep(0.1)
    yield "train-folders", window
    page.setup.scan.tabs.setCurrentWidget(page.setup.scan.glimpses)
    yield "train-glimpse", window
    choices = page.setup.choices
    choices.advanced_button.setChecked(True)
    for name, value in SHORT_RUN.items():
        choices.form().field(name).setValue(value)  # type: ignore[attr-defined]
    choices.form().field("steps").setText("24")  # type: ignore[attr-defined]
    choices.form().field("steps").editingFinished.emit()  # type: ignore[attr-defined]
    while not page.setup.begin_button.isEnabled():
        await asyncio.sleep(0.1)
    page.setup.begin_button.click()
    while page.view.record.step < 16:
        await asyncio.sleep(0.1)
    yield "train-run", window
    while not page.view.verdict.isVisible():
        await asyncio.sleep(0.1)
    yield "train-verdict", window


async def states_of_benchmarks(window: MainWindow) -> AsyncIterator[tuple[str, QWidget]]:
    """With what this project published of its presets."""
    results = [item for item in json.loads(PUBLISHED.read_text()) if "suite" not in item]
    benchmarks_folder().mkdir(parents=True)
    (benchmarks_folder() / "2026-11-01-120000-speed.json").write_text(json.dumps(results))
    window.commands.trigger("view.benchmark")
    page = window.frame.made_page("benchmark")
    assert isinstance(page, BenchPage)
    while not page.setup.models.count() or not page.table.shown():
        await asyncio.sleep(0.05)
    for precision in ("int8", "int4"):
        page.setup.precisions[precision].setChecked(True)
    page.setup.precisions["auto"].setChecked(False)
    yield "benchmark", window
    page.show_results()
    page.details.setCurrentWidget(page.comparison)
    page.table.clearSelection()
    page.table.choose({("smallcoder-medium", "int8"), ("smallcoder-medium", "int4")})
    while not page.comparison.table.rowCount():
        await asyncio.sleep(0.05)
    shown = page.comparison.command
    shown.show_command(shown.text().replace(str(cache_folder()), _USUAL_CACHE))
    yield "benchmark-results", window
    page.tabs.setCurrentIndex(2)
    while page.charts.memory.frame.plot is None:
        await asyncio.sleep(0.05)
    yield "benchmark-charts", window


async def take(
    application: QApplication, folder: Path, theme: ThemeChoice, model: str, *, teaches: bool
) -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["SMALLCODER_HOME"] = home
        project = Path(home, "inventory")
        for name, text in PROJECT.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
        window = make_window(application)
        window._store.change("appearance", theme=theme)
        window.resize(*SIZE)
        window.show()
        await window.begin([])
        shown_states = states_of_training(window, project) if teaches else states(window, project, model)
        async for name, shown in shown_states:
            await asyncio.sleep(0.3)
            small(shown.grab().toImage()).save(str(folder / f"{name}-{theme}.png"))
        window._has_left = True
        window.close()
        await window.end()


def small(picture: QImage) -> QImage:
    """With the colours that it has most of: a third of the size, and nobody sees it."""
    plain = picture.convertToFormat(QImage.Format.Format_RGB32)
    points = memoryview(plain.constBits()).cast("I")
    table = [colour for colour, _ in Counter(points).most_common(_COLOURS)]
    return plain.convertToFormat(QImage.Format.Format_Indexed8, table, _PLAIN)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="", help="a model's folder, for a suggestion in the picture")
    parser.add_argument("--teach", action="store_true", help="the Train page alone, with a real run: minutes")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    for theme in THEMES:
        loop.run_until_complete(
            take(application, arguments.folder, theme, arguments.model, teaches=arguments.teach)
        )
    loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
