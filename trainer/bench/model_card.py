"""The card of the embedded model: a template filled with what was measured; nothing is known any other way.

measured.json holds what `bench held-out`, `bench speed` and `bench quality` said. What was not measured is
said to be so.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from core.checkpoint.load import open_model
from core.spec.budget import parameters
from core.spec.config import ModelConfig
from core.spec.errors import DataError
from trainer.spec.packages import PackageList

_TEMPLATE = Path(__file__).parents[2] / "resources" / "templates" / "embedded-model-card.md"
_WAYS = {
    "recall": "this model with its recall, as the editor asks it",
    "model": "its network alone",
    "counts": "5-gram with backoff, counted over the same tokens",
    "untrained": "the same network, untrained",
}
_ENOUGH_TOKENS = 100e6  # about ten for each weight, which is what a network of this size wants at least


def card_of(facts: Mapping[str, Any], plan: PackageList, folder: Path) -> str:
    stored = open_model(folder)
    config = stored.config
    try:
        held_out, training = facts["held_out"], facts["training"]
        if stored.about.recall is None:  # it may have had one when that was measured
            held_out = {way: marks for way, marks in held_out.items() if way != "recall"}
        known = {
            **{"name": folder.resolve().name, "shape": _shape(config)},
            **{"millions": f"{parameters(config) / 1e6:.1f}", "precision": held_out["precision"]},
            **{name: f"{held_out[name]:,}" for name in ("files", "text_bytes", "seed")},
            **{
                "context": f"{held_out['context_tokens']:,}",
                "lines": f"{held_out['model']['fim_lines']:,}",
                "marks": "\n".join(_marks(held_out)),
                "repeated": _repeated(held_out),
            },
            **{name: f"{training[name]:,}" for name in ("runs", "steps", "tokens")},
            **{"hours": f"{training['hours']:.1f}", "flops": f"{training['flops']:.1e}"},
            **{"tasks": _tasks(facts), "speed": _speed(facts), "early": _early(training["tokens"])},
            "sources": " and ".join(f"`{source}`" for source in training["sources"]),
            **_read(plan),
        }
    except (KeyError, TypeError) as error:
        raise DataError(f"measured.json lacks {error}; measure it with 'bench held-out --run RUN'.") from None
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(known)


def _shape(config: ModelConfig) -> str:
    return (
        f"{config.n_layers} layers of {config.dim}, {config.n_heads} heads of {config.head_dim} that share "
        f"{config.n_kv_heads} of keys and values, SwiGLU {config.ffn_dim}, "
        f"{config.vocab_size:,} tokens (tied),\n{config.max_context:,} tokens of context."
    )


def _marks(held_out: Mapping[str, Any]) -> Iterator[str]:
    for way in _WAYS:
        if way in held_out:
            marks = held_out[way]
            asked = min(marks.get(f"{what}_lines", 0) for what in ("next", "fim"))
            of_them = f" (of the first {asked} lines)" if 0 < asked < held_out["model"]["fim_lines"] else ""
            columns = [_name(way, held_out) + of_them, f"{marks['bits_per_byte']:.3f}"]
            for what in ("next", "fim"):
                if f"{what}_lines" in marks:
                    columns += [f"{marks[f'{what}_exact']:.1%}", f"{100 * marks[f'{what}_similarity']:.1f}"]
                else:
                    columns += ["not asked", ""]
            yield f"| {' | '.join(columns)} |"


def _name(way: str, held_out: Mapping[str, Any]) -> str:
    if way == "model" and "recall" not in held_out:
        return "this model"
    marks = held_out[way]
    counted = marks.get("counted_tokens")
    return _WAYS[way] if counted is None else f"5-gram with backoff, of {counted / 1e6:,.0f} million tokens"


def _repeated(held_out: Mapping[str, Any]) -> str:
    """Who can copy a line is told apart from who can write it."""
    marks = held_out.get("recall", held_out["model"])
    lines, repeated = marks["fim_lines"], marks["fim_repeated_lines"]
    right = round(marks["fim_exact"] * lines)
    right_copies = round(marks["fim_repeated_exact"] * repeated)
    return (
        f"Of the {lines:,} missing lines {repeated:,} stand elsewhere in their file too: it wrote "
        f"{right_copies:,} of these, and {right - right_copies:,} of the other {lines - repeated:,}."
    )


def _tasks(facts: Mapping[str, Any]) -> str:
    tasks = facts.get("tasks")
    if tasks is None:
        return "The fifteen programming tasks of `bench quality` were not asked of this version."
    return (
        f"Of the fifteen programming tasks it passes {tasks['passed']} of {tasks['total']} "
        "(`python3 main.py bench quality --model FOLDER`, greedy)."
    )


def _speed(facts: Mapping[str, Any]) -> str:
    speed = facts.get("speed")
    if speed is None:
        return "Its speed was not measured for this card; `bench speed` does that."
    return (
        f"Speed at {speed['precision']} on {speed['threads']} threads ({speed['machine']}): "
        f"{speed['decode_tokens_per_s']:,.0f} tokens a second behind\n"
        f"{speed['prompt_tokens']:,} tokens, which are read "
        f"at {speed['prefill_tokens_per_s']:,.0f} a second; first token after "
        f"{speed['first_token_ms']:,.0f} ms (`python3 main.py bench speed --model FOLDER`)."
    )


def _early(tokens: int) -> str:
    if tokens >= _ENOUGH_TOKENS:
        return "- It is small: what it suggests is short and often wrong."
    return (
        f"- **It is an early checkpoint.** It has read {tokens / 1e6:,.1f} of the "
        f"{_ENOUGH_TOKENS / 1e6:.0f} million tokens and more\n  that a network of its size wants. Where the "
        "file does not show how it goes on, what it writes looks like\n  Python and is of little use yet; "
        "the table above says how little."
    )


def _read(plan: PackageList) -> dict[str, str]:
    names = len(plan.benchmark_names) + len(plan.benchmark_common_names)
    rows = [f"| {package.name} | {package.version} | {package.licence} |" for package in plan.packages]
    return {
        **{"package_count": str(len(plan.packages)), "packages": "\n".join(rows)},
        "held_out": ", ".join(f"{package.name} {package.version}" for package in plan.held_out),
        **{"name_count": f"{names:,}", "phrase_count": f"{len(plan.benchmark_phrases):,}"},
    }
