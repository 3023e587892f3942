"""A model is found by the name that lists show; only what begins from nothing takes a preset of that name."""

from pathlib import Path

import pytest

from core.checkpoint.load import open_model
from core.spec.errors import ModelFormatError, UsageError
from core.spec.folders import embedded_model, models_folder
from core.spec.library import has_no_weights, located
from core.spec.presets import PRESETS
from core.text.vocabulary_folder import open_tokenizer
from tests.core.test_library import make_folder
from trainer.bench.contenders import model_path
from trainer.networks import from_nothing, meant, with_weights

NANO = "smallcoder-nano"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_where_weights_are_needed_its_name_is_the_model_that_comes_along() -> None:
    assert open_model(Path(NANO)).path == embedded_model()
    assert open_tokenizer(Path(NANO)).vocab_size == PRESETS[NANO].vocab_size
    assert model_path(NANO) == embedded_model()
    assert with_weights(NANO).path == embedded_model()
    assert meant("lora", NANO) == str(embedded_model())


@pytest.mark.parametrize("recipe", ["pretrain", "full", "distil"])
def test_to_begin_from_nothing_its_name_is_the_preset(recipe: str) -> None:
    assert meant(recipe, NANO) == NANO
    assert from_nothing(NANO) == PRESETS[NANO]


def test_what_lies_in_our_own_folder_is_found_by_its_name_and_what_lies_here_goes_first(
    elsewhere: Path,
) -> None:
    kept = make_folder(models_folder() / "converted")
    assert located(Path("converted")) == kept
    (elsewhere / "converted").mkdir()
    assert located(Path("converted")) == Path("converted")
    assert located(Path("..")) == Path("..")
    assert located(Path("x" * 300)) == Path("x" * 300)


def test_other_presets_have_no_weights_and_the_way_out_is_named() -> None:
    assert [has_no_weights(name) for name in (NANO, "smallcoder-tiny", "nosuch")] == [False, True, False]
    for refused in (
        lambda: open_model(Path("smallcoder-tiny")),
        lambda: open_tokenizer(Path("smallcoder-tiny")),
        lambda: with_weights("smallcoder-tiny"),
    ):
        with pytest.raises((ModelFormatError, UsageError), match=r"resources.models.smallcoder-nano"):
            refused()


def test_a_name_that_nothing_has_is_no_model_for_its_vocabulary_either() -> None:
    with pytest.raises(ModelFormatError, match=r"There is no model at nosuch; .*models list"):
        open_tokenizer(Path("nosuch"))
