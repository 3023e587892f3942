"""`bench speed`: how fast models read and write on this machine, and the memory they take."""

import argparse
import json
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import UsageError
from core.spec.fields import add_flags, from_flags, settings_of
from core.spec.placement import Placement
from core.spec.presets import PRESETS
from trainer.data.own_process import own_command, own_environment
from trainer.spec.speed import SpeedSettings

_MB = 1e6
_NOT_MEASURED = ("draft_model", "cache_mb")


def add_action(actions: Commands) -> None:
    parser = actions.add_parser("speed", help="tokens a second, delays and memory of models")
    parser.add_argument(
        "--model", action="append", required=True, help="a folder, a .gguf file or a preset; may be repeated"
    )
    add_flags(parser, SpeedSettings)
    add_flags(parser, Placement, leave_out=("precision", *_NOT_MEASURED))
    parser.add_argument(
        "--precision",
        action="append",
        choices=next(item.choices for item in settings_of(Placement) if item.name == "precision"),
        help="how weights are held; may be repeated (default: auto)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the JSON there, too")
    parser.add_argument("--json", action="store_true", help="JSON for a program")
    parser.set_defaults(run=guarded(_speed))


def _speed(arguments: argparse.Namespace) -> int:
    ways = list(product(arguments.model, arguments.precision or ["auto"]))
    rows, problem = [], 0
    for model, precision in ways:
        one = argparse.Namespace(**vars(arguments) | {"model": model, "precision": precision})
        settings, placement = from_flags(SpeedSettings, one), from_flags(Placement, one)
        if len(ways) == 1:
            rows.append(measured(model, placement, settings))
        else:  # a process of its own has a peak of memory of its own
            done = subprocess.run(  # noqa: S603
                [*own_command(), "bench", "speed", "--model", model, "--json", *_flags(placement, settings)],
                env=own_environment(),
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                check=False,
            )
            problem = problem or done.returncode
            rows += json.loads(done.stdout) if done.returncode == 0 else []
        if not arguments.json and not problem:
            _say(rows[-1])
    if arguments.output is not None:
        _write(arguments.output, rows)
    if arguments.json:
        report.say_json(rows)
    return problem


def measured(model: str, placement: Placement, settings: SpeedSettings) -> dict[str, Any]:
    """One object of the list that `bench speed` prints; `model` is a path or a preset's name."""
    from core.checkpoint.preset import open_model_or_preset
    from core.fitting import learn_runtime
    from trainer.bench.speed import measure

    is_random = model in PRESETS
    if is_random:
        report.complain(f"{model} is a preset, so its weights are random, which does not change its speed")
    learn_runtime()
    figures = measure(open_model_or_preset(model), placement, settings)
    return {"model": model, "weights": "random" if is_random else "stored", **figures}


def _flags(*instances: Any) -> list[str]:
    """What says the same on a command line, as far as `bench speed` has a flag for it."""
    flags: list[str] = []
    for instance in instances:
        for item in settings_of(type(instance)):
            value = getattr(instance, item.name)
            if value != item.default and item.name not in _NOT_MEASURED:
                text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
                flags += [item.flag] if value is True else [item.flag, text]
    return flags


def _say(row: dict[str, Any]) -> None:
    where = f"{row['precision']} on the {row['device']}, {row['threads']} threads, {row['kernel']}"
    report.say(f"{row['model']}: {where}; peak {row['peak_ram_bytes'] / _MB:,.0f} MB")
    for speed in row["lengths"]:
        report.say(
            f"  prompt of {speed['prompt_tokens']:,}: reads {speed['prefill_tokens_per_s']:,.0f} tokens/s, "
            f"writes {speed['decode_tokens_per_s']:,.1f}; first token {speed['first_token_ms']:,.0f} ms "
            f"(p95 {speed['first_token_p95_ms']:,.0f}), after a keystroke {speed['keystroke_ms']:,.1f} ms "
            f"(p95 {speed['keystroke_p95_ms']:,.1f})"
        )


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    try:
        path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another place.") from None
