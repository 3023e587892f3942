"""After a run: is what it learnt better than before? And out of its folder it comes in every form."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import main
from core.checkpoint.adapter import attach_adapter
from core.checkpoint.load import open_model
from core.spec.messages import Note
from core.text.vocabulary_folder import open_tokenizer
from tests.trainer.runs import tiny_model_folder
from tests.trainer.vocabularies import own_vocabulary
from trainer.bench.tasks import Task
from trainer.control import Control
from trainer.data.held_out import held_out_texts, hidden_lines
from trainer.data.prepare import Preparation
from trainer.data.prepared import PreparedData
from trainer.data.sources import Sources
from trainer.spec.data import PrepareSpec, ScanSpec
from trainer.spec.runs import JUDGED, JUDGING, Run, summary
from trainer.spec.verdict import Score, TasksPassed, Verdict, read_verdict, write_verdict

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="programs are fenced in there without asking")
GOOD, FINE = Score(1.0, lines=20, exact=10, likeness=0.8), Score(1.002, lines=20, exact=10, likeness=0.8)
BAD, FAR = Score(1.2, lines=20, exact=9, likeness=0.7), Score(1.0, lines=20, exact=1, likeness=0.3)


@pytest.mark.parametrize(
    ("before", "after", "fixed", "judgement", "forgot"),
    [
        (BAD, GOOD, (GOOD, FINE), "better", False),
        (BAD, GOOD, (GOOD, BAD), "forgot", True),
        (BAD, GOOD, (GOOD, FAR), "forgot", True),
        (GOOD, FINE, (GOOD, GOOD), "no different", False),
        (GOOD, BAD, (GOOD, BAD), "worse", True),
        (GOOD, FAR, (GOOD, GOOD), "worse", False),
        (None, GOOD, (None, GOOD), "new", False),
        (None, None, (None, GOOD), "no different", False),
    ],
)
def test_only_what_is_clearly_better_is_called_so(
    before: Score | None, after: Score, fixed: tuple[Score | None, Score], judgement: str, forgot: bool
) -> None:
    verdict = Verdict(7, before, after, *fixed)
    assert (verdict.judgement, verdict.has_forgotten) == (judgement, forgot)
    assert forgot == ("forgot" in verdict.sentence)


def score(bits: float, exact: int, likeness: float) -> Score:
    return Score(bits, lines=24, exact=exact, likeness=likeness)


@pytest.mark.parametrize(
    ("bits", "lines", "fixed", "judgement", "forgot"),
    [
        # what two short runs of the model that comes along came to, on one file that was held out
        (1.0958, (0, 0.35), (1.040, 0, 0.44), "no different", True),
        (1.0958, (0, 0.32), (1.026, 0, 0.40), "no different", False),
        # hidden lines that say the opposite of bits, until bits leave no doubt
        (1.07, (0, 0.35), (1.007, 1, 0.43), "no different", False),
        (1.07, (1, 0.35), (1.007, 1, 0.43), "better", False),
        (1.04, (0, 0.35), (1.007, 1, 0.43), "better", False),
        # a gain that has its price
        (1.04, (3, 0.45), (1.040, 0, 0.44), "forgot", True),
    ],
)
def test_a_little_more_or_less_is_not_called_better_and_a_price_is_told(
    bits: float, lines: tuple[int, float], fixed: tuple[float, int, float], judgement: str, forgot: bool
) -> None:
    verdict = Verdict(7, score(1.107, 1, 0.38), score(bits, *lines), score(1.007, 1, 0.43), score(*fixed))
    assert (verdict.judgement, verdict.has_forgotten) == (judgement, forgot)
    assert ("at the price of" in verdict.sentence) == (judgement == "forgot")
    assert forgot == ("forgot" in verdict.sentence)


@pytest.mark.parametrize(("passed", "judgement"), [(9, "better"), (6, "better"), (5, "forgot")])
def test_what_passes_clearly_fewer_tasks_has_forgotten(passed: int, judgement: str) -> None:
    tasks = {"tasks_before": TasksPassed(7, 15), "tasks_after": TasksPassed(passed, 15)}
    verdict = Verdict(7, BAD, GOOD, GOOD, GOOD, **tasks)
    assert verdict.judgement == judgement
    assert [*verdict.lines()][-1] == f"programming tasks: 7 -> {passed} of 15 passed"


def test_a_verdict_from_before_tasks_were_tried_is_read(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write_verdict(run, Verdict(7, BAD, GOOD))
    content = json.loads(run.verdict_file.read_text())
    for name in ("tasks_before", "tasks_after"):
        del content[name]
    run.verdict_file.write_text(json.dumps(content))
    assert read_verdict(run) == Verdict(7, BAD, GOOD)


@pytest.mark.parametrize("fim_rate", [0.0, 1.0])
def test_texts_that_were_held_out_come_back_whole(tmp_path: Path, fim_rate: float) -> None:
    """Also those whose middle was taken out, in either order."""
    code = tmp_path / "code"
    code.mkdir()
    for number in range(20):
        lines = [f"value_{number}_{line} = {line}  # Grüße" for line in range(6)]
        (code / f"m{number}.py").write_text("\n".join(lines) + "\n")
    vocabulary = own_vocabulary(tmp_path)
    tokenizer = open_tokenizer(vocabulary)
    spec = PrepareSpec(context=256, fim_rate=fim_rate, validation_share=0.5)
    Preparation(Sources((code,), ScanSpec()), vocabulary, spec).run(tmp_path / "data", lambda *_: None)
    found = held_out_texts(PreparedData.open(tmp_path / "data"), tokenizer)
    assert len(found) > 3
    assert set(found) <= {path.read_text() for path in code.iterdir()}


def test_hidden_lines_are_parts_of_their_texts() -> None:
    texts = ["a\nb\n    something = 1\n\n    x\nother = something\n", "short\n", ""]
    for count in (1, 2, 50):
        hidden = hidden_lines(texts, count)
        assert len(hidden) == min(count, 2)
        assert all(each.prefix + each.line + each.suffix == texts[0] for each in hidden)
    assert [each.line for each in hidden_lines(texts, 50)] == ["something = 1", "other = something"]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows some code, and two runs: one learns other code, one ruins what it knows."""
    folder = tmp_path_factory.mktemp("learnt")
    tiny_model_folder(folder / "tiny")
    for name, line in (("known", "return x - {}"), ("code", "yield x * {}")):
        (folder / name).mkdir()
        for number in range(12):
            text = "".join(f"def part_{part}(x):\n    {line.format(number)}\n\n" for part in range(30))
            (folder / name / f"module_{number}.py").write_text(text)
    begin(folder, "known", "full", folder / "tiny", 0.01)
    assert (
        main.run(["train", "export", str(folder / "run-known"), str(folder / "model"), *AS_IT_IS], **HERE)
        == 0
    )
    begin(folder, "code", "lora", folder / "model", 0.01, "good")
    begin(folder, "known", "lora", folder / "model", 3, "bad")
    return folder


