"""`chat`: questions and answers about code, in a terminal or once."""

import argparse
from typing import TYPE_CHECKING

from core import report
from core.cli.command import Commands, add_model, guarded, next_line, open_engine, standard_input
from core.spec.catalogue import recommended
from core.spec.fields import add_flags, from_flags
from core.spec.placement import Placement
from core.spec.program import command
from core.spec.sampling import Sampling

if TYPE_CHECKING:
    from core.engine import Engine

_PROMPT = "> "


def add_command(commands: Commands) -> None:
    parser = commands.add_parser("chat", help="ask a model; an empty line ends the conversation")
    add_model(parser)
    parser.add_argument("--system", metavar="TEXT", help="what the model is told before the first question")
    parser.add_argument("--once", metavar="TEXT", help="one question, one answer; - reads standard input")
    add_flags(parser, Sampling)
    add_flags(parser, Placement)
    parser.set_defaults(run=guarded(_chat))


def _chat(arguments: argparse.Namespace) -> int:
    sampling = from_flags(Sampling, arguments)
    once = standard_input() if arguments.once == "-" else arguments.once
    engine = open_engine(arguments)
    if arguments.model is None:
        other = recommended("chat").id
        report.complain(
            f"{engine.origin.name} completes code and is not made to chat; one that is: "
            f"{command('models', 'download', other)}, then {command('chat', '--model', other)}"
        )
    elif not engine.facts()["has_chat"]:
        report.complain("this model has no chat template; it is asked in a plain form and may answer badly")
    messages = [{"role": "system", "content": arguments.system}] if arguments.system else []
    if once is not None:
        _ask(engine, messages, once, sampling)
        return 0
    while question := next_line(_PROMPT).strip():
        _ask(engine, messages, question, sampling)
    return 0


def _ask(engine: "Engine", messages: list[dict[str, str]], question: str, sampling: Sampling) -> None:
    messages.append({"role": "user", "content": question})
    answer, pieces = engine.chat_answer(messages, sampling), []
    for piece in answer:
        report.stream(piece)
        pieces.append(piece)
    report.say("")
    if answer.statistics.dropped_tokens:
        count = answer.statistics.dropped_tokens
        report.complain(f"about {count} tokens of the conversation's beginning had no room and were left out")
    messages.append({"role": "assistant", "content": "".join(pieces)})
