"""From a document to tokens: passages, each a text with its end, and which of its tokens count in the loss.

What is drawn by lot hangs on the seed and the document alone, so the same document gives the same passages
whatever was read before it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from core.spec.errors import SmallCoderError, TokenizerError
from core.text.chat import ChatPrompts
from core.text.fim import find_marks
from core.text.tokenizer import Tokenizer
from trainer.data.infill import infill, infill_end
from trainer.data.layout import Notes
from trainer.data.samples import Choice, Lesson, Message, Plain
from trainer.data.sources import Document
from trainer.spec.data import PrepareSpec

_TEXT_ENDS = ("<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>")  # noqa: RUF001 (the bars are wide)
_LETTERS_A_TOKEN = 3
_MOST_LETTERS_A_TOKEN = 16
_MOST_MESSAGES = 100
_COMMENTS_SHARE = 0.5
_BLOCK = re.compile(r"```python\n(.*)```\s*", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Passage:
    """`counted` says of each token whether it counts; None: all do. A whole one is not to be cut."""

    tokens: Sequence[int]
    counted: Sequence[bool] | None = None
    is_whole: bool = False


@dataclass(frozen=True)
class Encoded:
    passages: tuple[Passage, ...]
    notes: Notes


class Encoder:
    def __init__(self, tokenizer: Tokenizer, spec: PrepareSpec) -> None:
        self._tokenizer = tokenizer
        self._spec = spec
        self._row_tokens = spec.context + 1
        self._marks = find_marks(tokenizer) if spec.fim_rate else None
        self._chats = ChatPrompts(tokenizer)
        self._end = text_end(tokenizer)
        self._infill_end = infill_end(tokenizer, self._end)
        bos_id = tokenizer.bos_id
        self._start = [bos_id] if tokenizer.add_bos and bos_id is not None else []

    def encode(self, document: Document) -> Encoded:
        notes: Counter[str] = Counter()
        passages: list[Passage] = []
        for number, sample in enumerate(document.samples):
            if isinstance(sample, Plain):
                passages += self._plain(sample.text, self._dice(document, number), notes)
            elif isinstance(sample, Lesson):
                passages += self._lesson(sample, self._dice(document, number), notes)
            else:
                passages += self._choice(sample, notes)
        return Encoded(tuple(passages), Notes(**notes))

    def _dice(self, document: Document, number: int) -> Random:
        return Random(f"{self._spec.seed} {document.identity} {number}")  # noqa: S311 (no secret)

    def _plain(self, text: str, dice: Random, notes: Counter[str]) -> Iterator[Passage]:
        if self._marks is not None and dice.random() < self._spec.fim_rate:
            notes["infilled"] += 1
            yield from self._infilled(text, dice)
        else:
            yield Passage([*self._start, *self._tokenizer.encode(text), self._end])

    def _infilled(self, text: str, dice: Random) -> Iterator[Passage]:
        """A long text in stretches that fit a row, so that no middle loses what stands around it."""
        if self._marks is None:
            return
        for stretch in _stretches(text, _LETTERS_A_TOKEN * self._row_tokens):
            cut = infill(stretch, self._marks, self._infill_end, self._tokenizer, dice)
            if len(self._start) + len(cut) <= self._row_tokens:
                yield Passage([*self._start, *cut], is_whole=True)
            elif len(stretch) > 1:
                for half in _stretches(stretch, (len(stretch) + 1) // 2):
                    yield from self._infilled(half, dice)

    def _lesson(self, sample: Lesson, dice: Random, notes: Counter[str]) -> Iterator[Passage]:
        """Code is asked for in two ways of a model without a chat template: in the plain form of a chat, and
        by a comment above it, as the prompt page does."""
        code = _code_asked_for(sample) if self._chats.is_plain else None
        if code is not None and dice.random() < _COMMENTS_SHARE:
            passage = self._commented(sample.messages[0]["content"], code, notes)
        else:
            passage = self._taught(sample.messages, notes)
        if passage is None:
            notes["dropped"] += 1
        else:
            yield passage

    def _commented(self, question: str, code: str, notes: Counter[str]) -> Passage | None:
        if len(question) + len(code) > _MOST_LETTERS_A_TOKEN * self._row_tokens:
            return None
        comment = "".join(f"# {line}".rstrip() + "\n" for line in question.strip().splitlines())
        asked, told = (self._tokenizer.encode(text) for text in (comment, code))
        asked = [*self._start, *asked]
        return self._whole([*asked, *told, self._end], [False] * len(asked) + [True] * (len(told) + 1), notes)

    def _choice(self, sample: Choice, notes: Counter[str]) -> Iterator[Passage]:
        answers = [{"role": "assistant", "content": text} for text in (sample.chosen, sample.rejected)]
        taught = [self._taught((*sample.question, answer), notes) for answer in answers]
        passages = [passage for passage in taught if passage is not None]
        if len(passages) == len(taught):
            yield from passages
        else:
            notes["dropped"] += 1

    def _taught(self, messages: Sequence[Message], notes: Counter[str]) -> Passage | None:
        """None where the template refuses the conversation, or nothing of an answer fits."""
        most_letters = _MOST_LETTERS_A_TOKEN * self._row_tokens
        letters = sum(len(message["content"]) for message in messages)
        if letters > most_letters or len(messages) > _MOST_MESSAGES:
            return None
        try:
            parts = self._chats.lesson(messages)
        except SmallCoderError:
            return None
        tokens = [token for part, _ in parts for token in part]
        counted = [is_answer for part, is_answer in parts for _ in part]
        if not any(counted):  # a template that leaves answers out
            return None
        has_own_end = any(
            token in self._tokenizer.end_ids and counts for token, counts in zip(tokens, counted, strict=True)
        )
        return self._whole([*tokens, self._end], [*counted, not has_own_end], notes)

    def _whole(self, tokens: list[int], counted: list[bool], notes: Counter[str]) -> Passage | None:
        """None where nothing of an answer fits."""
        if len(tokens) > self._row_tokens:
            notes["shortened"] += 1
        tokens, counted = tokens[: self._row_tokens], counted[: self._row_tokens]
        return Passage(tokens, counted, is_whole=True) if any(counted[1:]) else None


def _code_asked_for(sample: Lesson) -> str | None:
    """Where one question is answered by a block of Python and nothing else."""
    if [message["role"] for message in sample.messages] != ["user", "assistant"]:
        return None
    block = _BLOCK.fullmatch(sample.messages[1]["content"])
    return None if block is None or "```" in block[1] else block[1]


def text_end(tokenizer: Tokenizer) -> int:
    """The token that stands between texts; a chat's end of turn only where there is no other."""
    spelled = (tokenizer.token_id(spelling) for spelling in _TEXT_ENDS)
    candidates = [token for token in spelled if token is not None and token in tokenizer.special_ids]
    others = [token for token in (tokenizer.eos_id, *sorted(tokenizer.end_ids)) if token is not None]
    if not candidates and not others:
        raise TokenizerError(
            "This vocabulary has no token that ends a text, so no model could learn to stop with it; take"
            " another, or learn one with 'data tokenizer'."
        )
    return [*candidates, *others][0]


def _stretches(text: str, most_letters: int) -> Iterator[str]:
    """Cut before a line where that is possible."""
    start = 0
    while start < len(text):
        end = start + most_letters
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or end
        yield text[start:end]
        start = max(end, start + 1)
