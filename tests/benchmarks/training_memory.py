"""The training budget against the most memory a real run held: `python -m tests.benchmarks.training_memory`.

Each row is a process of its own that takes three steps with random weights and tokens. Linux only: the
kernel's own high-water mark is what counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import report
from core.spec.config import ModelConfig
from core.spec.presets import PRESETS
from core.spec.sizes import MB
from core.spec.training_budget import to_train
from trainer.spec.jobs import TrainSpec

ROOT = Path(__file__).parents[2]
STEPS = 2
# as Qwen2.5-Coder-0.5B
SHAPES = {
    "qwen-0.5b": ModelConfig(
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
}
ROWS: dict[str, dict[str, Any]] = {
    "pretrain nano": {"model": "smallcoder-nano", "batch_size": 8, "accumulation": 1},
    "pretrain nano, accumulated": {"model": "smallcoder-nano", "batch_size": 8, "accumulation": 2},
    "pretrain nano, 8 batches": {"model": "smallcoder-nano", "batch_size": 2, "accumulation": 8},
    "pretrain nano, fp32": {"model": "smallcoder-nano", "batch_size": 8, "precision": "fp32"},
    "pretrain nano, layers twice": {"model": "smallcoder-nano", "batch_size": 8, "checkpoint_layers": True},
    "pretrain nano, 2048 tokens": {"model": "smallcoder-nano", "batch_size": 2, "context_tokens": 2048},
    "pretrain smalllm-25m": {"model": "smalllm-25m", "batch_size": 4},
    "pretrain tiny": {"model": "smallcoder-tiny", "batch_size": 2},
    "pretrain tiny, 8-bit": {"model": "smallcoder-tiny", "batch_size": 2, "optimizer": "adamw8"},
    "pretrain tiny, muon": {"model": "smallcoder-tiny", "batch_size": 1, "optimizer": "muon"},
    "pretrain tiny, in backward": {
        **{"model": "smallcoder-tiny", "batch_size": 1, "accumulation": 1},
        **{"max_grad_norm": 0.0, "in_backward": True},
    },
    "lora tiny": {"recipe": "lora", "model": "smallcoder-tiny", "batch_size": 4},
    "lora tiny, 2048 tokens": {
        **{"recipe": "lora", "model": "smallcoder-tiny", "batch_size": 1, "context_tokens": 2048}
    },
    "lora tiny, layers twice": {
        **{"recipe": "lora", "model": "smallcoder-tiny", "batch_size": 4, "checkpoint_layers": True}
    },
    "qlora int8 tiny": {"recipe": "qlora", "model": "smallcoder-tiny", "batch_size": 2},
    "qlora int4 tiny": {
        **{"recipe": "qlora", "model": "smallcoder-tiny", "batch_size": 2, "base_precision": "int4"}
    },
    "dpo tiny": {"recipe": "dpo", "model": "smallcoder-tiny", "batch_size": 2},
    "lora medium, 2048 tokens": {
        **{"recipe": "lora", "model": "smallcoder-medium", "batch_size": 1, "context_tokens": 2048},
        "checkpoint_layers": True,
    },
    "lora 0.5B, 1024 tokens": {
        **{"recipe": "lora", "model": "qwen-0.5b", "batch_size": 1, "context_tokens": 1024},
        "checkpoint_layers": True,
    },
    "distil nano": {"recipe": "distil", "model": "smallcoder-nano", "teacher": "smallcoder-nano"},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", action="append", choices=ROWS, help="may be repeated")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        report.say_json(run_once(Path(arguments.child[0]), arguments.child[1]))
        return 0
    rows = [measured(name) for name in arguments.row or ROWS]
    if arguments.json:
        report.say_json(rows)
    return 0


def measured(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), name)
        command = [sys.executable, "-m", "tests.benchmarks.training_memory", "--child", folder, name]
        environment = {**os.environ, "SMALLCODER_HOME": f"{folder}/home"}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        from trainer.fitting import config_and_teacher
        from trainer.spec.memory import shape_of

        spec = spec_of(name, Path(folder))
        config, teacher = config_and_teacher(spec)
        budget = to_train(config, shape_of(spec, teacher))
    peak = json.loads(done.stdout)["peak_bytes"]
    error = budget.total_bytes / peak - 1
    report.say(
        f"{name:28} planned {budget.total_bytes / MB:6,.0f} MB  peak {peak / MB:6,.0f} MB  {error:+.1%}"
    )
    return {"row": name, "planned": budget.total_bytes, "peak": peak}


def spec_of(name: str, folder: Path) -> TrainSpec:
    from trainer.running import decided

    settings: dict[str, Any] = {
        **{"recipe": "pretrain", "data": "drawn", "steps": STEPS, "context_tokens": 512, "accumulation": 2},
        **{"device": "cpu", "threads": 2, "validate_every": 0, "batch_size": 2},
        **{"learning_rate": 1e-4, "judged_lines": 0},
        **ROWS[name],
    }
    if settings["recipe"] != "pretrain":
        settings["model"] = str(folder / "model")
    if "teacher" in settings:
        settings["teacher"] = str(folder / "model")
    return decided(TrainSpec(**settings))


def make_model(folder: Path, row: str) -> None:
    """What a row does not begin from nothing with; as bf16, the usual way for models to lie on a disk."""
    import torch

    from core.checkpoint.native import write_native
    from core.model.transformer import with_random_weights
    from tests.tiny import tiny_tokenizer

    name = ROWS[row]["model"]
    if ROWS[row].get("recipe", "pretrain") != "pretrain":
        model = with_random_weights(SHAPES[name] if name in SHAPES else PRESETS[name], 1)
        write_native(model, tiny_tokenizer(folder), folder / "model", torch.bfloat16)


@dataclass(frozen=True)
class Drawn:
    spec: TrainSpec

    def __len__(self) -> int:
        return 100

    def at(self, number: int) -> Any:
        import torch

        from trainer.data.batches import Batch

        generator = torch.Generator().manual_seed(number)
        shape = (self.spec.batch_size, self.spec.context_tokens + 1)
        ids = torch.randint(500, shape, generator=generator)
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())


def run_once(folder: Path, name: str) -> dict[str, int]:
    from core.heap import keep_what_is_freed

    keep_what_is_freed()  # as the command does
    from trainer.control import Control
    from trainer.loop import Material
    from trainer.running import Corpus, sit
    from trainer.spec.runs import create_run

    spec = replace(spec_of(name, folder), checkpoint_every=0)
    run = create_run(str(folder / "run"), spec)
    sit(run, spec, Control(), lambda _: None, Corpus(Material(Drawn(spec), None), None, "drawn"))
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return {"peak_bytes": int(line.split()[1]) * 1024}


if __name__ == "__main__":
    sys.exit(main())