AS_IT_IS = ("--to", "native", "--precision", "fp32")
HERE = {"sets_itself_up": False}


def begin(folder: Path, code: str, recipe: str, model: Path, rate: float, name: str = "run-known") -> None:
    words = [
        *("--recipe", recipe, "--model", str(model), "--source", str(folder / code)),
        *("--steps", "40", "--batch-size", "4", "--accumulation", "1", "--context-tokens", "128"),
        *("--fim-rate", "0", "--learning-rate", str(rate), "--validate-every", "40", "--threads", "1"),
        *(
            "--precision",
            "fp32",
            "--judged-lines",
            "6",
            "--judged-tasks",
            "2",
            "--lora-rank",
            "8",
            "--warmup-steps",
            "0",
        ),
    ]
    assert main.run(["train", "new", str(folder / name), *words], **HERE) == 0


def test_a_run_says_whether_it_became_better(learnt: Path) -> None:
    good, bad = (read_verdict(Run(learnt / name)) for name in ("good", "bad"))
    assert good is not None
    assert bad is not None
    assert good.fixed_before == bad.fixed_before
    assert good.held_out_before is not None
    assert good.held_out_after is not None
    assert good.fixed_after is not None
    assert good.held_out_after.bits < 0.9 * good.held_out_before.bits
    assert good.judgement in ("better", "forgot")
    assert bad.judgement == "worse"
    assert bad.held_out_before is not None
    assert bad.held_out_after is not None
    assert bad.held_out_after.bits > 1.3 * bad.held_out_before.bits
    told = [event.text for event in Run(learnt / "good").events() if isinstance(event, Note)]
    lines = [text for text in told if text.startswith(f"{JUDGED}hidden line ")]
    count = 2 * (good.held_out_after.lines + good.fixed_after.lines)
    assert lines == [f"{JUDGED}hidden line {number + 1} of {count}" for number in range(count)]
    card = Run(learnt / "bad").card.read_text()
    assert "do not use it" in card
    assert bad.sentence in Run(learnt / "bad").model_card.read_text()
    kept = json.loads(Run(learnt / "bad").verdict_file.read_text())
    assert kept["judgement"] == "worse"


