"""How sure a model should be before its suggestion is shown: `python -m tests.benchmarks.confidence --help`.

Lines of Python it never saw are cut at a letter drawn by lot, as if a person had typed so far, and the model
is asked for the rest with each least chance. A suggestion is right if the line does go on like that. `saved`
is the share of all the letters still to be typed that right suggestions would have typed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from core import report
from core.engine import Engine, load
from core.spec.editing import Editing
from core.spec.folders import embedded_model
from core.spec.placement import Placement
from core.spec.sampling import Sampling
from trainer.bench.lines import draw_lines, python_files

LEAST_CHANCES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
LINE_TOKENS = 32


@dataclass(frozen=True)
class Cut:
    prefix: str
    rest: str
    suffix: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder of Python the model never saw")
    parser.add_argument("--model", type=Path, default=embedded_model())
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    engine = load(arguments.model, Placement(threads=arguments.threads))
    cuts = list(drawn(arguments.source, arguments.lines, arguments.seed))
    report.say(f"{engine.origin.name}, {len(cuts)} lines\nleast chance   shown   right of these   saved")
    for least_chance in LEAST_CHANCES:
        shown, right, saved = asked(engine, cuts, least_chance)
        report.say(f"{least_chance:>12.1f} {shown:>7.0%} {right:>16.0%} {saved:>7.1%}")
    return 0


def drawn(source: Path, count: int, seed: int) -> Iterator[Cut]:
    luck = Random(seed)
    for line in draw_lines(python_files(source), count, seed):
        place = luck.randrange(len(line.text))
        yield Cut(line.prefix + line.text[:place], line.text[place:], line.suffix)


def asked(engine: Engine, cuts: Sequence[Cut], least_chance: float) -> tuple[float, float, float]:
    """Shares: of the lines with a suggestion, of suggestions that are right, of letters saved."""
    shown = right = saved = 0
    editing = Editing(extent="line", least_chance=least_chance)
    for cut in cuts:
        engine.forget_texts()
        sampling = Sampling(max_tokens=LINE_TOKENS)
        text = engine.complete_answer(cut.prefix, cut.suffix, sampling, editing=editing).text().rstrip()
        shown += bool(text)
        if text and cut.rest.startswith(text):
            right += 1
            saved += len(text)
    letters = sum(len(cut.rest) for cut in cuts)
    return shown / len(cuts), right / max(1, shown), saved / letters


if __name__ == "__main__":
    sys.exit(main())
