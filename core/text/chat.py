"""A conversation as the tokens a model reads: in the form of its own template, or in a plain one.

What there is no room for is left out, the oldest first, and counted.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

from core.spec.errors import DoesNotFit, SmallCoderError, UsageError
from core.spec.headers import shown
from core.text.marked_text import MarkedText, unused_sign
from core.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from core.text.chat_template import ChatTemplate

ROLES = ("system", "user", "assistant", "tool")
PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}\n\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
# Bound what is looked at: of text that needs still fewer tokens, some that would fit is left out.
_MOST_LETTERS_PER_TOKEN = 8
_MOST_LETTERS = 400_000
_MOST_MESSAGES = 2000
_LETTERS_PER_TOKEN = 4

Messages = list[dict[str, str]]


@dataclass(frozen=True)
class ChatPrompt:
    """`dropped_tokens` also counts what was cut off the oldest message that is kept. It is told from the
    letters dropped and from how many letters a token was of those kept."""

    tokens: list[int]
    dropped_messages: int = 0
    dropped_tokens: int = 0


@dataclass(frozen=True)
class TurnEnds:
    """What a model writes when its answer is done: one of the tokens, or a text where its marks are text."""

    ids: frozenset[int]
    texts: tuple[str, ...]


class ChatPrompts:
    """For one model. `is_plain`: it has no template of its own, and was perhaps not taught to chat."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.is_plain = tokenizer.chat_template is None

    def build(self, messages: Sequence[Mapping[str, Any]], room_tokens: int) -> ChatPrompt:
        """At most `room_tokens`. Kept are what the system says and the newest turns, a turn being what a
        person says and all up to when they speak again; of a lone turn that is too long, the end."""
        given = _checked(messages)
        system, turns = _divided(given)
        first = bisect_left(
            range(len(turns)),
            True,
            key=lambda place: self._fits(system + _joined(turns[place:]), room_tokens),
        )
        if first < len(turns):
            kept = system + _joined(turns[first:])
        else:
            kept = system + self._shortened(system, turns[-1], room_tokens)
        tokens, letters = self._tokens(kept), _letters(kept)
        rate = len(tokens) / letters if letters else 1 / _LETTERS_PER_TOKEN
        return ChatPrompt(tokens, len(given) - len(kept), ceil((_letters(given) - letters) * rate))

    def lesson(self, messages: Sequence[Mapping[str, Any]]) -> list[tuple[list[int], bool]]:
        """A whole conversation in parts, and of each whether it is what an assistant says: up to the end of
        its turn, so that the end is learnt too."""
        given = _checked(messages)
        sign, guarded = self._guarded(given)
        text = self._template.render(guarded, self._marks, asks=False)
        edges = [0]
        for place, message in enumerate(given):
            if message["role"] == "assistant" and place > 0:
                asked = self._template.render(guarded[:place], self._marks)
                answered = self._template.render(guarded[: place + 1], self._marks, asks=False)
                is_last = place + 1 == len(given)
                if not (text.startswith(asked) and (is_last or text.startswith(answered))):
                    raise UsageError(
                        "The model's chat template does not show where an answer begins and ends."
                    )
                edges += [len(asked), len(text.rstrip() if is_last else answered.rstrip())]
        return self._parts(text, [*edges, len(text)], sign)

    def _parts(self, text: str, edges: list[int], sign: str) -> list[tuple[list[int], bool]]:
        """Every second part is an answer. What the network is asked ends with a part, and is encoded as such;
        only where that changes nothing are the parts cut from the whole."""
        whole = self._marked_text.encode(text, sign)
        heads = [self._marked_text.encode(text[:edge], sign) for edge in edges]
        if all(whole[: len(head)] == head for head in heads):
            parts = [whole[len(first) : len(second)] for first, second in pairwise(heads)]
        else:
            parts = [self._marked_text.encode(text[start:end], sign) for start, end in pairwise(edges)]
        return [(part, bool(number % 2)) for number, part in enumerate(parts)]

    def turn_ends(self) -> TurnEnds:
        """Those the vocabulary knows, and what the template writes behind an answer."""
        known = self._tokenizer.end_ids
        answer, question = "\ue000", "\ue001"
        roles = ("user", answer), ("assistant", answer), ("user", question)
        talk = [{"role": role, "content": content} for role, content in roles]
        try:
            between = self._template.render(talk, self._marks, asks=False)
        except SmallCoderError:  # it objects to this talk, and may not to another
            return TurnEnds(known, ())
        between = between.rpartition(answer)[2].partition(question)[0]
        text, mark = self._marked_text.first_mark(between)
        if mark is not None and not text.strip():
            return TurnEnds(known | {mark}, ())
        line = text.strip().partition("\n")[0]
        begins_line = text.lstrip(" \t").startswith("\n")
        return TurnEnds(known, ("\n" * begins_line + line,) if line else ())

    @cached_property
    def _template(self) -> "ChatTemplate":
        """Made at the first chat: who only completes does not wait for it, nor fails where it is bad."""
        from core.text.chat_template import ChatTemplate

        return ChatTemplate(self._tokenizer.chat_template or PLAIN_TEMPLATE)

    @cached_property
    def _marked_text(self) -> MarkedText:
        return MarkedText(self._tokenizer)

    @cached_property
    def _marks(self) -> dict[str, str]:
        """Spellings, by the names that templates know."""
        known = self._tokenizer
        named = {"bos_token": known.bos_id, "eos_token": known.eos_id, "pad_token": known.pad_id}
        if self.is_plain and not known.add_bos:
            del named["bos_token"]
        spelled = {name: known.spelling(token) for name, token in named.items() if token is not None}
        return {name: spelling for name, spelling in spelled.items() if spelling is not None}

    def _fits(self, messages: Messages, room_tokens: int) -> bool:
        if len(messages) > _MOST_MESSAGES:
            return False
        room_letters = min(room_tokens * _MOST_LETTERS_PER_TOKEN, _MOST_LETTERS)
        return _letters(messages) <= room_letters and len(self._tokens(messages)) <= room_tokens

    def _tokens(self, messages: Messages) -> list[int]:
        sign, guarded = self._guarded(messages)
        return self._marked_text.encode(self._template.render(guarded, self._marks), sign)

    def _guarded(self, messages: Messages) -> tuple[str, Messages]:
        """The sign that breaks up what only looks like a mark, and the messages with it."""
        sign = unused_sign([message["content"] for message in messages])
        return sign, [
            message | {"content": self._marked_text.guarded(message["content"], sign)} for message in messages
        ]

    def _shortened(self, system: Messages, turn: Messages, room_tokens: int) -> Messages:
        """Without the head of its oldest messages; of the newest something is kept."""
        lengths = [len(message["content"]) for message in turn]

        def fits(place: int, start: int) -> bool:
            return self._fits(system + _cut(turn, place, start), room_tokens)

        first = bisect_left(range(len(turn)), True, key=lambda place: fits(place, lengths[place]))
        for place in range(first, len(turn)):
            start = bisect_left(range(lengths[place]), True, key=lambda start: fits(place, start))
            if start < lengths[place]:
                return _cut(turn, place, start)
        raise DoesNotFit(
            f"What the system says and the marks of the chat leave no room for a message within {room_tokens}"
            " tokens; shorten the system text, or ask for a shorter answer."
        )


