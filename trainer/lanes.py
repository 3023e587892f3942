"""Lanes: batches of a step computed side by side, each on its own share of the processor's threads.

Small networks gain from it: within one batch the threads wait for each other at every operation, and all of
them for the one whose core is just lent to somebody else. Gradients come back in the order of the batches, so
their sum does not hang on which lane was faster.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Given = TypeVar("Given")
Made = TypeVar("Made")


class Lanes:
    def __init__(self, count: int, waiting: int = 1) -> None:
        """`waiting`: how many results may wait for one that was begun before them. A lane whose core somebody
        else has taken holds up the others only when so many are there."""
        self.count, self._waiting = count, waiting
        threads = torch.get_num_threads()
        # torch keeps this number a thread, but new threads take the one set last
        self._pool = ThreadPoolExecutor(count, "lane", torch.set_num_threads, (max(1, threads // count),))
        self._all = threads

    def each(self, work: Callable[[Given], Made], things: Iterable[Given]) -> Iterator[Made]:
        """In their order. Results wait only for one begun before them, and not too many, so none pile up."""
        under_way: deque[Future[Made]] = deque()
        try:
            for thing in things:
                under_way.append(self._pool.submit(work, thing))
                while under_way and (under_way[0].done() or len(under_way) >= self.count + self._waiting):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._all)
