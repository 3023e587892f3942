"""`bench quality` and `bench repo` as processes of their own: what they print, tell and keep, and what
becomes of models and files that misbehave."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.spec.folders import embedded_model
from core.spec.lines import EVENTS, from_line
from core.spec.messages import Event, Failed, Finished, Note, Progress, Started, Tried
from tests.tiny import tiny_folder, tiny_tokenizer
from tests.trainer.sandbox.refusal import under_refusal
from trainer.bench.tasks import own_suite
from trainer.spec.results import read_results

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the sandbox's Windows side has not been run")
ROOT = Path(__file__).parents[3]
START = "import sys, main; sys.exit(main.main())"
SHORT = ("--max-tokens", "8", "--threads", "1", "--precision", "fp32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a model, and answers to our own tasks: the solutions, but for one that is wrong."""
    made = tmp_path_factory.mktemp("quality")
    (made / "vocabulary").mkdir()
    tiny_folder(made / "model", tiny_tokenizer(made / "vocabulary"))
    lines = [
        {"task_id": task.id, "completion": task.wrong[0] if task.id == "stack" else task.middle}
        for task in own_suite().tasks
    ]
    (made / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return made


def command(start: str, *words: str) -> list[str]:
    return [sys.executable, "-c", start, "bench", *words]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "SMALLCODER_HOME": str(folder / "home")}


def bench(folder: Path, *words: str, start: str = START) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(start, *words),
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def results_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def test_given_samples_are_scored_row_by_row(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    words = ("quality", "--samples", "samples.jsonl", "--json", "--output", str(output))
    [result] = results_of(bench(folder, *words))
    assert (result["passed"], result["total"]) == (14, 15)
    assert result["model"] == "samples.jsonl"
    assert result["pass_at"]["1"]["value"] == pytest.approx(14 / 15)
    assert 93 < result["quality"] < 95
    assert {"processor", "cores", "memory_bytes"} <= result["machine"].keys()
    assert {"smallcoder", "python", "torch"} <= result["versions"].keys()
    assert (result["seed"], result["settings"]["attempts"]) == (42, 1)
    wrong = [row for row in result["rows"] if row["outcome"] != "passed"]
    assert [row["task"] for row in wrong] == ["stack"]
    assert "line" in wrong[0]["reason"]
    assert wrong[0]["output"] == next(task for task in own_suite().tasks if task.id == "stack").wrong[0]
    assert wrong[0]["output"] in wrong[0]["program"]
    assert json.loads(output.read_text()) == [result]
    [read] = read_results(output)
    assert (read.kind, read.number("quality"), len(read.rows)) == ("quality", result["quality"], 15)
    assert [*tmp_path.iterdir()] == [output], "nothing is left beside the results"


def test_a_stopped_benchmark_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    words = ("quality", "--model", "model", *SHORT, "--no-check-references", "--output", str(output))
    first: list[Event] = []
    with started(folder, *words, "--events") as process:
        for event in events_of(process):
            first.append(event)
            if sum(isinstance(item, Tried) for item in first) == 3 and process.stdin:
                process.stdin.close()
    assert process.returncode == 130
    assert isinstance(first[0], Started)
    assert isinstance(first[-1], Finished)
    assert first[-1].stopped
    assert not output.exists()
    kept = [json.loads(line) for line in (tmp_path / "results.json.part").read_text().splitlines()[1:]]
    assert 3 <= len(kept) < 15
    other = bench(folder, *words, "--seed", "7")
    assert other.returncode == 2
    assert "begun in another way (settings)" in other.stderr
    assert other.stderr.count("\n") == 1
    [result] = results_of(bench(folder, *words, "--json"))
    assert [row["task"] for row in result["rows"]] == [task.id for task in own_suite().tasks]
    assert result["rows"][: len(kept)] == [line["row"] for line in kept], "nothing is asked twice"
    assert [*tmp_path.iterdir()] == [output]


def test_a_killed_benchmark_goes_on_and_two_at_once_do_not_meet(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    words = ("quality", "--model", "model", *SHORT, "--no-check-references", "--output", str(output))
    with started(folder, *words, "--events") as process:
        next(event for event in events_of(process) if isinstance(event, Tried))
        process.send_signal(signal.SIGSTOP)
        done = bench(folder, *words)
        given = ("quality", "--samples", "samples.jsonl", "--limit", "1", "--json")
        other = bench(folder, *given, "--output", str(tmp_path / "other.json"))
        process.kill()
    assert done.returncode == 2
    assert "Another benchmark is writing" in done.stderr
    assert "Another benchmark runs on this machine" in other.stderr
    assert [result["was_alone"] for result in results_of(other)] == [False]
    with (tmp_path / "results.json.part").open("ab") as file:
        file.write(b'{"whose": "torn')
    [result] = results_of(bench(folder, *words, "--json"))
    assert (result["total"], result["was_alone"]) == (15, True)


FULL = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); {START}"


def test_a_full_disk_is_said_and_what_is_done_is_kept(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    words = ("quality", "--samples", "samples.jsonl", "--no-check-references", "--output", str(output))
    done = bench(folder, *words, start=FULL)
    assert done.returncode == 2
    assert "The disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    part = tmp_path / "results.json.part"
    kept = part.read_bytes().count(b"\n") - 1
    assert kept > 2
    [result] = results_of(bench(folder, *words, "--json"))
    assert result["total"] == 15


BROKEN_SUITE: list[dict[str, Any]] = [
    {
        "task_id": "Ours/1",
        "prompt": "def double(x):\n",
        "entry_point": "double",
        "canonical_solution": "    return 2 * x\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    },
    {
        "task_id": "Ours/2",
        "prompt": "def triple(x):\n",
        "entry_point": "triple",
        "canonical_solution": "    return 2 * x\n",
        "test": "def check(candidate):\n    assert candidate(2) == 6\n",
    },
    {"task_id": "Ours/3", "prompt": 5, "entry_point": "f", "canonical_solution": "", "test": ""},
]


def test_broken_tasks_are_named_left_out_and_counted(folder: Path, tmp_path: Path) -> None:
    suite, samples = tmp_path / "suite.jsonl.gz", tmp_path / "samples.jsonl"
    suite.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in BROKEN_SUITE).encode()))
    given = [
        {"task_id": "Ours/1", "solution": "def double(x):\n    return x + x\n"},
        {"task_id": "Ours/1", "completion": "    return 3 * x\n"},
        {"task_id": "Ours/1", "completion": "\ud800"},
        {"task_id": "Ours/2", "completion": "    return 3 * x\n"},
        {"task_id": "Ours/9", "completion": "    return 3 * x\n"},
        {"task_id": "Ours/1"},
    ]
    samples.write_bytes(b"\xff\xfe\n" + "".join(json.dumps(line) + "\n" for line in given).encode())
    words = ("quality", "--suite", str(suite), "--samples", str(samples))
    done = bench(folder, *words, "--json")
    [result] = results_of(done)
    assert (result["passed"], result["total"], result["tasks"]) == (1, 3, 1)
    assert [row["outcome"] for row in result["rows"]] == ["passed", "failed", "error"]
    said = "\n".join(result["skipped"])
    assert "Line 3 (Ours/3)" in said
    assert "Ours/2 is left out, for its own solution does not pass" in said
    assert "Line 1 has no task_id" in said
    assert "Line 7 (Ours/1) has no task_id with a completion" in said
    for sentence in result["skipped"]:
        assert sentence in done.stderr


