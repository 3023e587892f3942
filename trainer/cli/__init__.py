"""The trainer's commands. Each brings its options when it is asked for, so that other starts stay fast."""

import argparse

from core.cli.command import Commands


def add_commands(commands: Commands) -> None:
    """Each command sets `run`: a function from the parsed arguments to an exit code."""
    looking = "look at folders and data sets, and prepare them for training"
    commands.add_parser("data", help=looking, fill=_fill_data)
    teaching = "teach a model: begin a run, go on with one, list them"
    commands.add_parser("train", help=teaching, fill=_fill_train)
    measuring = "measure models: how good and how fast they are, and the memory they take"
    commands.add_parser("bench", help=measuring, fill=_fill_bench)


def _fill_data(parser: argparse.ArgumentParser) -> None:
    from trainer.cli import data

    data.fill(parser)


def _fill_train(parser: argparse.ArgumentParser) -> None:
    from trainer.cli import train

    train.fill(parser)


def _fill_bench(parser: argparse.ArgumentParser) -> None:
    from trainer.cli import bench

    bench.fill(parser)
