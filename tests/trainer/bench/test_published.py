"""The README's figures are those of the published results, and the command that writes them does so."""

from pathlib import Path
from typing import Any

import pytest

from core.spec.presets import PRESETS
from tests.benchmarks import tables
from trainer.bench.plots import plots_of
from trainer.spec.results import Result, read_results

FILES = {path.stem: read_results(path) for path in sorted(tables.PUBLISHED.glob("*.json"))}


def test_the_readme_says_what_was_measured() -> None:
    text = (tables.ROOT / "README.md").read_text(encoding="utf-8")
    assert tables.with_block(text, tables.block(FILES)) == text, "run python -m tests.benchmarks.tables"
    for name, results in FILES.items():
        for plot, picture in plots_of(tables.plotted(results)).items():
            assert (tables.PUBLISHED / f"{name}-{plot}").read_text(encoding="utf-8") == picture


def test_every_variant_stands_beside_its_early_estimate() -> None:
    [results] = FILES.values()
    full = {item.model: item for item in results if item.figures.get("suite") == tables.FULL}
    assert full.keys() >= tables.EARLY_ESTIMATES_MB.keys()
    for name, item in full.items():
        assert item.figures["prompt_tokens"] + item.figures["new_tokens"] == PRESETS[name].max_context
    block = tables.block(FILES)
    assert all(f"{estimate:,} MB" in block for estimate in tables.EARLY_ESTIMATES_MB.values())
    assert "(random)" in block


def test_nothing_published_says_where_it_was_measured() -> None:
    for path in tables.PUBLISHED.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert "/home/" not in text
        assert '"path"' not in text


def row(model: str, precision: str, speed: float, **figures: Any) -> dict[str, Any]:
    return {"kind": "speed", "model": model, "precision": precision, "decode_tokens_per_s": speed, **figures}


def test_a_model_measured_again_takes_the_place_of_its_older_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PUBLISHED", tmp_path)
    tables.add("here", [row("smallcoder-tiny", "int8", 1.0, path="/secret"), row("other", "int8", 2.0)])
    tables.add("here", [row("smallcoder-tiny", "int8", 3.0)])
    tables.add("here", [row("smallcoder-tiny", "int8", 4.0)], tables.FULL)
    found = read_results(tmp_path / "here.json")
    assert [(item.model, item.number("decode_tokens_per_s")) for item in found] == [
        ("smallcoder-tiny", 3.0),
        ("smallcoder-tiny", 4.0),
        ("other", 2.0),
    ]
    assert "/secret" not in (tmp_path / "here.json").read_text()
    assert [item.number("decode_tokens_per_s") for item in tables.short(found)] == [3.0, 2.0]


def test_a_speed_that_was_disturbed_is_not_shown() -> None:
    quiet, busy = (
        Result(
            row(
                "m",
                "int8",
                1234.0,
                parameters=1,
                weights="stored",
                prefill_tokens_per_s=1.0,
                keystroke_ms=1.0,
            )
            | {"peak_ram_bytes": 2e8, "others_share": share},
            (),
        )
        for share in (0.02, 0.5)
    )
    assert "1,234" in tables.speed_table([quiet])
    table = tables.speed_table([busy])
    assert "1,234" not in table
    assert "200 MB" in table, "what it takes is not disturbed"
    assert tables.plotted([quiet, busy]) == [quiet]


def test_figures_go_between_their_marks_and_nowhere_else() -> None:
    text = "before\n<!-- figures: x -->\nold\n<!-- end of figures -->\nafter\n"
    assert tables.with_block(text, "new\\1\n") == text.replace("old", "new\\1")
    with pytest.raises(SystemExit, match="no place"):
        tables.with_block("text", "new")


def test_a_model_with_weights_has_a_line_of_quality() -> None:
    figures = {
        **{
            "kind": "quality",
            "model": "m/nano",
            "precision": "int8",
            "passed": 3,
            "total": 15,
            "quality": 31.0,
        },
        **{
            "pass_at": {"1": {"value": 0.2, "low": 0.07, "high": 0.45}},
            "syntax": 0.9,
            "answer_ms_p50": 812.0,
        },
    }
    assert "| nano | int8 | 3 of 15 | 20 % (7 to 45) | 31.0 | 90 % | 812 ms |" in tables.quality_table(
        [Result(figures, ())]
    )
