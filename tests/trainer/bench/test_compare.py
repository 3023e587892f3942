"""Results side by side: what is noise is said to be noise, tables and plots hold what there is, and a
recommendation follows from figures."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from core.spec.errors import DataError
from core.spec.fields import to_json
from core.spec.trials import Trial
from trainer.bench.compare import compared
from trainer.bench.plots import Point, plots_of, scatter
from trainer.bench.recommend import Option, choose
from trainer.bench.tables import csv_text, pairs_table, results_table
from trainer.cli.recommend import _sentences
from trainer.spec.results import Result, read_results

SVG = "{http://www.w3.org/2000/svg}"


def quality(name: str, passed: Sequence[bool], precision: str = "int8", **figures: Any) -> Result:
    rows = tuple(
        Trial(
            f"t{number}",
            "x",
            0,
            "passed" if good else "failed",
            "",
            "",
            "",
            passed=good,
            quality=100.0 * good,
        )
        for number, good in enumerate(passed)
    )
    found = {"kind": "quality", "suite": "s", "model": name, "precision": precision, **figures}
    share = sum(passed) / len(passed)
    return Result(found | {"quality": 100 * share, "passed": sum(passed), "total": len(passed)}, rows)


def speed(name: str, middle: float, spread: float, precision: str = "int8", **figures: Any) -> Result:
    low, high = middle - spread, middle + spread
    told = {"decode_tokens_per_s": middle, "decode_tokens_per_s_low": low, "decode_tokens_per_s_high": high}
    return Result({"kind": "speed", "model": name, "precision": precision, **told, **figures}, ())


def test_a_few_tasks_more_are_noise_and_many_are_not() -> None:
    before = quality("a", [number % 2 == 0 for number in range(100)])
    few = quality("b", [number % 2 == 0 or number in (1, 3) for number in range(100)])
    mixed = quality("c", [number % 2 == 0 if number > 20 else number % 2 == 1 for number in range(100)])
    many = quality("d", [number % 2 == 0 or number < 40 for number in range(100)])
    changes = {
        pair.after.model: next(change for change in pair.changes if change.figure == "passed")
        for pair in compared([[before, few, mixed, many]])
    }
    assert changes["b"].is_noise
    assert changes["c"].is_noise
    assert not changes["d"].is_noise
    assert changes["d"].is_better
    assert (changes["d"].before, changes["d"].after) == pytest.approx((0.5, 0.7))


def test_only_tasks_that_both_were_asked_count() -> None:
    [pair] = compared([[quality("a", [True] * 10)], [quality("b", [True] * 10 + [False] * 90)]])
    passed = next(change for change in pair.changes if change.figure == "passed")
    assert (passed.before, passed.after) == (1.0, 1.0)
    assert "10 tasks that both" in passed.why


def test_speed_is_noise_where_the_rounds_overlap() -> None:
    pairs = compared([[speed("a", 100, 5), speed("b", 108, 5), speed("c", 111, 5), speed("d", 80, 5)]])
    found = [(pair.changes[0].is_noise, pair.changes[0].is_better) for pair in pairs]
    assert found == [(True, True), (False, True), (False, False)]


def test_memory_is_better_when_it_is_less() -> None:
    [pair] = compared([[speed("a", 100, 5, peak_ram_bytes=100), speed("b", 100, 5, peak_ram_bytes=90)]])
    memory = next(change for change in pair.changes if change.figure == "peak_ram_bytes")
    assert (memory.is_better, memory.is_noise) == (True, False)


def test_a_model_meets_itself_in_an_earlier_file_and_kinds_do_not_mix() -> None:
    first = [speed("a", 100, 5), speed("b", 50, 5), quality("a", [True] * 5)]
    second = [speed("b", 60, 1), speed("e", 10, 1), quality("b", [True] * 5)]
    pairs = [(pair.before.model, pair.after.model, pair.after.kind) for pair in compared([first, second])]
    assert pairs == [
        ("a", "b", "speed"),
        ("b", "b", "speed"),
        ("a", "e", "speed"),
        ("a", "b", "quality"),
    ]


def test_what_else_differs_is_said() -> None:
    one = speed("a", 100, 5, machine={"cores": 2}, threads=1, was_alone=True, others_share=0.3)
    other = speed("a", 100, 5, machine={"cores": 8}, threads=4, was_alone=False)
    [pair] = compared([[one], [other]])
    assert "measured on another machine: cores 2 and 8" in pair.notes
    assert "another benchmark was running" in pair.notes
    assert "other programs took 30% and 0% of the processors" in pair.notes
    assert "threads was 1 and is 4" in pair.notes


def test_tables_show_what_there_is_and_survive_names() -> None:
    results = [
        speed("folder/a|b", 12.34, 1, peak_ram_bytes=123e6, weights="random"),
        quality("c\nd", [True, False], pass_at={"1": {"value": 0.5, "low": 0.1, "high": 0.9}}),
    ]
    table = results_table(results)
    lines = table.splitlines()
    assert len(lines) == 4
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "a\\|b (random weights)" in lines[2]
    assert "123 MB" in lines[2]
    assert "12.3" in lines[2]
    assert "1 of 2" in lines[3]
    assert "50.0 % (10 to 90)" in lines[3]
    assert "reads" not in lines[0], "no result has it"
    rows = list(csv.DictReader(io.StringIO(csv_text(results))))
    assert [row["model"] for row in rows] == ["folder/a|b", "c\nd"]
    assert [row["decode_tokens_per_s"] for row in rows] == ["12.34", ""]
    assert "| noise |" in pairs_table(compared([[speed("a", 100, 5), speed("b", 101, 5)]]))


def test_two_measurements_of_one_model_are_told_apart_by_their_files(tmp_path: Path) -> None:
    one, other = speed("m", 100, 5, peak_ram_bytes=311e6), speed("m", 50, 5, peak_ram_bytes=402e6)
    files = {"old.json": one, "new.json": other}
    for name, item in files.items():
        (tmp_path / name).write_text(json.dumps([dict(item.figures)]))
    read = [read_results(tmp_path / name) for name in files]
    table = pairs_table(compared(read))
    assert "m (old.json) int8 -> m (new.json) int8" in table
    assert "| peak of memory, MB | 311 | 402 |" in table
    assert "m (old.json)" in results_table([item for found in read for item in found])
    timed = [
        replace(item, figures={**item.figures, "started": f"10:0{place}"})
        for place, item in enumerate((one, other))
    ]
    assert "m (10:00) int8 -> m (10:01) int8" in pairs_table(compared([timed]))
    random = replace(one, figures={**one.figures, "weights": "random"})
    assert "m (random weights) int8 -> m int8" in pairs_table(compared([[random, other]]))


def test_plots_are_pictures_of_every_point() -> None:
    names = ("tiny", "small", "medium", "a <model> & \x1b more than fits beside a point")
    found = [
        speed(name, 100 - 10 * place, 1, peak_ram_bytes=3e8 + 1e8 * place) for place, name in enumerate(names)
    ]
    found += [quality(name, [True, False, place > 1]) for place, name in enumerate(names)]
    plots = plots_of(found)
    assert plots.keys() == {"quality-speed.svg", "speed-memory.svg"}
    for picture in plots.values():
        tree = ElementTree.fromstring(picture)  # noqa: S314 - our own
        words = {text.text for text in tree.iter(f"{SVG}text")}
        assert {"tiny", "small", "medium", "int8"} <= words
        circles = [circle for circle in tree.iter(f"{SVG}circle") if circle.get("r") == "5"]
        assert len(circles) == 4
        assert all(76 <= float(circle.get("cx", 0)) <= 616 for circle in circles)
        assert all(40 <= float(circle.get("cy", 0)) <= 348 for circle in circles)
    drawn = plots_of([speed("m", 100, 1, peak_ram_bytes=3e8, weights="random")])["speed-memory.svg"]
    assert ">m (random)</text>" in drawn, "else it looks like the model of that name"
    assert plots_of([quality("a", [True])]) == {}, "no speed is known"
    answered = quality("a", [True], written_tokens_per_s=30.0)
    assert plots_of([answered]).keys() == {"quality-speed.svg"}


def test_labels_do_not_lie_on_each_other() -> None:
    points = [Point(10 + place % 3, 10 + place // 3, f"model-{place}", "int8") for place in range(9)]
    tree = ElementTree.fromstring(scatter(points, "t", "x", "y"))  # noqa: S314 - our own
    places = [
        (float(text.get("x", 0)), float(text.get("y", 0)))
        for text in tree.iter(f"{SVG}text")
        if (text.text or "").startswith("model-")
    ]
    assert len(places) >= 6
    for number, (x, y) in enumerate(places):
        for other_x, other_y in places[:number]:
            assert abs(x - other_x) > 40 or abs(y - other_y) >= 12


@pytest.mark.parametrize("values", [[0.0], [0.001, 0.002], [1e9, 5.0]])
def test_axes_hold_any_size(values: list[float]) -> None:
    points = [Point(value, value, "m", "int8") for value in values]
    tree = ElementTree.fromstring(scatter(points, "t", "x", "y"))  # noqa: S314 - our own
    for circle in tree.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx", -1)) <= 640


LARGE = Option("large", "large", "int8", 300_000_000, 60.0, 30.0, 600_000_000)
SMALL = Option("small", "small", "int8", 100_000_000, 200.0, 10.0, 300_000_000)


def chosen(*options: Option) -> tuple[str, str, str]:
    choice = choose(options)
    assert choice is not None
    return choice.option.model, choice.option.precision, "; ".join(choice.reasons)


def test_the_largest_pleasant_model_is_recommended_where_nothing_is_known_of_quality() -> None:
    model, precision, reasons = chosen(
        SMALL, replace(LARGE, precision="int4", decode_tokens_per_s=90.0), LARGE
    )
    assert (model, precision) == ("large", "int8"), "the most exact that is pleasant"
    assert "quality" not in reasons


def test_an_advice_that_goes_by_size_alone_says_what_to_type_for_a_better_one() -> None:
    choice = choose([SMALL, LARGE])
    assert choice is not None
    said = list(_sentences(choice, None))
    assert said[-1].endswith("python3 main.py bench quality --model large --precision int8")
    known = choose([SMALL, replace(LARGE, quality=50.0)])
    assert known is not None
    assert "bench quality" not in "".join(_sentences(known, None))


def test_who_measured_beside_other_programs_is_told_so() -> None:
    quiet, busy = choose([replace(SMALL, others_share=0.02)]), choose([replace(SMALL, others_share=0.55)])
    assert quiet is not None
    assert busy is not None
    assert "Other programs" not in "".join(_sentences(quiet, None))
    assert "Other programs took 55% of the processors meanwhile" in "".join(_sentences(busy, None))


def test_measured_quality_stands_above_size() -> None:
    options = (replace(SMALL, quality=60.0), replace(LARGE, quality=50.0))
    model, _, reasons = chosen(*options)
    assert model == "small"
    assert "60.0 of 100" in reasons


def test_what_is_slow_is_not_recommended_unless_all_is() -> None:
    slow = replace(LARGE, decode_tokens_per_s=5.0)
    model, _, reasons = chosen(SMALL, slow)
    assert model == "small"
    assert "too large or too slow here: large" in reasons
    model, _, reasons = chosen(slow, replace(slow, model="other", decode_tokens_per_s=7.0))
    assert model == "other"
    assert "this is the fastest" in reasons


def test_what_does_not_run_is_never_recommended() -> None:
    broken = replace(LARGE, problem="it does not fit")
    assert chosen(broken, SMALL)[0] == "small"
    assert choose([broken]) is None


NO_RESULTS = {
    "missing": (None, "cannot be read"),
    "no json": (b"{", "no list of results"),
    "no list": (b"{}", "no list of results"),
    "empty": (b"[]", "no list of results"),
    "no model": (b'[{"precision": "int8"}]', "says no model and precision"),
    "later": (b'[{"model": "m", "precision": "int8", "format": 99}]', "another version"),
    "rows": (b'[{"model": "m", "precision": "int8", "rows": 5}]', "no list of rows"),
    "deep": (b"[" * 100_000, "no list of results"),
}


@pytest.mark.parametrize("kind", NO_RESULTS)
def test_a_file_that_is_no_results_is_refused(tmp_path: Path, kind: str) -> None:
    content, why = NO_RESULTS[kind]
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=why):
        read_results(tmp_path / "x.json")


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = quality("m", [True, False])
    rows = [to_json(row) for row in written.rows]
    (tmp_path / "x.json").write_text(json.dumps([{**written.figures, "rows": rows}]))
    assert read_results(tmp_path / "x.json") == [written]
