"""The parts that are still to come: each says what it is for, and which command does it today."""

from app.shell.empty_page import EmptyPage
from app.theme import Theme

_RUN = "python3 main.py"
_TO_COME = {
    "benchmark": (
        "Benchmark",
        "Measure how fast and how good a model is on this machine, and compare several. "
        "The page is still being built; these commands do it today.",
        ("bench speed --model MODEL",),
    ),
}


def page_to_come(name: str, theme: Theme) -> EmptyPage:
    title, text, commands = _TO_COME[name]
    page = EmptyPage(theme, name, title, text)
    for command in commands:
        page.add_command(f"{_RUN} {command}")
    return page
