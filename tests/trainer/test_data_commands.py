"""The data commands as a person or a program calls them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.spec.lines import EVENTS, from_line
from core.spec.messages import Failed, Finished, Glimpse, Judged
from tests.trainer.vocabularies import ROOT, own_model
from trainer.data.prepared import PreparedData

RUN = "import sys, main; sys.exit(main.run(sys.argv[1:], sets_itself_up=False))"
SECRETS = {"keys.py": "ghp" + "_" + "a1B2" * 9, "config.ini": "AK" + "IA" + "QWERTYUIOPASDFGH"}


def run(*words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, "data", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "node_modules" / "x").mkdir(parents=True)
    (folder / "LICENSE").write_text("Permission is hereby granted, free of charge, to any person...")
    (folder / "good.py").write_text(
        "# SPDX-License-Identifier: Apache-2.0\n" + "total = first + second\n" * 20
    )
    (folder / "image.py").write_bytes(b"\0\1\2")
    (folder / os.fsdecode(b"odd\n\xff.py")).write_text("odd = True\n")
    for name, secret in SECRETS.items():
        (folder / name).write_text(f"import os\n\nname = '{secret}'\n")
    return folder


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "own.model"
    path.write_bytes(own_model())
    return path


def test_a_scan_tells_a_person_what_is_learnt_and_what_is_not(folder: Path) -> None:
    done = run("scan", folder, "--list")
    assert done.returncode == 0, done.stderr
    assert "2 files can be learnt from" in done.stdout
    assert f"{folder}/image.py: it is not text" in done.stdout
    assert f"{folder}/node_modules: it is other people's code, brought along" in done.stdout
    assert "1 Apache-2.0" in done.stdout
    assert "1 MIT" in done.stdout
    assert f"{folder}/keys.py is left out, line 3: GitHub token" in done.stdout


def test_a_scan_that_leaves_nothing_out_says_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("total = first + second\n" * 20)
    done = run("scan", tmp_path)
    assert "1 files can be learnt from" in done.stdout
    assert "left out" not in done.stdout


@pytest.mark.parametrize("options", [(), ("--json",), ("--list",)])
def test_no_secret_is_ever_printed(folder: Path, options: tuple[str, ...]) -> None:
    done = run("scan", folder, *options)
    for secret in SECRETS.values():
        assert secret not in done.stdout + done.stderr


def test_a_scan_tells_a_program_each_file_and_the_sum(folder: Path, vocabulary: Path) -> None:
    done = run("scan", folder, "--json", "--tokenizer", vocabulary)
    *files, last = objects(done.stdout)
    found = {Path(file["path"]).name: file for file in files}
    assert len(found) == 7
    assert found["good.py"]["accepted"]
    assert found["good.py"]["tokens"] > 50
    assert found["keys.py"]["secrets"] == [{"line": 3, "kind": "GitHub token"}]
    assert found["image.py"]["reason"] == "binary"
    assert found[os.fsdecode(b"odd\n\xff.py")]["accepted"]
    summary = last["summary"]
    assert summary["accepted"] == 2
    assert summary["left_out"] == 5
    assert summary["tokens"] == sum(file.get("tokens", 0) for file in files)
    assert not summary["tokens_are_estimated"]
    assert summary["licences"] == {"MIT": 1, "Apache-2.0": 1}


def test_a_person_can_overrule(folder: Path) -> None:
    summary = objects(run("scan", folder, "--json", "--include", "keys.py", "--exclude", "good.*").stdout)[-1]
    assert summary["summary"]["accepted"] == 2
    assert summary["summary"]["reasons"]["excluded"] == 1


def test_prepared_data_can_be_opened(folder: Path, vocabulary: Path, tmp_path: Path) -> None:
    words = ("prepare", folder, "--tokenizer", vocabulary, "--out", tmp_path / "out", "--context", "64")
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["left_out"]["secret"] == 2
    data = PreparedData.open(tmp_path / "out")
    assert data.row_tokens == 65
    assert data.tokens("train") + data.tokens("validation") > 100
    for path in (tmp_path / "out").iterdir():
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS.values())


def test_broken_lines_are_told_and_the_rest_is_prepared(vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "one"}\n{"text": 2}\n' + "{\n" * 30 + '{"text": "two"}\n')
    done = run("prepare", path, "--tokenizer", vocabulary, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert f"{path}, 2: left out because 'text' is no text" in done.stderr
    assert "and 11 more like these" in done.stderr
    assert "text data" in done.stdout


def test_events_tell_what_happens(folder: Path, vocabulary: Path, tmp_path: Path) -> None:
    words = ("prepare", "--tokenizer", vocabulary, "--out", tmp_path / "out", "--events")
    events = objects(run(*words, folder).stdout)
    kinds = [event["type"] for event in events]
    assert (kinds[0], {*kinds[1:-1]}, kinds[-1]) == ("started", {"progress"}, "finished")
    failed = run(*words, tmp_path / "missing")
    assert objects(failed.stdout)[-1]["type"] == "failed"
    assert failed.returncode == 2


def test_a_model_stands_for_its_vocabulary(folder: Path, tmp_path: Path) -> None:
    from tests.tiny import tiny_folder, tiny_tokenizer

    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path))
    done = run("prepare", folder, "--model", model, "--out", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["vocab_size"] == tiny_tokenizer(tmp_path).vocab_size


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scan", "missing"), "not a folder"),
        (("scan", "main.py"), "not a folder"),
        (("prepare", "core", "--out", "x"), "--model"),
        (("prepare", "core", "--out", "x", "--tokenizer", "missing"), "missing"),
        (("prepare", "core", "--out", "x", "--tokenizer", "t", "--fim-rate", "2"), "at most 1"),
        (("prepare", "core", "--out", "x", "--tokenizer", "t", "--pairs", "some"), "no, also, only"),
        (("rows", "missing.parquet"), "missing.parquet"),
        (("rows", "main.py"), "main.py"),
    ],
)
def test_a_mistake_is_one_sentence(words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_rows_of_a_table_are_json_lines(tmp_path: Path) -> None:
    from arro3.core import Array, DataType, RecordBatch
    from arro3.io import write_parquet

    batch = RecordBatch({"text": Array(["one", "two"], type=DataType.utf8())})
    write_parquet(batch, tmp_path / "a.parquet")
    done = run("rows", tmp_path / "a.parquet")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"text": "one"},
        {"text": "two"},
    ]


def test_who_stops_reading_a_scan_is_not_told_of_it(folder: Path) -> None:
    command = [sys.executable, "-c", RUN, "data", "scan", str(ROOT / "core"), "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_scan_in_events_names_some_of_each_reason_and_counts_all(folder: Path, vocabulary: Path) -> None:
    for number in range(9):
        (folder / f"image_{number}.py").write_bytes(b"\0\1\2" + bytes([number]))
    words = ("--events", "--listed", "2", "--glimpses", "3", "--fim-rate", "1", "--tokenizer", vocabulary)
    done = run("scan", folder, *words)
    told = [from_line(line, EVENTS) for line in done.stdout.encode().splitlines()]
    judged = [event for event in told if isinstance(event, Judged)]
    assert len([event for event in judged if event.reason == "binary"]) == 2
    (vendored,) = (event for event in judged if event.reason == "vendored")
    assert (vendored.is_folder, vendored.can_be_included) == (True, True)
    assert {event.secrets for event in judged if event.reason == "secret"} != {()}
    assert not any(secret in done.stdout for secret in SECRETS.values())
    last = told[-1]
    assert isinstance(last, Finished)
    counts = {metric.name: metric.value for metric in last.metrics}
    assert (counts["accepted"], counts["left_out_binary"]) == (2, 10)
    (glimpse,) = (event for event in told if isinstance(event, Glimpse))
    assert glimpse.path.endswith("good.py")
    text = "".join(part.text for part in glimpse.parts if part.kind == "text")
    assert "total = first + second" in text
    assert glimpse.parts[-1].kind == "end"


def test_a_scan_of_nothing_fails_in_events_too(tmp_path: Path) -> None:
    done = run("scan", tmp_path / "gone", "--events")
    assert done.returncode == 2
    assert isinstance(from_line(done.stdout.encode().splitlines()[-1], EVENTS), Failed)
