"""`data`: what can be learnt from folders and data sets, made ready for training."""

import argparse
from pathlib import Path
from typing import Any

from core import report
from core.cli.command import guarded
from core.cli.teller import Teller
from core.spec.fields import add_flags, from_flags, from_json
from core.spec.messages import Metric, Progress
from core.spec.sizes import size_text
from trainer.cli import packages, scan, tokenizer
from trainer.spec.data import PrepareSpec, ScanSpec

_MOST_JOBS = 16


def fill(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    scan.add_action(actions)
    prepare = actions.add_parser("prepare", help="make tokens of folders, text, JSON lines and Parquet")
    prepare.add_argument("sources", metavar="SOURCE", nargs="+", type=Path, help="a folder or a file")
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make")
    _add_tokenizer(prepare, required=True)
    add_flags(prepare, PrepareSpec)
    add_flags(prepare, ScanSpec)
    prepare.add_argument(
        "--jobs", type=int, metavar="N", help="processes that make tokens (default: by cores)"
    )
    _add_output(prepare)
    prepare.set_defaults(run=guarded(_prepare))

    download = actions.add_parser("download", help="get a data set from the Hugging Face hub")
    download.add_argument("repository", metavar="ID", help="as roneneldan/TinyStories")
    download.add_argument("--out", type=Path, metavar="DIR", help="the folder to put it in")
    download.add_argument("--only", action="append", default=[], metavar="GLOB", help="only such files")
    download.add_argument("--revision", default="main", help="a branch, a tag or a commit")
    _add_output(download)
    download.set_defaults(run=guarded(_download))

    rows = actions.add_parser("rows", help="the rows of a Parquet file as JSON lines")
    rows.add_argument("file", metavar="FILE", type=Path)
    rows.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in the process that may fall
    rows.set_defaults(run=guarded(_rows))
    encode = actions.add_parser("encode")  # the other side of a process of `prepare`
    encode.add_argument("vocabulary", type=Path)
    encode.add_argument("settings")
    encode.set_defaults(run=guarded(_encode))
    tokenizer.add_action(actions)
    packages.add_action(actions)


def _add_tokenizer(parser: argparse.ArgumentParser, *, required: bool) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--model", type=Path, metavar="M", help="the model that will learn it")
    group.add_argument("--tokenizer", type=Path, metavar="T", help="or a vocabulary alone")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="say the result as JSON")
    parser.add_argument("--events", action="store_true", help="tell what happens as JSON lines")


def _prepare(arguments: argparse.Namespace) -> int:
    from trainer.data.encoding import own_jobs
    from trainer.data.prepare import Preparation
    from trainer.data.sources import Sources

    spec = from_flags(PrepareSpec, arguments)
    sources = Sources(tuple(arguments.sources), from_flags(ScanSpec, arguments), spec.pairs)
    vocabulary = arguments.model or arguments.tokenizer
    jobs = min(arguments.jobs or own_jobs(), _MOST_JOBS)
    teller = Teller(
        arguments,
        lambda documents, tokens: f"{documents:,} documents, {tokens:,} tokens",
        lambda documents, tokens: Progress(documents, None, (Metric("tokens", tokens),)),
    )

    def work() -> dict[str, Any]:
        return Preparation(sources, vocabulary, spec, jobs).run(arguments.out, teller.tell)

    facts = teller.around(work, arguments.out)
    if arguments.json:
        report.say_json({"path": str(arguments.out)} | facts)
    elif not arguments.events:
        _say_prepared(arguments.out, facts)
    return 0


def _encode(arguments: argparse.Namespace) -> int:
    import json
    import sys

    from trainer.data.encoding import serve

    spec = from_json(PrepareSpec, json.loads(arguments.settings), "the settings")
    serve(arguments.vocabulary, spec, sys.stdin.buffer, sys.stdout.buffer)
    return 0


def _say_prepared(out: Path, facts: dict[str, Any]) -> None:
    for problem in facts["problems"]:
        report.complain(f"{problem['path']}, {problem['place']}: left out because {problem['why']}")
    if facts["broken"] > len(facts["problems"]):
        report.complain(f"and {facts['broken'] - len(facts['problems']):,} more like these")
    for split, shards in facts["shards"].items():
        documents, tokens = (sum(shard[key] for shard in shards) for key in ("documents", "tokens"))
        report.say(f"{split}: {tokens:,} tokens of {documents:,} documents")
    notes = facts["notes"]
    said = [f"{count:,} {name}" for name, count in notes.items() if count]
    report.say(f"{out}: {facts['kind']} data{', ' if said else ''}{', '.join(said)}")


def _download(arguments: argparse.Namespace) -> int:
    from trainer.data.download import default_folder, download

    folder = arguments.out or default_folder(arguments.repository)
    teller = Teller(arguments, lambda done, total: f"{size_text(done)} of {size_text(total)}", Progress)

    def work() -> list[str]:
        only, revision = arguments.only, arguments.revision
        return download(arguments.repository, folder, only=only, revision=revision, tell=teller.tell)

    names = teller.around(work, folder)
    if arguments.json:
        report.say_json({"path": str(folder), "files": names})
    elif not arguments.events:
        report.say(f"{folder}: {len(names)} files; 'data prepare {folder}' makes them ready")
    return 0


def _rows(arguments: argparse.Namespace) -> int:
    from trainer.data.parquet import read_here, rows

    if arguments.here:
        for line in read_here(arguments.file):
            report.say(line)
    else:
        for row in rows(arguments.file):
            report.say_json(row)
    return 0