def _cut(turn: Messages, place: int, start: int) -> Messages:
    """Only the message at the place and those behind it, of the first only what follows `start`."""
    emptied = [message | {"content": ""} for message in turn[:place]]
    return [*emptied, turn[place] | {"content": turn[place]["content"][start:]}, *turn[place + 1 :]]


def _checked(messages: Sequence[Mapping[str, Any]]) -> Messages:
    if not messages:
        raise UsageError("There is nothing to answer; write a message first.")
    for number, message in enumerate(messages, start=1):
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise UsageError(
                f"Message {number} of the chat has the role {shown(role)}; it can be {', '.join(ROLES)}."
            )
        if not isinstance(content, str):
            raise UsageError(f"Message {number} of the chat has no text as its content; give it one.")
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _divided(messages: Messages) -> tuple[Messages, list[Messages]]:
    spoken = next((n for n, message in enumerate(messages) if message["role"] != "system"), len(messages))
    turns: list[Messages] = []
    for message in messages[spoken:]:
        if not turns or message["role"] == "user":
            turns.append([])
        turns[-1].append(message)
    return messages[:spoken], turns or [[]]


def _joined(turns: list[Messages]) -> Messages:
    return [message for turn in turns for message in turn]


def _letters(messages: Messages) -> int:
    return sum(len(message["content"]) for message in messages)
