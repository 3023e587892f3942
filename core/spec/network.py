"""What this program asks of the network: each attempt is noted before it is made, or refused if that is set.

Python tells a hook of every socket before it is used, in each process of ours from its start. Not of what a
library does in machine code of its own, nor of what other programs do that are started, such as pip.
"""

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.spec.errors import UsageError
from core.spec.fields import from_json, to_json

OFFLINE = "SMALLCODER_OFFLINE"  # in the environment: any text refuses every connection
STAYS_OFFLINE = "SmallCoder is set to stay offline; allow connections, in the settings under Safety."
_ADDRESS_AT = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}
_MOST_BYTES = 2**18
_who: list[str] = []


@dataclass(frozen=True)
class Attempt:
    """`who`: the command that made it; `where`: a host, and its port where one was said."""

    at: float
    who: str
    where: str
    was_refused: bool = False


def watch(who: str) -> None:
    """From now on and for good: no hook can be taken back."""
    if not _who:
        sys.addaudithook(_hear)
    _who[:] = [who]


def attempts() -> list[Attempt]:
    """Of all processes of ours, the newest last; older ones are forgotten at some time."""
    try:
        lines = _file().read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [*_understood(lines)]


def forget_old() -> None:
    """Of a file that has become long, the older half."""
    place = _file()
    if place.exists() and place.stat().st_size > _MOST_BYTES:
        data = place.read_bytes()[-_MOST_BYTES // 2 :]
        place.write_bytes(data[data.find(b"\n") + 1 :])


def _hear(
    event: str, arguments: tuple[Any, ...], place_of: Callable[[str], int | None] = _ADDRESS_AT.get
) -> None:
    """Of everything that Python does, so what is none of its business must cost nothing.

    Up to the very end, when modules have been emptied and what a function brought along is still there.
    """
    place = place_of(event)
    if place is None:
        return
    host, port = arguments[place], arguments[1] if event == "socket.getaddrinfo" else None
    if place:  # an address, which is a pair or more where it is one of a network
        host, port = host[:2] if isinstance(host, tuple) and len(host) >= 2 else ("", None)
    where = _outside(host, port)
    if not where:
        return
    is_refused = bool(os.environ.get(OFFLINE))
    _note(Attempt(time.time(), _who[0], where, is_refused))
    if is_refused:
        raise OSError(errno.ENETUNREACH, STAYS_OFFLINE)


def _outside(address: Any, port: Any) -> str:
    """Empty for what stays on this machine."""
    if isinstance(address, bytes):
        address = address.decode("ascii", "replace")
    if not isinstance(address, str) or not address or _is_here(address):
        return ""
    return f"{address}:{port}" if port else address


def _is_here(host: str) -> bool:
    import ipaddress

    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "localhost.localdomain")
    return found.is_loopback or found.is_unspecified


def _note(attempt: Attempt) -> None:
    line = json.dumps(to_json(attempt)).encode() + b"\n"
    place = _file()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
    except OSError as error:  # a full disk forbids nobody to download elsewhere, but is said
        if sys.stderr is not None:
            sys.stderr.write(f"A connection to {attempt.where} could not be noted ({error.strerror}).\n")


def _understood(lines: list[bytes]) -> Iterator[Attempt]:
    for line in lines:
        try:
            yield from_json(Attempt, json.loads(line), "a line about a connection")
        except (ValueError, RecursionError, UsageError):
            continue  # half a line, of a program that was killed


def _file() -> Path:
    from core.spec.folders import data_folder  # which asks a library that --help can do without

    return data_folder() / "network.jsonl"
