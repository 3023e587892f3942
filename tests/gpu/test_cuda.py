"""The engine on an NVIDIA card, in one command: `python main.py test -m gpu`. Skipped where there is none.

Besides what is here, it runs the tests of the engine once more with every model on the card, and measures how
much of the card's bandwidth a token makes use of. It has not been run yet: no card was at hand.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import report
from core.checkpoint.load import open_model
from core.checkpoint.preset import open_preset
from core.engine import load
from core.model.graphs import GraphReader
from core.placing.place import place
from core.placing.placed import PlacedModel
from core.spec.budget import position_bytes, weight_bytes
from core.spec.placement import Placement
from core.spec.presets import PRESETS
from core.spec.sampling import Sampling
from core.spec.sizes import MB
from tests.tiny import tiny_folder, tiny_tokenizer

ROOT = Path(__file__).parents[2]
ENGINE_TESTS = [f"tests/core/test_{name}.py" for name in ("engine", "loop", "leaks", "prefixes", "sampling")]
TOKENS = torch.randint(0, 500, (60,), generator=torch.Generator().manual_seed(1)).tolist()
CONTEXT, NEW_TOKENS = 512, 64

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA card"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("gpu")
    return tiny_folder(place / "model", tiny_tokenizer(place))


def placed(folder: Path, precision: str) -> PlacedModel:
    return place(open_model(folder), Placement(device="cuda", precision=precision), lambda _: None)  # type: ignore[arg-type]


@torch.inference_mode()
def logits_of(model: PlacedModel, portion: int) -> torch.Tensor:
    cache = model.new_cache()
    parts = [TOKENS[start : start + portion] for start in range(0, len(TOKENS), portion)]
    rows = [model.model.read(part, cache, last=len(part)) for part in parts]
    return torch.from_numpy(np.concatenate(rows))


@pytest.mark.parametrize(("precision", "most"), [("fp16", 5e-3), ("int8", 3e-2), ("int4", 0.4)])
def test_logits_on_the_card_are_those_of_the_processor(folder: Path, precision: str, most: float) -> None:
    with torch.inference_mode():
        exact = open_model(folder).load(torch.float32)(torch.tensor([TOKENS]))[0]
    model = placed(folder, precision)
    for portion in (len(TOKENS), 7, 1):  # one at a time goes through graphs, where they were chosen
        assert (logits_of(model, portion) - exact).norm() < most * exact.norm(), portion


@pytest.mark.parametrize("precision", ["fp16", "int8", "int4"])
def test_graphs_compute_what_the_network_computes(folder: Path, precision: str) -> None:
    model = placed(folder, precision)
    network: Any = model.model
    network.transformer.short_reads = None
    plain = logits_of(model, 1)
    network.transformer.short_reads = GraphReader(network.transformer)
    assert (logits_of(model, 1) - plain).norm() < 1e-2 * plain.norm()
    assert (logits_of(model, 1) - plain).norm() < 1e-2 * plain.norm()  # with another cache at its place


@torch.inference_mode()
def test_graphs_follow_a_cache_that_grows_is_cut_back_and_copied(folder: Path) -> None:
    model = placed(folder, "fp16")
    network: Any = model.model
    network.transformer.short_reads = GraphReader(network.transformer)
    cache, tokens = model.new_cache(), [token % 500 for token in range(700)]
    model.model.read(tokens[:250], cache, last=1)
    for token in tokens[250:300]:  # across the first room of 256
        found = model.model.read([token], cache, last=1)
    cache.keep(270)
    copy = cache.copy(200)
    for held, length in ((cache, 270), (copy, 200)):
        for token in tokens[length:300]:
            again = model.model.read([token], held, last=1)
        assert np.linalg.norm(again - found) < 1e-2 * np.linalg.norm(found)


@pytest.mark.parametrize("precision", ["fp16", "int8", "int4"])
def test_a_text_is_written_that_the_same_seed_writes_again(folder: Path, precision: str) -> None:
    engine = load(folder, device="cuda", precision=precision)
    sampling = Sampling(temperature=0.8, max_tokens=40, seed=3)
    text = engine.complete("def f(", sampling=sampling)
    assert engine.complete("def f(", sampling=sampling) == text
    assert engine.facts()["device"] == "cuda"


def test_memory_stays_within_the_plan() -> None:
    torch.cuda.reset_peak_memory_stats()
    model = place(
        open_preset("smallcoder-medium"), Placement(device="cuda", precision="fp16"), lambda _: None
    )
    cache = model.new_cache()
    with torch.inference_mode():
        while len(cache) + 256 <= model.room.context_tokens:
            model.model.read([1] * 256, cache, last=1)
    assert torch.cuda.max_memory_reserved() <= model.room.planned_bytes
    assert torch.cuda.max_memory_reserved() <= 1200 * MB  # with 4,096 tokens of context


def test_the_tests_of_the_engine_pass_on_the_card() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--device", "cuda", *ENGINE_TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


def test_a_token_makes_use_of_half_the_bandwidth(capsys: pytest.CaptureFixture[str]) -> None:
    config = PRESETS["smallcoder-medium"]
    command = [
        sys.executable,
        "main.py",
        "bench",
        "speed",
        "--model",
        "smallcoder-medium",
        "--device",
        "cuda",
    ]
    for precision in ("fp16", "int8", "int4"):
        command += ["--precision", precision]
    command += ["--prompt-tokens", str(CONTEXT), "--new-tokens", str(NEW_TOKENS), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    bandwidth, shares = read_bytes_per_s(), {}
    for row in json.loads(done.stdout):
        cached = (CONTEXT + NEW_TOKENS // 2) * position_bytes(config, 2)
        a_token = weight_bytes(config, row["precision"]) + cached
        shares[row["precision"]] = row["decode_tokens_per_s"] * a_token / bandwidth
    with capsys.disabled():
        card = torch.cuda.get_device_name()
        report.say(f"\n{card}: reads {bandwidth / 1e9:.0f} GB/s; shares of it: {shares}")
        report.say(json.dumps(json.loads(done.stdout), indent=2))
    assert shares["fp16"] >= 0.5


def read_bytes_per_s() -> float:
    """The best of some plain sums over far more memory than a card's cache holds."""
    values, best = torch.ones(2**28, dtype=torch.float16, device="cuda"), float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        started = time.perf_counter()
        values.sum(dtype=torch.float32)
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return values.nbytes / best
