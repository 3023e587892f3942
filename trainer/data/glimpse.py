"""Glimpses: what a model will be shown of a few files, token by token made readable again.

The same encoder, seed and identity as `data prepare` takes, so it is no example but what will be there.
"""

import os
from collections.abc import Iterator
from random import Random

from core.spec.messages import Glimpse, Part, PartKind
from core.text.fim import FimMarks, find_marks
from core.text.tokenizer import Tokenizer
from trainer.data.collect import File
from trainer.data.passages import Encoder
from trainer.data.samples import Plain
from trainer.data.sources import Document, identity_of
from trainer.spec.data import PrepareSpec

_LEAST_LETTERS, _MOST_LETTERS = 80, 1 << 16


class Glimpses:
    """Keeps a few of all files that pass by, each as likely as any other."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._dice, self._passed = count, Random(seed), 0  # noqa: S311 (no secret)
        self._kept: list[File] = []

    def pass_by(self, file: File) -> None:
        if not _LEAST_LETTERS <= len(file.text) <= _MOST_LETTERS or not self._count:
            return
        self._passed += 1
        if len(self._kept) < self._count:
            self._kept.append(file)
        elif (place := self._dice.randrange(self._passed)) < self._count:
            self._kept[place] = file

    def shown(self, tokenizer: Tokenizer, spec: PrepareSpec) -> Iterator[Glimpse]:
        """The first passage of each."""
        encoder, marks = Encoder(tokenizer, spec), find_marks(tokenizer)
        for file in self._kept:
            document = Document("", identity_of(os.fsencode(file.name)), (Plain(file.text),))
            passages = encoder.encode(document).passages
            if passages:
                tokens = list(passages[0].tokens)[: spec.context + 1]
                yield Glimpse(str(file.path), len(tokens), tuple(_parts(tokens, tokenizer, marks)))


def _parts(tokens: list[int], tokenizer: Tokenizer, marks: FimMarks | None) -> Iterator[Part]:
    names: dict[int | None, PartKind] = {}
    if marks is not None:
        names = {marks.prefix: "before", marks.suffix: "after", marks.middle: "middle"}
    held: list[int] = []
    for token in tokens:
        if token not in tokenizer.special_ids:
            held.append(token)
            continue
        yield from _text(held, tokenizer)
        held = []
        kind: PartKind = "end" if token in tokenizer.end_ids else "mark"
        yield Part(names.get(token, kind), tokenizer.spelling(token) or "")
    yield from _text(held, tokenizer)


def _text(tokens: list[int], tokenizer: Tokenizer) -> Iterator[Part]:
    if tokens:
        yield Part("text", tokenizer.decode(tokens))
