"""`data scan`: which files of folders can be learnt from, and why the others cannot.

For the window also what a model will be shown of some of them.
"""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from core import report
from core.cli.command import Commands, guarded
from core.cli.teller import say_event
from core.spec.errors import SmallCoderError
from core.spec.fields import add_flags, from_flags
from core.spec.messages import Finished, Judged, Metric, Note, Progress, Started, failed
from core.spec.sizes import size_text
from core.spec.version import version
from trainer.spec.data import PrepareSpec, ScanSpec

if TYPE_CHECKING:
    from core.text.tokenizer import Tokenizer
    from trainer.data.collect import File
    from trainer.data.scan import Tally

_LISTED_SECRETS = 50
_SHOWN_KINDS = 8
_EVERY_S = 0.2


def add_action(actions: Commands) -> None:
    scan = actions.add_parser("scan", help="which files can be learnt from, and why the others cannot")
    scan.add_argument("folders", metavar="FOLDER", nargs="+", type=Path)
    group = scan.add_mutually_exclusive_group()
    group.add_argument("--model", type=Path, metavar="M", help="the model that will learn it")
    group.add_argument("--tokenizer", type=Path, metavar="T", help="or a vocabulary alone")
    add_flags(scan, ScanSpec)
    add_flags(scan, PrepareSpec, leave_out=("validation_share", "pairs"))
    scan.add_argument("--list", action="store_true", help="name each file that is left out")
    scan.add_argument("--json", action="store_true", help="a line of JSON a file, and one for all")
    scan.add_argument("--events", action="store_true", help="tell what happens as JSON lines, with a total")
    scan.add_argument(
        "--listed",
        type=int,
        default=500,
        metavar="N",
        help="with --events: files named for each reason (500)",
    )
    scan.add_argument(
        "--glimpses",
        type=int,
        default=0,
        metavar="N",
        help="with --events and a vocabulary: show of N files what the model will see",
    )
    scan.set_defaults(run=guarded(_scan))


def _scan(arguments: argparse.Namespace) -> int:
    if arguments.events:
        return _scan_in_events(arguments)
    from trainer.data.collect import collect
    from trainer.data.scan import Tally, file_facts

    tally, tokenizer = Tally(), _tokenizer(arguments)
    secrets: list[File] = []
    for file in collect(arguments.folders, from_flags(ScanSpec, arguments)):
        tokens = len(tokenizer.encode(file.text)) if tokenizer is not None and file.text else 0
        tally.add(file, tokens)
        if file.secrets and len(secrets) < _LISTED_SECRETS:
            secrets.append(file)
        if arguments.json:
            report.say_json(file_facts(file, tokens))
        elif arguments.list and file.reason is not None:
            report.say(f"{_shown(file.path)}: {file_facts(file)['why']}{_like(file)}")
    if arguments.json:
        report.say_json({"summary": tally.facts()})
    else:
        _say_tally(tally, secrets)
    return 0


def _scan_in_events(arguments: argparse.Namespace) -> int:
    """Counts of all, names of some: a folder may hold a million files."""
    from trainer.data.collect import collect
    from trainer.data.glimpse import Glimpses
    from trainer.data.scan import Tally

    say_event(Started(version(), "cpu", None))
    tally, listed = Tally(), Counter[str]()
    told_s = time.monotonic()
    spec = from_flags(PrepareSpec, arguments)
    glimpses = Glimpses(arguments.glimpses, spec.seed)
    try:
        tokenizer = _tokenizer(arguments)
        for file in collect(arguments.folders, from_flags(ScanSpec, arguments)):
            tally.add(file)
            glimpses.pass_by(file)
            listed[file.reason or ""] += 1
            if listed[file.reason or ""] <= arguments.listed:
                say_event(_judged(file))
            if time.monotonic() - told_s >= _EVERY_S:
                told_s = time.monotonic()
                say_event(Progress(tally.accepted + tally.reasons.total(), None, tuple(_metrics(tally))))
        for glimpse in glimpses.shown(tokenizer, spec) if tokenizer is not None else ():
            say_event(glimpse)
    except SmallCoderError as error:
        say_event(failed(error))
        raise
    if tally.licences:
        say_event(Note(f"Licences seen: {_counts(tally.licences)}"))
    say_event(Finished(metrics=tuple(_metrics(tally))))
    return 0


def _judged(file: "File") -> Judged:
    from trainer.data.reasons import MATTERS_OF_TASTE, WHY

    return Judged(
        folder=str(file.folder),
        name=file.name,
        reason=file.reason or "",
        why=WHY[file.reason] if file.reason is not None else "",
        is_folder=file.is_folder,
        size_bytes=file.size_bytes,
        like=file.like,
        secrets=tuple(f"line {secret.line}: {secret.kind}" for secret in file.secrets),
        can_be_included=file.reason in MATTERS_OF_TASTE,
    )


def _metrics(tally: "Tally") -> list[Metric]:
    facts = tally.facts()
    counts = {name: float(facts[name]) for name in ("accepted", "left_out", "bytes", "tokens", "secrets")}
    counts |= {f"left_out_{reason}": float(count) for reason, count in facts["reasons"].items()}
    return [Metric(name, value) for name, value in counts.items()]


def _tokenizer(arguments: argparse.Namespace) -> "Tokenizer | None":
    from core.text.vocabulary_folder import open_tokenizer

    path = arguments.model or arguments.tokenizer
    return None if path is None else open_tokenizer(path)


def _say_tally(tally: "Tally", secrets: "list[File]") -> None:
    from trainer.data.reasons import WHY

    facts = tally.facts()
    about = "about " if facts["tokens_are_estimated"] else ""
    report.say(
        f"{facts['accepted']:,} files can be learnt from: {size_text(facts['bytes'])}, {about}"
        f"{facts['tokens']:,} tokens ({_counts(facts['suffixes'])})"
    )
    if facts["left_out"]:
        report.say(f"{facts['left_out']:,} files and folders are left out:")
    for reason, count in tally.reasons.most_common():
        report.say(f"{count:>9,}  {WHY[reason]}")
    if facts["licences"]:
        report.say(f"Licences seen: {_counts(facts['licences'])}")
    for file in secrets:
        found = ", ".join(f"line {secret.line}: {secret.kind}" for secret in file.secrets)
        report.say(f"{_shown(file.path)} is left out, {found}")
    if tally.reasons["secret"] > len(secrets):
        report.say(
            f"and {tally.reasons['secret'] - len(secrets):,} more files with secrets; --json names all"
        )


def _counts(counts: dict[str, int]) -> str:
    shown = [f"{count:,} {name}" for name, count in list(counts.items())[:_SHOWN_KINDS]]
    return ", ".join(shown) + (", …" if len(counts) > _SHOWN_KINDS else "")


def _like(file: "File") -> str:
    return f" ({_shown(file.like)})" if file.like else ""


def _shown(path: Path | str) -> str:
    """On one line, whatever a name holds."""
    text = str(path)
    return text if text.isprintable() else ascii(text)
