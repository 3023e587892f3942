"""The files of conversations: killed writers, full disks, foreign lines, deletion and the way back."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.chat.archive import Archive
from app.chat.conversation import Answering, Asked, Ended, Renamed, Wrote

ROOT = Path(__file__).parents[3]
WRITES_UNTIL_KILLED = """
import sys
from pathlib import Path
from app.chat.archive import Archive
from app.chat.conversation import Answering, Asked, Wrote
archive = Archive(Path(sys.argv[1]))
archive.add("c", Asked(1, "why", 1.0), Answering(2, "m", 1.0))
number = 0
while True:
    archive.add("c", Wrote(2, f"{number} "))
    number += 1
    if number == 50:
        print("under way", flush=True)
"""


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "chats")


def test_a_writer_that_is_killed_leaves_all_that_it_had_written(archive: Archive) -> None:
    command = [sys.executable, "-c", WRITES_UNTIL_KILLED, str(archive.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "under way\n"
        os.kill(writer.pid, signal.SIGKILL)
    talk, strange = archive.read("c")
    written = talk.messages[1].text.split()
    assert strange == 0
    assert len(written) >= 50
    assert written == [str(number) for number in range(len(written))]


def test_half_a_last_line_is_set_aside_and_the_conversation_goes_on(archive: Archive) -> None:
    archive.add("c", Asked(1, "why", 1.0))
    path = archive.folder / "c.jsonl"
    with path.open("ab") as file:
        file.write(b'{"type": "wrote", "num')
    talk, strange = archive.read("c")
    assert ([message.text for message in talk.messages], strange) == (["why"], 0)
    archive.add("c", Answering(2, "m", 1.0), Wrote(2, "because"))
    assert archive.read("c")[0].messages[1].text == "because"
    assert (archive.folder / "c.half-line").read_bytes() == b'{"type": "wrote", "num\n'


def test_lines_that_no_version_of_ours_wrote_are_counted_and_kept(archive: Archive) -> None:
    archive.add("c", Asked(1, "why", 1.0))
    with (archive.folder / "c.jsonl").open("ab") as file:
        file.write(b'{"type": "telepathy"}\n\xff\xfe\n[]\n')
    archive.add("c", Asked(2, "and", 2.0))
    talk, strange = archive.read("c")
    assert [message.text for message in talk.messages] == ["why", "and"]
    assert strange == 3


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """As on a full disk: a write comes to its first bytes, and no further."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="such limits are POSIX's")
def test_on_a_full_disk_nothing_is_lost_and_no_half_line_is_left(archive: Archive) -> None:
    archive.add("c", Asked(1, "why", 1.0))
    path = archive.folder / "c.jsonl"
    before = path.read_bytes()
    with no_file_longer_than(len(before) + 20):
        for record in (Answering(2, "m", 1.0), Wrote(2, "because")):
            with pytest.raises(OSError, match="File too large"):
                archive.add("c", record)
    assert path.read_bytes() == before
    assert [message.text for message in archive.read("c")[0].messages] == ["why", "because"]
    archive.add("c", Ended(2, "end"))
    assert Archive(archive.folder).read("c")[0] == archive.read("c")[0]


def test_words_are_found_in_titles_and_texts_and_shown_where_they_stand(archive: Archive) -> None:
    archive.add(
        "a", Asked(1, "How do I sort?", 1.0), Answering(2, "m", 1.0), Wrote(2, "Use the sorted function.")
    )
    archive.add("b", Asked(1, "Why is it slow?", 2.0), Renamed("Speed of the till"))
    assert [summary.title for summary in archive.summaries()] == ["Speed of the till", "How do I sort?"]
    [found] = archive.summaries("SORTED function")
    assert (found.id, found.snippet) == ("a", "Use the sorted function.")
    assert [summary.id for summary in archive.summaries("till")] == ["b"]
    assert archive.summaries("sorted till") == []


def test_what_was_deleted_comes_back_until_it_is_forgotten(archive: Archive) -> None:
    archive.add("a", Asked(1, "why", 1.0))
    archive.delete("a")
    assert archive.summaries() == []
    archive.bring_back("a")
    assert len(archive.summaries()) == 1
    archive.delete("a")
    archive.forget_deleted()
    assert [*archive.folder.iterdir()] == []