@on_linux
def test_a_run_is_tried_on_tasks_too(learnt: Path) -> None:
    """Of which so small a model passes none: what it writes is judged all the same."""
    verdict = read_verdict(Run(learnt / "good"))
    assert verdict is not None
    assert verdict.tasks_before == verdict.tasks_after == TasksPassed(0, 2)
    assert "programming tasks: 0 -> 0 of 2 passed" in Run(learnt / "good").card.read_text()


@on_linux
def test_what_a_run_writes_is_judged_by_its_tests(learnt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that writes the right answer to one task and nothing to the other."""
    from core.spec.messages import Finished
    from trainer.bench import run_tasks
    from trainer.bench.asking import Reply

    right = run_tasks.own_suite().tasks[0].id

    def knows_one(self: object, task: Task, attempt: int) -> Reply:
        assert summary(run).state == "running"  # nobody else may go on with it, and the list says so
        used = task.middle if task.id == right else ""
        return Reply(used, used, task.program(used))

    monkeypatch.setattr(run_tasks.ModelAsker, "ask", knows_one)
    run = Run(learnt / "bad")
    before = run.verdict_file.read_text()
    notes: list[str] = []
    spec = replace(run.spec(), judged_tasks=15)
    told = run_tasks.with_tasks(
        run, spec, Finished(), Control(), lambda event: notes.append(getattr(event, "text", ""))
    )
    assert "programming tasks: 1 -> 1 of 15 passed" in notes
    assert notes.count(f"{JUDGED}programming task 30 of 30") == 1
    assert {metric.name for metric in told.metrics} == {"tasks_before_passed", "tasks_after_passed"}
    run.verdict_file.write_text(before)


def test_the_list_says_which_runs_are_worth_it(
    learnt: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMALLCODER_HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "runs").symlink_to(learnt)
    assert main.run(["train", "list"], **HERE) == 0
    lines = {line.partition(" ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["bad"].endswith("finished, worse")
    assert main.run(["train", "list", "--json"], **HERE) == 0
    assert {row["name"]: row["judgement"] for row in json.loads(capsys.readouterr().out)}["bad"] == "worse"


def test_judged_again_it_says_the_same(learnt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Run(learnt / "good").verdict_file.read_text()
    Run(learnt / "good").verdict_file.write_text("{")
    assert main.run(["train", "judge", str(learnt / "good"), "--json"], **HERE) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 40
    assert Run(learnt / "good").verdict_file.read_text() == before
    told = [event.text for event in Run(learnt / "good").events() if isinstance(event, Note)]
    # who follows the run sees what it does
    assert sum(text.startswith(f"{JUDGING}, on files") for text in told) == 2


@pytest.mark.parametrize(("to", "name"), [("native", "n"), ("hf", "h"), ("gguf", "g.gguf")])
def test_a_merged_model_computes_what_model_and_adapter_do(
    learnt: Path, tmp_path: Path, to: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "export", str(learnt / "bad"), str(tmp_path / name), "--to", to, "--precision", "fp32"]
    assert main.run(words, **HERE) == 0
    assert "Worse" in capsys.readouterr().err  # it may be taken along, but not as a good one
    ids = torch.tensor([[1, 2, 3, 4]])
    model = open_model(learnt / "model").load()
    attach_adapter(model, "learnt", Run(learnt / "bad").checkpoint(40) / "model")
    found = open_model(tmp_path / name).load(torch.float32)(ids)
    torch.testing.assert_close(found, model(ids), rtol=1e-4, atol=1e-4)
    card = tmp_path / name / "README.md" if to != "gguf" else tmp_path / "g.md"
    assert "Worse" in card.read_text()


def test_an_adapter_is_exported_as_it_is(learnt: Path, tmp_path: Path) -> None:
    words = ["train", "export", str(learnt / "good"), str(tmp_path / "adapter"), "--to", "adapter"]
    assert main.run(words, **HERE) == 0
    attach_adapter(open_model(learnt / "model").load(), "learnt", tmp_path / "adapter")
    assert "LoRA adapter" in (tmp_path / "adapter" / "README.md").read_text()
    assert main.run(words, **HERE) == 2


def test_an_export_at_no_strength_is_the_model_that_was(learnt: Path, tmp_path: Path) -> None:
    words = ["train", "export", str(learnt / "bad"), str(tmp_path / "off"), "--to", "native"]
    assert main.run([*words, "--strength", "0", "--precision", "fp32"], **HERE) == 0
    ids = torch.tensor([[1, 2, 3, 4]])
    before, after = (open_model(path).load()(ids) for path in (learnt / "model", tmp_path / "off"))
    torch.testing.assert_close(after, before)


def test_a_whole_model_is_exported_on_the_way_from_where_it_began(learnt: Path, tmp_path: Path) -> None:
    words = ["train", "export", str(learnt / "run-known"), str(tmp_path / "half"), "--to", "native"]
    assert main.run([*words, "--strength", "0.25", "--precision", "fp32"], **HERE) == 0
    before, after, found = (
        dict(open_model(path).parameters()) for path in (learnt / "tiny", learnt / "model", tmp_path / "half")
    )
    assert any(not torch.equal(before[name], after[name]) for name in before)
    for name, weight in found.items():
        torch.testing.assert_close(weight, 0.75 * before[name].float() + 0.25 * after[name])


def test_a_way_back_that_is_not_there_is_said(
    learnt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, sentence in (
        ("smallcoder-nano", "began from nothing"),
        (str(learnt / "other"), "no longer the model that run began from"),
    ):
        run = Run(shutil.copytree(learnt / "run-known", tmp_path / model.rpartition("/")[2] / "run"))
        run.spec_file.write_text(json.dumps(json.loads(run.spec_file.read_text()) | {"model": model}))
        if "/" in model:
            tiny_model_folder(Path(model), dim=32)
        words = ["train", "export", str(run.folder), str(tmp_path / "x"), "--to", "native"]
        assert main.run([*words, "--strength", "0.5"], **HERE) == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "x").exists()


def test_what_cannot_be_taken_along_is_said(
    learnt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, sentence in (
        ([str(learnt / "model"), str(tmp_path / "x"), "--to", "gguf"], "is no run"),
        ([str(learnt / "good"), str(tmp_path / "x"), "--to", "gguf"], "must end in .gguf"),
        ([str(learnt / "good"), str(tmp_path / "x"), "--to", "hf", "--precision", "int8"], "convert to gguf"),
        ([str(learnt / "good"), str(tmp_path / "x"), "--to", "hf", "--strength", "9"], "from 0"),
        (
            [str(learnt / "good"), str(tmp_path / "x"), "--to", "adapter", "--strength", "0.5"],
            "as it was learnt",
        ),
    ):
        assert main.run(["train", "export", *words], **HERE) == 2
        assert sentence in capsys.readouterr().err
