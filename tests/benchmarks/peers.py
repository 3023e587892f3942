"""Ours beside the peers, in one run: `python -m tests.benchmarks.peers --help`.

Each contender is a process of its own that holds a model of the same true shape with random weights. They
take turns, round after round, so that what else the machine does falls on all alike; ratios are of medians.
Needs `pip install llama-cpp-python==0.3.36`; with the flags of README.md beside this file where its fastest
path crashes. The limit is what a plain streaming read of memory reaches, over the bytes a token must read: a
read between any two turns, and their median, as the contenders' own times are medians of the same minutes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core import report
from core.spec.budget import tiled_position_bytes, weight_bytes
from core.spec.config import ModelConfig
from core.spec.presets import PRESETS

ROOT = Path(__file__).parents[2]
QWEN = ModelConfig(
    vocab_size=151_936,
    dim=896,
    n_layers=24,
    n_heads=14,
    n_kv_heads=2,
    head_dim=64,
    ffn_dim=4864,
    max_context=32_768,
    norm_eps=1e-6,
    rope_theta=1e6,
    bias="qkv",
)
SHAPES = {
    "smallcoder-medium": PRESETS["smallcoder-medium"],
    "smollm2-135m": PRESETS["smollm2-135m"],
    "qwen2.5-0.5b": QWEN,
}
OURS = ("ours int8", "ours int4")
LLAMA = {"llama.cpp Q8_0": "Q8_0", "llama.cpp Q4_0": "Q4_0"}
TRANSFORMERS = {"transformers fp32": "float32", "transformers bf16": "bfloat16"}
CONTENDERS = (*OURS, *LLAMA, *TRANSFORMERS)
CONTEXT, NEW_TOKENS = 512, 24
TASKS = ("prefill", "decode", "decode_empty")  # decode goes on behind what prefill has read
# what caps both sides to the instructions of most laptops
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "SMALLCODER_KERNELS": "avx2"}


class Contender:
    def __init__(self, name: str, folder: Path, threads: int, environment: dict[str, str]) -> None:
        self.name = name
        command = [sys.executable, "-m", "tests.benchmarks.contender", name, str(folder), str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True, env=environment
        )

    def seconds(self, task: str) -> float:
        """For one token: the median of those in this round."""
        return float(self._asked(task))

    def kernel(self) -> str:
        return self._asked("kernel")

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _asked(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise SystemExit(f"{self.name} ended at {word!r}")
        return answer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", choices=SHAPES, help="shape; may be repeated")
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="contender; may be repeated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--avx2", action="store_true", help="cap both sides to AVX2")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count what the processor spends on each, on a machine that others use; for one thread",
    )
    parser.add_argument("--llama", type=Path, help="folder of another build of llama-cpp-python")
    parser.add_argument("--folder", type=Path, help="keeps models for the next run")
    parser.add_argument("--make", action="store_true", help="only make them there")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    environment = os.environ | (AVX2 if arguments.avx2 else {})
    if arguments.processor_time:
        environment["SMALLCODER_PEERS_CLOCK"] = "processor"
    if arguments.llama:
        environment["PYTHONPATH"] = str(arguments.llama)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for shape in arguments.model or SHAPES:
            folder = (arguments.folder or Path(scratch)).absolute() / shape
            if not folder.exists():
                make(folder, shape)
            if not arguments.make:
                environment["SMALLCODER_HOME"] = str(folder / "home")
                names = arguments.only or CONTENDERS
                results.append(compared(shape, folder, names, arguments, environment))
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


def make(folder: Path, shape: str) -> None:
    """Under another name until all is there."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.benchmarks.contender", "make", str(partial), shape]
    subprocess.run(command, cwd=ROOT, check=True)
    partial.rename(folder)


def compared(
    shape: str,
    folder: Path,
    names: list[str],
    arguments: argparse.Namespace,
    environment: dict[str, str],
) -> dict[str, Any]:
    threads = arguments.threads
    everyone = [Contender(name, folder, threads, environment) for name in (*names, "memory")]
    *contenders, memory = everyone
    times: dict[str, dict[str, list[float]]] = {name: {task: [] for task in TASKS} for name in names}
    bandwidths = []
    for _ in range(arguments.rounds):
        for contender in contenders:
            for task in TASKS:
                times[contender.name][task].append(contender.seconds(task))
            bandwidths.append(1 / memory.seconds("bandwidth"))
    rates = {
        name: {task: 1 / statistics.median(found) for task, found in tasks.items()}
        for name, tasks in times.items()
    }
    bandwidth = statistics.median(bandwidths)
    result = {
        "shape": shape,
        "threads": threads,
        "kernels": {contender.name: contender.kernel() for contender in contenders},
        "bytes_per_s": bandwidth,
        "bytes_per_s_of_reads": sorted(bandwidths),
        "tokens_per_s": rates,
        "share_of_limit": {
            name: rates[name]["decode"] * _read_bytes(SHAPES[shape], name) / bandwidth
            for name in names
            if name in OURS
        },
    }
    for contender in everyone:
        contender.end()
    _show(result)
    return result


def _read_bytes(config: ModelConfig, name: str) -> int:
    """Of weights and cache for one token in the middle of the measured ones."""
    seen = CONTEXT + NEW_TOKENS // 2
    return weight_bytes(config, name.removeprefix("ours ")) + seen * tiled_position_bytes(config)


def _show(result: dict[str, Any]) -> None:
    reads = result["bytes_per_s_of_reads"]
    usual, least, most = (rate / 1e9 for rate in (result["bytes_per_s"], reads[0], reads[-1]))
    report.say(
        f"\n{result['shape']}, {result['threads']} threads, memory reads at {usual:.1f} GB/s"
        f" ({least:.1f} to {most:.1f})"
    )
    report.say(f"{'':20}{'prefill 512':>12}{'at 512':>9}{'empty':>9}  of the limit")
    for name, rates in result["tokens_per_s"].items():
        share = result["share_of_limit"].get(name)
        row = f"{name:20}{rates['prefill']:12.0f}{rates['decode']:9.1f}{rates['decode_empty']:9.1f}"
        report.say(row + (f"{share:10.2f}" if share else "") + f"   {result['kernels'][name]}")
    for ours, theirs in (("ours int8", "llama.cpp Q8_0"), ("ours int4", "llama.cpp Q4_0")):
        _show_ratios(ours, theirs, result["tokens_per_s"])
    for name in TRANSFORMERS:
        _show_ratios("ours int8", name, result["tokens_per_s"])


def _show_ratios(ours: str, theirs: str, rates: dict[str, dict[str, float]]) -> None:
    if ours in rates and theirs in rates:
        shown = "  ".join(f"{task} {rates[ours][task] / rates[theirs][task]:.2f}" for task in TASKS)
        report.say(f"{ours} / {theirs}: {shown}")


if __name__ == "__main__":
    sys.exit(main())
