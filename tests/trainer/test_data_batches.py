"""Batches are a pure function of their number, cover each row once an epoch, and share out evenly."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import DataError, UsageError
from tests.trainer.vocabularies import ROOT, own_tokenizer, own_vocabulary
from trainer.data.batches import Batch, PackedBatches, rows_of
from trainer.data.layout import FACTS_NAME, IGNORED
from trainer.data.passages import text_end
from trainer.data.prepare import Preparation
from trainer.data.prepared import PreparedData
from trainer.data.shuffle import shuffled
from trainer.data.sources import Sources
from trainer.spec.data import PrepareSpec, ScanSpec

CONTEXT = 63


def prepared(out: Path, *paths: Path, **spec: Any) -> PreparedData:
    sources, settings = Sources(paths, ScanSpec()), PrepareSpec(**({"context": CONTEXT} | spec))
    preparation = Preparation(sources, own_vocabulary(out.parent), settings, part_tokens=20_000)
    preparation.run(out, lambda *_: None)
    return PreparedData.open(out)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepared(tmp_path_factory.mktemp("code") / "out", ROOT / "core" / "text")


def records(folder: Path, records: list[dict[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("lessons")
    asked = [{"prompt": f"What is {n}?", "completion": f"It is {n} " * (n % 4 + 1)} for n in range(200)]
    return prepared(folder / "out", records(folder, asked))


@pytest.fixture(scope="module")
def choices(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("choices")
    asked = [{"prompt": f"{n}?", "chosen": f"yes {n}", "rejected": f"no {n}"} for n in range(100)]
    return prepared(folder / "out", records(folder, asked))


def same(first: Batch, second: Batch) -> bool:
    return torch.equal(first.inputs, second.inputs) and torch.equal(first.targets, second.targets)


def rows(batch: Batch) -> list[tuple[int, ...]]:
    return [tuple(row.tolist()) for row in torch.cat([batch.inputs, batch.targets], dim=1)]


@settings(max_examples=200, deadline=None)
@given(size=st.integers(1, 3000), key=st.text(max_size=5))
def test_shuffling_gives_each_number_one_place(size: int, key: str) -> None:
    assert sorted(shuffled(np.arange(size), size, key).tolist()) == list(range(size))


def test_shuffling_leaves_no_trace_of_the_order() -> None:
    size = 4000
    orders = np.stack([shuffled(np.arange(size), size, str(key)) for key in range(40)])
    neighbours = np.abs(np.diff(orders, axis=1))
    assert abs(neighbours.mean() / (size / 3) - 1) < 0.02
    assert np.abs(orders.mean(axis=0) / ((size - 1) / 2) - 1).max() < 0.5
    assert np.abs(np.corrcoef(orders)[np.triu_indices(40, 1)]).max() < 0.08


def test_shuffling_billions_takes_no_list() -> None:
    numbers = shuffled(np.arange(10**12, 10**12 + 1000), 10**13, "key")
    assert len(set(numbers.tolist())) == 1000
    assert numbers.max() < 10**13


def test_a_number_always_gives_the_same_batch(code: PreparedData) -> None:
    batches = PackedBatches(code, "train", 4, CONTEXT)
    numbers = [0, 5, len(batches) + 5, 3 * len(batches) + 1]
    before = [batches.at(number) for number in numbers]
    fresh = PackedBatches(PreparedData.open(code.folder), "train", 4, CONTEXT)
    for number, batch in reversed([*zip(numbers, before, strict=True)]):
        assert same(fresh.at(number), batch)
    assert not same(before[1], before[2])
    assert not same(PackedBatches(code, "train", 4, CONTEXT, seed=1).at(0), before[0])


def test_an_epoch_has_each_row_once(code: PreparedData) -> None:
    batches = PackedBatches(code, "train", 1, CONTEXT)
    tokens = [shard.tokens for shard in code.shards if shard.split == "train"]
    assert len(tokens) > 1
    assert len(batches) == rows_of(code, "train", CONTEXT) == sum(count // (CONTEXT + 1) for count in tokens)
    for epoch in (0, 7):
        seen = Counter(
            row for number in range(len(batches)) for row in rows(batches.at(epoch * len(batches) + number))
        )
        stream = code.rows("train", CONTEXT + 1).read(range(len(batches)))[0]
        expected = Counter((*row[:-1].tolist(), *row[1:].tolist()) for row in stream)
        assert seen == expected


def test_targets_are_what_comes_next(code: PreparedData) -> None:
    batch = PackedBatches(code, "train", 4, CONTEXT).at(3)
    assert batch.inputs.shape == batch.targets.shape == (4, CONTEXT)
    assert batch.inputs.dtype == batch.targets.dtype == torch.int64
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("kind", ["code", "lessons", "choices"])
def test_processes_share_a_batch_out(kind: str, ranks: int, request: pytest.FixtureRequest) -> None:
    data: PreparedData = request.getfixturevalue(kind)
    whole = PackedBatches(data, "train", 8, CONTEXT)
    shares = [PackedBatches(data, "train", 8, CONTEXT, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert {len(share) for share in shares} == {len(whole)}
    for number in (0, len(whole) - 1, len(whole) + 2):
        width = whole.at(number).inputs.shape[1]
        together = [row for share in shares for row in _padded(share.at(number), width)]
        assert sorted(together) == sorted(_padded(whole.at(number), width))


def _padded(batch: Batch, width: int) -> list[tuple[int, ...]]:
    """What counts, in a width that all shares have."""
    filled = torch.full((len(batch.targets), width), IGNORED)
    filled[:, : batch.targets.shape[1]] = batch.targets
    return [tuple(row.tolist()) for row in filled]


def test_lessons_are_never_cut_and_only_answers_count(lessons: PreparedData) -> None:
    tokenizer, answers = own_tokenizer(), Counter[str]()
    batches = PackedBatches(lessons, "train", 1, CONTEXT)
    for number in range(len(batches)):
        [targets] = batches.at(number).targets.tolist()
        learnt = [token for token in targets if token != IGNORED]
        text, end = "", text_end(tokenizer)
        for token in learnt:
            text = text + (tokenizer.spelling(token) or "").replace("▁", " ") if token != end else text
            if token == end:
                answers[text] += 1
                text = ""
        assert text == ""
    documents = sum(shard.documents for shard in lessons.shards if shard.split == "train")
    assert answers.total() == documents
    assert all(answer.startswith(" It is ") for answer in answers)


def test_choices_come_chosen_first(choices: PreparedData) -> None:
    tokenizer = own_tokenizer()
    batch = PackedBatches(choices, "train", 8, CONTEXT).at(1)
    answers = [tokenizer.decode(token for token in row.tolist() if token != IGNORED) for row in batch.targets]
    chosen, rejected = answers[:4], answers[4:]
    assert [answer.strip().split()[0] for answer in chosen] == ["yes"] * 4
    assert [answer.replace("yes", "no") for answer in chosen] == rejected
    assert batch.inputs.shape[1] < CONTEXT


@pytest.mark.parametrize(("batch_size", "ranks"), [(3, 2), (5, 4)])
def test_what_cannot_be_shared_out_is_refused(code: PreparedData, batch_size: int, ranks: int) -> None:
    with pytest.raises(UsageError, match="multiple of"):
        PackedBatches(code, "train", batch_size, CONTEXT, ranks=ranks)


def test_choices_need_pairs_of_rows(choices: PreparedData) -> None:
    with pytest.raises(UsageError, match="multiple of 2"):
        PackedBatches(choices, "train", 3, CONTEXT)


@pytest.mark.parametrize(("batch_size", "context"), [(10**6, CONTEXT), (1, 10**6)])
def test_too_little_data_for_a_batch_is_said(code: PreparedData, batch_size: int, context: int) -> None:
    with pytest.raises(DataError, match="not enough for one batch"):
        PackedBatches(code, "train", batch_size, context)


def test_lessons_are_not_cut_by_a_shorter_context(lessons: PreparedData) -> None:
    with pytest.raises(DataError, match="answers would be cut off"):
        PackedBatches(lessons, "train", 1, CONTEXT - 1)
    assert PackedBatches(lessons, "train", 1, 10 * CONTEXT).at(0).inputs.shape[1] <= CONTEXT


def test_data_without_held_out_texts_says_so(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("words " * 2000)
    data = prepared(tmp_path / "out", tmp_path / "one.txt")
    assert data.tokens("validation") == 0
    with pytest.raises(DataError, match="0 tokens to validate with"):
        PackedBatches(data, "validation", 1, CONTEXT)


def copied(code: PreparedData, to: Path) -> Path:
    import shutil

    return Path(shutil.copytree(code.folder, to / "copy"))


@pytest.mark.parametrize(
    "change", ["", "{", "[]", '{"format": 2}', '{"format": 1}', '{"format": 1, "shards": 7}']
)
def test_facts_that_are_none_are_refused(code: PreparedData, tmp_path: Path, change: str) -> None:
    folder = copied(code, tmp_path)
    (folder / FACTS_NAME).write_text(change)
    with pytest.raises(DataError):
        PreparedData.open(folder)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.floats()
    | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_to_the_facts_breaks_the_reader(code: PreparedData, data: st.DataObject) -> None:
    facts = json.loads((code.folder / FACTS_NAME).read_text())
    place: Any = facts
    while True:
        keys = [*place] if isinstance(place, dict) else [*range(len(place))]
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(VALUES)
    original = (code.folder / FACTS_NAME).read_bytes()
    (code.folder / FACTS_NAME).write_text(json.dumps(facts))
    try:
        opened = PreparedData.open(code.folder)
        PackedBatches(opened, "train", 1, CONTEXT).at(0)
    except DataError:
        pass
    finally:
        (code.folder / FACTS_NAME).write_bytes(original)


@pytest.mark.parametrize("change", ["shorter", "longer", "gone"])
def test_shards_of_another_size_are_refused(code: PreparedData, tmp_path: Path, change: str) -> None:
    folder = copied(code, tmp_path)
    shard = next(folder.glob("train-*.tokens"))
    if change == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-2] if change == "shorter" else shard.read_bytes() + b"\0\0")
    with pytest.raises(DataError, match="not all there"):
        PreparedData.open(folder)


def test_a_number_that_is_no_token_is_refused_when_it_is_read(code: PreparedData, tmp_path: Path) -> None:
    folder = copied(code, tmp_path)
    for shard in folder.glob("train-*.tokens"):
        shard.write_bytes(b"\xff" * shard.stat().st_size)
    batches = PackedBatches(PreparedData.open(folder), "train", 1, CONTEXT)
    with pytest.raises(DataError, match="a token is none"):
        batches.at(0)


def test_the_fingerprint_follows_the_data(code: PreparedData, tmp_path: Path) -> None:
    other = prepared(tmp_path / "other", ROOT / "core" / "text", seed=1)
    same_again = prepared(tmp_path / "again", ROOT / "core" / "text")
    assert other.fingerprint != code.fingerprint == same_again.fingerprint


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no prepared data"):
        PreparedData.open(tmp_path / "missing")
