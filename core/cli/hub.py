"""`models catalogue` and `models download`: what the Hugging Face hub has for us, and how it comes here."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import guarded
from core.spec.budget import PRECISIONS, parameters
from core.spec.errors import UsageError
from core.spec.fields import suggestion, to_json
from core.spec.program import command
from core.spec.sizes import in_gb, in_mb, short_count, size_text

if TYPE_CHECKING:
    from core.cli.teller import Teller
    from core.spec.catalogue import Offer
    from core.spec.machine import Machine
    from core.spec.messages import Progress

_FREE_LICENCES = ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "cc0-1.0", "unlicense")


def add_actions(actions: Any) -> None:
    listing = actions.add_parser("catalogue", help="models that can be downloaded, and whether they fit")
    listing.add_argument("--context", type=int, default=0, help="tokens of text (default: the usual)")
    listing.add_argument("--ram-mb", type=int, default=0, help="memory to stay within (default: all)")
    listing.add_argument("--json", action="store_true", help="JSON for a program")
    listing.set_defaults(run=guarded(_catalogue))
    download = actions.add_parser("download", help="get a model from the Hugging Face hub")
    download.add_argument("id", metavar="ID", help="as Qwen/Qwen2.5-Coder-0.5B")
    download.add_argument("--file", metavar="NAME", help="of several GGUF files this one, or a pattern")
    download.add_argument("--out", type=Path, metavar="DIR", help="the folder to put it in")
    download.add_argument("--revision", default="main", help="a branch, a tag or a commit")
    download.add_argument("--plan", action="store_true", help="say what would come, and fetch nothing of it")
    download.add_argument(
        "--discard", action="store_true", help="delete what has come of one that was broken off"
    )
    download.add_argument("--json", action="store_true", help="say the result as JSON")
    download.add_argument("--events", action="store_true", help="tell what happens as JSON lines")
    download.set_defaults(run=guarded(_download))


def _catalogue(arguments: argparse.Namespace) -> int:
    from core.fitting import this_machine
    from core.spec.catalogue import catalogue

    if arguments.context < 0 or arguments.ram_mb < 0:
        raise UsageError("--context and --ram-mb must be at least 0.")
    machine = this_machine(arguments.ram_mb)
    rows = [_row(offer, machine, arguments.context) for offer in catalogue().values()]
    if arguments.json:
        report.say_json(rows)
        return 0
    for row in rows:
        report.say(_sentence(row))
    report.say(f"Free for a model: {free_text(machine)}.")
    fitting, getting = command("models", "fit", "ID"), command("models", "download", "ID")
    report.say(f"'{fitting}' shows the arithmetic; '{getting}' gets one.")
    return 0


def free_text(machine: "Machine") -> str:
    """In the unit of the arithmetic, and of the whole in that in which a person knows the machine."""
    whole = machine.limit_bytes
    return f"{in_mb(machine.free_bytes)} of {in_mb(whole)} ({in_gb(whole)})"


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
        f"{short_count(row['parameters'])} parameters, context {row['context']}, "
        f"{', '.join(abilities) or 'continues only'}; licence {row['licence']}, "
        f"download {size_text(row['download_mb'] * 10**6)}; "
        f"{'fits as ' + ', '.join(fitting) if fitting else 'does not fit'}"
    )


def _download(arguments: argparse.Namespace) -> int:
    from core.cli.teller import Teller

    if arguments.discard:
        return _discard(arguments)
    if arguments.plan:
        return _tell_plan(arguments)
    pace = _Pace()
    teller = Teller(arguments, pace.sentence, pace.progress)
    done = teller.around(lambda: _have(arguments, teller, pace), lambda facts: Path(facts["path"]))
    if arguments.json:
        report.say_json(done)
    elif not arguments.events:
        report.say(f"{done['path']}{': is here already and used in place' if done['was_here'] else ''}")
    return 0


def _discard(arguments: argparse.Namespace) -> int:
    from core.hub import discard_unfinished
    from core.spec.library import download_folder

    _require_repository(arguments.id)
    freed = discard_unfinished(arguments.out or download_folder(arguments.id))
    if arguments.json:
        report.say_json({"id": arguments.id, "freed_bytes": freed})
    else:
        report.say(f"{size_text(freed)} of {arguments.id} were deleted")
    return 0


def _tell_plan(arguments: argparse.Namespace) -> int:
    """Before anybody agrees to a licence or fills a disk."""
    from core.hub import bytes_to_come, files_of_model, look_up
    from core.spec.disk import free_bytes
    from core.spec.library import download_folder, find_downloaded

    _require_repository(arguments.id)
    found = look_up(arguments.id, "model", arguments.revision)
    offered = [file.name for file in found.files if file.name.lower().endswith(".gguf")]
    try:
        files = files_of_model(found, arguments.file)
    except UsageError:
        if not arguments.json or not offered:
            raise
        files = []  # whoever reads JSON can ask which of them is meant
    folder = arguments.out or download_folder(arguments.id)
    here = find_downloaded(arguments.id)
    plan = {
        "id": arguments.id,
        "licence": found.licence,
        "is_free": found.licence in _FREE_LICENCES,
        "commit": found.commit,
        "files": [{"name": file.name, "size_bytes": file.size_bytes} for file in files],
        "size_bytes": sum(file.size_bytes for file in files),
        "missing_bytes": bytes_to_come(files, folder),
        "free_bytes": free_bytes(folder),
        "gguf_files": offered,
        "folder": str(folder),
        "path": None if here is None else str(here),
    }
    if arguments.json:
        report.say_json(plan)
        return 0
    report.say(f"{arguments.id}, {size_text(plan['size_bytes'])}; {_licence(found.licence, arguments.id)}")
    for file in files:
        report.say(f"    {file.name}  {size_text(file.size_bytes)}")
    report.say(
        f"{size_text(plan['missing_bytes'])} of it would come into {folder}, on whose disk "
        f"{size_text(plan['free_bytes'])} are free."
    )
    return 0


def _have(arguments: argparse.Namespace, teller: "Teller", pace: "_Pace") -> dict[str, Any]:
    from core.hub import fetch_model, files_of_model, look_up, place_of_model
    from core.spec.library import describe_model, download_folder, find_downloaded

    _require_repository(arguments.id)
    asks_for_some = arguments.out or arguments.file or arguments.revision != "main"
    here = None if asks_for_some else find_downloaded(arguments.id)
    if here is not None:
        return {"path": str(here), "was_here": True}
    found = look_up(arguments.id, "model", arguments.revision)
    files = files_of_model(found, arguments.file)
    folder = arguments.out or download_folder(arguments.id)
    size = sum(file.size_bytes for file in files)
    teller.note(f"{arguments.id}, {size_text(size)}; {_licence(found.licence, arguments.id)}")

    def tell(done: int, total: int) -> None:
        pace.hear(done)
        teller.tell(done, total)

    fetch_model(found, files, folder, tell)
    place = place_of_model(files, folder)
    model = describe_model(place)
    if model is not None and model.problem is not None:
        report.complain(model.problem)
    return {"path": str(place), "was_here": False, "licence": found.licence, "commit": found.commit}


def _require_repository(name: str) -> None:
    from core.spec.catalogue import catalogue
    from core.spec.library import is_repository

    if not is_repository(name):
        ends = {offer.partition("/")[2]: offer for offer in catalogue()}
        near = suggestion(ends.get(name, name), catalogue())
        raise UsageError(f"{name!r} is not the id of a model, which is OWNER/NAME{near}.")


def _licence(licence: str | None, name: str) -> str:
    if licence in _FREE_LICENCES:
        return f"licence {licence}"
    what = f"its licence, {licence}, may restrict what you do with it" if licence else "it names no licence"
    return f"{what}: read https://huggingface.co/{name}"


class _Pace:
    """How fast it comes, since the first word of it: what was here before is not counted."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def hear(self, done: int) -> None:
        if self._first is None:
            self._first = (time.monotonic(), done)

    def sentence(self, done: int, total: int) -> str:
        return f"{size_text(done)} of {size_text(total)}, {size_text(self._bytes_per_s(done))}/s"

    def progress(self, done: int, total: int) -> "Progress":
        from core.spec.messages import Metric, Progress

        return Progress(done, total, (Metric("bytes_per_s", self._bytes_per_s(done)),))

    def _bytes_per_s(self, done: int) -> float:
        if self._first is None:
            return 0.0
        begun_s, before = self._first
        return (done - before) / max(time.monotonic() - begun_s, 1e-3)
