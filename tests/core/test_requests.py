"""The queue before the engine: who goes first, and what a cancel finds there."""

from typing import Any

import pytest

from core.server.requests import Requests
from core.spec.errors import UsageError
from core.spec.messages import Chat, Complete, Count, Done, Failed, Load, Reply, Turn


def new_requests() -> tuple[Requests, list[Reply]]:
    said: list[Reply] = []
    return Requests(said.append), said


def chat(id: int) -> Chat:
    return Chat(id, (Turn("user", "x"),))


def test_a_completion_goes_before_counts_and_counts_before_chats() -> None:
    requests, _ = new_requests()
    for work in (chat(1), Count(2, "x"), Complete(3, "x"), Count(4, "x")):
        requests.add(work)
    assert [requests.take().id for _ in range(4)] == [3, 2, 4, 1]


@pytest.mark.parametrize(
    ("longer", "goes_ahead"),
    [(chat(1), [Complete, Count]), (Count(1, "x"), [Complete]), (Complete(1, "x"), [])],
)
def test_longer_work_gives_way_to_shorter(longer: Any, goes_ahead: list[type]) -> None:
    requests, _ = new_requests()
    requests.add(longer)
    requests.take()
    found = []
    for work in (Complete(2, "x"), Count(3, "x"), chat(4)):
        if not (isinstance(longer, Complete) and isinstance(work, Complete)):
            requests.add(work)
    while (ahead := requests.take_ahead_of(longer)) is not None:
        found.append(type(ahead))
        requests.end(ahead.id)
    assert found == goes_ahead


def test_nothing_goes_ahead_while_a_model_waits_to_be_loaded() -> None:
    requests, _ = new_requests()
    requests.add(chat(1))
    requests.take()
    requests.add(Load(2, "model"))
    requests.add(Complete(3, "x"))
    assert requests.take_ahead_of(chat(1)) is None
    assert requests.is_called_off(1)


def test_what_ended_before_it_began_may_still_be_cancelled() -> None:
    """Its last word and the cancel have crossed: one last word is all that is heard of it."""
    requests, said = new_requests()
    requests.add(Complete(1, "x"))
    requests.add(Complete(2, "x"))  # in place of the first
    requests.cancel(1)
    requests.cancel(2)
    requests.cancel(2)
    for id in range(3, 20):
        requests.add(chat(id))
    requests.cancel(19)  # which was refused, there being too many
    assert [reply.id for reply in said if isinstance(reply, Done | Failed)] == [1, 2, 19]
    with pytest.raises(UsageError):
        requests.cancel(99)
