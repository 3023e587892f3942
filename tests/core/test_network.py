"""Every connection is noted before it is made, and none is made where the program is to stay offline."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.spec import network
from core.spec.folders import data_folder

ROOT = Path(__file__).parents[2]
# 192.0.2.0/24 belongs to nobody: it is for examples
TRIES = """
import socket, sys, main
from core.spec import network
network.watch("a test")
here = socket.create_server(("127.0.0.1", 0))
socket.create_connection(here.getsockname()).close()
def connect():
    socket.create_connection(("192.0.2.1", 443), 1)
def look_up():
    socket.gethostbyname("example.org")
for go in (connect, look_up):
    try:
        go()
    except OSError as error:
        print(error)
"""


def test_where_it_is_to_stay_offline_every_way_out_is_refused_and_noted_and_this_machine_is_not(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "SMALLCODER_HOME": str(tmp_path), network.OFFLINE: "1"}
    done = subprocess.run(
        [sys.executable, "-c", TRIES], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count(network.STAYS_OFFLINE) == 2
    lines = [json.loads(line) for line in (tmp_path / "data" / "network.jsonl").read_text().splitlines()]
    assert [(line["who"], line["where"], line["was_refused"]) for line in lines] == [
        ("a test", "192.0.2.1:443", True),
        ("a test", "example.org", True),
    ]


def test_a_command_says_that_it_stays_offline_and_how_that_is_changed(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "SMALLCODER_HOME": str(tmp_path),
        network.OFFLINE: "1",
        "HF_HUB_OFFLINE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", "import sys, main; sys.exit(main.main())", "models", "download", "a/b"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"smallcoder: {network.STAYS_OFFLINE}\n"


@pytest.mark.parametrize(
    ("event", "arguments", "where"),
    [
        ("socket.connect", (None, ("192.0.2.1", 443)), "192.0.2.1:443"),
        ("socket.connect", (None, ("2001:db8::1", 443, 0, 0)), "2001:db8::1:443"),
        ("socket.sendto", (None, ("192.0.2.1", 53)), "192.0.2.1:53"),
        ("socket.getaddrinfo", ("huggingface.co", 443, 0, 0, 0), "huggingface.co:443"),
        ("socket.gethostbyname", ("huggingface.co",), "huggingface.co"),
        ("socket.connect", (None, ("127.0.0.1", 443)), None),
        ("socket.connect", (None, ("::1", 443, 0, 0)), None),
        ("socket.connect", (None, "/run/socket"), None),
        ("socket.connect", (None, b"\0abstract"), None),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0), None),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0), None),
        ("open", ("192.0.2.1", "r", 0), None),
    ],
)
def test_what_leaves_the_machine_is_told_from_what_does_not(
    event: str, arguments: tuple[object, ...], where: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_who", ["a test"])
    monkeypatch.delenv(network.OFFLINE, raising=False)
    network._hear(event, arguments)
    assert [attempt.where for attempt in network.attempts()] == ([where] if where else [])


def test_half_a_line_is_passed_over_and_a_long_file_loses_its_older_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "_who", ["a test"])
    monkeypatch.delenv(network.OFFLINE, raising=False)
    for number in range(3000):
        network._hear("socket.connect", (None, ("192.0.2.1", number + 1)))
    network.forget_old()
    kept = network.attempts()
    assert 500 < len(kept) < 3000
    assert kept[-1].where == "192.0.2.1:3000"
    with (data_folder() / "network.jsonl").open("ab") as file:
        file.write(b'{"at": 1.0, "wh')
    assert network.attempts() == kept


def test_a_socket_to_nowhere_is_no_attempt() -> None:
    """As both ends of a pair are, by which loops wake themselves."""
    before = network.attempts()
    one, other = socket.socketpair()
    one.close()
    other.close()
    assert network.attempts() == before
