"""`tokenize`: the token ids of a text, and back. Works on a vocabulary without weights."""

import argparse

from core import report
from core.cli.command import Commands, add_model, guarded, standard_input, wanted_model
from core.spec.errors import UsageError


def add_command(commands: Commands) -> None:
    parser = commands.add_parser("tokenize", help="the token ids of the text on standard input, or back")
    add_model(parser)
    parser.add_argument("--decode", action="store_true", help="ids in, text out")
    parser.add_argument("--json", action="store_true", help="one JSON object, with ids or text")
    parser.set_defaults(run=guarded(_tokenize))


def _tokenize(arguments: argparse.Namespace) -> int:
    from core.text.vocabulary_folder import open_tokenizer

    text = standard_input()
    tokenizer = open_tokenizer(wanted_model(arguments))
    if not arguments.decode:
        ids = tokenizer.encode(text)
        if arguments.json:
            report.say_json({"ids": ids})
        else:
            report.say(" ".join(map(str, ids)))
        return 0
    words = text.split()
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) < tokenizer.vocab_size):
            raise UsageError(f"{word[:40]!r} is no token id; ids run from 0 to {tokenizer.vocab_size - 1}.")
    decoded = tokenizer.decode([int(word) for word in words])
    if arguments.json:
        report.say_json({"text": decoded})
    else:
        report.stream(decoded)
    return 0
