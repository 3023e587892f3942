"""The budget against the most memory a real process held: `python -m tests.benchmarks.memory --help`.

Each row is a process of its own that loads random weights of the true shape (stored as bf16), reads a prompt
and writes a few tokens. What is quantised is packed by the first of them, and needs no torch from then on.
Linux only: the kernel's own high-water mark is what counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core import report
from core.spec.budget import PRECISIONS
from core.spec.presets import PRESETS
from core.spec.sizes import MB

ROOT = Path(__file__).parents[2]
SIZES = [name for name in PRESETS if not name.endswith(("-4b", "-7b", "-lc"))]
NEW_TOKENS = 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", choices=SIZES, help="preset; may be repeated")
    parser.add_argument("--precision", action="append", choices=PRECISIONS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        folder, precision, context = arguments.child
        report.say_json(run_once(Path(folder), precision, int(context)))
        return 0
    rows = []
    for name in arguments.model or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            make_model(Path(folder), name)
            for precision in arguments.precision or ["int8", "int4", "bf16", "fp32"]:
                short, longest = PRESETS[name].max_context // 8, PRESETS[name].max_context
                lengths = (short, short, longest) if precision in ("int8", "int4") else (short, longest)
                rows += [measured(Path(folder), name, precision, context) for context in lengths]
    if arguments.json:
        report.say_json(rows)
    return 0


def measured(folder: Path, name: str, precision: str, context: int) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--child", str(folder / name), precision]
    environment = {**os.environ, "SMALLCODER_HOME": str(folder / "home")}
    done = subprocess.run(
        [*command, str(context)], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    peak, planned = found["peak_bytes"], found["planned_bytes"]
    error = planned / peak - 1
    report.say(
        f"{name:20} {precision:5} context {context:5}  planned {planned / MB:6,.0f} MB  "
        f"peak {peak / MB:6,.0f} MB  {error:+.1%}{', with torch' if found['has_torch'] else ''}"
    )
    return {"name": name, "precision": precision, "context": context, **found}


def run_once(folder: Path, precision: str, context: int) -> dict[str, Any]:
    from core.engine import load
    from core.fitting import learn_runtime
    from core.spec.sampling import Sampling

    learn_runtime()
    engine = load(folder, device="cpu", precision=precision, threads=1, context_tokens=context)
    tokens = engine.tokenizer.encode("x = 1\n" * context)[: context - NEW_TOKENS]
    engine.complete(
        engine.tokenizer.decode(tokens), sampling=Sampling(max_tokens=NEW_TOKENS, repetition_penalty=1.01)
    )
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return {
        "planned_bytes": engine.facts()["planned"].total_bytes,
        "peak_bytes": int(line.split()[1]) * 1024,
        "has_torch": "torch" in sys.modules,
    }


def make_model(folder: Path, name: str) -> None:
    import torch

    from core.checkpoint.native import write_native
    from core.model.transformer import with_random_weights
    from tests.tiny import tiny_tokenizer

    write_native(with_random_weights(PRESETS[name], 1), tiny_tokenizer(folder), folder / name, torch.bfloat16)


if __name__ == "__main__":
    sys.exit(main())
