"""Closing: how much of what closes behind the cursor a suggestion closes itself, so that it stands once.

Pure, and of the cursor's line alone. Who has put the closing ones in, the editor or a person, does not
matter: the line is in order with the suggestion in it, or it has some too many.
"""

_CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_BRACKETS = frozenset(_CLOSER_OF.values())
_QUOTES = ('"""', "'''", '"', "'", "`")  # a longer one before its beginning


def swallowed(left: str, text: str, right: str) -> int:
    """How many letters behind the cursor go where the text is put between `left` and `right` of a line."""
    wanted: list[str] = []
    _read(left, wanted)
    closing, there = [], 0
    for closer in reversed(wanted):
        if not right.startswith(closer, there):
            break
        closing.append(closer)
        there += len(closer)
    closed_by_text = len(wanted) - _read(text, [*wanted])
    too_many = closed_by_text + len(closing) - len(wanted)
    return sum(len(closer) for closer in closing[: max(0, too_many)])


def _read(text: str, wanted: list[str]) -> int:
    """Goes on with what is wanted to close all that is open, the next one last, and keeps that true.

    Returns how few were wanted at some place.
    """
    least, place = len(wanted), 0
    while place < len(text):
        is_quoted = bool(wanted) and wanted[-1] not in _BRACKETS
        step = 1
        if wanted and text.startswith(wanted[-1], place):
            step = len(wanted.pop())
            least = min(least, len(wanted))
        elif is_quoted and text[place] == "\\":
            step = 2
        elif is_quoted and text[place] == "\n" and len(wanted[-1]) == 1:
            break  # a string that its line does not close: nothing behind it can be told
        elif not is_quoted:
            quote = next((quote for quote in _QUOTES if text.startswith(quote, place)), "")
            opened = quote or _CLOSER_OF.get(text[place], "")
            wanted += [opened] if opened else []
            step = len(quote) or 1
        place += step
    return least
