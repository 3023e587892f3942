"""Our training step against a plain transformers (+ PEFT) loop: `python -m tests.benchmarks.training --help`.

Same shape, rows, precision and machine, each in a process of its own, as a person would run it. They take
turns, step by step, so that what disturbs one disturbs the other; the best step counts, by the clock and by
the processor's own time.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from core import report
from core.heap import keep_what_is_freed
from core.model.kernels import fastest_wide
from core.spec.config import ModelConfig
from core.spec.presets import PRESETS
from core.spec.sizes import MB
from trainer.data.batches import Batch
from trainer.lanes import Lanes
from trainer.optimizers.optimizer import Optimizer
from trainer.recipes import Place, make
from trainer.spec.jobs import TrainSpec, settled

ROOT = Path(__file__).parents[2]
SHAPES = {"nano": ("smallcoder-nano", 8, 512), "135m": ("smollm2-135m", 2, 512)}
RECIPES = ("pretrain", "lora")
PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32}
NAMES = {dtype: name for name, dtype in PRECISIONS.items()}
RATE, RANK, ALPHA = 3e-4, 16, 32
ANSWER = "answer: "  # a library may print lines of its own
Step = Callable[[torch.Tensor], float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", action="append", choices=SHAPES, help="may be repeated; else all")
    parser.add_argument("--recipe", action="append", choices=RECIPES, help="may be repeated; else all")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=None, help="of both; else what this processor is faster in"
    )
    parser.add_argument(
        "--lanes",
        type=int,
        default=0,
        help="ours: parts of a batch computed side by side; else as a run has it",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.lanes = arguments.lanes or arguments.threads
    arguments.precision = arguments.precision or NAMES[fastest_wide()]
    results = []
    for shape, recipe in product(arguments.shape or SHAPES, arguments.recipe or RECIPES):
        row = argparse.Namespace(**vars(arguments) | {"shape": shape, "recipe": recipe})
        if row.only:
            take_steps_when_told(row)
            return 0
        results.append(compared(row))
    if arguments.json:
        report.say_json(results)
    return 0


def compared(arguments: argparse.Namespace) -> dict[str, Any]:
    """One shape and recipe, ours beside theirs."""
    measured = take_turns(arguments)
    _, rows, context = SHAPES[arguments.shape]
    result = {
        name: {"tokens_per_s": rows * context / clock, "cpu_s": cpu, "peak_bytes": peak}
        for name, (clock, cpu, peak) in measured.items()
    }
    told = {"shape": arguments.shape, "recipe": arguments.recipe, "precision": arguments.precision, **result}
    if arguments.json:
        return told
    for name, row in result.items():
        report.say(
            f"{arguments.recipe} {arguments.shape:5} {arguments.precision} {name:7}"
            f" {row['tokens_per_s']:8,.0f} tokens/s  "
            f"{row['cpu_s']:6.2f} s of processor a step  peak {row['peak_bytes'] / MB:6,.0f} MB"
        )
    clock, cpu, memory = (
        theirs / mine for mine, theirs in zip(measured["ours"], measured["theirs"], strict=True)
    )
    report.say(
        f"ratio: {clock:.2f} by the clock, {cpu:.2f} by processor time, {1 / memory:.2f} of the memory"
    )
    return told


def ours(arguments: argparse.Namespace) -> Step:
    name, rows, context = SHAPES[arguments.shape]
    spec = settled(
        TrainSpec(
            recipe="pretrain",
            model=name,
            data="drawn",
            learning_rate=RATE,
            batch_size=rows,
            accumulation=1,
            context_tokens=context,
            precision=arguments.precision,
        )
    )
    place = Place(torch.device("cpu"), PRECISIONS[arguments.precision])
    recipe = make(spec, place, lambda _: None)
    if arguments.recipe == "lora":
        recipe = with_adapter(recipe.model, place)
    optimizer = Optimizer(recipe.trainable, spec, place.device, place.working)

    def step(ids: torch.Tensor) -> float:
        batch = Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
        optimizer.begin(1.0)
        loss = recipe.loss(batch) / recipe.count(batch)
        optimizer.backward(loss)
        optimizer.step()
        return loss.item()

    return step if arguments.lanes == 1 else in_lanes(recipe, optimizer, Lanes(arguments.lanes))


def in_lanes(recipe: Any, optimizer: Optimizer, lanes: Lanes) -> Step:
    """The same rows in as many parts, side by side: trainer.spec.jobs.in_lanes."""

    def learn(batch: Batch) -> tuple[float, Any]:
        loss = recipe.loss(batch) / (recipe.count(batch) * lanes.count)
        return loss.item(), optimizer.gradients_of(loss)

    def step(ids: torch.Tensor) -> float:
        parts = ids.chunk(lanes.count)
        batches = [Batch(part[:, :-1].contiguous(), part[:, 1:].contiguous()) for part in parts]
        optimizer.begin(1.0)
        total = 0.0
        for loss, gradients in lanes.each(learn, batches):
            optimizer.add(gradients)
            total += loss
        optimizer.step()
        return total

    return step


def with_adapter(model: Any, place: Place) -> Any:
    """What the lora recipe makes of a model on disk, of one in memory."""
    from core.model.lora import Detour, adapter_parameters, attach_new
    from trainer import recipes
    from trainer.spec.jobs import LINEAR_LAYERS

    model = model.to(place.working).requires_grad_(False)
    attach_new(model, "trained", LINEAR_LAYERS, Detour(RANK, ALPHA / RANK), dropout=0.0, seed=1)
    trainable = adapter_parameters(model, "trained")
    for parameter in trainable.values():
        parameter.requires_grad_(True)
    return recipes.Recipe(model, trainable, recipes._next_token(model), recipes._tokens)


def theirs(arguments: argparse.Namespace) -> Step:
    from transformers import LlamaConfig, LlamaForCausalLM

    model: Any = LlamaForCausalLM(LlamaConfig(**as_transformers(PRESETS[SHAPES[arguments.shape][0]])))
    if arguments.recipe == "lora":
        from peft import LoraConfig, get_peft_model

        adapter = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
        model = get_peft_model(model.to(PRECISIONS[arguments.precision]), adapter)
    model.train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, fused=True)

    def step(ids: torch.Tensor) -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "bf16"):
            logits = model(ids[:, :-1]).logits
            loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


WAYS: dict[str, Callable[[argparse.Namespace], Step]] = {"ours": ours, "theirs": theirs}


def as_transformers(config: ModelConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.dim,
        "intermediate_size": config.ffn_dim,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.max_context,
        "tie_word_embeddings": config.tie_embeddings,
        "attn_implementation": "sdpa",
    }


def take_turns(arguments: argparse.Namespace) -> dict[str, tuple[float, float, int]]:
    """The best step of each: seconds by the clock, and of the processor; and the most memory it ever held."""
    with ExitStack() as stack:
        processes = {way: stack.enter_context(started(way, arguments)) for way in WAYS}
        best = dict.fromkeys(WAYS, (float("inf"), float("inf")))
        for _ in range(arguments.steps):
            for way, process in processes.items():
                clock, cpu = asked(process)
                best[way] = (min(best[way][0], clock), min(best[way][1], cpu))
        return {way: (*best[way], asked(process, "peak")) for way, process in processes.items()}


def started(way: str, arguments: argparse.Namespace) -> "subprocess.Popen[str]":
    words = ["--only", way, "--shape", arguments.shape, "--recipe", arguments.recipe]
    words += ["--lanes", str(arguments.lanes), "--threads", str(arguments.threads)]
    words += ["--precision", arguments.precision]
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.training", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, bufsize=1)


def asked(process: "subprocess.Popen[str]", what: str = "step") -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{what}\n")
    while line := process.stdout.readline():
        if line.startswith(ANSWER):
            return json.loads(line.removeprefix(ANSWER))
    raise SystemExit(f"{process.args} ended with {process.wait()}")


def take_steps_when_told(arguments: argparse.Namespace) -> None:
    """A line on standard input a step, answered by its seconds, or one that asks for the peak."""
    if arguments.only == "ours":
        keep_what_is_freed()  # as the command does
    torch.set_num_threads(arguments.threads)
    step = WAYS[arguments.only](arguments)
    name, rows, context = SHAPES[arguments.shape]
    generator = torch.Generator().manual_seed(1)
    for line in sys.stdin:
        if line.strip() == "peak":
            report.say(f"{ANSWER}{peak_bytes()}")
            continue
        ids = torch.randint(PRESETS[name].vocab_size, (rows, context + 1), generator=generator)
        clock, cpu = time.perf_counter(), time.process_time()
        step(ids)
        taken = (time.perf_counter() - clock, time.process_time() - cpu)
        report.say(f"{ANSWER}{json.dumps(taken)}")


def peak_bytes() -> int:
    """Linux's own high-water mark."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())
