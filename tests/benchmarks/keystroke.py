"""Where each millisecond goes between a keystroke and its first text: `python -m tests.benchmarks.keystroke`.

A real worker over its real pipes; inside it, the places that a request passes take down the time. Both sides
read the system's one clock, so that the way through the pipes is measured too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import report
from core.spec.presets import PRESETS
from tests.benchmarks.memory import make_model
from tests.benchmarks.serving import CODE

ROOT = Path(__file__).parents[2]
KEYSTROKES = 40
TYPED = "x1 "  # about three tokens
# the places in the order in which a request passes them; each with what has been done since the one before
STAGES = {
    "heard": "pipe to the worker, its reader wakes up",
    "parsed": "JSON to a request",
    "taken": "engine's thread wakes up",
    "window": "text to tokens, the window around the cursor",
    "cache": "the cache of what was read before",
    "reading": "comparing it with the window, loop set up",
    "read": "network: the new tokens through all layers",
    "chosen": "logits checked, token chosen",
    "said": "token to text, trimmed",
    "written": "writer wakes up, text to JSON",
    "received": "pipe to the client, which wakes up",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smallcoder-medium", choices=list(PRESETS))
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keeps the model for the next run")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return serve_and_take_down(arguments.worker)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        if not (folder / arguments.model).exists():
            folder.mkdir(parents=True, exist_ok=True)
            make_model(folder, arguments.model)
        placement = {"device": "cpu", "precision": arguments.precision, "threads": arguments.threads}
        rows = measured(folder, arguments.model, placement, Path(scratch) / "times.json")
    if arguments.json:
        report.say_json(rows)
    for row in rows:
        report.say(f"{row['ms']:7.2f} ms  {row['what']}")
    return 0


def measured(folder: Path, model: str, placement: dict[str, Any], times: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.benchmarks.keystroke", "--worker", str(times)]
    environment = {**os.environ, "SMALLCODER_HOME": str(folder / "home")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment
    ) as worker:
        say(worker, type="load", id=1, path=str(folder / model), placement=placement)
        hear(worker, "loaded")
        text, sent, received = CODE * 40, [], []
        for number in range(KEYSTROKES):
            text += TYPED
            sent.append(time.perf_counter())
            say(worker, type="complete", id=number + 2, prefix=text, sampling={"max_tokens": 1})
            hear(worker, "text")
            received.append(time.perf_counter())
            hear(worker, "done")
        say(worker, type="unload", id=KEYSTROKES + 2)
        hear(worker, "unloaded")
        assert worker.stdin is not None
        worker.stdin.close()
    return table(json.loads(times.read_text()), sent, received)


def table(
    taken_down: list[tuple[str, float]], sent: list[float], received: list[float]
) -> list[dict[str, Any]]:
    """Medians; the first keystrokes read the whole text, or happen once."""
    spans: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for begun, ended in list(zip(sent, received, strict=True))[3:]:
        last = begun
        passed = dict(reversed([(stage, at) for stage, at in taken_down if begun <= at <= ended]))
        for stage in STAGES:
            at = ended if stage == "received" else passed[stage]
            spans[stage].append((at - last) * 1000)
            last = at
    whole = [(ended - begun) * 1000 for begun, ended in zip(sent, received, strict=True)][3:]
    rows = [{"what": STAGES[stage], "ms": statistics.median(found)} for stage, found in spans.items()]
    rows.append({"what": "all of it, p50", "ms": statistics.median(whole)})
    rows.append({"what": "all of it, p95", "ms": statistics.quantiles(whole, n=20)[-1]})
    return rows


def say(worker: "subprocess.Popen[bytes]", **message: Any) -> None:
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(message).encode() + b"\n")
    worker.stdin.flush()


def hear(worker: "subprocess.Popen[bytes]", kind: str) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        message = json.loads(line)
        assert message["type"] != "failed", message
        if message["type"] == kind:
            return
    raise AssertionError("the worker has ended")


def serve_and_take_down(times: Path) -> int:
    """The worker, with a note of the time at each place; they are written once the model is unloaded."""
    import core.server.serve as serving
    from core.generate.prefixes import PrefixStore
    from core.generate.sampling import Chooser
    from core.model.one_step import OneStepNetwork
    from core.placing.by_torch import TorchNetwork
    from core.server.outbox import Outbox
    from core.server.requests import Requests
    from core.server.worker import Worker
    from core.spec import lines
    from core.spec.messages import Text
    from core.text.tokenizer import StreamDecoder
    from core.text.window import WindowBuilder

    noted: list[tuple[str, float]] = []

    def note(owner: Any, name: str, *, before: str = "", after: str = "", of: type | None = None) -> None:
        plain: Callable[..., Any] = getattr(owner, name)

        def noting(*given: Any, **named: Any) -> Any:
            wanted = of is None or any(isinstance(value, of) for value in given)
            if before and wanted:
                noted.append((before, time.perf_counter()))
            result = plain(*given, **named)
            if after and wanted:
                noted.append((after, time.perf_counter()))
            return result

        setattr(owner, name, noting)

    note(lines, "parse", before="heard")
    note(Requests, "add", before="parsed")
    note(Requests, "take", after="taken")
    note(WindowBuilder, "build", after="window")
    note(PrefixStore, "take", after="cache")
    for network in (OneStepNetwork, TorchNetwork):
        note(network, "read", before="reading", after="read")
    note(Chooser, "along", after="chosen")
    # a network of random weights may choose what is no text: something is said all the same
    StreamDecoder.feed = lambda *_: "y"  # type: ignore[method-assign]
    note(Outbox, "say", before="said", of=Text)
    note(serving, "_write_whole", before="written")
    closed = Worker._close

    def close_and_write(worker: Worker) -> None:
        closed(worker)
        times.write_text(json.dumps(noted), encoding="utf-8")

    Worker._close = close_and_write  # type: ignore[method-assign]
    os._exit(serving.serve("benchmark"))


if __name__ == "__main__":
    sys.exit(main())
