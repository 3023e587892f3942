"""`bench`: measure models. What each action measures is in a module of its own beside this one."""

import argparse

from trainer.cli import compare, fence, held_out, quality, recommend, speed


def fill(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    speed.add_action(actions)
    quality.add_actions(actions)
    held_out.add_actions(actions)
    compare.add_action(actions)
    recommend.add_action(actions)
    fence.add_action(actions)
