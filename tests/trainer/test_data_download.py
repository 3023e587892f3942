"""Data sets come from the hub whole or not at all, and what has come is never fetched again."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub, running
from tests.trainer.vocabularies import ROOT, own_model
from trainer.data.downloaded import LIST_NAME

ID = "someone/stories"
RUN = "import sys, main; sys.exit(main.run(sys.argv[1:], sets_itself_up=False))"
STORIES = "".join(f'{{"text": "Once there was number {n}."}}\n' for n in range(1000)).encode()
LARGE = STORIES * 80
FILES = {
    "README.md": b"# Stories\n",
    "data/train-00000.jsonl": STORIES,
    "data/validation.jsonl": b'{"text": "Another one."}\n',
    "notes.txt": b"words\n",
    "loader.py": b"raise SystemExit('never run')\n",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub(dict(FILES), large=frozenset({"data/train-00000.jsonl"}))) as started:
        yield started


@pytest.fixture
def large(hub: Hub) -> Hub:
    """Large enough to be written in several steps."""
    hub.files = {"data/train-00000.jsonl": LARGE}
    return hub


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", RUN, "data", "download", *words]


def environment(hub: Hub) -> dict[str, str]:
    own = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    return os.environ | own


def download(hub: Hub, out: Path, *options: str, repository: str = ID) -> subprocess.CompletedProcess[str]:
    words = command(repository, "--out", str(out), *options)
    return subprocess.run(
        words, cwd=ROOT, env=environment(hub), capture_output=True, text=True, check=False, timeout=120
    )


def fetched(hub: Hub) -> list[str]:
    return [
        path.partition("/resolve/")[2].partition("/")[2]
        for verb, path, _ in hub.requests
        if "resolve" in path
    ]


def test_the_files_of_the_best_format_come_and_can_be_prepared(hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = download(hub, out, "--json")
    assert done.returncode == 0, done.stderr
    names = ["data/train-00000.jsonl", "data/validation.jsonl"]
    assert json.loads(done.stdout) == {"path": str(out), "files": names}
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        *names,
        LIST_NAME,
    ]
    assert (out / names[0]).read_bytes() == STORIES
    (tmp_path / "own.model").write_bytes(own_model())
    words = [
        "data",
        "prepare",
        str(out),
        "--out",
        str(tmp_path / "p"),
        "--tokenizer",
        str(tmp_path / "own.model"),
    ]
    prepared = subprocess.run(
        [sys.executable, "-c", RUN, *words, "--json", "--fim-rate", "0"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    facts = json.loads(prepared.stdout)
    assert [source["documents"] for source in facts["sources"]] == [1000, 1]


def test_patterns_choose_files(hub: Hub, tmp_path: Path) -> None:
    done = download(hub, tmp_path / "out", "--only", "*.txt", "--json")
    assert json.loads(done.stdout)["files"] == ["notes.txt"]
    done = download(hub, tmp_path / "other", "--only", "data/val*", "--json")
    assert json.loads(done.stdout)["files"] == ["data/validation.jsonl"]


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_a_connection_that_drops_is_taken_up_again(large: Hub, tmp_path: Path, ignores_ranges: bool) -> None:
    large.drops_after, large.drops_left, large.ignores_ranges = 1_400_000, 2, ignores_ranges
    done = download(large, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "data" / "train-00000.jsonl").read_bytes() == LARGE
    ranges = [wanted for _, path, wanted in large.requests if path.endswith("train-00000.jsonl") and wanted]
    assert ranges


def test_what_was_there_when_it_was_killed_is_kept(large: Hub, tmp_path: Path) -> None:
    large.drops_after, large.drops_left = 1_400_000, 1
    words = command(ID, "--out", str(tmp_path / "out"), "--events")
    with subprocess.Popen(words, cwd=ROOT, env=environment(large), stdout=subprocess.PIPE) as process:
        while not any("train" in path and verb == "GET" for verb, path, _ in large.requests):
            assert process.poll() is None
        partial = next(_wait_for(tmp_path / "out" / "data"))
        process.send_signal(signal.SIGKILL)
    there = partial.stat().st_size
    large.drops_after = None
    done = download(large, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "data" / "train-00000.jsonl").read_bytes() == LARGE
    last = [wanted for _, path, wanted in large.requests if path.endswith("train-00000.jsonl")][-1]
    assert there > 0
    assert last == f"bytes={there}-"


def _wait_for(folder: Path) -> Iterator[Path]:
    while True:
        yield from (path for path in folder.glob("*.partial") if path.stat().st_size)


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    assert download(hub, tmp_path / "out").returncode == 0
    hub.requests.clear()
    assert download(hub, tmp_path / "out").returncode == 0
    assert fetched(hub) == []


def test_a_file_that_was_damaged_here_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    assert download(hub, tmp_path / "out").returncode == 0
    path = tmp_path / "out" / "data" / "train-00000.jsonl"
    path.write_bytes(STORIES.replace(b"7", b"8"))
    assert download(hub, tmp_path / "out").returncode == 0
    assert path.read_bytes() == STORIES


@pytest.mark.parametrize("name", ["data/train-00000.jsonl", "data/validation.jsonl"])
def test_what_has_another_hash_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    content = bytearray(FILES[name])
    content[len(content) // 2] ^= 1
    hub.lies[name] = bytes(content)
    done = download(hub, tmp_path / "out")
    assert done.returncode == 2
    assert "is not what the hub lists" in done.stderr
    assert not (tmp_path / "out" / name).exists()
    assert not (tmp_path / "out" / LIST_NAME).exists()
    hub.lies.clear()
    assert download(hub, tmp_path / "out").returncode == 0


@pytest.mark.parametrize("content", [LARGE * 3, LARGE[:-5]])
def test_a_server_that_lies_about_the_size_fills_no_disk(large: Hub, tmp_path: Path, content: bytes) -> None:
    large.lies["data/train-00000.jsonl"] = content
    done = download(large, tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    there = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.partial"))
    assert there <= len(LARGE)


def test_no_name_leads_out_of_the_folder(hub: Hub, tmp_path: Path) -> None:
    names = ["../outside.jsonl", "/etc/outside.jsonl", "a/../../outside.jsonl", "c:\\outside.jsonl"]
    hub.files = dict.fromkeys([*names, "..\\outside.jsonl", "inside.jsonl"], b'{"text": "x"}\n')
    done = download(hub, tmp_path / "out", "--json")
    assert json.loads(done.stdout)["files"] == ["inside.jsonl"]
    assert not list(tmp_path.rglob("*outside*"))


def test_too_small_a_disk_is_said_beforehand(hub: Hub, tmp_path: Path) -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 1 << 60

    hub.files["data/train-00000.jsonl"] = Huge(b"x")
    done = download(hub, tmp_path / "out")
    assert done.returncode == 2
    assert "free some space" in done.stderr
    assert fetched(hub) == []


@pytest.mark.parametrize(
    ("repository", "said"),
    [("someone/nothing", "no data set someone/nothing"), ("not a name", "no data set not a name")],
)
def test_a_wrong_name_is_one_sentence(hub: Hub, tmp_path: Path, repository: str, said: str) -> None:
    done = download(hub, tmp_path / "out", repository=repository)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_terms_to_be_agreed_to_are_said(hub: Hub, tmp_path: Path) -> None:
    hub.is_gated = True
    done = download(hub, tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "agreed to its terms" in done.stderr


def test_nothing_to_learn_from_is_said(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"README.md": b"x", "model.bin": b"y"}
    done = download(hub, tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert ".parquet" in done.stderr


def test_no_connection_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    hub.url = "http://127.0.0.1:9"
    done = download(hub, tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be reached" in done.stderr


def test_events_tell_how_far_it_is(hub: Hub, tmp_path: Path) -> None:
    done = download(hub, tmp_path / "out", "--events")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["type"] == "started"
    assert events[-1] == {"type": "finished", "stopped": False, "path": str(tmp_path / "out"), "metrics": []}


def test_lots_of_drops_at_random_places_lose_nothing(large: Hub, tmp_path: Path) -> None:
    dice = random.Random(3)
    for _ in range(3):
        large.drops_after, large.drops_left = dice.randrange(50_000, 3_000_000), 1
        download(large, tmp_path / "out")
    assert (tmp_path / "out" / "data" / "train-00000.jsonl").read_bytes() == LARGE
