"""From sources to shards, in one pass and little memory; killed at any moment, it goes on where it was.

What is finished is never done again: the sources are read once more up to there, without being encoded, and
must still say the same.
"""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from core.spec.disk import room_on_disk, write_whole
from core.spec.errors import DataError, JobError, UsageError
from core.spec.fields import to_json
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer
from trainer.data.division import Chain, divided
from trainer.data.encoding import Divided, Work, encoded_beside, encoded_here
from trainer.data.journal import Journal, Part
from trainer.data.layout import (
    FACTS_NAME,
    FORMAT,
    LOCK_NAME,
    SPLITS,
    DataKind,
    Notes,
    vocabulary_fingerprint,
)
from trainer.data.passages import Encoder, text_end
from trainer.data.reasons import WHY
from trainer.data.shards import Shape, ShardWriter
from trainer.data.sources import Rejections, Sources
from trainer.spec.data import PrepareSpec

PART_TOKENS = 1 << 24
# keeps the folder out of the next scan, where it lies among what is scanned, and out of backups
_CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Preparation:
    """`vocabulary` is the path that `open_tokenizer` reads, and `jobs` how many processes encode; with one,
    this one does. `part_tokens`: how much may have to be done again after a kill."""

    sources: Sources
    vocabulary: Path
    spec: PrepareSpec
    jobs: int = 1
    part_tokens: int = PART_TOKENS

    def run(self, out: Path, tell: Tell) -> dict[str, Any]:
        """What data.json then says. `tell` hears at each document how many are done, and how many tokens."""
        tokenizer = open_tokenizer(self.vocabulary)
        kind = self.sources.kind()
        plan = self._plan(kind, tokenizer)
        with _sole_use(out), room_on_disk(out):
            for left in out.glob(f".{FACTS_NAME}.*"):  # by one that was killed as it wrote the last file
                left.unlink()
            facts = _finished(out, plan)
            if facts is None:
                (out / "CACHEDIR.TAG").write_text(_CACHE_TAG)
                shape = Shape(kind, tokenizer.vocab_size, self.spec.context + 1, text_end(tokenizer))
                writing = _Writing(self, tokenizer, shape, out, Journal(out, plan), tell)
                with closing(writing):
                    facts = plan | writing.outcome()
                _write_facts(out, facts)
            Journal.remove(out)
        return facts

    def _plan(self, kind: DataKind, tokenizer: Tokenizer) -> dict[str, Any]:
        plan = {
            "format": FORMAT,
            "kind": kind,
            "vocabulary": vocabulary_fingerprint(tokenizer),
            "vocab_size": tokenizer.vocab_size,
            "settings": to_json(self.spec),
            "scan": to_json(self.sources.scan),
            "paths": [str(path.absolute()) for path in self.sources.paths],
        }
        return json.loads(json.dumps(plan))

    def encoded(self, stream: Divided, tokenizer: Tokenizer) -> Generator[Work]:
        """Nothing is read before it is asked for."""
        if self.jobs > 1:
            yield from encoded_beside(stream, self.vocabulary, self.spec, self.jobs)
        else:
            yield from encoded_here(stream, Encoder(tokenizer, self.spec))


class _Writing:
    def __init__(
        self,
        preparation: Preparation,
        tokenizer: Tokenizer,
        shape: Shape,
        out: Path,
        journal: Journal,
        tell: Tell,
    ) -> None:
        self._shape, self._part_tokens = shape, preparation.part_tokens
        self._out, self._journal, self._tell = out, journal, tell
        self._rejections, self._chain = Rejections(), Chain()
        documents = preparation.sources.documents(shape.kind, self._rejections)
        self._divided = divided(documents, preparation.spec.validation_share)
        self._encoded = preparation.encoded(self._divided, tokenizer)
        self._tokens = sum(shard.tokens for part in journal.parts for shard in part.shards)

    def close(self) -> None:
        self._encoded.close()

    def outcome(self) -> dict[str, Any]:
        if self._journal.parts:
            self._pass_over(self._journal.parts[-1])
        while (part := self._part(len(self._journal.parts))) is not None:
            self._journal.add(part)
        parts = self._journal.parts
        shards = {
            split: [shard for part in parts for shard in part.shards if shard.split == split]
            for split in SPLITS
        }
        if not any(shard.tokens for shard in shards["train"]):
            raise _nothing(self._rejections)
        return {
            "digest": self._chain.hexdigest(),
            "notes": to_json(sum((part.notes for part in parts), Notes())),
            "sources": [to_json(source) for source in self._chain.facts()],
            "left_out": dict(self._rejections.reasons.most_common()),
            "broken": self._rejections.broken,
            "problems": [to_json(problem) for problem in self._rejections.problems],
            "shards": {split: [to_json(shard) for shard in shards[split]] for split in SPLITS},
        }

    def _pass_over(self, part: Part) -> None:
        for split, document in islice(self._divided, part.documents):
            self._chain.add(split, document)
            self._tell(self._chain.documents, 0)
        if self._chain.hexdigest() != part.chain:
            raise JobError(
                f"What {self._out} was begun with has changed since; delete that folder and begin anew."
            )

    def _part(self, number: int) -> Part | None:
        """None where nothing is left to do."""
        notes = Notes()
        first = self._chain.documents
        with ExitStack() as stack:
            writers = {}
            for split in SPLITS:
                writers[split] = ShardWriter(self._out, split, number, self._shape)
                stack.callback(writers[split].discard)
            for work in self._encoded:
                writers[work.split].add(work.encoded.passages)
                self._chain.add(work.split, work.document)
                notes += work.encoded.notes
                tokens = sum(writer.tokens for writer in writers.values())
                self._tell(self._chain.documents, self._tokens + tokens)
                if tokens >= self._part_tokens:
                    break
            if self._chain.documents == first:
                return None
            shards = tuple(writer.finish() for writer in writers.values())
        self._tokens += sum(shard.tokens for shard in shards)
        return Part(self._chain.documents, self._chain.hexdigest(), notes, shards)


def _nothing(rejections: Rejections) -> DataError:
    """For when nothing is left, and why."""
    found = [f"{count} left out because {WHY[reason]}" for reason, count in rejections.reasons.most_common(4)]
    if rejections.problems:
        first = rejections.problems[0]
        found.append(
            f"{rejections.broken} broken, the first in {first.path} at {first.place} because {first.why}"
        )
    return DataError(
        f"Nothing there can be learnt from ({'; '.join(found) or 'all of it is empty'}); choose other files,"
        " or name what you want all the same with --include."
    )


def _finished(out: Path, plan: dict[str, Any]) -> dict[str, Any] | None:
    """Of data that is there and was made just so."""
    if not (out / FACTS_NAME).exists():
        return None
    try:
        facts: Any = json.loads((out / FACTS_NAME).read_bytes())
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or any(facts.get(key) != plan[key] for key in plan):
        raise UsageError(f"{out} holds other data already; choose another folder, or delete this one.")
    return facts


def _write_facts(out: Path, facts: dict[str, Any]) -> None:
    write_whole(out / FACTS_NAME, json.dumps(facts, indent=1) + "\n")


@contextmanager
def _sole_use(out: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / LOCK_NAME, blocking=False)
        lock.acquire()
    except Timeout:
        raise JobError(
            f"Another process is preparing data in {out} just now; wait until it is done."
        ) from None
    except OSError as error:
        raise UsageError(f"{out} cannot be written to ({error.strerror}); choose another place.") from None
    try:
        yield
    finally:
        lock.release()
