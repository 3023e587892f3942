"""The loop: it learns, stops when it should, says what went wrong, and its checkpoints open as models."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core import load
from core.checkpoint.adapter import attach_adapter
from core.checkpoint.load import open_model
from core.spec.errors import DataError, JobError, UsageError
from core.spec.messages import Event, Finished, Note, Progress, Saved
from tests.trainer.runs import RECIPES, DrawnBatches, go, new_run, tiny_spec
from trainer.data.batches import Batch
from trainer.losses import IGNORED
from trainer.resume import progress_of
from trainer.spec.runs import Run


def metrics(events: list[Event], name: str) -> list[float]:
    found = [
        metric.value
        for event in events
        if isinstance(event, Progress)
        for metric in event.metrics
        if metric.name == name
    ]
    return [value for value in found if value is not None]


def heard(run: Run, **how: Any) -> tuple[Finished, list[Event]]:
    events: list[Event] = []
    return go(run, tell=events.append, **how), events


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_learns(recipe: str, tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, recipe, steps=40, validate_every=40, learning_rate=1e-2, lora_rank=16)
    _, events = heard(new_run(tmp_path / "run", spec))
    losses = metrics(events, "validation_loss")
    finished = go(new_run(tmp_path / "again", replace(spec, steps=1, validate_every=1)))
    before = next(item.value for item in finished.metrics if item.name == "validation_loss_before")
    assert before is not None
    assert losses[-1] < before - 0.1


def test_accumulated_batches_weigh_by_what_counts_in_them(tmp_path: Path) -> None:
    """As one batch that holds all their rows, whose rows have different numbers of targets."""
    spec = tiny_spec(tmp_path, "full", steps=3, accumulation=3, validate_every=0)
    apart = new_run(tmp_path / "apart", spec)
    go(apart)
    together = new_run(tmp_path / "together", replace(spec, accumulation=1, batch_size=6))
    go(together, batches=Joined(3))
    one, other = (dict(open_model(run.checkpoint(3) / "model").parameters()) for run in (apart, together))
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-3, atol=1e-4)


@dataclass(frozen=True)
class Joined:
    count: int

    def __len__(self) -> int:
        return 100

    def at(self, number: int) -> Batch:
        batches = [DrawnBatches().at(number * self.count + place) for place in range(self.count)]
        columns = zip(*((batch.inputs, batch.targets) for batch in batches), strict=True)
        return Batch(*(torch.cat(column) for column in columns))


def test_a_learnt_model_opens_in_the_engine(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full", precision="bf16")
    run = new_run(tmp_path / "run", spec)
    finished = go(run)
    assert finished.path is not None
    stored = open_model(Path(finished.path))
    assert all(weight.dtype == torch.float32 for _, weight in stored.parameters())


def test_a_learnt_adapter_attaches_to_its_model(tmp_path: Path) -> None:
    finished = go(new_run(tmp_path / "run", tiny_spec(tmp_path, "lora")))
    assert finished.path is not None
    model = open_model(tmp_path / "model").load()
    ids = torch.tensor([[1, 2, 3]])
    before = model(ids)
    attach_adapter(model, "learnt", Path(finished.path))
    assert not torch.allclose(model(ids), before)


def test_it_stops_early_and_keeps_the_best_and_the_last(tmp_path: Path) -> None:
    spec = tiny_spec(
        tmp_path, "full", steps=60, validate_every=1, patience=3, learning_rate=3.0, schedule="constant"
    )
    run = new_run(tmp_path / "run", spec)
    finished, events = heard(run)
    losses = metrics(events, "validation_loss")
    assert not finished.stopped
    assert len(losses) < 60
    best = 1 + losses.index(min(losses))
    assert len(losses) == best + 3
    assert run.steps_saved() == [best, best + 3]
    kept = {path.name for path in run.checkpoint(best).iterdir()}
    assert kept == {"model", "state.json"}


def test_a_loss_that_is_no_number_stops_it_and_says_what_to_try(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full", steps=50, checkpoint_every=1, validate_every=0, learning_rate=10.0)
    spec = replace(spec, max_grad_norm=0.0, optimizer="lion", schedule="constant", weight_decay=1.0)
    run = new_run(tmp_path / "run", spec)
    with pytest.raises(JobError, match=r"no number at step (\d+); .*learning_rate.*warmup_steps") as caught:
        go(run)
    assert f"the checkpoint of step {run.steps_saved()[-1]} is kept" in str(caught.value)
    last = dict(open_model(run.checkpoint(run.steps_saved()[-1]) / "model").parameters())
    assert all(bool(weight.isfinite().all()) for weight in last.values())


def test_a_step_in_which_nothing_counts_changes_no_weight_by_its_loss(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full", steps=2, validate_every=0)
    _, events = heard(new_run(tmp_path / "run", spec), batches=Silent())
    assert metrics(events, "loss") == [0.0, 0.0]


@dataclass(frozen=True)
class Silent:
    def __len__(self) -> int:
        return 50

    def at(self, number: int) -> Batch:
        batch = DrawnBatches().at(number)
        return Batch(batch.inputs, torch.full_like(batch.targets, IGNORED))


def test_adapters_of_small_models_take_larger_steps(tmp_path: Path) -> None:
    for recipe, rate in (("lora", 2e-3), ("full", 5e-5)):
        assert tiny_spec(tmp_path, recipe, learning_rate=None).learning_rate == rate
    assert tiny_spec(tmp_path, "lora", learning_rate=2e-4).learning_rate == 2e-4


def test_steps_follow_from_epochs(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full", steps=None, epochs=0.5, accumulation=4, validate_every=0)
    finished = go(new_run(tmp_path / "run", spec))
    assert next(item.value for item in finished.metrics if item.name == "steps") == math.ceil(25 / 4)


def test_the_clock_stops_it_and_it_goes_on(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full", steps=4, minutes=1e-6)
    run = new_run(tmp_path / "run", spec)
    assert go(run).stopped
    assert run.steps_saved() == [0]


def test_samples_are_told_and_change_nothing(tmp_path: Path) -> None:
    from core.text.vocabulary_folder import open_tokenizer
    from tests.trainer.runs import corpus
    from trainer.control import Control
    from trainer.running import sit

    spec = tiny_spec(tmp_path, "lora", steps=3, sample_every=1)
    silent, talking = (new_run(tmp_path / name, spec) for name in ("silent", "talking"))
    go(silent)
    events: list[Event] = []
    given = replace(corpus(), tokenizer=open_tokenizer(tmp_path / "model"))
    sit(talking, spec, Control(), events.append, given)
    samples = [event.text for event in events if isinstance(event, Note) and "sample" in event.text]
    assert len(samples) == 3
    assert all(text.startswith("sample: def ") for text in samples)
    one, other = (run.checkpoint(3) / "model/adapter_model.safetensors" for run in (silent, talking))
    assert one.read_bytes() == other.read_bytes()


def test_the_card_shows_settings_data_and_whether_it_became_better(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", tiny_spec(tmp_path, "full", steps=20))
    go(run)
    card = run.card.read_text()
    assert "better than what it began from" in card
    assert "- data: drawn" in card
    assert "- learning_rate: 0.01" in card


def test_changed_data_is_refused_unless_asked_for(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full")
    run = new_run(tmp_path / "run", spec)
    go(run, stop_at=2)
    with pytest.raises(DataError, match=r"data changed.*--anyway"):
        go(run, fingerprint="other")
    run.spec_file.write_text(json.dumps(json.loads(run.spec_file.read_text()) | {"anyway": True}))
    finished, events = heard(run, fingerprint="other")
    assert not finished.stopped
    assert any(isinstance(event, Note) and "goes on anyway" in event.text for event in events)


def test_another_model_below_an_adapter_is_refused(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", tiny_spec(tmp_path, "lora"))
    go(run, stop_at=2)
    config = tmp_path / "model" / "config.json"
    content = json.loads(config.read_text())
    content["network"]["rope_theta"] = 500.0
    config.write_text(json.dumps(content))
    with pytest.raises(DataError, match="model it began from changed"):
        go(run)


def test_settings_that_make_it_another_run_are_refused(tmp_path: Path) -> None:
    from tests.trainer.runs import corpus
    from trainer.control import Control
    from trainer.running import sit

    spec = tiny_spec(tmp_path, "full")
    run = new_run(tmp_path / "run", spec)
    with pytest.raises(UsageError, match="learning_rate, batch_size cannot change"):
        sit(run, replace(spec, learning_rate=1.0, batch_size=8), Control(), lambda _: None, corpus())


def test_every_save_is_told(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full", steps=6, checkpoint_every=2, validate_every=0)
    _, events = heard(new_run(tmp_path / "run", spec))
    assert [event.step for event in events if isinstance(event, Saved)] == [2, 4, 6]


def test_a_full_disk_is_a_sentence_and_the_run_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer import resume

    spec = tiny_spec(tmp_path, "full", checkpoint_every=2, validate_every=0)
    run = new_run(tmp_path / "run", spec)
    go(run, stop_at=2)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(resume, "save_file", full)
        with pytest.raises(JobError, match=r"disk is full.*resume the run"):
            go(run)
    assert run.steps_saved() == [2]
    assert not go(run).stopped


def test_a_run_with_a_damaged_checkpoint_says_which(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", tiny_spec(tmp_path, "full"))
    go(run, stop_at=2)
    path = run.checkpoint(2) / "training.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(JobError, match=r"Delete .*step-00000002"):
        go(run)


def test_the_engine_loads_what_was_learnt(tmp_path: Path) -> None:
    from core.text.vocabulary_folder import open_tokenizer
    from tests.trainer.runs import corpus
    from trainer.control import Control
    from trainer.running import sit

    spec = tiny_spec(tmp_path, "full", steps=2)
    run = new_run(tmp_path / "run", spec)
    given = replace(corpus(), tokenizer=open_tokenizer(tmp_path / "model"))
    finished = sit(run, spec, Control(), lambda _: None, given)
    assert finished.path is not None
    assert isinstance(load(finished.path, device="cpu", precision="fp32").complete("x = "), str)


def test_it_ends_by_the_clock_with_the_step_size_fallen_and_finished(tmp_path: Path) -> None:
    ends = {"finish_minutes": 1.5 / 60, "steps": 1_000_000, "warmup_steps": 0, "validate_every": 0}
    spec = tiny_spec(tmp_path, "full", schedule="wsd", decay_share=0.7, final_share=0.1, **ends)
    run = new_run(tmp_path / "run", spec)
    finished, events = heard(run)
    rates = metrics(events, "learning_rate")
    assert not finished.stopped
    assert rates[0] == pytest.approx(1e-2)
    assert rates[-1] < 0.5e-2
    assert rates == sorted(rates, reverse=True)
    assert run.steps_saved() == [int(metrics(events, "tokens")[-1]) // (2 * 2 * 24)]
    progress = [event for event in events if isinstance(event, Progress)]
    assert all(
        event.total is not None and event.total < 1_000_000 for event in progress
    )  # of which steps it is told
    assert progress[-1].step == progress[-1].total


def test_what_is_left_of_its_time_is_kept_from_sitting_to_sitting(tmp_path: Path) -> None:
    ends = {"finish_minutes": 60.0, "steps": 6, "validate_every": 0}
    run = new_run(tmp_path / "run", tiny_spec(tmp_path, "full", schedule="wsd", **ends))
    go(run, stop_at=3)
    used = progress_of(run).seconds
    assert used > 0
    go(run)
    assert progress_of(run).seconds > used
