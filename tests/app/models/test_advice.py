"""What is advised: what fits and runs pleasantly, with the reason in words; and what fits, by arithmetic."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.models.advice import MEASURED, Pace, advise, better_than, last_pace, pace_in
from app.models.entry import Entry, entry_of_line, entry_of_offer, short_tokens
from app.models.fit import fit_on_card, fits_of, verdict_of
from core.spec.budget import (
    CARD_RESERVE_BYTES,
    CARD_RUNTIME_BYTES,
    RESERVE_BYTES,
    RUNTIME_BYTES,
    weight_bytes,
)
from core.spec.catalogue import catalogue
from core.spec.fields import to_json
from core.spec.folders import benchmarks_folder
from core.spec.machine import Machine
from core.spec.presets import PRESETS
from core.spec.sizes import MB, short_count

GB = 1024 * MB
LAPTOP = Machine(8 * GB, 4 * GB, RUNTIME_BYTES)
OFFERS = [entry_of_offer(offer) for offer in catalogue().values()]
NANO = Entry(
    "disk",
    "/nano",
    "smallcoder-nano",
    has_fim=True,
    network=PRESETS["smallcoder-nano"],
    path="/nano",
    parameters=10_000_000,
    is_embedded=True,
)
ALL = [NANO, *OFFERS]


def test_a_laptop_of_8_gb_is_advised_the_usual_choices_and_told_why() -> None:
    for role, name in (("completion", "Qwen2.5-Coder-0.5B"), ("chat", "Qwen2.5-Coder-0.5B-Instruct")):
        advice = advise(role, ALL, LAPTOP, None)  # type: ignore[arg-type]
        assert advice is not None
        assert (advice.entry.name, advice.fit.precision) == (name, "int8")
        assert advice.reasons[0].startswith("It fits: 494M weights take 0.8 GB as int8, and 3.5 GB are free")
        assert any("HumanEval" in reason for reason in advice.reasons)
        assert advice.reasons[-1] == "The download is 1.0 GB; licence Apache 2.0."
        assert better_than(advice, role, ALL, LAPTOP, None) == ""  # type: ignore[arg-type]


def test_where_it_does_not_fit_what_is_here_is_advised_and_the_lack_is_said() -> None:
    full = Machine(8 * GB, 7 * GB, RUNTIME_BYTES)
    advice = advise("completion", ALL, full, None)
    assert advice is not None
    assert advice.entry is NANO
    said = better_than(advice, "completion", ALL, full, None)
    assert said.startswith("Qwen2.5-Coder-0.5B would do more, and needs 0.2 GB more;")


def test_a_slow_machine_is_advised_a_model_that_keeps_up_and_told_what_would_do_more() -> None:
    slow = Pace(20.0 * weight_bytes(PRESETS["smallcoder-tiny"], "int8"))
    advice = advise("completion", ALL, LAPTOP, slow)
    assert advice is not None
    assert advice.tokens_per_s is not None
    assert advice.tokens_per_s >= 20
    assert advice.entry is NANO
    assert "tokens a second" in better_than(advice, "completion", ALL, LAPTOP, slow)


def test_a_quick_machine_takes_the_more_exact_precision_and_a_slower_one_the_smaller() -> None:
    model = catalogue()["Qwen/Qwen2.5-Coder-0.5B"].network
    precisions = []
    for speed, precision in ((25.0, "int8"), (25.0, "int4")):
        pace = Pace(speed * weight_bytes(model, precision))
        advice = advise("completion", OFFERS, LAPTOP, pace)
        assert advice is not None
        precisions.append(advice.fit.precision)
    assert precisions == ["int8", "int4"]


def test_nothing_is_advised_where_nothing_fits_or_everything_is_damaged() -> None:
    assert advise("chat", ALL, Machine(GB, GB, RUNTIME_BYTES), None) is None
    damaged = [replace(entry, problem="It is half.") for entry in ALL]
    assert advise("completion", damaged, LAPTOP, None) is None


def test_a_model_that_is_here_stands_before_unproven_ones_to_download() -> None:
    line = {"path": "/here", "name": "here", "kind": "huggingface", "architecture": "qwen2", "has_fim": True}
    line |= {"parameters": 494_032_768, "network": to_json(catalogue()["Qwen/Qwen2.5-Coder-0.5B"].network)}
    here = entry_of_line(line, catalogue(), Path("/none"))
    others = [entry for entry in OFFERS if entry.role == "completion" and not entry.human_eval]
    advice = advise("completion", [*others, NANO, here], LAPTOP, None)
    assert advice is not None
    assert advice.entry is here
    assert not any("download" in reason for reason in advice.reasons)


def test_fits_are_told_from_the_budget_and_what_is_free() -> None:
    small = PRESETS["smallcoder-small"]
    for fit in fits_of(small, LAPTOP):
        assert fit.fits
        assert fit.budget.total_bytes - RUNTIME_BYTES > weight_bytes(small, fit.precision)
    assert verdict_of(small, LAPTOP).text == "fits"
    needs = {fit.precision: fit.budget.total_bytes for fit in fits_of(small, LAPTOP)}
    only_int8 = Machine(needs["int8"] + RESERVE_BYTES, 0, RUNTIME_BYTES)
    assert verdict_of(small, only_int8).text == "fits as int8"
    assert verdict_of(small, Machine(GB // 2, 0, RUNTIME_BYTES)).text == "does not fit"
    assert verdict_of(None, LAPTOP).text == "size not known"
    [fp16] = [fit for fit in fits_of(small, Machine(GB // 2, 0, RUNTIME_BYTES)) if fit.precision == "fp16"]
    assert fp16.verdict.endswith("too much")
    assert f"= {needs['fp16'] / MB:,.0f} MB" in fp16.arithmetic


def test_a_card_is_planned_with_its_own_room() -> None:
    small = PRESETS["smallcoder-medium"]
    card = Machine(2 * GB, 0, CARD_RUNTIME_BYTES, CARD_RESERVE_BYTES)
    fit = fit_on_card(small, card)
    assert (fit.title, fit.fits) == ("fp16, card", True)
    assert fit.budget.runtime_bytes == CARD_RUNTIME_BYTES
    assert fit.free_bytes == 2 * GB - CARD_RESERVE_BYTES
    assert not fit_on_card(PRESETS["small-llm-4b"], card).fits


def test_a_measured_pace_is_found_again_and_foretells_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALLCODER_HOME", str(tmp_path))
    assert last_pace() is None
    benchmarks_folder().mkdir(parents=True)
    row = {"format": 1, "kind": "recommend", "model": MEASURED, "precision": "int8"}
    newest = benchmarks_folder() / "2026-02-01-000000-recommend.json"
    newest.write_text(json.dumps([row | {"decode_tokens_per_s": 100.0, "others_share": 0.5}]))
    (benchmarks_folder() / "2026-03-01-000000-recommend.json").write_text("half a fi")
    pace = last_pace()
    assert pace == pace_in(newest)
    assert pace is not None
    assert pace.others_share == 0.5
    assert pace.tokens_per_s(PRESETS[MEASURED], "int8") == pytest.approx(100.0)
    assert pace.tokens_per_s(PRESETS["smallcoder-medium"], "int8") < 50


@pytest.mark.parametrize(
    ("line", "section", "licence"),
    [
        ({"licence": "mit"}, "disk", "mit"),
        ({"is_unfinished": True, "name": "Qwen/Qwen2.5-Coder-0.5B"}, "begun", "apache-2.0"),
        ({"is_unfinished": True, "name": "someone/else"}, "begun", None),
        ({"network": {"dim": "wide"}}, "disk", None),
    ],
)
def test_a_line_of_the_library_becomes_an_entry(
    line: dict[str, object], section: str, licence: str | None
) -> None:
    whole = {"path": "/m", "name": "m", "kind": "native"} | line
    entry = entry_of_line(whole, catalogue(), Path("/other"))
    assert (entry.section, entry.licence) == (section, licence)
    assert (entry.network is not None) == (section == "begun" and licence is not None)


def test_what_stands_in_the_list_is_short() -> None:
    assert [short_count(count) for count in (393_000, 10_367_680, 494_032_768, 1_543_714_304)] == [
        "0.4M",
        "10M",
        "494M",
        "1.5B",
    ]
    assert [short_tokens(tokens) for tokens in (512, 1024, 32_768)] == ["512", "1k", "32k"]
