"""`models`: what is on this disk, what can be trained from nothing, what a file is, its formats, its end.

What the hub has stands in hub.py beside this.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli import hub
from core.cli.command import Commands, guarded
from core.spec.about import NOTHING_MORE
from core.spec.budget import PRECISIONS, weight_bytes
from core.spec.errors import UsageError
from core.spec.fields import to_json
from core.spec.program import command
from core.spec.sizes import short_count, size_text

if TYPE_CHECKING:
    from core.checkpoint.stored import StoredModel
    from core.model.transformer import Transformer
    from core.spec.about import About
    from core.spec.config import ModelConfig
    from core.spec.library import ModelFile
    from core.text.tokenizer import Tokenizer


def add_command(commands: Commands) -> None:
    parser = commands.add_parser("models", help="list, look at, download, convert and delete models")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the models on this disk")
    listing.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="look here too")
    listing.set_defaults(run=guarded(_list))
    presets = actions.add_parser("presets", help="architectures to train from nothing")
    presets.set_defaults(run=guarded(_presets))
    fit = actions.add_parser("fit", help="whether a model fits this machine, and the arithmetic")
    fit.add_argument("model", help="a folder, a .gguf file, a catalogue id or a preset")
    fit.add_argument("--context", type=int, default=4096, help="tokens of text (default: 4096)")
    fit.add_argument("--ram-mb", type=int, default=0, help="memory to stay within (default: all there is)")
    fit.set_defaults(run=guarded(_fit))
    show = actions.add_parser("show", help="what a model is")
    show.add_argument("model", help="a folder, a .gguf file, a catalogue id or a preset")
    show.set_defaults(run=guarded(_show))
    convert = actions.add_parser("convert", help="write a model in another format, and check it")
    convert.add_argument(
        "source", metavar="SRC", help="a folder, a .gguf file, the id of a download or a preset"
    )
    convert.add_argument("destination", type=Path, metavar="DST", help="what to make; must not exist yet")
    convert.add_argument("--to", required=True, choices=("native", "hf", "gguf", "onnx"))
    convert.add_argument("--precision", choices=PRECISIONS, default="fp32")
    convert.add_argument(
        "--language",
        action="append",
        metavar="NAME",
        help="native: what it was taught, as Pygments names it; may be repeated (default: as SRC says)",
    )
    convert.set_defaults(run=guarded(_convert))
    delete = actions.add_parser("delete", help="delete a model that was downloaded or converted")
    delete.add_argument("model", type=Path, help="a folder or a .gguf file, or the id of a download")
    delete.add_argument("--yes", action="store_true", help="without it, only what would be deleted is said")
    delete.set_defaults(run=guarded(_delete))
    for action in (listing, presets, fit, show, convert, delete):
        action.add_argument("--json", action="store_true", help="JSON for a program")
    hub.add_actions(actions)


def _list(arguments: argparse.Namespace) -> int:
    from core.spec.folders import embedded_model, hub_cache_folder, models_folder
    from core.spec.library import find_models, find_unfinished

    library = find_models([embedded_model(), models_folder(), hub_cache_folder(), *arguments.folders])
    models = [*library.models, *find_unfinished(models_folder())]
    for problem in library.problems:
        report.complain(problem)
    if arguments.json:
        report.say_json([to_json(model) | {"path": str(model.path)} for model in models])
        return 0
    if not models:
        report.say(
            f"No models found; put some into {models_folder()}, name a folder to look in, or get one "
            f"of those that '{command('models', 'catalogue')}' shows."
        )
    for model in models:
        what = model.problem or f"{model.architecture or model.kind}, {_abilities(model)}"
        report.say(f"{model.name}  {size_text(model.size_bytes)}  {what}\n    {model.path}")
    return 0


def _abilities(model: "ModelFile") -> str:
    parameters = "" if model.parameters is None else f"{short_count(model.parameters)} parameters, "
    context = "" if model.context_tokens is None else f"context {model.context_tokens}, "
    fills = "fills in the middle" if model.has_fim else "continues only"
    return f"{parameters}{context}{fills}{', chat' if model.has_chat_template else ''}"


def _presets(arguments: argparse.Namespace) -> int:
    from core.model.transformer import count_parameters
    from core.spec.presets import PRESETS

    rows: list[dict[str, Any]] = [
        {"name": name, "parameters": count_parameters(config)} | _facts(config)
        for name, config in PRESETS.items()
    ]
    if arguments.json:
        report.say_json(rows)
        return 0
    for row in rows:
        report.say(
            f"{row['name']:22}{row['parameters']:>15,} parameters  context {row['context']:>5}  "
            f"{size_text(row['bytes']['int8'])} as int8, {size_text(row['bytes']['fp16'])} as fp16"
        )
    return 0


def _fit(arguments: argparse.Namespace) -> int:
    from core.fitting import budget_of, this_machine

    if arguments.context < 1 or arguments.ram_mb < 0:
        raise UsageError("--context must be at least 1 and --ram-mb at least 0.")
    config, _ = _opened(arguments.model)
    machine = this_machine(arguments.ram_mb)
    rows = []
    for precision in PRECISIONS:
        budget = budget_of(config, precision, arguments.context, machine)
        fits = budget.total_bytes <= machine.free_bytes
        rows.append({"precision": precision, "fits": fits, "bytes": budget.total_bytes, **to_json(budget)})
        if not arguments.json:
            report.say(f"{precision}  {'fits' if fits else 'does not fit'}: {budget.arithmetic}")
    if arguments.json:
        report.say_json(rows)
    else:
        report.say(f"free for it: {hub.free_text(machine)}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from core.model.transformer import count_parameters

    config, stored = _opened(arguments.model)
    facts: dict[str, Any] = {
        "name": arguments.model,
        "parameters": count_parameters(config),
        **_facts(config),
    }
    if stored is not None:
        kinds = sorted({stored.weights.info(name).type for name in stored.weights.names})
        facts |= {"path": str(stored.path), "stored_as": kinds}
    if arguments.json:
        report.say_json(facts)
        return 0
    for key, value in facts.items():
        report.say(f"{key.replace('_', ' '):12}{_shown(value)}")
    return 0


def _opened(name: str) -> "tuple[ModelConfig, StoredModel | None]":
    """A preset has no file, and what is only in the catalogue has none yet."""
    from core.spec.catalogue import catalogue
    from core.spec.library import find_downloaded, has_no_weights
    from core.spec.presets import PRESETS

    if has_no_weights(name):
        return PRESETS[name], None
    if name in catalogue() and not Path(name).exists() and find_downloaded(name) is None:
        return catalogue()[name].network, None
    from core.checkpoint.load import open_model

    stored = open_model(Path(name))
    return stored.config, stored


def _facts(config: "ModelConfig") -> dict[str, Any]:
    return {
        "layers": config.n_layers,
        "hidden": config.dim,
        "heads": config.n_heads,
        "kv_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "ffn": config.ffn_dim,
        "vocab": config.vocab_size,
        "context": config.max_context,
        "bytes": {precision: weight_bytes(config, precision) for precision in PRECISIONS},
    }


def _convert(arguments: argparse.Namespace) -> int:
    from core.checkpoint.convert import convert

    model, tokenizer, about = _to_convert(arguments.source)
    if arguments.language:
        about = replace(about, languages=tuple(arguments.language))
    done = convert(model, tokenizer, arguments.destination, arguments.to, arguments.precision, about)
    if arguments.json:
        report.say_json(to_json(done) | {"path": str(done.path)})
        return 0
    said = f"{done.found}; {arguments.precision} costs {done.divergence:.2g} nats a token."
    if done.is_without_loss:
        said = "Nothing is lost: loaded back, it computes exactly what the source does."
    report.say(f"{done.path}: {size_text(done.size_bytes)}. {said}")
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    from core.spec.library import located
    from core.spec.removal import remove_model, why_kept

    path = located(arguments.model)
    if not arguments.yes:
        raise UsageError(why_kept(path) or f"{path} would be deleted; say --yes to do it.")
    freed = remove_model(path)
    if arguments.json:
        report.say_json({"path": str(path), "freed_bytes": freed})
    else:
        report.say(f"{path} is deleted; {size_text(freed)} are free again.")
    return 0


def _to_convert(name: str) -> "tuple[Transformer, Tokenizer | None, About]":
    import torch

    from core.model.transformer import with_random_weights
    from core.spec.library import located

    located(Path(name))  # which refuses what is only in the catalogue
    config, stored = _opened(name)
    if stored is not None:
        return stored.load(torch.float32), stored.tokenizer(), stored.about
    report.complain(f"{name} is a preset, so what is written has random weights and no tokenizer")
    return with_random_weights(config, seed=42).requires_grad_(False).eval(), None, NOTHING_MORE


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{size_text(size)} as {precision}" for precision, size in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
