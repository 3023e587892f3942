"""What guessing ahead gains on code that repeats and costs on code that does not:
`python -m tests.benchmarks.speculation --help`.

Each step of the network is real: true shape, real weights in memory, real cache. What it writes is given,
because a network with random weights would not write code: the logits of each true next token are raised, so
that guesses are right exactly where the real text repeats. With and without guesses take turns.
"""

import argparse
import keyword
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core import report
from core.checkpoint.load import open_model
from core.generate.drafting import Guessing, PromptLookup, Trust
from core.generate.loop import decode
from core.generate.pace import Pace
from core.generate.sampling import Chooser
from core.model.cache import KVCache
from core.model.network import Logits, Network
from core.placing.place import place
from core.placing.placed import PlacedModel
from core.spec.placement import Placement
from core.spec.presets import PRESETS
from core.spec.sampling import Sampling
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer
from tests.benchmarks.memory import make_model

PROMPT_TOKENS, NEW_TOKENS = 640, 160
SOURCES = ("textwrap.py", "heapq.py", "shelve.py", "sched.py", "bisect.py", "queue.py")


class Scripted:
    """A network whose likeliest next token is always that of a given text."""

    def __init__(self, model: Network, script: list[int]) -> None:
        self._model, self._script = model, script

    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits:
        logits = self._model.read(tokens, cache, last)
        for row, position in enumerate(range(len(cache) - last + 1, len(cache) + 1)):
            if position < len(self._script):
                logits[row, self._script[position]] = 1e9
        return logits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with a vocabulary")
    parser.add_argument("--model", default="smallcoder-medium", choices=PRESETS, help="shape")
    parser.add_argument("--precision", action="append", choices=["int8", "int4"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    tokenizer = open_tokenizer(arguments.tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), arguments.model)
        for precision in arguments.precision or ["int8", "int4"]:
            placement = Placement(device="cpu", precision=precision, threads=arguments.threads, anyway=True)
            placed = place(open_model(Path(folder) / arguments.model), placement, lambda _: None)
            report.say(f"\n{arguments.model} {precision}, {placed.kernel}; tokens/s without and with guesses")
            for name, scripts in texts(tokenizer).items():
                show(name, [measured(placed, script, arguments.rounds) for script in scripts])
    return 0


def texts(tokenizer: Tokenizer) -> dict[str, list[list[int]]]:
    """Prompts and what follows them, by how much the one holds of the other."""
    library = Path(tempfile.__file__).parent
    sources = [(library / name).read_text(encoding="utf-8") for name in SOURCES]
    whole = PROMPT_TOKENS + NEW_TOKENS
    return {
        "an edit: the text once more, a name changed": [
            (tokenizer.encode(source)[:PROMPT_TOKENS] + tokenizer.encode(renamed(source)))[:whole]
            for source in sources
        ],
        "new code behind what stands before it": [tokenizer.encode(source)[:whole] for source in sources],
        "nothing repeats": [
            random.Random(number).sample(range(300, 8000), whole) for number in range(len(sources))
        ],
    }


def renamed(source: str) -> str:
    """The commonest name of some length becomes another."""
    words = [word for word in source.replace("(", " ").replace(".", " ").split() if word.isidentifier()]
    candidates = [word for word in words if len(word) > 3 and not keyword.iskeyword(word)]
    name = max(sorted(set(candidates)), key=candidates.count)
    return source.replace(name, f"new_{name}")


def measured(placed: PlacedModel, script: list[int], rounds: int) -> tuple[float, float]:
    """Tokens a second without and with guesses."""
    without, guessing = [], []
    cache = placed.new_cache()
    trust, pace = Trust(), Pace()  # kept from text to text, as an engine does; the first has yet to find out
    for _ in range(rounds):
        without.append(seconds(placed.model, cache, script, Guessing()))
        guessing.append(seconds(placed.model, cache, script, Guessing(PromptLookup(trust), pace)))
    return NEW_TOKENS / statistics.median(without), NEW_TOKENS / statistics.median(guessing)


def seconds(model: Network, cache: KVCache, script: list[int], guessing: Guessing) -> float:
    """From the first new token to the last."""
    cache.keep(min(len(cache), PROMPT_TOKENS - 1))
    scripted: Any = Scripted(model, script)
    written = decode(
        scripted,
        cache,
        script[:PROMPT_TOKENS],
        guessing=guessing,
        chooser=Chooser(Sampling(temperature=0)),
        is_cancelled=lambda: False,
    )
    found: list[int] = []
    started = time.perf_counter()
    for token in written:
        found.append(token)
        if len(found) == 1:
            started = time.perf_counter()
        if len(found) == NEW_TOKENS:
            break
    ended = time.perf_counter()
    if found != script[PROMPT_TOKENS:]:
        raise SystemExit("guessing has changed a text")
    return ended - started


def show(name: str, rates: list[tuple[float, float]]) -> None:
    ratios = [fast / plain for plain, fast in rates]
    plain, fast = (statistics.median(side) for side in zip(*rates, strict=True))
    report.say(
        f"{name:46}{plain:8.1f}{fast:8.1f}   ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    sys.exit(main())
