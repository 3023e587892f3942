"""TerminalText: what a program prints, as lines of plain text. Colours and other commands to a terminal go.

A line that is written over again, as progress bars do, is one line here too.
"""

import codecs
import re

_COMMAND = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[ -/]+[0-~]|\x1b[0-Z\\^_`-~]"
)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,2000}\x1b?|[ -/]*)?\Z")
_DROPPED = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]")
MAX_LINE = 2000  # characters; longer ones are broken, because a view lays out whole lines


class TerminalText:
    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._line = ""
        self._column = 0

    def feed(self, data: bytes, *, final: bool = False) -> tuple[list[str], str]:
        """Lines that are finished now, the first of which is the one begun before; and the one begun."""
        text = self._rest + self._decoder.decode(data, final)
        begun = None if final else _BEGUN.search(text)
        self._rest = text[begun.start() :] if begun else ""
        text = text[: begun.start()] if begun else text
        if not final and text.endswith("\r"):  # perhaps half of a line end
            text, self._rest = text[:-1], "\r" + self._rest
        text = _DROPPED.sub("", _COMMAND.sub("", text)).replace("\r\n", "\n")
        finished: list[str] = []
        for number, part in enumerate(text.split("\n")):
            if number:
                finished.append(self._line)
                self._line, self._column = "", 0
            finished += self._write(part)
        return finished, self._line

    def _write(self, text: str) -> list[str]:
        """Into the line begun; gives what had to be broken off."""
        if "\r" in text or "\b" in text or self._column < len(self._line):
            for piece in re.split(r"([\r\b])", text):
                if piece == "\r":
                    self._column = 0
                elif piece == "\b":
                    self._column = max(0, self._column - 1)
                elif piece:
                    end = self._column + len(piece)
                    self._line = self._line[: self._column] + piece + self._line[end:]
                    self._column = end
        else:
            self._line += text
            self._column = len(self._line)
        broken = []
        while len(self._line) > MAX_LINE:
            broken.append(self._line[:MAX_LINE])
            self._line = self._line[MAX_LINE:]
            self._column = len(self._line)
        return broken
