"""Which documents are held out, and a chain of hashes that tells whether sources still say the same."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from trainer.data.layout import Split
from trainer.data.samples import texts_of
from trainer.data.sources import Document

_LOOKED_AHEAD_DOCUMENTS = 64
_LOOKED_AHEAD_LETTERS = 1 << 22


@dataclass(frozen=True)
class SourceFacts:
    """What was read from a path, and a hash of it."""

    path: str
    documents: int
    digest: str


def divided(documents: Iterable[Document], validation_share: float) -> Iterator[tuple[Split, Document]]:
    """By a hash of the identity, so a file stays on its side whatever is added. Of few documents, too, one is
    held out and one is not: of the first, those that come nearest to it."""
    stream = iter(documents)
    first = _looked_ahead(stream)
    identities = sorted({document.identity for document in first}, key=_lot)
    held_out = identities[:1] if validation_share > 0 else []
    for document in chain(first, stream):
        is_drawn = _lot(document.identity) < validation_share or document.identity in held_out
        yield "validation" if is_drawn and document.identity not in identities[-1:] else "train", document


class Chain:
    def __init__(self) -> None:
        self.documents = 0
        self._digests: dict[str, hashlib.blake2b] = {}
        self._counts: dict[str, int] = {}

    def add(self, split: Split, document: Document) -> None:
        self.documents += 1
        if document.source not in self._digests:
            self._digests[document.source] = hashlib.blake2b(digest_size=16)
        digest = self._digests[document.source]
        texts = (text for sample in document.samples for text in texts_of(sample))
        for text in (split, document.identity, *texts):
            written = text.encode("utf-8", "surrogatepass")
            digest.update(len(written).to_bytes(8, "little") + written)
        self._counts[document.source] = self._counts.get(document.source, 0) + 1

    def facts(self) -> tuple[SourceFacts, ...]:
        return tuple(
            SourceFacts(source, self._counts[source], digest.hexdigest())
            for source, digest in self._digests.items()
        )

    def hexdigest(self) -> str:
        together = "".join(facts.digest for facts in self.facts())
        return hashlib.blake2b(together.encode(), digest_size=16).hexdigest()


def _looked_ahead(stream: Iterator[Document]) -> list[Document]:
    first: list[Document] = []
    letters = 0
    for document in stream:
        first.append(document)
        letters += sum(len(text) for sample in document.samples for text in texts_of(sample))
        if len(first) == _LOOKED_AHEAD_DOCUMENTS or letters > _LOOKED_AHEAD_LETTERS:
            break
    return first


def _lot(identity: str) -> float:
    """From 0 to 1."""
    digest = hashlib.blake2b(identity.encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little") / 2**64
