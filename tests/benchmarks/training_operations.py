"""Where the time of a training step goes, by operation: `python -m tests.benchmarks.training_operations`.

One thread, by its own time on the processor, so that other programs disturb little. To look at each operation
takes time too, though none of it is counted: the step as a whole is timed apart, unobserved.
"""

import argparse
import resource
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core import report
from core.heap import keep_what_is_freed
from core.spec.presets import PRESETS
from tests.benchmarks.training import RECIPES, SHAPES, WAYS


@dataclass
class Spent:
    seconds: float = 0.0
    calls: int = 0
    operations: int = 0


class Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.spent: dict[str, Spent] = defaultdict(Spent)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        began = time.thread_time()
        result = func(*args, **(kwargs or {}))
        taken = time.thread_time() - began
        tensors = [each for each in args if isinstance(each, torch.Tensor)]
        told = " ".join(f"{tuple(each.shape)}".replace(" ", "") for each in tensors[:3])
        kind = str(tensors[0].dtype).removeprefix("torch.") if tensors else ""
        spent = self.spent[f"{str(func).removeprefix('aten.')} {kind} {told}"]
        spent.seconds, spent.calls = spent.seconds + taken, spent.calls + 1
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.bmm):
            spent.operations += 2 * tensors[0].numel() * tensors[1].shape[-1]
        return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=WAYS, default="ours")
    parser.add_argument("--shape", choices=SHAPES, default="135m")
    parser.add_argument("--recipe", choices=RECIPES, default="pretrain")
    parser.add_argument("--rows", type=int, default=40, help="of the table, the longest first")
    arguments = parser.parse_args()
    arguments.lanes = 1
    torch.set_num_threads(1)
    if arguments.way == "ours":
        keep_what_is_freed()  # as the command does
    step = WAYS[arguments.way](arguments)
    name, rows, context = SHAPES[arguments.shape]
    ids = torch.randint(PRESETS[name].vocab_size, (rows, context + 1))
    for _ in range(2):
        step(ids)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
    step(ids)
    taken, after = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF)
    of_system, pages = after.ru_stime - before.ru_stime, after.ru_minflt - before.ru_minflt
    report.say(
        f"a step: {taken:.2f} s of processor, {of_system:.2f} of them the system's, {pages:,} pages new"
    )
    with Watch() as watch:
        step(ids)
    show(watch.spent, arguments.rows)
    return 0


def show(spent: dict[str, Spent], rows: int) -> None:
    whole = sum(each.seconds for each in spent.values())
    report.say(f"inside operations: {whole:.2f} s, {sum(each.calls for each in spent.values()):,} of them")
    for name, each in sorted(spent.items(), key=lambda pair: -pair[1].seconds)[:rows]:
        rate = f"{each.operations / each.seconds / 1e9:4.0f} GFLOP/s" if each.operations else ""
        report.say(f"{each.seconds * 1e3:8.1f} ms  {each.calls:4} x  {rate:12}  {name}")


if __name__ == "__main__":
    sys.exit(main())
