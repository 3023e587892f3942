"""What a command says: lines for a person, or JSON for a program. Nothing else in the program prints."""

import io
import json
import os
import sys
from typing import Any


def speak_utf8() -> None:
    """Whatever the system's own encoding, text comes out as the model and the files have it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n", errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")


def say(text: str) -> None:
    print(text, flush=True)


def stream(text: str) -> None:
    """A piece of running text, shown at once."""
    print(text, end="", flush=True)


def show_progress(text: str) -> None:
    """One line at a terminal that the next one takes the place of; none is left where `text` is empty."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def say_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def abandon_output() -> None:
    """Whoever read our output has gone; without this Python complains of it once more while it ends."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def complain(text: str) -> None:
    print(f"smallcoder: {text}", file=sys.stderr, flush=True)
