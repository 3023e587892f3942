"""The engine's commands. Heavy libraries are imported inside the handlers, so that --help stays fast."""

from core.cli import chat, complete, diagnostics, models, serve, tokenize
from core.cli.command import Commands


def add_commands(commands: Commands) -> None:
    """Each command sets `run`: a function from the parsed arguments to an exit code."""
    complete.add_command(commands)
    chat.add_command(commands)
    tokenize.add_command(commands)
    models.add_command(commands)
    serve.add_command(commands)
    diagnostics.add_command(commands)
