"""A model's examination on packages it never saw: bits a byte, the next line, a line that is missing.

Whoever writes is asked in the same way: a network through the engine, as an editor asks it, or a model of
counts. What is asked is drawn in lines.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from core.engine import Engine
from core.spec.editing import Editing
from core.spec.sampling import Sampling
from core.text.tokenizer import Tokenizer
from trainer.bench.lines import Line
from trainer.bench.ngrams import NGrams
from trainer.bench.recalling import LINE_TOKENS, listen_to
from trainer.bench.similarity import edit_similarity, is_same
from trainer.data.passages import text_end

_CONTEXT_LETTERS = 200  # far more than a model of counts looks back

Say = Callable[[str], None]


class Writer(Protocol):
    def line(self, prefix: str, suffix: str) -> str:
        """What it writes there, without chance, to the end of the line."""
        ...

    def bits(self, tokens: list[int]) -> float:
        """What a text costs, whose first token is given for nothing."""
        ...


Part = Literal["bits", "next", "fim"]


@dataclass(frozen=True)
class Questions:
    """`texts` are read whole; each of `lines` is asked for with and without what comes behind it."""

    tokenizer: Tokenizer
    texts: Sequence[str]
    lines: Sequence[Line]

    def ask(self, writer: Writer, parts: Sequence[Part], say: Say) -> dict[str, float]:
        """Marks by name: shares from 0 to 1, and bits, of which fewer are better."""
        marks: dict[str, float] = {}
        for part in parts:
            began = time.monotonic()
            if part == "bits":
                marks["bits_per_byte"] = self._bits_per_byte(writer)
                say(f"{marks['bits_per_byte']:.3f} bits a byte")
            else:
                marks |= self._lines(writer, part, say)
            marks[f"{part}_seconds"] = time.monotonic() - began
        return marks

    def _bits_per_byte(self, writer: Writer) -> float:
        """Each text behind the mark that stands between texts."""
        start = text_end(self.tokenizer)
        bits = sum(writer.bits([start, *self.tokenizer.encode(text)]) for text in self.texts)
        return bits / sum(len(text.encode()) for text in self.texts)

    def _lines(self, writer: Writer, part: Part, say: Say) -> dict[str, float]:
        exact, alike, repeated, repeated_exact = 0, 0.0, 0, 0
        for number, line in enumerate(self.lines, start=1):
            written = writer.line(line.prefix, line.suffix if part == "fim" else "").strip()
            is_right = is_same(written, line.text)
            exact += is_right
            alike += edit_similarity(written, line.text)
            if line.stands_elsewhere:
                repeated += 1
                repeated_exact += is_right
            if number % 100 == 0:
                say(f"{part}: {number} lines, {exact / number:.1%} exact, {100 * alike / number:.1f} alike")
        count = len(self.lines)
        return {
            f"{part}_exact": exact / count,
            f"{part}_similarity": alike / count,
            f"{part}_lines": count,
            f"{part}_repeated_exact": repeated_exact / max(repeated, 1),
            f"{part}_repeated_lines": repeated,
        }


class ModelWriter:
    """As the editor asks a model; without `recall`, as its network alone likes best."""

    def __init__(self, engine: Engine, recall: bool = False) -> None:
        self._engine = engine
        self._recall = engine.origin.about.recall if recall else None

    def line(self, prefix: str, suffix: str) -> str:
        sampling = Sampling(max_tokens=LINE_TOKENS)
        self._engine.forget_texts()  # no two lines share anything, and what is kept must be looked through
        editing = Editing(extent="line", recall=self._recall is not None)
        return self._engine.complete_answer(prefix, suffix, sampling, editing=editing).text()

    def bits(self, tokens: list[int]) -> float:
        heard = listen_to(self._engine, tokens)
        nats = sum(part.alone if self._recall is None else part.nats(self._recall) for part in heard)
        return nats / math.log(2)


class CountsWriter:
    """Sees no suffix, since counts know only what came before."""

    def __init__(self, counts: NGrams, tokenizer: Tokenizer) -> None:
        self._counts, self._tokenizer = counts, tokenizer

    def line(self, prefix: str, suffix: str) -> str:
        tokens = self._tokenizer.encode(prefix[-_CONTEXT_LETTERS:], continues=len(prefix) > _CONTEXT_LETTERS)
        written: list[int] = []
        while len(written) < LINE_TOKENS:
            token = int(self._counts.chances([*tokens, *written]).argmax())
            if token in self._tokenizer.special_ids:
                break
            written.append(token)
            # a line end in front of the line's text is passed over, as the engine does
            if "\n" in self._tokenizer.decode(written).lstrip():
                break
        return self._tokenizer.decode(written).lstrip().partition("\n")[0]

    def bits(self, tokens: list[int]) -> float:
        return self._counts.bits(np.array(tokens, np.int64))
