"""EventStream: events as JSON lines on standard output, which from then on is nobody else's."""

import contextlib
import os
import sys
from collections.abc import Callable

from core.spec.lines import to_line
from core.spec.messages import Event


class EventStream:
    """What libraries print must not come between the lines, so their standard output becomes the error one.
    `on_lost`: nobody reads us any more."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        sys.stdout.flush()
        self._out: int | None = os.dup(1)
        os.dup2(2, 1)
        self._on_lost = on_lost

    def write(self, event: Event) -> None:
        rest = memoryview(to_line(event))
        while rest and self._out is not None:
            try:
                rest = rest[os.write(self._out, rest) :]
            except OSError:
                self.close()
                self._on_lost()

    def close(self) -> None:
        if self._out is not None:
            with contextlib.suppress(OSError):
                os.close(self._out)
            self._out = None
