"""Fills in a line from a script: `.venv/bin/python resources/examples/complete.py [MODEL]`.

MODEL is a folder or a .gguf file; without it the model that comes along is asked.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core import load
from core.spec.folders import embedded_model
from core.spec.sampling import Sampling

PREFIX = "import os\n\n\ndef size_of(path):\n    return "
SUFFIX = "\n\n\nprint(size_of('notes.txt'))\n"


def main() -> None:
    engine = load(sys.argv[1] if len(sys.argv) > 1 else embedded_model(), precision="int8")
    try:
        facts = engine.facts()
        sys.stderr.write(f"{facts['name']}, {facts['precision']} on {facts['device']}: {facts['kernel']}\n")
        sampling = Sampling(max_tokens=24, temperature=0.0, stop=("\n",))
        sys.stdout.write(PREFIX + engine.complete(PREFIX, SUFFIX, sampling) + SUFFIX)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
