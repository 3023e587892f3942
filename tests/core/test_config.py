import pytest

from core.spec.config import ModelConfig, RopeScaling
from core.spec.errors import UsageError
from core.spec.fields import from_json, to_json
from core.spec.presets import PRESETS

SHAPE = to_json(PRESETS["smallcoder-nano"])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name: str) -> None:
    assert from_json(ModelConfig, to_json(PRESETS[name]), "config.json") == PRESETS[name]


def test_scaling_survives_json() -> None:
    scaling = RopeScaling("divisors", divisors=(1.0,) * 32)
    config = from_json(ModelConfig, SHAPE | {"rope_scaling": to_json(scaling)}, "config.json")
    assert config.rope_scaling == scaling


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"n_kv_heads": 4}, "5 query heads cannot share 4 key and value heads evenly"),
        ({"head_dim": 63}, "need an even head width, not 63"),
        ({"vocab_size": 0}, "'vocab_size' in config.json must be at least 1, not 0"),
        ({"n_layers": 10**9}, "'n_layers' in config.json must be at most 1024"),
        ({"dim": "384"}, "'dim' in config.json must be a whole number, not '384'"),
        ({"norm": "batch"}, "'norm' in config.json must be one of rms, layer, not 'batch'"),
        ({"name": "x"}, "config.json has an unknown key 'name'"),
        ({"rope_scaling": {"kind": "llama3"}}, "'llama3' needs the original context"),
        ({"rope_scaling": {"kind": "divisors", "divisors": [1.0]}}, "needs 32 frequency divisors, not 1"),
    ],
)
def test_contradictions_are_named(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_json(ModelConfig, SHAPE | change, "config.json")
    assert sentence in str(caught.value)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UsageError, match=r"config.json lacks the key 'dim'"):
        from_json(ModelConfig, {key: value for key, value in SHAPE.items() if key != "dim"}, "config.json")
