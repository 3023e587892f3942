import argparse
from dataclasses import dataclass
from typing import Literal

import pytest

from core.spec.errors import UsageError
from core.spec.fields import add_flags, as_flags, from_flags, from_json, setting, settings_of, to_json


@dataclass(frozen=True)
class Inner:
    size: int = setting(..., "How large", low=1, high=9)


@dataclass(frozen=True)
class Wished:
    steps: int | None = setting(7, "How long", low=1, high=100)
    sizes: tuple[int, ...] = setting((1,), "How large")
    stop: tuple[str, ...] = setting((), "Where to end")
    is_loud: bool = setting(True, "Say more")


@dataclass(frozen=True)
class Example:
    method: Literal["fast", "good"] = setting("fast", "Which way")
    learning_rate: float = setting(0.1, "Step size", low=0.0, high=1.0)
    steps: int | None = setting(None, "How long", low=1, high=100)
    betas: tuple[float, ...] = setting((0.9, 0.95), "Decays", low=0, high=1)
    stop: tuple[str, ...] = setting((), "Where to end")
    is_quiet: bool = setting(False, "Say less")
    inner: Inner | None = setting(None, "Something inside")


def parsed(*words: str) -> Example:
    parser = argparse.ArgumentParser()
    add_flags(parser, Example, leave_out=["inner"])
    return from_flags(Example, parser.parse_args(words))


def test_json_comes_back_as_it_went() -> None:
    example = Example("good", 0.5, 7, (0.1,), ("a", "b,c"), True, Inner(3))
    assert from_json(Example, to_json(example), "a file") == example


def test_missing_keys_take_their_default() -> None:
    assert from_json(Example, {}, "a file") == Example()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"learning_rat": 1}, "a file has an unknown key 'learning_rat' (did you mean 'learning_rate'?)."),
        ({"method": "slow"}, "'method' in a file must be one of fast, good, not 'slow'."),
        ({"learning_rate": "0.1"}, "'learning_rate' in a file must be a number, not '0.1'."),
        ({"learning_rate": 2}, "'learning_rate' in a file must be at most 1, not 2."),
        ({"learning_rate": float("nan")}, "'learning_rate' in a file must be a finite number, not nan."),
        ({"steps": 0}, "'steps' in a file must be at least 1, not 0."),
        ({"steps": True}, "'steps' in a file must be a whole number, not True."),
        ({"betas": 3}, "'betas' in a file must be a list, not 3."),
        ({"betas": [0.5, 2]}, "'betas' in a file must be at most 1, not 2."),
        ({"inner": {}}, "'inner' in a file lacks the key 'size'."),
        ([], "a file must hold a JSON object, not []."),
    ],
)
def test_bad_json_is_named(data: object, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_json(Example, data, "a file")
    assert str(caught.value) == sentence


def test_flags_say_the_same_as_json() -> None:
    words = "--method good --learning-rate 0.5 --steps 7 --betas 0.1,0.2 --stop a,b --stop c --is-quiet"
    assert parsed(*words.split()) == Example("good", 0.5, 7, (0.1, 0.2), ("a,b", "c"), True)
    assert parsed("--steps", "none") == parsed() == Example()


@pytest.mark.parametrize(
    "wished", [Wished(), Wished(None, (2, 3), ("a,b", "c"), False), Wished(8, (), ("d",), True)]
)
def test_flags_that_are_made_are_read_back_as_they_were(wished: Wished) -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Wished)
    assert from_flags(Wished, parser.parse_args(as_flags(wished))) == wished


@pytest.mark.parametrize(
    "words", [("--steps", "0"), ("--steps", "x"), ("--method", "slow"), ("--betas", "0.1,x")]
)
def test_bad_flags_end_the_command(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words)
    assert caught.value.code == 2
    assert "argument " + words[0] in capsys.readouterr().err


def test_help_tells_default_and_choices() -> None:
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_flags(parser, Example)
    text = parser.format_help()
    assert "{fast,good}" in text
    assert "Step size (default: 0.1)" in " ".join(text.split())


def test_every_setting_has_help() -> None:
    assert [item.name for item in settings_of(Example) if not item.help] == []
