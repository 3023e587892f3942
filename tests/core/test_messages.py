"""Messages: what one process says the other understands; what is no message is refused in a sentence."""

import json
from dataclasses import fields, is_dataclass
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.generate import answer
from core.spec import lines, messages
from core.spec.errors import (
    DataError,
    DoesNotFit,
    JobError,
    ModelFormatError,
    SmallCoderError,
    TokenizerError,
    UsageError,
)
from core.spec.fields import settings_of
from core.spec.lines import EVENTS, MAX_LINE_BYTES, REPLIES, REQUESTS, from_line, to_line
from core.spec.messages import Chat, Complete, Progress, Text

EVERY_KIND = [
    pytest.param(kinds, kind, id=f"{label}-{name}")
    for label, kinds in {"request": REQUESTS, "reply": REPLIES, "event": EVENTS}.items()
    for name, kind in kinds.items()
]
ANY_TEXT = st.text(st.characters())  # lone surrogates, controls and all
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {str: ANY_TEXT, bool: st.booleans()}


def anything_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value that the type and the bounds of each field allow."""
    return st.builds(
        kind, **{item.name: values_of(item.type, item.low, item.high) for item in settings_of(kind)}
    )


def values_of(kind: Any, low: float | None, high: float | None) -> st.SearchStrategy[Any]:
    if kind in (int, float):
        whole = st.integers(None if low is None else int(low), None if high is None else int(high))
        return whole if kind is int else st.floats(low, high, allow_nan=False, allow_infinity=False)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if is_dataclass(kind):
        return anything_of(kind)
    inner = get_args(kind)
    if type(None) in inner:
        return st.none() | values_of(next(item for item in inner if item is not type(None)), low, high)
    if Ellipsis in inner:
        items = values_of(inner[0], low, high).filter(lambda item: item != "")  # as a text to stop at
        return st.lists(items, min_size=1, max_size=3).map(tuple)
    return st.sampled_from(inner)


@pytest.mark.parametrize(("kinds", "kind"), EVERY_KIND)
@given(data=st.data())
def test_every_message_arrives_as_it_was_sent_in_one_line(kinds: Any, kind: Any, data: Any) -> None:
    message = data.draw(anything_of(kind))
    line = to_line(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.startswith(b'{"type": "%s"' % kind.__name__.lower().encode())
    line.decode("utf-8")
    assert from_line(line, kinds) == message


def test_no_two_kinds_share_a_name() -> None:
    for union, kinds in ((messages.Request, REQUESTS), (messages.Reply, REPLIES), (messages.Event, EVENTS)):
        assert len(kinds) == len(get_args(union))


WRONG = {
    "not JSON": (b"complete\n", "not JSON"),
    "not UTF-8": (b'{"type": "ping\xff"}\n', "not JSON in UTF-8"),
    "nothing": (b"\n", "not JSON"),
    "a list": (b"[]\n", "must be a JSON object"),
    "very deep": (b"[" * 500_000 + b"\n", "not JSON"),
    "half a message": (b'{"type": "complete", "id": 1, "pre', "not JSON"),
    "a very long number": (b'{"type": "cancel", "id": ' + b"9" * 5000 + b"}\n", "not JSON"),
    "a number that is too large": (b'{"type": "cancel", "id": ' + b"9" * 400 + b"}\n", "too large"),
    "no type": (b'{"id": 1}\n', "must say its type"),
    "a type that is a number": (b'{"type": 7}\n', "must say its type"),
    "an unknown type": (b'{"type": "complet"}\n', "'complet' (did you mean 'complete'?)"),
    "an unknown key": (b'{"type": "cancel", "id": 1, "idd": 2}\n', "'idd' (did you mean 'id'?)"),
    "a missing key": (b'{"type": "cancel"}\n', "lacks the key 'id'"),
    "a wrong type": (b'{"type": "cancel", "id": "1"}\n', "'id' in the message 'cancel' must be a whole"),
    "true for a number": (b'{"type": "cancel", "id": true}\n', "must be a whole number"),
    "a negative id": (b'{"type": "cancel", "id": -1}\n', "at least 0"),
    "a wrong setting": (
        b'{"type": "complete", "id": 1, "prefix": "", "sampling": {"temperature": NaN}}\n',
        "'temperature'",
    ),
    "a wrong role": (
        b'{"type": "chat", "id": 1, "messages": [{"role": "god", "content": ""}]}\n',
        "must be one of system, user, assistant",
    ),
    "a chat of nothing": (b'{"type": "chat", "id": 1, "messages": []}\n', "no message to answer"),
    "a reply": (b'{"type": "text", "id": 1, "text": ""}\n', "unknown type 'text'"),
    "too much": (b'"' + b"a" * MAX_LINE_BYTES + b'"\n', "send less text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_request_is_refused_in_one_sentence(name: str) -> None:
    line, sentence = WRONG[name]
    with pytest.raises(UsageError) as refusal:
        from_line(line, REQUESTS)
    assert sentence in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert str(refusal.value).endswith(".")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["type", "id", "prefix", "sampling", "messages", "placement"]) | ANY_TEXT,
                inner,
            )
        ),
    )
)
def test_no_json_breaks_the_reader(content: Any) -> None:
    try:
        from_line(json.dumps(content).encode(), REQUESTS)
    except UsageError:
        return
    assert isinstance(content, dict)
    assert content["type"] in REQUESTS


def test_a_hostile_key_costs_no_time_or_room() -> None:
    line = json.dumps({"type": "cancel", "id": 1, "i" * 4_000_000: 0}).encode()
    with pytest.raises(UsageError) as refusal:
        from_line(line, REQUESTS)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("content", "id"),
    [
        ({"id": 3}, 3),
        ({"id": "3"}, None),
        ({"id": True}, None),
        ({"id": -3}, None),
        ({"id": 2**70}, None),
        ({}, None),
    ],
)
def test_the_id_of_a_wrong_message_is_found_where_it_has_one(content: dict[str, Any], id: int | None) -> None:
    assert lines.id_of(content) == id


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UsageError, "request"),
        (ModelFormatError, "model"),
        (TokenizerError, "model"),
        (DoesNotFit, "memory"),
        (DataError, "data"),
        (JobError, "job"),
    ],
)
def test_each_family_of_errors_has_its_kind(error: type[SmallCoderError], kind: str) -> None:
    told = messages.failed(error("Mend this."), 4)
    assert (told.kind, told.message, told.id) == (kind, "Mend this.", 4)


def test_a_sentence_that_quotes_a_whole_file_is_cut() -> None:
    assert len(messages.failed(UsageError("x" * 10**6)).message) < 3000


def test_what_the_engine_tells_of_an_answer_is_told_on() -> None:
    own = {field.name for field in fields(messages.Statistics)} | {"ending"}
    assert own == {field.name for field in fields(answer.Statistics)}
    assert get_args(messages.Ending) == get_args(answer.Ending)


def test_half_a_character_of_an_editor_travels() -> None:
    half = Text(1, "\ud83d")
    assert from_line(to_line(half), REPLIES) == half


def test_defaults_need_not_be_sent() -> None:
    assert from_line(b'{"type": "complete", "id": 1, "prefix": "a"}', REQUESTS) == Complete(1, "a")
    with pytest.raises(UsageError):
        Chat(1, ())
    assert from_line(b'{"type": "progress", "step": 1, "total": null}', EVENTS) == Progress(1, None)


def test_the_speed_of_an_answer_counts_from_its_first_token() -> None:
    assert messages.Statistics(new_tokens=21, first_token_ms=500.0, total_ms=2500.0).tokens_per_s == 10
    assert messages.Statistics(new_tokens=1, first_token_ms=500.0, total_ms=500.0).tokens_per_s == 0
    assert messages.Statistics().tokens_per_s == 0
