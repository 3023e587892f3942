"""`data packages`: a corpus of Python from published packages, as a list of them says."""

import argparse
from pathlib import Path
from typing import Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.sizes import size_text

_SHOWN_COPIES = 20


def add_action(actions: Commands) -> None:
    packages = actions.add_parser("packages", help="make a corpus of the Python packages on a list")
    packages.add_argument("list", metavar="LIST", type=Path, help="as resources/specs/nano-packages.json")
    packages.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make")
    packages.add_argument("--json", action="store_true", help="say the result as JSON")
    packages.set_defaults(run=guarded(_packages))


def _packages(arguments: argparse.Namespace) -> int:
    from trainer.corpus.packages import Corpus, read_list

    corpus = Corpus(read_list(arguments.list), arguments.out)
    facts = corpus.make(_say_nothing if arguments.json else report.say)
    if arguments.json:
        report.say_json({"path": str(arguments.out)} | facts)
    else:
        _say_facts(arguments.out, facts)
    return 0


def _say_facts(out: Path, facts: dict[str, Any]) -> None:
    for package in facts["packages"]:
        name, licence = f"{package['name']} {package['version']}", package["licence"]
        size = f"{size_text(package['bytes'])}, best {size_text(package['best_bytes'])}"
        report.say(f"{name} ({licence}): {package['files']:,} files, {size}{_left_out(package)}")
    for copy, original in list(facts["copies"].items())[:_SHOWN_COPIES]:
        report.say(f"left out: {copy} holds some of {original}")
    report.say(
        f"{out}: {facts['files']:,} files, {size_text(facts['bytes'])}, the best of them "
        f"{size_text(facts['best_bytes'])}; held out {size_text(facts['held_out_bytes'])}"
        f"{_left_out(facts)}"
    )


def _left_out(facts: dict[str, Any]) -> str:
    shown = ", ".join(f"{count:,} {reason}" for reason, count in facts["left_out"].items())
    return f"; left out {shown}" if shown else ""


def _say_nothing(_: str) -> None:
    pass
