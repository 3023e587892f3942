"""Feeds damaged model files to the readers: python -m tests.fuzz.readers EXAMPLES SEED

Says on one line of JSON what came of it. The memory that the readers may take is limited by the system; an
error that is not a ModelFormatError ends the process with its traceback and the smallest file that causes it.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import hypothesis
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from core.checkpoint.weights import Weights, open_gguf, open_safetensors
from core.spec.errors import ModelFormatError
from core.spec.gguf_header import read_gguf_header
from core.spec.library import describe_model
from tests.fuzz.inputs import gguf_files, safetensors_files, valid_gguf, valid_safetensors

EXTRA_MEMORY_BYTES = 256 * 2**20


def read_all(path: Path) -> str:
    """What a load does, and a listing: every value, every tensor, as stored and converted."""
    description = describe_model(path if path.suffix == ".gguf" else path.parent)
    try:
        with _opened(path) as weights:
            outcomes = {_read_both_ways(weights, name) for name in weights.names}
    except ModelFormatError:
        return "refused"
    if description is None or (description.problem and outcomes):
        raise RuntimeError("The library calls damaged what can be opened.")
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            file.keys()
    return "read" if outcomes <= {"read"} else "read in part"


def _opened(path: Path) -> Weights:
    if path.suffix != ".gguf":
        return open_safetensors(path)
    header = read_gguf_header(path)
    with suppress(ModelFormatError):
        dict(header.metadata)
    return open_gguf(path, header)


def _read_both_ways(weights: Weights, name: str) -> str:
    try:
        as_stored, converted = weights.read(name).clone(), weights.read(name, torch.float16)
    except ModelFormatError:
        return "refused"
    expected = as_stored.to(torch.float16)
    if converted.shape != weights.info(name).shape or not torch.allclose(converted, expected, equal_nan=True):
        raise RuntimeError("A tensor is not the same when it is converted while it is read.")
    return "read"


def placed(folder: Path, kind: str, data: bytes) -> Path:
    if kind == "safetensors":
        (folder / "config.json").write_text('{"model_type": "llama"}')
    path = folder / f"model.{kind}"
    path.write_bytes(data)
    return path


def run(kind: str, files: st.SearchStrategy[bytes], examples: int, seed: int) -> tuple[Counter[str], float]:
    outcomes: Counter[str] = Counter()
    durations_ms = [0.0]

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(files)
    def attempt(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = placed(Path(folder), kind, data)
            started = time.perf_counter()
            outcomes[read_all(path)] += 1
            durations_ms[0] = max(durations_ms[0], 1000 * (time.perf_counter() - started))

    attempt()
    return outcomes, round(durations_ms[0], 1)


def limit_memory() -> None:
    if sys.platform == "linux":
        import resource

        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + EXTRA_MEMORY_BYTES,) * 2)


def main(examples: int, seed: int) -> None:
    kinds = (
        ("gguf", valid_gguf(), gguf_files),
        ("safetensors", valid_safetensors(), safetensors_files),
    )
    results: dict[str, dict[str, object]] = {}
    for kind, valid, _ in kinds:  # also loads what is loaded late, before memory is limited
        with tempfile.TemporaryDirectory() as folder:
            results[kind] = {"unharmed": read_all(placed(Path(folder), kind, valid))}
    limit_memory()
    for kind, _, files in kinds:
        started = time.perf_counter()
        outcomes, slowest_ms = run(kind, files, examples // len(kinds), seed)
        seconds = round(time.perf_counter() - started, 1)
        results[kind] |= {
            "inputs": outcomes.total(),
            "seconds": seconds,
            "slowest_ms": slowest_ms,
            **outcomes,
        }
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