REFUSED = {
    "a preset": (("--model", "smallcoder-tiny"), "is a preset, which has no weights"),
    "the set of presets": (("--model", "variants"), "is a preset, which has no weights"),
    "both": (("--model", "model", "--samples", "samples.jsonl"), "Name one thing to measure"),
    "no model there": (("--model", "nowhere"), "There is no model at nowhere"),
    "an unknown suite": (("--model", "model", "--suite", "smallcode"), "did you mean 'smallcoder'"),
    "a missing suite": (("--model", "model", "--suite", "x.jsonl"), "cannot be read"),
    "missing samples": (("--samples", "x.jsonl"), "cannot be read"),
    "the same answer twice": (("--model", "model", "--attempts", "3"), "are all the same"),
    "more than are asked for": (("--model", "model", "--k", "5"), "needs as many attempts"),
    "an unknown precision": (("--model", "model", "--precision", "int9"), "did you mean 'int8'"),
    "a folder for a file": (("--samples", "samples.jsonl", "--output", "."), "is a folder"),
    "a place that cannot be": (
        ("--samples", "samples.jsonl", "--output", "samples.jsonl/x"),
        "cannot be written",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_meant_is_refused_in_a_sentence(folder: Path, kind: str) -> None:
    words, sentence = REFUSED[kind]
    done = bench(folder, "quality", *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") <= 2
    assert "Traceback" not in done.stderr


def started(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command(START, *words),
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def events_of(process: "subprocess.Popen[bytes]") -> Iterator[Event]:
    assert process.stdout is not None
    for line in process.stdout:
        yield from_line(line, EVENTS)


def test_events_tell_of_failures_and_notes(folder: Path) -> None:
    words = ("quality", "--model", "nowhere", "--model", "model", *SHORT, "--limit", "1", "--events")
    with started(folder, *words) as process:
        events = list(events_of(process))
    assert process.returncode == 2
    assert any(isinstance(event, Note) and "There is no model at nowhere" in event.text for event in events)
    assert isinstance(events[-1], Finished)
    assert events[-1].path
    [result] = read_results(Path(events[-1].path))
    assert [event.trial for event in events if isinstance(event, Tried)] == [*result.rows]
    steps = [event for event in events if isinstance(event, Progress)]
    assert steps[-1].step == steps[-1].total
    with started(folder, "quality", "--model", "nowhere", "--limit", "1", "--events") as process:
        events = list(events_of(process))
    assert process.returncode == 2
    assert isinstance(events[-1], Failed)


def test_results_are_compared_tabulated_and_plotted(folder: Path, tmp_path: Path) -> None:
    [result] = results_of(bench(folder, "quality", "--samples", "samples.jsonl", "--limit", "4", "--json"))
    speed = {"model": "samples.jsonl", "precision": "given", "decode_tokens_per_s": 50.0}
    for name, content in {"one": [result], "two": [result], "speed": [speed]}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    files = [str(tmp_path / f"{name}.json") for name in ("one", "two", "speed")]
    out = (
        "--csv",
        str(tmp_path / "all.csv"),
        "--markdown",
        str(tmp_path / "all.md"),
        "--plots",
        str(tmp_path / "plots"),
    )
    done = bench(folder, "compare", *files, *out, "--json")
    [pair] = json.loads(done.stdout)
    assert (
        pair["before"] == pair["after"] == {"kind": "quality", "model": "samples.jsonl", "precision": "given"}
    )
    assert all(change["is_noise"] for change in pair["changes"])
    assert (tmp_path / "all.csv").read_text().count("\n") == 4
    assert "| samples.jsonl |" in (tmp_path / "all.md").read_text()
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["quality-speed.svg"]
    told = "samples.jsonl (one.json) given -> samples.jsonl (two.json) given"
    assert told in bench(folder, "compare", *files).stdout
    done = bench(folder, "compare", str(tmp_path / "all.csv"))
    assert done.returncode == 2
    assert "no list of results" in done.stderr


def test_a_model_is_recommended_with_reasons(folder: Path) -> None:
    done = bench(
        folder, "recommend", "--model", "model", "--model", "nowhere", "--precision", "int8", "--json"
    )
    rows = results_of(done)
    assert [(row["model"], row["is_recommended"]) for row in rows] == [("model", True), ("nowhere", False)]
    assert "tokens a second" in rows[0]["reasons"][0]
    assert "There is no model at nowhere" in rows[1]["problem"]


def test_where_no_model_is_named_the_one_that_comes_along_is_measured(folder: Path) -> None:
    words = ("--limit", "1", "--max-tokens", "4", "--no-check-references", "--threads", "1", "--json")
    [result] = results_of(bench(folder, "quality", *words))
    assert result["path"] == str(embedded_model())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own means")
@pytest.mark.parametrize("refused", ["Landlock", "seccomp"])
def test_what_is_missing_of_the_fence_is_told_before_anything_is_run(folder: Path, refused: str) -> None:
    run = "import main; main.run(['bench', 'sandbox', '--json'], sets_itself_up=False)"
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{run}"
    missing = json.loads(under_refusal(refused, program, env=environment(folder)))["missing"]
    assert any(refused in item for item in missing)
    assert json.loads(bench(folder, "sandbox", "--json").stdout) == {"missing": []}


RUN = """
import sys, main
words = ["bench", "quality", "--samples", "samples.jsonl", "--limit", "1", "--no-check-references"]
print("status", main.run([*words, *{words!r}], sets_itself_up=False))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own means")
@pytest.mark.parametrize("answer", ["", "n", "y"])
def test_where_the_fence_is_not_whole_the_person_is_asked(folder: Path, answer: str) -> None:
    """At a terminal; elsewhere it is refused, unless the command itself says so."""
    ours, theirs = os.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        stdin = theirs if answer else subprocess.DEVNULL
        program = f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); os.chdir({str(folder)!r})"
        said = under_refusal(
            "Landlock", f"{program}\n{RUN.format(words=[])}", stdin=stdin, env=environment(folder)
        )
        assert "cannot fence in what a model writes: Landlock" in said
        if answer:
            assert "all the same? [y/N]" in said
        assert ("1 of 1 pass" in said) == (answer == "y")
        assert f"status {0 if answer == 'y' else 2}" in said
        if not answer:
            assert "Add --unconfined" in said
            agreed = f"{program}\n{RUN.format(words=['--unconfined'])}"
            assert "1 of 1 pass" in under_refusal("Landlock", agreed, stdin=stdin, env=environment(folder))
    finally:
        os.close(ours)
        os.close(theirs)
