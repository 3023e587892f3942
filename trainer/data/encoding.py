"""Documents to passages in several processes at once, in the order of the documents.

Each process has at most one document, and its answer is fetched before it gets the next, so nobody ever waits
for a full pipe. A process ends when its input does, which is also when its parent is killed.
"""

import json
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from core.spec.errors import JobError
from core.spec.fields import from_json, to_json
from core.text.vocabulary_folder import open_tokenizer
from trainer.data.layout import Notes, Split
from trainer.data.own_process import own_command, own_environment
from trainer.data.passages import Encoded, Encoder, Passage
from trainer.data.samples import record_of, sample_of
from trainer.data.sources import Document
from trainer.spec.data import PrepareSpec

_TOKEN_TYPE = np.dtype("<u4")

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
        busy: deque[tuple[_Worker, Split, Document]] = deque()
        for split, document in stream:
            if not idle:
                yield _taken(busy, idle)
            worker = idle.pop()
            worker.give(document)
            busy.append((worker, split, document))
        while busy:
            yield _taken(busy, idle)


def _taken(busy: "deque[tuple[_Worker, Split, Document]]", idle: "list[_Worker]") -> Work:
    worker, split, document = busy.popleft()
    encoded = worker.take()
    idle.append(worker)
    return Work(split, document, encoded)


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

    def give(self, document: Document) -> None:
        records = [record_of(sample) for sample in document.samples]
        line = json.dumps({"identity": document.identity, "records": records}).encode() + b"\n"
        try:
            self._input.write(line)
            self._input.flush()
        except BrokenPipeError:
            raise _fallen() from None

    def take(self) -> Encoded:
        line = self._output.readline()
        if not line.endswith(b"\n"):
            raise _fallen()
        said = json.loads(line)
        passages = tuple(self._passage(*facts) for facts in said["passages"])
        return Encoded(passages, from_json(Notes, said["notes"], "an encoder's answer"))

    def _passage(self, count: int, has_counted: bool, is_whole: bool) -> Passage:
        tokens = np.frombuffer(self._output.read(_TOKEN_TYPE.itemsize * count), _TOKEN_TYPE)
        counted = np.frombuffer(self._output.read(count), np.bool_) if has_counted else None
        return Passage(tokens.tolist(), None if counted is None else counted.tolist(), is_whole)


def serve(vocabulary: Path, spec: PrepareSpec, requests: IO[bytes], answers: IO[bytes]) -> None:
    """The other side of a worker."""
    encoder = Encoder(open_tokenizer(vocabulary), spec)
    for line in requests:
        asked = json.loads(line)
        samples = tuple(map(sample_of, asked["records"]))
        encoded = encoder.encode(Document("", asked["identity"], samples))
        facts = [
            (len(passage.tokens), passage.counted is not None, passage.is_whole)
            for passage in encoded.passages
        ]
        said = {"passages": facts, "notes": to_json(encoded.notes)}
        answers.write(json.dumps(said).encode() + b"\n")
        for passage in encoded.passages:
            answers.write(np.array(passage.tokens, _TOKEN_TYPE).tobytes())
            if passage.counted is not None:
                answers.write(np.array(passage.counted, np.bool_).tobytes())
        answers.flush()


def _fallen() -> JobError:
    return JobError(
        "A process that makes tokens has ended, perhaps for want of memory; give the same command again with"
        " fewer --jobs."
    )
