"""Whether to suggest: pure rules. What is unsafe is refused to everybody, what is unwanted only unasked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine_client import EngineState
from app.settings import Completion as Settings
from app.suggestions.completion_policy import LARGEST_TEXT, Situation, extent, kind_in_line, pause_ms, refusal
from core.spec.secret_files import is_secret_file
from tests.app.desk import FACTS, READY

GOOD = Situation(engine=READY, path="a.py", language="Python", left="x = ", letters=4)
PATHS = ["a.py", None, ".env", "tls/server.pem", "C:\\keys\\id_rsa", "notes.md"]
PHASES = ["off", "starting", "idle", "loading", "ready", "failed"]

situations = st.builds(
    Situation,
    engine=st.builds(
        EngineState,
        phase=st.sampled_from(PHASES),
        facts=st.sampled_from([None, FACTS, replace(FACTS, languages=())]),
        is_resting=st.booleans(),
    ),
    path=st.sampled_from(PATHS),
    language=st.sampled_from(["Python", "Go", "", "python"]),
    left=st.sampled_from(["", "x = ", "    ", "# a", "x" * 20_001]),
    right=st.sampled_from(["", ")", "abc", "  "]),
    kind=st.sampled_from(["code", "comment", "string"]),
    letters=st.sampled_from([0, 4, LARGEST_TEXT + 1]),
    is_read_only=st.booleans(),
    is_composing=st.booleans(),
    has_selection=st.booleans(),
    is_on_battery=st.booleans(),
)
wishes = st.builds(
    Settings,
    enabled=st.booleans(),
    automatic=st.booleans(),
    in_comments=st.booleans(),
    in_strings=st.booleans(),
    rest_on_battery=st.booleans(),
    languages_off=st.sampled_from([(), ("python",)]),
    files_off=st.sampled_from([(), ("*.md",), ("a.py",)]),
)


@given(settings=wishes, now=situations, by_hand=st.booleans())
def test_nobody_gets_what_is_impossible_or_unsafe(settings: Settings, now: Situation, by_hand: bool) -> None:
    found = refusal(settings, now, by_hand=by_hand)
    if found is None:
        assert now.engine.phase == "ready"
        assert now.path is None or not is_secret_file(now.path)
        assert (now.is_read_only, now.is_composing, now.has_selection) == (False, False, False)
        assert now.letters <= LARGEST_TEXT
        assert len(now.left) <= 20_000
    else:
        assert found.sentence
        assert "\n" not in found.sentence
        assert not found.sentence.endswith(" ")


@given(settings=wishes, now=situations)
def test_by_hand_is_never_stricter(settings: Settings, now: Situation) -> None:
    if refusal(settings, now) is None:
        assert refusal(settings, now, by_hand=True) is None


def test_on_battery_what_comes_by_itself_is_short_and_late_and_what_is_asked_for_is_not() -> None:
    away = replace(GOOD, is_on_battery=True)
    wanted = Settings(extent="block")
    assert (extent(wanted, GOOD), extent(wanted, away)) == ("block", "line")
    assert extent(wanted, away, by_hand=True) == "block"
    usual = pause_ms(wanted, GOOD, 200, is_deleting=False)
    assert pause_ms(wanted, away, 200, is_deleting=False) > 2 * usual
    assert pause_ms(replace(wanted, quieter_on_battery=False), away, 200, is_deleting=False) == usual


def test_in_a_good_place_nothing_is_refused() -> None:
    assert refusal(Settings(), GOOD) is None
    assert refusal(Settings(in_comments=True), replace(GOOD, kind="comment")) is None
    assert refusal(Settings(), replace(GOOD, right="):")) is None


@pytest.mark.parametrize("language", ["Markdown", "", "JSON"])
def test_a_model_that_knows_python_invents_nothing_in_other_files(language: str) -> None:
    found = refusal(Settings(), replace(GOOD, path="notes.md", language=language))
    assert found is not None
    assert found.sentence == f"nano knows Python, not {language or 'this text'}"
    anything = replace(READY, facts=replace(FACTS, languages=()))
    assert refusal(Settings(), replace(GOOD, language=language, engine=anything)) is None


@pytest.mark.parametrize(
    ("pattern", "is_off"),
    [
        ("*.py", True),
        ("tests/*", True),
        ("a.py", True),
        ("tests/a.py", True),
        ("*.md", False),
        ("b.py", False),
    ],
)
def test_files_are_switched_off_by_name_or_place(pattern: str, is_off: bool) -> None:
    found = refusal(Settings(files_off=(pattern,)), replace(GOOD, path="tests/a.py"))
    assert (found is not None) == is_off


def test_a_line_on_the_processor_a_block_on_a_card_or_by_hand() -> None:
    card = replace(GOOD, engine=replace(READY, facts=replace(FACTS, device="cuda")))
    assert extent(Settings(), GOOD) == "line"
    assert extent(Settings(), card) == "block"
    assert extent(Settings(extent="line"), card) == "line"
    assert extent(Settings(extent="block"), GOOD) == "block"
    assert extent(Settings(), GOOD, by_hand=True) == "block"
    assert extent(Settings(extent="block"), replace(GOOD, right=")"), by_hand=True) == "line"
    assert extent(Settings(extent="block"), replace(card, kind="comment")) == "line"


@pytest.mark.parametrize(
    ("left", "kind"),
    [
        ("x = 1", "code"),
        ("x = 1  # a", "comment"),
        ("x = '# no", "string"),
        ("x = '# no' +", "code"),
        (r"x = 'it\'s", "string"),
        ("", "code"),
    ],
)
def test_a_line_alone_tells_comments_and_strings(left: str, kind: str) -> None:
    assert kind_in_line(left, "#") == kind
