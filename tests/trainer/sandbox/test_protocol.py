"""Values between two processes: what is plain arrives as it was, and no bytes do anything but be refused."""

import json
import math
import os
import threading
from collections import deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.sandbox.protocol import MAX_DEPTH, Channel, ProtocolError, TooDeep, decode, encode

HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers().map(lambda number: number << 200)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.fractions()
    | st.decimals(allow_nan=False)
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1)),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE | st.binary().map(bytearray) | st.sets(HASHABLE, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.lists(inner, max_size=3).map(deque)
    ),
    max_leaves=10,
)
TAGS = (
    *("tuple", "dict", "set", "frozenset", "deque", "range", "complex", "fraction", "named", "int", "bytes"),
    *("bytearray", "decimal", "path", "object", "unknown"),
)
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TAGS), inner, max_size=2),
    max_leaves=12,
)


def refuse(value: Any) -> Any:
    raise ProtocolError(f"{type(value).__name__} is not plain")


def travelled(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value, refuse))), refuse)


@given(VALUES)
def test_a_plain_value_arrives_as_it_was(value: Any) -> None:
    back = travelled(value)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(value, set | frozenset | dict | tuple | list | deque)


def test_values_that_are_not_equal_to_themselves_arrive() -> None:
    assert math.isnan(travelled(math.nan))
    assert travelled(Decimal("NaN")).is_nan()
    assert math.copysign(1, travelled(-0.0)) == -1
    assert travelled("\ud800") == "\ud800"


@given(HOSTILE)
def test_whatever_comes_is_a_plain_value_or_refused(data: Any) -> None:
    """Every part of it is of a kind that we made; the comparison with itself ends."""
    allowed = (
        *(type(None), bool, int, float, str, bytes, bytearray, complex, range, Decimal, Fraction),
        *(list, tuple, set, frozenset, dict, deque, type(Path())),
    )
    try:
        value = decode(json.loads(json.dumps(data)), refuse)
    except ProtocolError:
        return
    waiting = [value]
    while waiting:
        item = waiting.pop()
        assert type(item) in allowed or hasattr(item, "_fields")
        if isinstance(item, list | tuple | set | frozenset | deque):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(data: bytes) -> None:
    hears, says = os.pipe()
    with os.fdopen(hears, "rb"), os.fdopen(says, "wb") as out:
        out.write(data)
        out.flush()
        out.close()
        channel = Channel(hears, -1)
        try:
            frame = channel.receive()
        except ProtocolError:
            return
        assert frame is None or isinstance(frame, dict)


def test_depth_is_bounded_on_both_ends() -> None:
    deep: Any = []
    for _ in range(MAX_DEPTH + 2):
        deep = [deep]
    with pytest.raises(TooDeep):
        encode(deep, refuse)
    data: Any = 1
    for _ in range(10 * MAX_DEPTH):
        data = {"tuple": [data]}
    with pytest.raises(ProtocolError, match="deep"):
        decode(data, refuse)


def test_an_object_that_looks_plain_is_not() -> None:
    class Yes(int):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    with pytest.raises(ProtocolError, match="Yes is not plain"):
        encode([Yes()], refuse)


def test_large_frames_pass_and_larger_ones_are_not_sent() -> None:
    hears, says = os.pipe()
    with os.fdopen(hears, "rb"), os.fdopen(says, "wb"):
        channel = Channel(hears, says)
        sent = {"value": "x" * 3_000_000}
        sender = threading.Thread(target=channel.send, args=(sent,))
        sender.start()
        assert channel.receive() == sent
        sender.join()
        with pytest.raises(ProtocolError, match="more than is carried"):
            channel.send({"value": "x" * (17 << 20)})
