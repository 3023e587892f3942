"""Who reads what is in sight, and clicks on it."""

from collections.abc import Callable
from pathlib import Path

from tests.journeys.screen import Screen
from tests.journeys.sight import FILE, Seen, seen_in

_LOOK_S = 0.1
_ANSWER_S = 0.5  # until what a click has changed is written down


class Pointer:
    def __init__(self, on: Screen, folder: Path) -> None:
        self._on, self._file = on, folder / "sight.json"
        on.settings[FILE] = str(self._file)

    def all_seen(self, kind: str) -> list[Seen]:
        return [seen for seen in seen_in(self._file) if seen.kind == kind]

    def find(self, kind: str, words: str) -> Seen | None:
        """One of these words, or whose words begin so."""
        found = [seen for seen in self.all_seen(kind) if seen.words.startswith(words)]
        return next((seen for seen in found if seen.words == words), found[0] if found else None)

    def wait(self, kind: str, words: str) -> Seen:
        """Until it is there and can be used."""
        found: list[Seen] = []

        def is_there() -> bool:
            seen = self.find(kind, words)
            found[:] = [seen] if seen is not None and seen.is_enabled else []
            return bool(found)

        self.wait_for(is_there, f"{kind} {words!r}")
        return found[0]

    def click(self, kind: str, words: str) -> None:
        seen = self.wait(kind, words)
        self._on.click(seen.x, seen.y)
        self._on.pause(_ANSWER_S)

    def scroll_to(self, kind: str, words: str, x: int, y: int) -> None:
        """With the wheel at this place, until it is there and stays where it is."""
        before: list[Seen | None] = [None]

        def is_at_rest() -> bool:
            found, earlier = self.find(kind, words), before[0]
            before[0] = found
            if found is None:
                self._on.turn_wheel(x, y)
            self._on.pause(_ANSWER_S)
            return found is not None and found == earlier

        self.wait_for(is_at_rest, f"{kind} {words!r} further down")

    def tick(self, kind: str, words: str, *, wanted: bool = True) -> None:
        """Or takes the tick away."""
        if self.wait(kind, words).is_ticked != wanted:
            self.click(kind, words)
        self.wait_for(lambda: self.wait(kind, words).is_ticked == wanted, f"the tick at {words!r}")

    def rows(self, table: str) -> list[list[str]]:
        """The words of a table that has this name."""
        rows: dict[int, list[str]] = {}
        for seen in self.all_seen("cell"):
            if seen.within == table:
                rows.setdefault(seen.row, []).append(seen.words)
        return [*rows.values()]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        try:
            self._on.wait(condition, what, _LOOK_S)
        except AssertionError as error:
            words = [seen.words for seen in seen_in(self._file)]
            raise AssertionError(f"{error}; in sight are {words}") from None
