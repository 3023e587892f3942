"""What a command says: lines for a person, or JSON for a program. Nothing else in the program prints."""

import io
import json
import os
import sys
from typing import Any, TextIO

# control characters but tab and line feed, by the signs that stand for them
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
_PICTURES |= dict.fromkeys((0x7F, *range(0x80, 0xA0)), 0xFFFD)


def speak_utf8() -> None:
    """Whatever the system's own encoding, text comes out as the model and the files have it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n", errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")


def say(text: str) -> None:
    print(_tame(text, sys.stdout), flush=True)


def stream(text: str) -> None:
    """A piece of running text, shown at once."""
    print(_tame(text, sys.stdout), end="", flush=True)


def show_progress(text: str) -> None:
    """One line at a terminal that the next one takes the place of; none is left where `text` is empty."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{_tame(text, sys.stderr)}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def say_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def abandon_output() -> None:
    """Whoever read our output has gone; without this Python complains of it once more while it ends."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def complain(text: str) -> None:
    print(f"smallcoder: {_tame(text, sys.stderr)}", file=sys.stderr, flush=True)


def _tame(text: str, stream: TextIO) -> str:
    """What models and files say must not move a terminal's cursor over what we say."""
    return text.translate(_PICTURES) if stream.isatty() else text
