"""One file read and written: real files, real permissions, full disks, and programs that interfere."""

import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.documents import text_file
from app.documents.replace_file import CannotWrite, remove_leftovers, replace_file
from app.documents.text_file import CannotRead, ChangedOutside, absolute, read, write
from app.documents.text_form import TextForm


def save(path: Path, text: str) -> None:
    found = read(path)
    write(path, text, found.form, found.stamp)


def nothing_beside(path: Path) -> None:
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".smallcoder")] == []


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "new.py", "x = 1\n", TextForm())
    finally:
        os.umask(old)
    assert (tmp_path / "new.py").read_bytes() == b"x = 1\n"
    assert stat.S_IMODE((tmp_path / "new.py").stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o664, 0o200, 0o4755])
def test_permissions_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "run.sh"
    path.write_bytes(b"old\n")
    path.chmod(mode)
    replace_file(path, b"new\n")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.stat().st_size == 4


def test_the_file_is_replaced_and_not_rewritten(tmp_path: Path) -> None:
    """Who reads it meanwhile sees the old bytes to the end."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"old\n")
    with path.open("rb") as reader:
        save(path, "new\n")
        assert reader.read() == b"old\n"
    assert path.read_bytes() == b"new\n"
    nothing_beside(path)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.txt").write_bytes(b"old\n")
    (tmp_path / "link.txt").symlink_to("real/a.txt")
    save(tmp_path / "link.txt", "new\n")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real/a.txt").read_bytes() == b"new\n"
    nothing_beside(tmp_path / "real/a.txt")


def test_a_link_to_nothing_gets_its_file(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to("later.txt")
    write(tmp_path / "link.txt", "new\n", TextForm())
    assert (tmp_path / "later.txt").read_bytes() == b"new\n"


def test_other_names_of_the_file_see_the_change(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"much longer than the new text\n")
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    save(tmp_path / "a.txt", "new\n")
    assert (tmp_path / "b.txt").read_bytes() == b"new\n"
    assert (tmp_path / "a.txt").stat().st_nlink == 2
    nothing_beside(tmp_path / "a.txt")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux only")
def test_extended_attributes_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old\n")
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has none")
    save(path, "new\n")
    assert os.getxattr(path, "user.note") == b"mine"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the superuser may give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old\n")
    os.chown(path, 12345, 23456)
    save(path, "new\n")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_a_read_only_file_is_not_written_by_anyone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old\n")
    path.chmod(0o444)
    with pytest.raises(CannotWrite, match=r"read-only.*another name"):
        save(path, "new\n")
    assert path.read_bytes() == b"old\n"


def test_a_file_in_a_read_only_folder_is_written_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"old\n")
    folder.chmod(0o555)
    save(folder / "a.txt", "new\n")
    assert (folder / "a.txt").read_bytes() == b"new\n"
    with pytest.raises(CannotWrite, match=r"folder .*locked is read-only"):
        write(folder / "b.txt", "new\n", TextForm())
    folder.chmod(0o755)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="gone; save under another name"):
        write(tmp_path / "no/a.txt", "x", TextForm())
    with pytest.raises(CannotRead, match="not there"):
        read(tmp_path / "no/a.txt")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotWrite, match="gone"):
        write(tmp_path / "file/a.txt", "x", TextForm())


FULL_DISK = """
import resource, sys
from pathlib import Path
from app.documents.replace_file import CannotWrite, replace_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    replace_file(Path(sys.argv[1]), b"n" * 5000)
except CannotWrite as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("links", [1, 2], ids=["replaced", "written in place"])
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, links: int) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"o" * 900)
    if links == 2:
        os.link(path, tmp_path / "b.txt")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert "The disk is full" in done.stderr
    assert "free some space" in done.stderr
    assert path.read_bytes() == b"o" * 900
    nothing_beside(path)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_really_full_disk(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        path = tmp_path / "a.txt"
        path.write_bytes(b"o" * 20_000)
        for _ in range(2):  # replaced, then written in place
            with pytest.raises(CannotWrite, match="disk is full"):
                save(path, "n" * 100_000)
            assert path.read_bytes() == b"o" * 20_000
            nothing_beside(path)
            if path.stat().st_nlink == 1:
                os.link(path, tmp_path / "b.txt")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_what_another_program_wrote_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old\n")
    found = read(path)
    status = path.stat()
    path.write_bytes(b"new\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time
    with pytest.raises(ChangedOutside, match="changed by another program"):
        write(path, "mine\n", found.form, found.stamp)
    assert path.read_bytes() == b"new\n"


def test_a_touched_or_deleted_file_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old\n")
    found = read(path)
    os.utime(path, (1, 1))
    found = write(path, "mine\n", found.form, found.stamp)
    path.unlink()
    write(path, "mine too\n", found.form, found.stamp)
    assert path.read_bytes() == b"mine too\n"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in {
        tmp_path: "a folder",
        tmp_path / "pipe": "no ordinary file",
        Path("/dev/zero"): "no ordinary file",
    }.items():
        with pytest.raises(CannotRead, match=words):
            read(path)
    with pytest.raises(CannotWrite, match="not a file"):
        write(tmp_path / "pipe", "x", TextForm())


def test_a_circle_of_links_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CannotRead, match="leads back to itself"):
        read(tmp_path / "a")
    with pytest.raises(CannotWrite, match="another name"):
        write(tmp_path / "a", "x", TextForm())


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.log"
    with path.open("wb") as file:
        file.truncate(100 * 10**6)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CannotRead, match="100 MB: the limit here is 20 MB"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000
    with pytest.raises(CannotWrite, match="more than this editor can open again"):
        write(tmp_path / "big.txt", "x" * (text_file.MAX_BYTES + 1), TextForm())


def test_a_long_line_is_opened_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"x" * 1_000_000)
    assert "1,000,000 characters" in read(tmp_path / "a.json").notes[0]


def test_a_file_without_an_encoding_says_which_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\0")
    with pytest.raises(CannotRead, match=r"a\.png cannot be opened\. It is a binary file"):
        read(tmp_path / "a.png")


def test_writers_at_the_same_time_leave_one_whole_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    texts = [letter * 20_000 for letter in "abcd"]
    path.write_text(texts[0])
    threads = [threading.Thread(target=write, args=(path, text, TextForm())) for text in texts * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    nothing_beside(path)


def test_only_the_leftovers_of_the_dead_are_removed(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead, alive = f".smallcoder-{child.pid}-00aa.tmp", f".smallcoder-{os.getpid()}-00aa.tmp"
    kept = [alive, ".smallcoder-notes.tmp", f"{child.pid}.tmp", ".smallcoder"]
    for name in (dead, *kept):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(kept)
    remove_leftovers(tmp_path / "gone")


def test_the_name_stays_as_the_person_chose_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    monkeypatch.chdir(tmp_path)
    assert absolute("b/./x/../y.py") == tmp_path / "b/y.py"
