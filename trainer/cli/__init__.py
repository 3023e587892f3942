"""The trainer's commands. Heavy libraries are imported inside the handlers, so that --help stays fast."""

from core.cli.command import Commands
from trainer.cli import data, train


def add_commands(commands: Commands) -> None:
    """Each command sets `run`: a function from the parsed arguments to an exit code."""
    data.add_command(commands)
    train.add_command(commands)
