"""Models are asked, their answers judged and summed up, in this process: what becomes of each kind."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.spec.messages import Event, Progress, Tried
from core.spec.placement import Placement
from tests.tiny import tiny_folder, tiny_tokenizer
from tests.trainer.bench.stubborn import stubborn_folder
from trainer.bench.contenders import model_contender
from trainer.bench.cuts import cut_folders
from trainer.bench.journal import opened
from trainer.bench.judging import Judge
from trainer.bench.quality import Plan, limited, measure
from trainer.bench.tasks import Suite, find_suite
from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox
from trainer.spec.bench import AnswerSettings, QualitySettings, RepoSettings
from trainer.spec.data import ScanSpec

PLACEMENT = Placement(device="cpu", precision="fp32", threads=1, anyway=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return tiny_folder(folder / "model", tiny_tokenizer(folder))


def measured(
    model: Path, suite: Suite, settings: AnswerSettings, judge: Judge, events: list[Event] | None = None
) -> dict[str, Any]:
    contender = model_contender(str(model), PLACEMENT, settings, lambda: False, is_only=True)
    tell = (lambda _: None) if events is None else events.append
    with opened(model.parent / "journal", {"suite": suite.name}, afresh=True) as journal:
        found = measure(Plan(suite, settings, judge, journal), [contender], tell, lambda: False)
    assert found.is_whole
    [result] = found.results
    return result


@pytest.fixture
def judge(sandbox: Sandbox, quick: Limits) -> Judge:
    return Judge(sandbox, quick)


MISBEHAVIOUR = {
    "nothing": ("empty", "The model wrote nothing.", ""),
    "endless text": ("error", "did not end by itself and was cut off after 24 tokens", "a" * 24),
    "half a character": ("error", "did not end by itself and was cut off after 24 tokens", "\ufffd" * 24),
}


@pytest.mark.parametrize("kind", MISBEHAVIOUR)
def test_however_a_model_misbehaves_it_is_said_and_ends(tmp_path: Path, judge: Judge, kind: str) -> None:
    outcome, reason, output = MISBEHAVIOUR[kind]
    suite = find_suite("data-structures")
    result = measured(stubborn_folder(tmp_path, kind), suite, QualitySettings(max_tokens=24), judge)
    assert (result["passed"], result["total"]) == (0, 5)
    for row in result["rows"]:
        assert (row["outcome"], row["output"]) == (outcome, output)
        assert reason in row["reason"]


def test_a_model_without_an_end_is_stopped_by_the_clock(tmp_path: Path, judge: Judge) -> None:
    settings = QualitySettings(max_tokens=400, answer_seconds=0.1, limit=1)
    suite = limited(find_suite("smallcoder"), settings)
    result = measured(stubborn_folder(tmp_path, "endless text"), suite, settings, judge)
    assert result["max_tokens"] == 256, "half of what the model can read"
    assert "did not end by itself and was cut off after" in result["rows"][0]["reason"]


def test_a_task_that_a_model_cannot_read_is_a_row_too(model: Path, judge: Judge) -> None:
    suite = find_suite("algorithms")
    placement, settings = replace(PLACEMENT, context_tokens=20), QualitySettings()
    contender = model_contender(str(model), placement, settings, lambda: False, is_only=True)
    with opened(model.parent / "journal", {}, afresh=True) as journal:
        found = measure(Plan(suite, settings, judge, journal), [contender], lambda _: None, lambda: False)
    rows = found.results[0]["rows"]
    assert [row["outcome"] for row in rows] == ["unasked"] * 5
    assert all("room for" in row["reason"] for row in rows)


def test_several_answers_to_a_task_differ_and_have_pass_at_k(model: Path, judge: Judge) -> None:
    settings = QualitySettings(attempts=3, k=(1, 3), temperature=0.8, max_tokens=8, limit=2)
    events: list[Event] = []
    suite = limited(find_suite("algorithms"), settings)
    result = measured(model, suite, settings, judge, events)
    assert (result["total"], result["tasks"]) == (6, 2)
    assert result["pass_at"].keys() == {"1", "3"}
    assert result["answer_ms_p50"] >= result["first_token_ms_p50"] > 0
    assert len({row["output"] for row in result["rows"][:3]}) == 3, "each attempt has luck of its own"
    tried = [event.trial for event in events if isinstance(event, Tried)]
    assert [trial.output for trial in tried] == [row["output"] for row in result["rows"]]
    steps = [event for event in events if isinstance(event, Progress)]
    assert [(event.step, event.total) for event in steps] == [(step, 6) for step in range(1, 7)]
    again = measured(model, suite, settings, judge)
    assert [row["output"] for row in again["rows"]] == [row["output"] for row in result["rows"]]


def test_a_prompt_can_be_asked_without_the_blanks_at_its_end(model: Path, judge: Judge) -> None:
    suite = find_suite("algorithms")
    settings = QualitySettings(max_tokens=8, strip_prompt=True)
    for row, task in zip(measured(model, suite, settings, judge)["rows"], suite.tasks, strict=True):
        assert row["program"] == task.prefix.rstrip() + row["used"]
    unstripped = measured(model, suite, QualitySettings(max_tokens=8), judge)
    for row, task in zip(unstripped["rows"], suite.tasks, strict=True):
        assert row["program"] == task.prefix + row["used"]


def test_code_cut_out_is_asked_for_and_compared(model: Path, tmp_path: Path) -> None:
    lines = [f"def step_{number}(value):\n    return value + {number}\n" for number in range(20)]
    (tmp_path / "steps.py").write_text("\n".join(lines))
    settings = RepoSettings(per_cut=4, max_tokens=12)
    suite = cut_folders([tmp_path], settings, ScanSpec())
    result = measured(model, suite, settings, Judge(None, Limits()))
    assert result["total"] == 12
    assert {*result["categories"]} == {"single-line", "multi-line", "block"}
    assert result["exact"] is not None
    for row, task in zip(result["rows"], suite.tasks, strict=True):
        assert row["expected"] == task.middle
        assert row["outcome"] in ("exact", "different", "empty")
        if task.extent == "line":
            assert "\n" not in row["used"]
        assert row["used"].strip() in row["output"]
