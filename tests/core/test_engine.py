"""The engine as a script or the server uses it, with real tiny models."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from core import load
from core.checkpoint.load import open_model
from core.checkpoint.native import write_native
from core.engine import Engine
from core.generate.answer import Hooks
from core.model.device import attempts
from core.placing.place import place
from core.spec.about import About
from core.spec.budget import RESERVE_BYTES
from core.spec.editing import ContextFile, Editing
from core.spec.errors import DoesNotFit, ModelFormatError, NotNumbers, UsageError
from core.spec.placement import Placement
from core.spec.sampling import Sampling
from core.spec.sizes import MB
from tests.tiny import TINY, tiny_folder, tiny_tokenizer

ROOT = Path(__file__).parents[2]
CODE = "def add(first, second):\n    return first + second\n\n\n" * 12


@pytest.fixture(scope="module", params=["json", "pieces"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return tiny_folder(folder / "model", tiny_tokenizer(folder, request.param))


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "int8", "int4"])
def test_every_precision_writes_and_tells_how_it_went(folder: Path, precision: str) -> None:
    engine = load(folder, precision=precision)
    answer = engine.complete_answer(CODE, "", Sampling(max_tokens=7))
    assert answer.text()
    found = answer.statistics
    assert (found.new_tokens, found.ending, found.reused_tokens) == (7, "length", 0)
    assert 0 < found.first_token_ms <= found.total_ms
    assert engine.facts()["precision"] == precision


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_load_tells_how_far_it_is_whether_it_packs_converts_or_only_reads(
    folder: Path, tmp_path: Path, precision: str
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    step = f"reading the weights as {precision} for the cpu"
    first, again = ("packing the weights as int8, once", "reading the packed weights")
    for expected in (first, again) if precision == "int8" else (step, step):
        told: list[str] = []
        load(tmp_path / "model", precision=precision, device="cpu", on_step=told.append)
        assert told[0] == "reading the vocabulary"
        assert told[-1] == "trying it out"
        shares = [int(said.split(": ")[1].split()[0]) for said in told if said.startswith(f"{expected}: ")]
        assert shares == sorted(set(shares))
        assert shares[-1] == 100
        assert len(shares) >= 3 or expected == again  # which is read in few pieces


def test_what_was_read_before_is_not_read_again(folder: Path) -> None:
    engine = load(folder, precision="fp32")
    first = engine.complete_answer(CODE, "", Sampling(max_tokens=4))
    first.text()
    again = engine.complete_answer(CODE + "d", "", Sampling(max_tokens=4))
    expected = load(folder, precision="fp32").complete(CODE + "d", sampling=Sampling(max_tokens=4))
    assert again.text() == expected
    assert again.statistics.prompt_tokens - again.statistics.reused_tokens < 8


def test_the_same_seed_writes_the_same_text(folder: Path) -> None:
    engine = load(folder, precision="int8")
    bold = Sampling(temperature=1.5, seed=5, max_tokens=20)
    assert engine.complete("x", sampling=bold) == engine.complete("x", sampling=bold)


@pytest.mark.parametrize("prefix", ["", "x", "\n", "🚀"])
def test_the_shortest_prompts_work(folder: Path, prefix: str) -> None:
    answer = load(folder, precision="fp32").complete_answer(prefix, "", Sampling(max_tokens=3))
    answer.text()
    assert answer.statistics.prompt_tokens >= 1
    assert answer.statistics.new_tokens == 3


def test_a_text_longer_than_the_context_is_cut_and_counted(folder: Path) -> None:
    answer = load(folder, precision="fp32").complete_answer(CODE * 20, CODE * 20, Sampling(max_tokens=8))
    answer.text()
    assert answer.statistics.dropped_tokens > 1000
    assert answer.statistics.prompt_tokens + 8 <= TINY.max_context


def test_an_answer_that_leaves_no_room_is_refused(folder: Path) -> None:
    with pytest.raises(DoesNotFit, match="shorter answer"):
        load(folder, precision="fp32").complete("x", sampling=Sampling(max_tokens=4096))


def test_a_stop_text_ends_the_answer(folder: Path) -> None:
    engine = load(folder, precision="fp32")
    whole = engine.complete(CODE, sampling=Sampling(max_tokens=30))
    stop = whole[4:6]
    answer = engine.complete_answer(CODE, "", Sampling(max_tokens=30, stop=(stop,)))
    assert answer.text() == whole[: whole.index(stop)]
    assert answer.statistics.ending == "stop"


@pytest.mark.parametrize("allowed", [0, 1, 2, 3, 9])
def test_a_cancel_is_seen_at_every_stage(folder: Path, allowed: int) -> None:
    engine, asked = load(folder, precision="fp32"), iter(range(1000))
    hooks = Hooks(is_cancelled=lambda: next(asked) >= allowed)
    answer = engine.complete_answer(CODE * 3, "", Sampling(max_tokens=30), hooks=hooks)
    answer.text()
    assert answer.statistics.ending == "cancelled"
    assert answer.statistics.new_tokens <= allowed
    expected = load(folder, precision="fp32").complete(CODE * 3, sampling=Sampling(max_tokens=5))
    assert engine.complete(CODE * 3, sampling=Sampling(max_tokens=5)) == expected


def test_reading_a_long_prompt_is_told(folder: Path) -> None:
    heard: list[tuple[int, int]] = []
    engine = load(folder, precision="fp32")
    hooks = Hooks(on_read=lambda done, total: heard.append((done, total)))
    answer = engine.complete_answer(CODE * 3, "", Sampling(max_tokens=2), hooks=hooks)
    answer.text()
    assert [done for done, _ in heard] == list(range(256, answer.statistics.prompt_tokens - 1, 256))


def test_an_answer_nobody_listens_to_gives_its_cache_back(folder: Path) -> None:
    engine = load(folder, precision="fp32")
    answer = engine.complete_answer(CODE, "", Sampling(max_tokens=30))
    next(iter(answer))
    answer.pieces.close()
    again = engine.complete_answer(CODE, "", Sampling(max_tokens=2))
    again.text()
    assert again.statistics.reused_tokens == again.statistics.prompt_tokens - 1


def test_chat_answers_in_the_plain_form_where_there_is_no_template(folder: Path) -> None:
    engine = load(folder, precision="fp32")
    assert engine.facts()["has_chat"] is False
    assert isinstance(engine.chat([{"role": "user", "content": "hello"}], Sampling(max_tokens=5)), str)


def changed_weights(
    change: Callable[[dict[str, torch.Tensor]], None], folder: Path, **changes: object
) -> Path:
    place = tiny_folder(folder / "model", tiny_tokenizer(folder), **changes)
    weights = load_file(place / "model.safetensors")
    change(weights)
    save_file(weights, place / "model.safetensors")
    return place


def test_numbers_that_overflow_are_found_at_load_and_named(tmp_path: Path) -> None:
    def inflate(weights: dict[str, torch.Tensor]) -> None:
        weights["layers.0.mlp.down.weight"] *= 1e7

    place = changed_weights(inflate, tmp_path)
    with pytest.raises(DoesNotFit, match="its numbers overflow at this precision"):
        load(place, precision="fp16")
    assert load(place, precision="fp32").complete("x", sampling=Sampling(max_tokens=1)) is not None


def test_numbers_that_overflow_in_the_middle_end_that_answer_and_no_other(tmp_path: Path) -> None:
    letter = tiny_tokenizer(tmp_path).encode("z")[0]

    def poison(weights: dict[str, torch.Tensor]) -> None:
        weights["embed.weight"][letter] = torch.inf

    engine = load(changed_weights(poison, tmp_path, tie_embeddings=False), precision="fp32")
    with pytest.raises(NotNumbers, match="choose another --precision"):
        engine.complete("buzz", sampling=Sampling(max_tokens=4))
    fresh = load(tmp_path / "model", precision="fp32")
    few = Sampling(max_tokens=1)
    assert engine.complete("bu", sampling=few) == fresh.complete("bu", sampling=few)


def prompt_of(engine: Engine) -> list[int]:
    tokenizer = engine.tokenizer
    start = [tokenizer.bos_id] if tokenizer.add_bos and tokenizer.bos_id is not None else []
    return start + tokenizer.encode(CODE)


def test_a_text_ends_where_the_model_is_no_longer_sure_and_says_how_sure_it_was(folder: Path) -> None:
    engine, few = load(folder, precision="fp32"), Sampling(max_tokens=20)
    whole = engine.complete(CODE, sampling=few)
    texts = []
    for least in (1e-300, 1e-6, 1e-3, 0.1, 1.0):
        answer = engine.complete_answer(CODE, "", few, editing=Editing(least_chance=least))
        texts.append(answer.text())
        assert whole.startswith(texts[-1])
        assert answer.statistics.chance is not None
        assert least <= answer.statistics.chance <= 1
        assert (answer.statistics.ending == "unsure") == (texts[-1] != whole)
    assert texts == sorted(texts, key=len, reverse=True)
    assert len({*texts}) > 1


def test_the_chance_of_a_text_is_that_of_its_tokens(folder: Path) -> None:
    engine = load(folder, precision="fp32")
    answer = engine.complete_answer(CODE, "", Sampling(max_tokens=3), editing=Editing(least_chance=1e-30))
    text = answer.text()
    prompt, expected = prompt_of(engine), 1.0
    for _ in range(3):
        chances = torch.from_numpy(engine.logits(prompt)[-1]).softmax(-1)
        expected *= float(chances.max())
        prompt.append(int(chances.argmax()))
    assert engine.tokenizer.decode(prompt).endswith(text)
    assert answer.statistics.chance == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("draft", [False, True])
def test_other_answers_begin_otherwise_and_from_what_was_read_before(folder: Path, draft: bool) -> None:
    engine = load(folder, precision="fp32", draft_model=str(folder) if draft else None)
    few = Sampling(max_tokens=6)
    first = engine.complete(CODE, sampling=few)
    found = [first]
    for alternative in range(1, 5):
        answer = engine.complete_answer(CODE, "", few, editing=Editing(alternative=alternative))
        found.append(answer.text())
        assert answer.statistics.reused_tokens == answer.statistics.prompt_tokens - 1
    assert len({*found}) == 5
    ranked = np.argsort(-engine.logits(prompt_of(engine))[-1]).tolist()
    ranked = [
        token for token in ranked if token not in engine.tokenizer.special_ids | engine.tokenizer.end_ids
    ]
    for token, text in zip(ranked, found, strict=False):
        begin = engine.tokenizer.token_bytes(token).decode("utf-8", "replace")
        assert text.startswith(begin)
    assert engine.complete(CODE, sampling=few) == first


def test_an_answer_that_hardly_anybody_would_begin_so_is_none(folder: Path) -> None:
    editing = Editing(alternative=32, least_chance=0.5)
    answer = load(folder, precision="fp32").complete_answer(CODE, "", Sampling(max_tokens=6), editing=editing)
    assert (answer.text(), answer.statistics.ending) == ("", "unsure")


def test_text_of_other_files_is_read_and_leaves_room(folder: Path) -> None:
    engine, few = load(folder, precision="fp32"), Sampling(max_tokens=4)
    editing = Editing("b.py", "Python", context=(ContextFile("a.py", "def other():\n    return 5\n" * 40),))
    plain = engine.complete_answer("x = ", "", few)
    plain.text()
    with_others = engine.complete_answer("x = ", "", few, editing=editing)
    with_others.text()
    more = with_others.statistics.prompt_tokens - plain.statistics.prompt_tokens
    assert 64 < more <= (TINY.max_context - 4) // 4
    again = engine.complete_answer("x = y", "", few, editing=editing)
    again.text()
    assert again.statistics.reused_tokens >= more


def test_the_languages_that_a_model_was_taught_are_told(folder: Path, tmp_path: Path) -> None:
    assert load(folder, precision="fp32").facts()["languages"] == ()
    stored = open_model(folder)
    write_native(stored.load(), stored.tokenizer(), tmp_path / "taught", torch.float32, About(("Python",)))
    assert load(tmp_path / "taught", precision="fp32").facts()["languages"] == ("Python",)
    (tmp_path / "taught/config.json").write_text(
        (tmp_path / "taught/config.json").read_text().replace('"Python"', "7")
    )
    with pytest.raises(ModelFormatError, match=r"'languages' in .* must be text, not 7"):
        open_model(tmp_path / "taught")


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_draft_model_changes_no_text(folder: Path, temperature: float) -> None:
    sampling = Sampling(max_tokens=60, temperature=temperature, seed=3)
    plain = load(folder, precision="fp32").complete("def f(a, b):", sampling=sampling)
    drafted = load(folder, precision="fp32", draft_model=str(folder))
    assert drafted.complete("def f(a, b):", sampling=sampling) == plain
    drafted.forget_texts()
    assert drafted.complete("def f(a, b):", sampling=sampling) == plain


def test_a_draft_model_with_another_vocabulary_is_refused(folder: Path, tmp_path: Path) -> None:
    kind = "json" if (folder / "tokenizer.model").exists() else "pieces"
    other = tiny_folder(tmp_path / "other", tiny_tokenizer(tmp_path, kind))
    with pytest.raises(UsageError, match="another vocabulary"):
        load(folder, draft_model=str(other))


def test_earlier_texts_may_take_what_the_plan_leaves_and_no_more(folder: Path) -> None:
    room = place(open_model(folder), Placement(device="cpu", cache_mb=65536), print).room
    total = psutil.virtual_memory().total
    assert 0 < room.kept_bytes < total - room.planned_bytes - RESERVE_BYTES
    assert place(open_model(folder), Placement(device="cpu", cache_mb=3), print).room.kept_bytes == 3 * MB


def test_texts_become_no_longer_than_was_planned(folder: Path) -> None:
    engine = load(folder, precision="fp32", context_tokens=64)
    answer = engine.complete_answer(CODE, "", Sampling(max_tokens=16, temperature=1.0))
    answer.text()
    assert answer.statistics.prompt_tokens <= 64 - 16
    assert answer.statistics.dropped_tokens > 0
    assert engine.facts()["context_tokens"] == 64
    with pytest.raises(UsageError, match="1 to 64 tokens"):
        engine.logits([1] * 65)


def test_what_the_program_itself_takes_is_learnt_from_a_real_load(folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "SMALLCODER_HOME": str(tmp_path)}
    command = [sys.executable, "main.py", "complete", "--model", str(folder), "--prompt", "x"]
    subprocess.run([*command, "--max-tokens", "1"], check=True, env=environment, cwd=ROOT)
    learnt = json.loads((tmp_path / "cache/calibration.json").read_text())["runtime_bytes"]
    assert 150 * MB < learnt < 600 * MB
    command = [sys.executable, "main.py", "models", "fit", "smallcoder-nano", "--json"]
    done = subprocess.run(command, check=True, env=environment, cwd=ROOT, capture_output=True)
    assert {row["runtime_bytes"] for row in json.loads(done.stdout)} == {learnt}


def test_what_does_not_fit_is_refused_with_the_arithmetic(folder: Path) -> None:
    with pytest.raises(DoesNotFit, match=r"weights \+ .* cache \+ .* work \+ .* program = .* MB"):
        load(folder, precision="fp32", ram_mb=256)
    assert load(folder, precision="fp32", ram_mb=256, anyway=True).facts()["precision"] == "fp32"


def test_a_device_that_is_not_there_is_refused_and_the_processor_is_always_last() -> None:
    if torch.cuda.is_available():
        assert next(attempts(Placement())).device == "cuda"
    else:
        with pytest.raises(UsageError, match="no cuda device"):
            list(attempts(Placement(device="cuda")))
    assert list(attempts(Placement()))[-1].device == "cpu"
    assert [attempt.precision for attempt in attempts(Placement(device="cpu", precision="int4"))] == ["int4"]
