"""Curves go where somebody asked for them, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.spec.errors import UsageError
from core.spec.messages import Metric, Note, Progress
from tests.trainer.runs import go, new_run, tiny_spec
from trainer.curves import followed


@pytest.mark.filterwarnings("ignore")  # of the libraries beneath it
def test_tensorboard_shows_what_the_run_tells(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = new_run(tmp_path / "run", tiny_spec(tmp_path, steps=3, curves="tensorboard"))
    events: list[object] = []
    go(run, tell=events.append)
    told = {event.step: event.metrics[0].value for event in events if isinstance(event, Progress)}
    shown = EventAccumulator(str(run.folder / "tensorboard"))
    shown.Reload()
    scalars = {scalar.step: scalar.value for scalar in shown.Scalars("loss")}
    assert scalars.keys() == told.keys()
    assert scalars[3] == pytest.approx(told[3])


def test_without_a_wish_nothing_is_written(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", tiny_spec(tmp_path, steps=1))
    heard: list[object] = []
    with followed(run, run.spec(), heard.append) as tell:
        tell(Progress(1, 1, (Metric("loss", 1.0),)))
        tell(Note("x"))
    assert len(heard) == 2
    assert {path.name for path in run.folder.iterdir()} == {"spec.json"}


def test_what_is_not_installed_is_said(tmp_path: Path) -> None:
    """The tests have one of the two."""
    spec = tiny_spec(tmp_path)
    run = new_run(tmp_path / "run", spec)
    wish = replace(spec, curves="wandb")
    with pytest.raises(UsageError, match="--extra wandb"), followed(run, wish, lambda _: None):
        pass


def test_the_packaged_program_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny_spec(tmp_path)
    monkeypatch.setattr("sys.frozen", True, raising=False)
    wish = replace(spec, curves="tensorboard")
    with pytest.raises(UsageError, match="own charts"), followed(new_run(tmp_path / "r", spec), wish, print):
        pass
