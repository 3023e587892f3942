"""`diagnostics`: what a report about a fault should say of this copy and machine, but not whose they are."""

import argparse

from core import report
from core.cli.command import Commands, guarded


def add_command(commands: Commands) -> None:
    parser = commands.add_parser(
        "diagnostics", help="describe this copy and machine, for a report about a fault"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=guarded(_diagnostics))


def _diagnostics(arguments: argparse.Namespace) -> int:
    from core.spec.diagnostics import about_program, as_text, impersonal

    facts = about_program() | _about_engine()
    if arguments.json:
        report.say_json({name: impersonal(value) for name, value in facts.items()})
    else:
        report.say(as_text(facts))
    return 0


def _about_engine() -> dict[str, str]:
    """What only a process with torch can tell."""
    import psutil
    import torch

    from core.model.device import unused_card
    from core.native.library import load, why_not
    from core.spec.sizes import in_gb

    memory = psutil.virtual_memory()
    library = load()
    kernels = f"{', '.join(library.usable_kernels())}, from {library.path}" if library else why_not()
    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "memory": f"{in_gb(memory.total)}, {in_gb(memory.available)} available",
        "C library": kernels,
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
        "cards": ", ".join(cards) or unused_card() or "none that PyTorch knows",
    }
