import pytest

from core.model.transformer import count_parameters
from core.spec.budget import parameters, weight_bytes
from core.spec.errors import UsageError
from core.spec.presets import PRESETS, preset

PUBLISHED = {
    "smallcoder-tiny": 100_092_672,
    "smallcoder-small": 193_936_320,
    "smallcoder-medium": 303_654_528,
    "smallcoder-tiny-lc": 100_092_672,
    "smallcoder-small-lc": 193_936_320,
    "smallcoder-medium-lc": 303_654_528,
    "smalllm-25m": 26_484_480,
    "small-llm": 262_166_528,
    "small-llm-4b": 3_879_701_504,
    "small-llm-7b": 6_738_415_616,
    "smollm2-135m": 134_515_008,
}


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_parameter_counts_are_exact(name: str, count: int) -> None:
    assert count_parameters(PRESETS[name]) == count


def test_nano_is_small_enough_to_ship() -> None:
    config = PRESETS["smallcoder-nano"]
    assert 10e6 <= count_parameters(config) <= 36e6
    assert 8000 <= config.vocab_size <= 16_384
    assert config.max_context >= 1024
    assert weight_bytes(config, "int8") <= 40e6


@pytest.mark.parametrize("name", PRESETS)
def test_arithmetic_agrees_with_the_network(name: str) -> None:
    assert parameters(PRESETS[name]) == count_parameters(PRESETS[name])


def test_long_context_variants_only_look_further() -> None:
    for name in ("smallcoder-tiny", "smallcoder-small", "smallcoder-medium"):
        assert (PRESETS[name].max_context, PRESETS[name].rope_theta) == (4096, 10_000)
        assert (PRESETS[f"{name}-lc"].max_context, PRESETS[f"{name}-lc"].rope_theta) == (8192, 500_000)


def test_a_misspelt_preset_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'smallcoder-tiny'"):
        preset("smallcoder-tinny")
