"""`models catalogue`: what is worth having from the Hugging Face hub, and whether it fits this machine."""

import argparse
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import guarded
from core.spec.budget import PRECISIONS, parameters
from core.spec.fields import to_json

if TYPE_CHECKING:
    from core.fitting import Machine
    from core.spec.catalogue import Offer


def add_actions(actions: Any) -> None:
    listing = actions.add_parser("catalogue", help="models that can be downloaded, and whether they fit")
    listing.add_argument("--context", type=int, default=0, help="tokens of text (default: the usual)")
    listing.add_argument("--ram-mb", type=int, default=0, help="memory to stay within (default: all)")
    listing.add_argument("--json", action="store_true", help="JSON for a program")
    listing.set_defaults(run=guarded(_catalogue))


def _catalogue(arguments: argparse.Namespace) -> int:
    from core.fitting import this_machine
    from core.spec.catalogue import catalogue
    from core.spec.errors import UsageError

    if arguments.context < 0 or arguments.ram_mb < 0:
        raise UsageError("--context and --ram-mb must be at least 0.")
    machine = this_machine(arguments.ram_mb)
    rows = [_row(offer, machine, arguments.context) for offer in catalogue().values()]
    if arguments.json:
        report.say_json(rows)
        return 0
    for row in rows:
        report.say(_sentence(row))
    report.say("'main.py models fit ID' shows the arithmetic; 'main.py models download ID' gets one.")
    return 0


def _row(offer: "Offer", machine: "Machine", context_tokens: int) -> dict[str, Any]:
    from core.fitting import budget_of, context_of
    from core.spec.library import find_downloaded

    context, place = context_of(offer.network, context_tokens), find_downloaded(offer.id)
    budgets = {name: budget_of(offer.network, name, context, machine).total_bytes for name in PRECISIONS}
    facts = {key: value for key, value in to_json(offer).items() if key != "network"}
    return facts | {
        "parameters": parameters(offer.network),
        "context": offer.network.max_context,
        "bytes": budgets,
        "fits": {name: size <= machine.free_bytes for name, size in budgets.items()},
        "path": None if place is None else str(place),
    }


def _sentence(row: dict[str, Any]) -> str:
    abilities = ["fills in the middle"] if row["has_fim"] else []
    abilities += ["chat"] if row["has_chat"] else []
    fitting = [name for name, fits in row["fits"].items() if fits]
    marks = ("  recommended" if row["is_recommended"] else "") + ("  on this disk" if row["path"] else "")
    return (
        f"{row['id']}  for {row['role']}{marks}\n    {row['about']}\n    "
        f"{row['parameters'] / 1e6:,.0f}M parameters, context {row['context']}, "
        f"{', '.join(abilities) or 'continues only'}; licence {row['licence']}, "
        f"download {row['download_mb']:,} MB; "
        f"{'fits as ' + ', '.join(fitting) if fitting else 'does not fit'}"
    )
