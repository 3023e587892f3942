"""Prepared data says what its sources say, and is the same whether or not the work was interrupted."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.spec.errors import DataError, JobError, UsageError
from core.text.tokenizer import Tokenizer
from tests.trainer.vocabularies import ROOT, own_tokenizer, own_vocabulary
from trainer.data.layout import JOURNAL_NAME, SPLITS, Split, vocabulary_fingerprint
from trainer.data.passages import text_end
from trainer.data.prepare import Preparation
from trainer.data.prepared import PreparedData
from trainer.data.sources import Sources
from trainer.spec.data import PrepareSpec, ScanSpec

PART_TOKENS = 4000


def preparation(out: Path, *paths: Path, **changes: Any) -> Preparation:
    sources = Sources(paths, ScanSpec())
    settings: dict[str, Any] = {"spec": PrepareSpec(), "part_tokens": PART_TOKENS}
    return Preparation(sources, own_vocabulary(out.parent), **settings | changes)


def prepare(out: Path, *paths: Path, part_tokens: int = PART_TOKENS, **spec: Any) -> dict[str, Any]:
    settings = PrepareSpec(**spec)
    return preparation(out, *paths, spec=settings, part_tokens=part_tokens).run(out, lambda *_: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix not in ("", ".TAG")
    }


def texts(folder: Path, split: Split, tokenizer: Tokenizer) -> list[str]:
    data = PreparedData.open(folder)
    rows = data.rows(split, 1)
    tokens = rows.read(range(len(rows)))[0][:, 0].tolist() if len(rows) else []
    found, end = list[str](), text_end(tokenizer)
    while tokens:
        place = tokens.index(end)
        found.append(tokenizer.decode(tokens[:place]))
        del tokens[: place + 1]
    return found


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "core" / "text", tmp_path / "code", ignore=_no_caches))


def _no_caches(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


def test_every_text_is_there_once_with_its_end(tmp_path: Path, code: Path) -> None:
    facts = prepare(tmp_path / "out", code, fim_rate=0.0)
    found = [text for split in SPLITS for text in texts(tmp_path / "out", split, own_tokenizer())]
    assert sorted(found) == sorted(text for path in code.iterdir() if (text := path.read_text()))
    assert len(facts["shards"]["train"]) > 3
    assert sum(shard["tokens"] for shard in facts["shards"]["validation"]) > 0


def test_a_file_stays_on_its_side_whatever_is_added(tmp_path: Path, code: Path) -> None:
    prepare(tmp_path / "few", code, fim_rate=0.0, validation_share=0.4)
    for number in range(30):
        (code / f"new_{number}.py").write_text("\n".join(f"x_{number}_{n} = {n * number}" for n in range(30)))
    prepare(tmp_path / "many", code, fim_rate=0.0, validation_share=0.4)
    for split in SPLITS:
        few, many = (texts(tmp_path / name, split, own_tokenizer()) for name in ("few", "many"))
        assert set(few) <= set(many)


@pytest.mark.parametrize("count", [2, 5, 20])
def test_something_is_held_out_of_few_files_too(tmp_path: Path, count: int) -> None:
    (tmp_path / "code").mkdir()
    for number in range(count):
        (tmp_path / "code" / f"{number}.py").write_text(f"value_{number} = {number}\n" * 9)
    facts = prepare(tmp_path / "out", tmp_path / "code")
    documents = {split: sum(s["documents"] for s in facts["shards"][split]) for split in SPLITS}
    assert documents["validation"] >= 1
    assert documents["train"] >= count - documents["validation"] >= count // 2


def test_the_same_again_is_the_same_data_and_done_at_once(tmp_path: Path, code: Path) -> None:
    first = prepare(tmp_path / "a", code)
    prepare(tmp_path / "b", code)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir() if path.suffix}
    assert prepare(tmp_path / "a", code) == first
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_data_among_its_sources_is_not_learnt_from(tmp_path: Path, code: Path) -> None:
    first = prepare(code / "out", code)
    assert first["left_out"]["generated"] == 1
    second = prepare(code / "again", code)
    assert [source["digest"] for source in first["sources"]] == [s["digest"] for s in second["sources"]]


def test_finished_data_is_never_overwritten(tmp_path: Path, code: Path) -> None:
    prepare(tmp_path / "out", code)
    before = contents(tmp_path / "out")
    with pytest.raises(UsageError, match="holds other data"):
        prepare(tmp_path / "out", code, seed=1)
    assert contents(tmp_path / "out") == before


CHILD = """
import sys
from pathlib import Path
from core.spec.errors import SmallCoderError
from trainer.data.prepare import Preparation
from trainer.data.sources import Sources
from trainer.spec.data import PrepareSpec, ScanSpec
out, vocabulary, limit, jobs, *paths = sys.argv[1:]
if int(limit):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
sources = Sources(tuple(map(Path, paths)), ScanSpec(), "also")
spec = PrepareSpec(context=128, pairs="also")
try:
    preparation = Preparation(sources, Path(vocabulary), spec, int(jobs), 4000)
    preparation.run(Path(out), lambda documents, _: print(documents, flush=True))
