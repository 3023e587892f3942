"""A corpus from an index of packages: pinned, checked, taken up again, and without what is held out."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.spec.errors import DataError, DoesNotFit, SmallCoderError, UsageError
from core.spec.fields import to_json
from trainer.corpus.copies import HeldOut, Tasks
from trainer.corpus.licences import against_licence
from trainer.corpus.packages import FACTS_NAME, Corpus, read_list
from trainer.corpus.quality import is_poor, is_test, parsed, quality
from trainer.corpus.wheels import unpack
from trainer.spec.packages import Package, PackageList

ROOT = Path(__file__).parents[3]
SHIPPED_LIST = ROOT / "resources/specs/nano-packages.json"
HELD_OUT = {"requests", "flask", "click", "httpx", "rich", "jinja2", "attrs", "tqdm", "pytest", "bottle"}
MIT = "License-Expression: MIT"
EVIL_NAMES = ["../evil.py", "good/../../evil.py", "/evil.py", "..\\evil.py", "C:/evil.py", "good\\evil.py"]


def module(topic: str, count: int = 12) -> str:
    """Ordinary Python with words of its own, so that no two topics are alike."""
    functions = (
        f'def {topic}_{word}({word}: int, by_{topic}: int) -> int:\n    """The {word} of {topic}."""\n'
        f"    {topic}_total = {word} * by_{topic} + {place}\n    return {topic}_total - by_{topic}\n"
        for place, word in enumerate(
            f"{topic}{letter}{letter}" for letter in "abcdefghijklmnopqrstuvw"[:count]
        )
    )
    return "\n\n".join(functions)


def wheel(name: str, files: Mapping[str, str], metadata: str = MIT) -> bytes:
    archive = io.BytesIO()
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path, text in files.items():
            opened.writestr(path, text)
        opened.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{metadata}\n"
        )
        opened.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr(f"{about}/RECORD", "")
    return archive.getvalue()


def package(name: str, archive: bytes, python_bytes: int = 1000) -> Package:
    digest = hashlib.sha256(archive).hexdigest()
    return Package(name, "1.0", "MIT", digest, len(archive), python_bytes)


class Index:
    """A package index on this machine: files by name, and how often each is cut off in the middle."""

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self.cuts: dict[str, int] = {}
        self.asked: list[str] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"

    def add(self, name: str, archive: bytes) -> Package:
        self.archives[f"{name}-1.0-py3-none-any.whl"] = archive
        return package(name, archive)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        kind, _, name = request.path.strip("/").partition("/")
        is_file = kind == "files"
        links = (
            f'<a href="/files/{file}">{file}</a>' for file in self.archives if file.startswith(f"{name}-")
        )
        content = self.archives[name] if is_file else "".join(links).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/octet-stream" if is_file else "text/html")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if is_file:
            self.asked.append(name)
            if self.cuts.get(name, 0) > 0:
                self.cuts[name] -= 1
                content = content[: len(content) // 2]
        request.wfile.write(content)
        request.close_connection = True


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    index = Index()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=index.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield index
    index.server.shutdown()
    thread.join()
    index.server.server_close()


def plan_of(*packages: Package, held_out: tuple[Package, ...] = ()) -> PackageList:
    return PackageList("3.11", "macosx_14_0_arm64", packages, held_out, standard_library=False)


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """As a person gives it."""
    argv = [sys.executable, "main.py", "data", "packages", *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def silent(_: str) -> None:
    pass


def learnt(out: Path) -> set[str]:
    return {
        path.relative_to(out / part).as_posix()
        for part in ("main", "best")
        for path in (out / part).rglob("*.py")
    }


def test_a_list_becomes_folders_of_text_with_facts(index: Index, tmp_path: Path) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple"), "apples/data.bin": "x"}))
    flask = index.add("flask", wheel("flask", {"flask/app.py": module("route")}))
    path = tmp_path / "list.json"
    path.write_text(json.dumps(to_json(plan_of(apples, held_out=(flask,)))))
    done = command(path, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["packages"][0]["licence"] == "MIT"
    assert facts["bytes"] == facts["packages"][0]["bytes"] == len(module("apple"))
    assert facts["held_out_bytes"] == len(module("route"))
    assert learnt(tmp_path / "out") == {"apples/apples/tree.py"}
    assert (tmp_path / "out/held_out/flask/flask/app.py").read_text() == module("route")
    assert json.loads((tmp_path / "out" / FACTS_NAME).read_text())["files"] == 1


def test_what_is_not_the_file_on_the_list_is_refused(index: Index, tmp_path: Path) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple")}))
    index.archives["apples-1.0-py3-none-any.whl"] = wheel("apples", {"apples/tree.py": "import evil\n"})
    with pytest.raises(DataError, match="not the file on the list"):
        Corpus(plan_of(apples), tmp_path / "out").make(silent)
    assert not [*(tmp_path / "out").rglob("*.py")]


def test_a_connection_that_drops_once_is_tried_again(index: Index, tmp_path: Path) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple")}))
    index.cuts["apples-1.0-py3-none-any.whl"] = 1
    Corpus(plan_of(apples), tmp_path / "out").make(silent)
    assert learnt(tmp_path / "out") == {"apples/apples/tree.py"}


def test_what_a_person_pins_for_their_own_programs_does_not_matter(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple")}))
    (tmp_path / "pins.txt").write_text("apples==0.1\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "pins.txt"))
    Corpus(plan_of(apples), tmp_path / "out").make(silent)
    assert learnt(tmp_path / "out") == {"apples/apples/tree.py"}


def test_where_it_stopped_it_goes_on(index: Index, tmp_path: Path) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple")}))
    pears = index.add("pears", wheel("pears", {"pears/tree.py": module("pear")}))
    index.cuts["pears-1.0-py3-none-any.whl"] = 100
    corpus = Corpus(plan_of(apples, pears), tmp_path / "out")
    with pytest.raises(SmallCoderError, match=r"pears 1\.0.* give the same command again\.$"):
        corpus.make(silent)
    index.cuts.clear()
    index.asked.clear()
    corpus.make(silent)
    assert index.asked == ["pears-1.0-py3-none-any.whl"]
    assert learnt(tmp_path / "out") == {"apples/apples/tree.py", "pears/pears/tree.py"}


def test_a_package_that_was_half_unpacked_when_the_power_went_is_fetched_again(
    index: Index, tmp_path: Path
) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple")}))
    corpus = Corpus(plan_of(apples), tmp_path / "out")
    corpus.make(silent)
    (tmp_path / "out/unpacked/training/apples.json").write_text("{")
    (tmp_path / "out/unpacked/training/apples/apples/tree.py").write_text("")
    corpus.make(silent)
    assert (tmp_path / "out/main/apples/apples/tree.py").exists() or (
        tmp_path / "out/best/apples/apples/tree.py"
    ).exists()
    assert learnt(tmp_path / "out") == {"apples/apples/tree.py"}


def test_what_an_earlier_list_had_is_gone(index: Index, tmp_path: Path) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple")}))
    pears = index.add("pears", wheel("pears", {"pears/tree.py": module("pear")}))
    Corpus(plan_of(apples, pears), tmp_path / "out").make(silent)
    Corpus(plan_of(pears, held_out=(apples,)), tmp_path / "out").make(silent)
    assert learnt(tmp_path / "out") == {"pears/pears/tree.py"}


def test_a_source_archive_is_not_taken_since_pip_would_run_it(index: Index, tmp_path: Path) -> None:
    archive, mark = io.BytesIO(), tmp_path / "was_run"
    setup = f"open({str(mark)!r}, 'w')\nfrom setuptools import setup\nsetup(name='apples', version='1.0')\n"
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        entry = tarfile.TarInfo("apples-1.0/setup.py")
        entry.size = len(setup)
        opened.addfile(entry, io.BytesIO(setup.encode()))
    index.archives["apples-1.0.tar.gz"] = archive.getvalue()
    with pytest.raises(DataError, match="as a wheel"):
        Corpus(plan_of(package("apples", archive.getvalue())), tmp_path / "out").make(silent)
    assert not mark.exists()


def test_a_disk_that_is_too_small_is_seen_before_anything_is_downloaded(index: Index, tmp_path: Path) -> None:
    apples = index.add("apples", wheel("apples", {"apples/tree.py": module("apple")}))
    with pytest.raises(DoesNotFit, match="free some space"):
        Corpus(plan_of(replace(apples, python_bytes=1 << 60)), tmp_path / "out").make(silent)
    assert not index.asked


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_an_archive_that_would_write_outside_its_folder_is_refused_whole(name: str, tmp_path: Path) -> None:
    archive = wheel("apples", {"apples/tree.py": module("apple"), name: "import evil\n"})
    path = tmp_path / "inner/apples.whl"
    path.parent.mkdir()
    path.write_bytes(archive)
    with pytest.raises(DataError, match="outside its folder"):
        unpack(path, package("apples", archive), tmp_path / "inner/apples")
    assert not [*tmp_path.rglob("*.py")]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_archive_is_one_sentence(damage: str, tmp_path: Path) -> None:
    archive = wheel("apples", {"apples/tree.py": module("apple")})
    middle = len(archive) // 4
    damaged = {
        "cut": archive[:middle],
        "flipped": archive[:middle]
        + bytes(255 - byte for byte in archive[middle : middle + 9])
        + archive[middle + 9 :],
        "empty": b"",
    }[damage]
    path = tmp_path / "apples.whl"
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="damaged"):
        unpack(path, package("apples", archive), tmp_path / "apples")


def test_only_python_and_licences_of_an_ordinary_size_are_unpacked(tmp_path: Path) -> None:
    files = {
        "a/b.py": "b = 1\n",
        "a/b.so": "x",
        "a/LICENSE": "MIT",
        "a/big.py": "#" * (5 << 20),
        "a/aux.py": "",
    }
    path = tmp_path / "apples.whl"
    path.write_bytes(wheel("apples", files))
    unpacked = unpack(path, package("apples", b""), tmp_path / "apples")
    names = {item.relative_to(tmp_path / "apples").as_posix() for item in (tmp_path / "apples").rglob("*.*")}
    assert names == {"a/b.py"}
    assert (tmp_path / "apples/a/LICENSE").is_file()
    assert (unpacked.files, unpacked.python_bytes, unpacked.too_large) == (1, 6, 1)


def about(**fields: str) -> Message:
    metadata = Message()
    for name, value in fields.items():
        metadata[name.replace("_", "-")] = value
    return metadata


MIT_TEXT = "Permission is hereby granted, free of charge, to any person"
GPL_TEXT = "GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007"


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (about(License_Expression="MIT"), ""),
        (about(License_Expression="MIT OR GPL-3.0-only"), ""),
        (about(License_Expression="MIT AND (BSD-3-Clause AND Zlib)"), ""),
        (about(License="The MIT License (MIT)"), ""),
        (about(Classifier="License :: OSI Approved :: MIT License"), MIT_TEXT),
        (about(), MIT_TEXT),
    ],
)
def test_a_licence_that_is_confirmed_is_accepted(metadata: Message, text: str) -> None:
    assert against_licence("MIT", metadata, [text] if text else []) == ""


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (about(License_Expression="GPL-3.0-or-later"), MIT_TEXT),
        (about(License_Expression="MIT AND GPL-3.0-only"), ""),
        (about(License_Expression="Apache-2.0"), ""),
        (about(License_Expression="MIT AND (GPL-2.0-only OR LGPL-2.1-only)"), ""),
        (
            about(
                License="MIT", Classifier="License :: OSI Approved :: GNU General Public License v3 (GPLv3)"
            ),
            "",
        ),
        (about(License="MIT"), GPL_TEXT),
        (about(License="MIT-CMU"), ""),
        (about(), ""),
    ],
)
def test_a_licence_that_is_not_confirmed_is_refused(metadata: Message, text: str) -> None:
    assert against_licence("MIT", metadata, [text] if text else [])


def test_a_package_whose_licence_is_another_than_the_list_says_stops_the_command(
    index: Index, tmp_path: Path
) -> None:
    files = {"apples/tree.py": module("apple")}
    apples = index.add("apples", wheel("apples", files, "License-Expression: GPL-3.0-only"))
    path = tmp_path / "list.json"
    path.write_text(json.dumps(to_json(plan_of(apples))))
    done = command(path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.endswith("GPL-3.0-only; take it off the list.\n")
    assert done.stderr.count("\n") == 1
    assert not [*(tmp_path / "out").rglob("*.py")]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../apples"},
        {"name": "apples --index-url http://elsewhere"},
        {"version": "1.0 --pre"},
        {"sha256": "0" * 63},
        {"archive_bytes": 0},
        {"licence": "GPL-3.0-only"},
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    listed = to_json(plan_of(package("apples", b"apples")))
    listed["packages"][0] |= change
    path = tmp_path / "list.json"
    path.write_text(json.dumps(listed))
    with pytest.raises(UsageError):
        read_list(path)


def test_a_package_is_not_learnt_from_and_held_out_at_once() -> None:
    with pytest.raises(UsageError, match="twice"):
        plan_of(package("Disc.ord", b"1"), held_out=(package("disc-ord", b"1"),))


def test_copies_of_what_is_held_out_are_found_wherever_they_lie(index: Index, tmp_path: Path) -> None:
    route, click = module("route", 20), module("click", 20)
    flask = index.add("flask", wheel("flask", {"flask/app.py": route, "flask/click.py": click}))
    files = {
        "apples/tree.py": module("apple"),
        "apples/_vendor/flask/app.py": route,
        "apples/_flask/app.py": "old = 1\n" * 9,
        "apples/renamed.py": route,
        "apples/altered.py": click.replace("clickkk", "changed"),
        "apples/partly.py": module("pear", 20) + "\n\n" + "\n\n\n".join(click.split("\n\n\n")[5:8]),
    }
    apples = index.add("apples", wheel("apples", files))
    Corpus(plan_of(apples, held_out=(flask,)), tmp_path / "out").make(silent)
    assert learnt(tmp_path / "out") == {"apples/apples/tree.py"}
    copies = json.loads((tmp_path / "out" / FACTS_NAME).read_text())["copies"]
    assert copies == {
        "apples/apples/_flask/app.py": "flask/app.py",
        "apples/apples/altered.py": "flask/click.py",
        "apples/apples/partly.py": "flask/click.py",
        "apples/apples/renamed.py": "flask/app.py",
    }


def test_what_many_write_is_no_copy() -> None:
    held_out = HeldOut()
    licence = "".join(f"# Licensed under the terms of line {number} of it\n" for number in range(30))
    imports = "".join(f"from collections.abc import Thing{number}\n" for number in range(30))
    held_out.add("flask/app.py", licence + imports + module("route"))
    assert held_out.find("apples/tree.py", licence + imports + module("apple")) == ""
    assert held_out.find("apples/flask/tree.py", module("apple")) == ""
    assert held_out.find("app.py", module("apple")) == ""


def test_tasks_of_benchmarks_are_found_and_ordinary_functions_are_not() -> None:
    tasks = Tasks(read_list(SHIPPED_LIST))
    prompt = 'def {}(numbers):\n    """ Say it.\n    >>> {}([1])\n    1\n    """\n'
    assert tasks.are_in(prompt.format("has_close_elements", "has_close_elements"))
    assert tasks.are_in(
        "names = ['rolling_maxx', 'separate_paren_groups', 'parse_music', 'car_race_collision']"
    )
    assert tasks.are_in("Write a function to find it.\n" * 3)
    assert tasks.are_in("".join(prompt.format(name, name) for name in ("is_prime", "fib", "median")))
    assert not tasks.are_in(
        "".join(f"def {name}(self): pass\n" for name in ("add", "search", "fib", "median"))
    )
    assert not tasks.are_in(prompt.format("is_prime", "is_prime"))


def test_care_is_told_from_its_lack() -> None:
    careful = module("apple")
    careless = "".join(
        f"def f{n}(a,b,c):\n    x=a+{n};y=b*{n};z=c-{n}\n    return x,y,z\n" for n in range(40)
    )
    tree, other = parsed(careful), parsed(careless)
    assert tree is not None
    assert other is not None
    assert quality(tree, careful).score > 2 * quality(other, careless).score
    assert not is_poor(tree, careful)


@pytest.mark.parametrize(
    "text",
    [
        "table = {\n" + "".join(f"    'key {n}': {n},\n" for n in range(100)) + "}\n",
        "x = call(\n    [\n" + "".join(f"        {n},\n" for n in range(100)) + "    ]\n)\n",
        "".join("value = value + 1\n" for _ in range(100)),
        "".join(f"# строка по-русски {n}\nx{n} = {n}\n" for n in range(50)),
    ],
)
def test_tables_and_repetitions_are_poor(text: str) -> None:
    tree = parsed(text)
    assert tree is not None
    assert is_poor(tree, text)


@pytest.mark.parametrize("text", ["print 'two'\n", "(" * 5000, "x = '\\", "a\0b", "-" * 100_000 + "1"])
def test_what_is_not_python_is_seen(text: str) -> None:
    assert parsed(text) is None


def test_tests_are_told_by_their_names_and_most_are_left_out(index: Index, tmp_path: Path) -> None:
    assert all(map(is_test, ("a/tests/b.py", "a/test_b.py", "a/b_test.py", "a/conftest.py")))
    assert not any(map(is_test, ("a/latest.py", "a/attest/b.py", "a/contest_test_case/b.py")))
    files = {f"apples/tree{n}.py": module(f"apple{n}q") for n in range(8)}
    files |= {f"apples/tests/test_{n}.py": module(f"check{n}q") for n in range(8)}
    apples = index.add("apples", wheel("apples", files))
    facts = Corpus(plan_of(apples), tmp_path / "out").make(silent)
    kept = learnt(tmp_path / "out")
    assert len([name for name in kept if "test_" not in name]) == 8
    assert facts["left_out"] == {"test": 8 - len([name for name in kept if "test_" in name])}
    assert facts["left_out"]["test"] >= 7
    best = list((tmp_path / "out/best").rglob("*.py"))
    assert facts["best_bytes"] == sum(path.stat().st_size for path in best) > 0


def test_no_package_is_most_of_the_best(index: Index, tmp_path: Path) -> None:
    def files(name: str, topics: str) -> dict[str, str]:
        return {f"{name}/{topic}.py": module(f"{topic}{name}", 6) for topic in topics}

    large = index.add("large", wheel("large", files("large", "abcdefghijklmnopqrstuvwxyz")))
    small = index.add(
        "small", wheel("small", {k: v.replace(": int", "") for k, v in files("small", "abcdefgh").items()})
    )
    Corpus(plan_of(large, small), tmp_path / "out").make(silent)
    packages = {
        path.relative_to(tmp_path / "out/best").parts[0] for path in (tmp_path / "out/best").rglob("*.py")
    }
    assert packages == {"large", "small"}


def test_the_shipped_list_is_in_order() -> None:
    plan = read_list(SHIPPED_LIST)
    assert {package.name for package in plan.held_out} == HELD_OUT
    assert len(plan.packages) >= 60
    assert plan.standard_library
    assert len(set(plan.benchmark_names) | set(plan.benchmark_common_names)) > 150
