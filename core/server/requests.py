"""Requests: what the engine has yet to do. The reader puts it in, the engine's thread takes it out.

Decides who goes first, what takes the place of what, and what has been called off. Of a request that never
reaches the engine, the last word is said here.
"""

import threading
from collections.abc import Callable

from core.spec.errors import UsageError
from core.spec.messages import Chat, Complete, Count, Done, Failed, Load, Reply, Statistics, Unload

Work = Load | Unload | Count | Complete | Chat

_RANKS: dict[type[Work], int] = {Load: 0, Unload: 0, Complete: 1, Count: 2, Chat: 3}
_MOST_WAITING = 16  # of chats and of counts each
_REMEMBERED_IDS = 256


class Requests:
    def __init__(self, say: Callable[[Reply], object]) -> None:
        """`say` must not wait."""
        self._say = say
        self._changed = threading.Condition()
        self._waiting: dict[int, Work] = {}
        self._under_way: dict[int, Work] = {}
        self._called_off: set[int] = set()
        self._ended: dict[int, None] = {}  # the latest, in order

    def add(self, work: Work) -> None:
        with self._changed:
            if work.id in self._under_way or work.id in self._waiting:
                raise UsageError(f"The id {work.id} is of a request that has not ended; choose another one.")
            if isinstance(work, Load | Unload):
                self._call_off([*self._under_way.values(), *self._waiting.values()])
            elif isinstance(work, Complete):
                self._call_off(self._of_kind(Complete))
            elif len(self._of_kind(type(work))) >= _MOST_WAITING:
                self._remember_end(work.id)
                self._say(Failed("busy", "Too many requests wait already; ask again later.", work.id))
                return
            self._waiting[work.id] = work
            self._changed.notify()

    def cancel(self, id: int) -> None:
        """One that has just ended may be cancelled: its last word and the wish have crossed."""
        with self._changed:
            work = self._under_way.get(id) or self._waiting.get(id)
            if work is not None:
                self._call_off([work])
            elif id not in self._ended:
                raise UsageError(f"No request has the id {id}; cancel one that has not ended.")

    def take(self) -> Work:
        """Waits for work. Models come first, then the completion, counts, and chats."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            return self._taken(self._first())

    def take_ahead_of(self, work: Work) -> Work | None:
        """What is done between two steps of longer work. For another model, that work ends first."""
        with self._changed:
            first = self._first() if self._waiting else work
            if isinstance(first, Load | Unload) or _RANKS[type(first)] >= _RANKS[type(work)]:
                return None
            return self._taken(first)

    def is_called_off(self, id: int) -> bool:
        return id in self._called_off

    def end(self, id: int) -> None:
        """Before the last word is said: whoever hears it may use the id again."""
        with self._changed:
            del self._under_way[id]
            self._called_off.discard(id)
            self._remember_end(id)

    def _remember_end(self, id: int) -> None:
        self._ended.pop(id, None)
        self._ended[id] = None
        if len(self._ended) > _REMEMBERED_IDS:
            del self._ended[next(iter(self._ended))]

    def _of_kind(self, kind: type[Work]) -> list[Work]:
        return [
            work for work in (*self._under_way.values(), *self._waiting.values()) if isinstance(work, kind)
        ]

    def _first(self) -> Work:
        return min(self._waiting.values(), key=lambda work: _RANKS[type(work)])

    def _taken(self, work: Work) -> Work:
        del self._waiting[work.id]
        self._under_way[work.id] = work
        return work

    def _call_off(self, unwanted: list[Work]) -> None:
        for work in unwanted:
            if work.id in self._under_way:
                self._called_off.add(work.id)
            else:
                del self._waiting[work.id]
                self._remember_end(work.id)
                self._say(called_off(work))


def called_off(work: Work) -> Reply:
    """The last word of what had not begun, or of a model that was not loaded to the end."""
    if isinstance(work, Complete | Chat):
        return Done(work.id, "cancelled", Statistics())
    return Failed("cancelled", "This was called off by a cancel or by a later request.", work.id)