except SmallCoderError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    return own_vocabulary(tmp_path)


def start(out: Path, vocabulary: Path, *paths: Path, limit: int = 0, jobs: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, *map(str, (out, vocabulary, limit, jobs, *paths))]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def killed_at_random(process: subprocess.Popen[str], dice: random.Random, documents: int) -> None:
    with process:
        assert process.stdout is not None
        for _ in range(dice.randrange(documents)):
            if not process.stdout.readline():
                break
        try:
            process.wait(dice.random() * 0.02)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(("kills", "jobs"), [(3, 1), (2, 2), pytest.param(50, 1, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(
    tmp_path: Path, code: Path, vocabulary: Path, kills: int, jobs: int
) -> None:
    with start(tmp_path / "whole", vocabulary, code) as process:
        out, said = process.communicate()
    assert process.returncode == 0, said
    dice = random.Random(kills)
    for round_number in range(max(kills // 5, 1)):
        interrupted = tmp_path / f"interrupted-{round_number}"
        for _ in range(min(kills, 5)):
            killed_at_random(start(interrupted, vocabulary, code, jobs=jobs), dice, len(out.splitlines()))
        with start(interrupted, vocabulary, code) as process:
            _, said = process.communicate()
        assert process.returncode == 0, said
        assert contents(interrupted) == contents(tmp_path / "whole")


def test_killed_as_it_wrote_the_last_file_it_leaves_nothing(tmp_path: Path, code: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".data.json.123").write_text("{")
    prepare(tmp_path / "out", code)
    assert [path.name for path in (tmp_path / "out").glob(".*")] == []


def test_several_processes_make_the_same_data(tmp_path: Path, code: Path) -> None:
    lines = tmp_path / "data.jsonl"
    records = [{"prompt": f"{n}?", "completion": f"\ud800 {n}" * (n % 9 + 1)} for n in range(40)]
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    spec = PrepareSpec(context=64, pairs="also")
    for jobs in (1, 3):
        out = tmp_path / str(jobs)
        preparation(out, code, lines, spec=spec, jobs=jobs).run(out, lambda *_: None)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")


def test_a_killed_process_leaves_none_behind(tmp_path: Path, code: Path, vocabulary: Path) -> None:
    with start(tmp_path / "out", vocabulary, code, jobs=2) as process:
        assert process.stdout is not None
        process.stdout.readline()
        helpers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(helpers) == 2
    assert psutil.wait_procs(helpers, timeout=20)[1] == []
    with start(tmp_path / "out", vocabulary, code, jobs=2) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said


def test_a_process_that_falls_is_one_sentence(tmp_path: Path) -> None:
    out, code = tmp_path / "out", tmp_path / "code"
    shutil.copytree(ROOT / "core", code, ignore=_no_caches)  # enough for many messages

    def kill_all(*_: int) -> None:
        for child in psutil.Process().children():
            child.kill()

    with pytest.raises(JobError, match="fewer --jobs"):
        preparation(out, code, jobs=2).run(out, kill_all)


def test_finished_parts_are_not_done_again(
    tmp_path: Path, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    def stop(*_: int) -> None:
        if len(list((tmp_path / "out").glob("train-*.tokens"))) == 2:
            raise Stop

    with pytest.raises(Stop):
        preparation(tmp_path / "out", code).run(tmp_path / "out", stop)
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tokens")}
    assert not list((tmp_path / "out").glob("*.part"))
    with pytest.raises(DataError, match="only in part"):
        PreparedData.open(tmp_path / "out")
    prepare(tmp_path / "out", code)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    prepare(tmp_path / "whole", code)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_journal_cut_at_any_byte_is_enough(tmp_path: Path, code: Path) -> None:
    class Stop(Exception):
        pass

    half = tmp_path / "half"

    def stop(*_: int) -> None:
        if len(list(half.glob("train-*.tokens"))) == 2:
            raise Stop

    with pytest.raises(Stop):
        preparation(half, code).run(half, stop)
    prepare(tmp_path / "whole", code)
    journal = (half / JOURNAL_NAME).read_bytes()
    for size in (
        0,
        1,
        len(journal) // 3,
        len(journal) // 2,
        len(journal) * 3 // 4,
        len(journal) - 1,
        len(journal),
    ):
        out = tmp_path / f"cut-{size}"
        shutil.copytree(half, out)
        os.truncate(out / JOURNAL_NAME, size)
        (out / "train-00002.tokens.part").write_bytes(b"half")
        prepare(out, code)
        assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk_is_one_sentence_and_leaves_what_can_go_on(
    tmp_path: Path, code: Path, vocabulary: Path
) -> None:
    with start(tmp_path / "out", vocabulary, code, limit=6000) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert said.startswith("DoesNotFit: The disk is full")
    assert said.count("\n") == 1
    assert not list((tmp_path / "out").glob("*.part"))
    for out in ("out", "whole"):
        with start(tmp_path / out, vocabulary, code) as process:
            _, said = process.communicate()
        assert process.returncode == 0, said
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def half_done(out: Path, code: Path) -> None:
    class Stop(Exception):
        pass

    def stop(*_: int) -> None:
        if list(out.glob("train-*.tokens")):
            raise Stop

    with pytest.raises(Stop):
        preparation(out, code).run(out, stop)


def test_sources_that_changed_meanwhile_are_noticed(tmp_path: Path, code: Path) -> None:
    half_done(tmp_path / "out", code)
    first = min(path for path in code.iterdir() if path.stat().st_size)
    first.write_text(first.read_text() + "changed = True\n")
    with pytest.raises(JobError, match="has changed since"):
        prepare(tmp_path / "out", code)


def test_other_settings_do_not_go_on_with_what_was_begun(tmp_path: Path, code: Path) -> None:
    half_done(tmp_path / "out", code)
    with pytest.raises(UsageError, match=r"other settings \(settings\)"):
        prepare(tmp_path / "out", code, context=64)


@pytest.mark.parametrize("damage", [b"{}\n{}\n", b"[]\n[]\n", b"\xff\n\xff\n", b"PLAN\n{}\n"])
def test_a_damaged_journal_is_refused(tmp_path: Path, code: Path, damage: bytes) -> None:
    half_done(tmp_path / "out", code)
    journal = tmp_path / "out" / JOURNAL_NAME
    journal.write_bytes(damage.replace(b"PLAN", journal.read_bytes().splitlines()[0]))
    with pytest.raises((DataError, UsageError)):
        prepare(tmp_path / "out", code)


def test_only_one_process_prepares_a_folder(tmp_path: Path, code: Path) -> None:
    out, refused = tmp_path / "out", []

    def try_too(*_: int) -> None:
        if not refused:
            with pytest.raises(JobError, match="Another process"):
                preparation(out, code).run(out, lambda *_: None)
            refused.append(True)

    preparation(out, code).run(out, try_too)
    assert refused


def test_files_of_other_people_in_the_folder_stay(tmp_path: Path, code: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train-notes.txt").write_text("mine")
    (tmp_path / "out" / "train-00009.tokens").write_text("left over")
    prepare(tmp_path / "out", code)
    assert (tmp_path / "out" / "train-notes.txt").read_text() == "mine"
    assert not (tmp_path / "out" / "train-00009.tokens").exists()


def nothing_in(tmp_path: Path, name: str) -> Path:
    place = tmp_path / name
    if name == "data.jsonl":
        place.write_text("{\n[]\n")
    elif name == "empty.txt":
        place.write_text("\n\n")
    else:
        place.mkdir()
    if name == "binaries":
        (place / "a.bin").write_bytes(b"\0" * 100)
        (place / ".env").write_text("A=1")
    return place


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("empty", "all of it is empty"),
        ("binaries", "1 left out because files of this name hold secrets; 1 left out because it is not text"),
        ("data.jsonl", r"2 broken, the first in .*data\.jsonl at 1 because it is not JSON"),
        ("empty.txt", "all of it is empty"),
    ],
)
def test_where_nothing_can_be_used_it_says_why(tmp_path: Path, name: str, why: str) -> None:
    place = nothing_in(tmp_path, name)
    with pytest.raises(DataError, match=why):
        prepare(tmp_path / "out", place)
    (tmp_path / "good.txt").write_text("Something to learn.\n")
    prepare(tmp_path / "out", tmp_path / "good.txt")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, code: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        preparation(tmp_path / "out", code).run(tmp_path / "file" / "out", lambda *_: None)


MEASURED = """
import sys, tracemalloc
from pathlib import Path
from trainer.data.prepare import Preparation
from trainer.data.sources import Sources
from trainer.spec.data import PrepareSpec, ScanSpec
out, vocabulary, source = map(Path, sys.argv[1:])
tracemalloc.start()
Preparation(Sources((source,), ScanSpec()), vocabulary, PrepareSpec()).run(out, lambda *_: None)
print(tracemalloc.get_traced_memory()[1])
"""


def test_memory_does_not_grow_with_the_data(tmp_path: Path, vocabulary: Path) -> None:
    peaks = []
    for count in (400, 1600):
        dice, path = random.Random(1), tmp_path / f"{count}.jsonl"
        with path.open("w") as file:
            for _ in range(count):
                text = " ".join(f"w{dice.randrange(999)}" for _ in range(60))
                file.write(json.dumps({"text": text}) + "\n")
        command = [sys.executable, "-c", MEASURED, str(tmp_path / f"out-{count}"), str(vocabulary), str(path)]
        peaks.append(int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout))
    assert peaks[1] < 1.1 * peaks[0]


def test_facts_name_what_was_read(tmp_path: Path, code: Path) -> None:
    lines = tmp_path / "data.jsonl"
    lines.write_text('{"text": "x"}\n{\n')
    (code / "nothing.py").touch()
    facts = prepare(tmp_path / "out", code, lines)
    assert [source["path"] for source in facts["sources"]] == [str(code), str(lines)]
    assert [len(source["digest"]) for source in facts["sources"]] == [32, 32]
    assert facts["broken"] == 1
    assert facts["problems"] == [{"path": str(lines), "place": 2, "why": "it is not JSON in UTF-8"}]
    assert facts["left_out"] == {"empty": 1}
    data = PreparedData.open(tmp_path / "out")
    assert data.vocabulary == vocabulary_fingerprint(own_tokenizer())
    assert data.tokens("train") == sum(shard["tokens"] for shard in facts["shards"]["train"])


def test_two_vocabularies_of_one_size_are_told_apart() -> None:
    from tests.trainer.vocabularies import byte_level_tokenizer

    prints = {vocabulary_fingerprint(tokenizer) for tokenizer in (own_tokenizer(), byte_level_tokenizer())}
    assert len(prints) == 2
