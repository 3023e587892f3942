"""What a match is replaced with: plain text, or for regular expressions a text with groups in it.

`$1`, `${1}`, `${name}`, `$0` or `$&` for all that was found, `$$` for a dollar sign; `\\n`, `\\t`, `\\\\`.
"""

import re
from collections.abc import Sequence

from core.spec.errors import UsageError

_PART = re.compile(r"\$(?:(\$)|(&)|(\d{1,2})|\{(\w+)\})|\\([nrt\\$])")
_ESCAPED = {"n": "\n", "r": "\n", "t": "\t"}


class Replacement:
    def __init__(self, text: str, is_regex: bool, names: Sequence[str] = ()) -> None:
        """`names`: of the pattern's groups, the whole first; empty for a group without a name."""
        self._parts: list[str | int] = []
        if not is_regex:
            self._parts.append(text)
            return
        place = 0
        for found in _PART.finditer(text):
            self._parts.append(text[place : found.start()])
            self._parts.append(_meaning(found, names))
            place = found.end()
        self._parts.append(text[place:])

    def of(self, groups: Sequence[str]) -> str:
        """A group that took no part in the match is empty."""
        return "".join(
            part if isinstance(part, str) else groups[part] if part < len(groups) else ""
            for part in self._parts
        )


def _meaning(found: re.Match[str], names: Sequence[str]) -> str | int:
    dollar, whole, number, name, escaped = found.groups()
    if escaped:
        return _ESCAPED.get(escaped, escaped)
    if dollar:
        return "$"
    if whole:
        return 0
    if name and not name.isdecimal():
        if name not in names:
            raise UsageError(f"The pattern has no group named {name}.")
        return names.index(name)
    group = int(number or name)
    if group >= len(names):
        count = len(names) - 1
        has = "no group" if count < 1 else "one group" if count == 1 else f"{count} groups"
        raise UsageError(f"The pattern has {has}, so ${group} means nothing.")
    return group
