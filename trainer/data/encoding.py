"""Documents to passages in several processes at once, in the order of the documents.

Each process has at most one heap of them, and its answer is fetched before it gets the next, so nobody waits
for a full pipe. A process ends when its input does, which is also when its parent is killed.
"""

import json
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from core.spec.errors import JobError
from core.spec.fields import from_json, to_json
from core.text.vocabulary_folder import open_tokenizer
from trainer.data.layout import Notes, Split
from trainer.data.own_process import own_command, own_environment
from trainer.data.passages import Encoded, Encoder, Passage
from trainer.data.samples import record_of, sample_of, texts_of
from trainer.data.sources import Document
from trainer.spec.data import PrepareSpec

_TOKEN_TYPE = np.dtype("<u4")

_HEAP_LETTERS = 1 << 16
_HEAP_DOCUMENTS = 256

Heap = list[tuple[Split, Document]]
Divided = Iterator[tuple[Split, Document]]


@dataclass(frozen=True)
class Work:
    split: Split
    document: Document
    encoded: Encoded


def encoded_here(stream: Divided, encoder: Encoder) -> Iterator[Work]:
    for split, document in stream:
        yield Work(split, document, encoder.encode(document))


def encoded_beside(stream: Divided, vocabulary: Path, spec: PrepareSpec, jobs: int) -> Iterator[Work]:
    with ExitStack() as stack:
        idle = [stack.enter_context(_Worker(vocabulary, spec)) for _ in range(jobs)]
        busy: deque[tuple[_Worker, Heap]] = deque()
        for heap in _heaps(stream):
            if not idle:
                yield from _taken(busy, idle)
            worker = idle.pop()
            worker.give(heap)
            busy.append((worker, heap))
        while busy:
            yield from _taken(busy, idle)


def _taken(busy: "deque[tuple[_Worker, Heap]]", idle: "list[_Worker]") -> Iterator[Work]:
    worker, heap = busy.popleft()
    encoded = worker.take()
    idle.append(worker)
    return (Work(split, document, done) for (split, document), done in zip(heap, encoded, strict=True))


def _heaps(stream: Divided) -> Iterator[Heap]:
    """Small documents together, since each message costs as much as a small document."""
    heap: Heap = []
    letters = 0
    for split, document in stream:
        heap.append((split, document))
        letters += sum(len(text) for sample in document.samples for text in texts_of(sample))
        if letters >= _HEAP_LETTERS or len(heap) == _HEAP_DOCUMENTS:
            yield heap
            heap, letters = [], 0
    if heap:
        yield heap


class _Worker:
    def __init__(self, vocabulary: Path, spec: PrepareSpec) -> None:
        words = ("data", "encode", str(vocabulary.absolute()), json.dumps(to_json(spec)))
        self._process = subprocess.Popen(  # noqa: S603 (ourselves)
            [*own_command(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=own_environment()
        )
        self._input, self._output = (
            cast(IO[bytes], self._process.stdin),
            cast(IO[bytes], self._process.stdout),
        )

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def give(self, heap: Heap) -> None:
        asked = [
            {"identity": document.identity, "records": [record_of(sample) for sample in document.samples]}
            for _, document in heap
        ]
        try:
            self._input.write(json.dumps(asked).encode() + b"\n")
            self._input.flush()
        except BrokenPipeError:
            raise _fallen() from None

    def take(self) -> list[Encoded]:
        line = self._output.readline()
        if not line.endswith(b"\n"):
            raise _fallen()
        return [
            Encoded(
                tuple(self._passage(*facts) for facts in said["passages"]),
                from_json(Notes, said["notes"], "an answer"),
            )
            for said in json.loads(line)
        ]

    def _passage(self, count: int, has_counted: bool, is_whole: bool) -> Passage:
        tokens = np.frombuffer(self._output.read(_TOKEN_TYPE.itemsize * count), _TOKEN_TYPE)
        counted = np.frombuffer(self._output.read(count), np.bool_) if has_counted else None
        return Passage(tokens.tolist(), None if counted is None else counted.tolist(), is_whole)


def serve(vocabulary: Path, spec: PrepareSpec, requests: IO[bytes], answers: IO[bytes]) -> None:
    """The other side of a worker."""
    encoder = Encoder(open_tokenizer(vocabulary), spec)
    for line in requests:
        heap = [encoder.encode(_document(asked)) for asked in json.loads(line)]
        said = [{"passages": [*map(_facts, done.passages)], "notes": to_json(done.notes)} for done in heap]
        answers.write(json.dumps(said).encode() + b"\n")
        for passage in (passage for done in heap for passage in done.passages):
            answers.write(np.array(passage.tokens, _TOKEN_TYPE).tobytes())
            if passage.counted is not None:
                answers.write(np.array(passage.counted, np.bool_).tobytes())
        answers.flush()


def _document(asked: dict[str, Any]) -> Document:
    return Document("", asked["identity"], tuple(map(sample_of, asked["records"])))


def _facts(passage: Passage) -> tuple[int, bool, bool]:
    return len(passage.tokens), passage.counted is not None, passage.is_whole


def _fallen() -> JobError:
    return JobError(
        "A process that makes tokens has ended, perhaps for want of memory; give the same command again with"
        " fewer --jobs."
    )


def own_jobs() -> int:
    """One core is left to whoever sits there."""
    import psutil

    return max((psutil.cpu_count(logical=False) or 1) - 1, 1)
