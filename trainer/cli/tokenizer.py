"""`data tokenizer`: a vocabulary learnt from folders of code, or from any other source."""

import argparse
from pathlib import Path

from core import report
from core.cli.command import Commands, guarded
from core.spec.disk import write_whole
from core.spec.errors import UsageError
from trainer.spec.data import ScanSpec

_DEFAULT_VOCABULARY = 16_384
_MEASURED_LETTERS = 1 << 20


def add_action(actions: Commands) -> None:
    tokenizer = actions.add_parser("tokenizer", help="learn a vocabulary from folders and files")
    tokenizer.add_argument("folders", metavar="SOURCE", nargs="+", type=Path)
    tokenizer.add_argument("--vocab-size", type=int, default=_DEFAULT_VOCABULARY, metavar="N")
    tokenizer.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .model file to write")
    tokenizer.add_argument("--json", action="store_true", help="say the result as JSON")
    tokenizer.set_defaults(run=guarded(_learn_tokenizer))


def _learn_tokenizer(arguments: argparse.Namespace) -> int:
    from core.text.vocabulary_folder import open_tokenizer
    from trainer.data.sources import Sources
    from trainer.data.tokenizer import source_texts, train_tokenizer

    if arguments.out.suffix != ".model":
        raise UsageError(f"{arguments.out} should end in .model, by which a vocabulary is known.")
    sources = Sources(tuple(arguments.folders), ScanSpec())
    model = train_tokenizer(source_texts(sources), vocab_size=arguments.vocab_size)
    _write(arguments.out, model)
    tokenizer = open_tokenizer(arguments.out)
    letters = text_bytes = tokens = 0
    for text in source_texts(sources):
        letters += len(text)
        text_bytes += len(text.encode())
        tokens += len(tokenizer.encode(text))
        if letters > _MEASURED_LETTERS:
            break
    result = {
        "file": str(arguments.out),
        "vocab_size": tokenizer.vocab_size,
        "bytes_per_token": round(text_bytes / tokens, 4),
    }
    if arguments.json:
        report.say_json(result)
    else:
        each = f"{result['bytes_per_token']} bytes of this text each"
        report.say(f"{arguments.out}: {tokenizer.vocab_size} tokens, {each}")
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another place.") from None
