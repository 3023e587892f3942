"""Engine: a network and its tokenizer, ready to write. The Python API for scripts; see `load`.

What a prompt looks like is in core/text, how tokens come about in core/generate, where it runs in placing.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.checkpoint.load import open_placed, open_unchecked
from core.checkpoint.reading import Say
from core.generate.answer import NO_HOOKS, Answer, Ending, Hooks, Statistics
from core.generate.drafting import DraftModel, FirstGuess, Guessing, PromptLookup, Trust
from core.generate.loop import decode
from core.generate.pace import Pace
from core.generate.prefixes import PrefixStore
from core.generate.recall import Recaller, RecallingChooser, Recollection, in_a_row
from core.generate.sampling import Chooser, SpellingChooser, TokenChooser, WeighingChooser
from core.model.cache import KVCache, shared_length
from core.model.network import Logits
from core.placing.place import place
from core.placing.placed import PlacedModel
from core.spec.about import NOTHING_MORE, About
from core.spec.budget import PREFILL_CHUNK, parameters, weight_bytes
from core.spec.editing import Editing, Extent
from core.spec.errors import UsageError
from core.spec.fields import from_json
from core.spec.placement import Placement
from core.spec.sampling import Sampling
from core.text.chat import ChatPrompts
from core.text.fim import find_marks
from core.text.retaking import Spellings, taken_back
from core.text.stops import until_stop
from core.text.sure import sure
from core.text.tokenizer import StreamDecoder, Tokenizer
from core.text.trim import Cursor, trimmed
from core.text.window import Window, WindowBuilder


def load(
    path: str | Path, placement: Placement | None = None, on_step: Say | None = None, **settings: Any
) -> "Engine":
    """`settings` are fields of Placement: load("model", precision="int8", threads=2)."""
    placement = placement or from_json(Placement, settings, "the call of load")
    stored, say = open_placed(Path(path), placement), on_step or _ignore
    say("reading the vocabulary")
    tokenizer = stored.tokenizer()
    placed = place(stored, placement, say)
    draft = _draft_model(placement, placed, tokenizer, say) if placement.draft_model else None
    name = f"{stored.path.name} + {Path(placement.adapter).name}" if placement.adapter else stored.path.name
    return Engine(placed, tokenizer, Origin(name, stored.about), draft)


def _draft_model(placement: Placement, placed: PlacedModel, tokenizer: Tokenizer, say: Say) -> DraftModel:
    stored = open_unchecked(Path(placement.draft_model or ""))
    if not stored.tokenizer().has_same_tokens(tokenizer):
        raise UsageError(
            f"{stored.path} has another vocabulary, so it cannot guess ahead; choose another one."
        )
    draft = place(stored, placement, say, ours_bytes=placed.room.planned_bytes)
    known_ids = min(stored.config.vocab_size, placed.model.config.vocab_size)
    return DraftModel(draft.model, draft.new_cache(), known_ids)


def _ignore(*_: object) -> None: ...


@dataclass(frozen=True)
class Origin:
    """What a model's folder says of it."""

    name: str
    about: About = NOTHING_MORE


@dataclass(frozen=True)
class _Task:
    """What is read, and how what follows is chosen; that begins with `begun`, which the person has typed."""

    tokens: list[int]
    sampling: Sampling
    end_ids: frozenset[int]
    alternative: int = 0
    least_chance: float = 0.0
    begun: str = ""
    recaller: Callable[[], Recaller] | None = None

    @property
    def is_weighed(self) -> bool:
        return self.alternative > 0 or self.least_chance > 0


@dataclass(frozen=True)
class Along:
    """Of each token of a text that was written: `logits` of it, (tokens, vocab_size), told before it; and a
    `recaller` at the beginning of that text."""

    tokens: list[int]
    logits: Logits
    recaller: Recaller


class Engine:
    """For one thread at a time. `close` gives the memory back."""

    def __init__(
        self, placed: PlacedModel, tokenizer: Tokenizer, origin: Origin, draft: DraftModel | None = None
    ) -> None:
        self.origin, self.tokenizer, self._draft = origin, tokenizer, draft
        self._trust, self._pace = Trust(), Pace()
        self._placed = placed
        self._model = placed.model
        self._marks = find_marks(tokenizer)
        self._end_ids = tokenizer.special_ids | tokenizer.end_ids
        self._windows, self._spellings = WindowBuilder(tokenizer, self._marks), Spellings(tokenizer)
        self._chats = ChatPrompts(tokenizer)
        self._prefixes = PrefixStore(placed.new_cache, placed.room.kept_bytes)

    @property
    def max_context(self) -> int:
        """Tokens of prompt and answer together."""
        return self._placed.room.context_tokens

    def logits(self, ids: list[int]) -> Logits:
        """(len(ids), vocab_size), computed afresh."""
        size = self._model.config.vocab_size
        if not 0 < len(ids) <= self.max_context or not all(0 <= token < size for token in ids):
            raise UsageError(f"Logits are of 1 to {self.max_context} tokens, numbered from 0 to {size - 1}.")
        cache, logits = self._placed.new_cache(), np.empty((len(ids), size), np.float32)
        for start in range(0, len(ids), PREFILL_CHUNK):
            chunk = ids[start : start + PREFILL_CHUNK]
            logits[start : start + len(chunk)] = self._model.read(chunk, cache, last=len(chunk))
        return logits

    def complete(self, prefix: str, suffix: str = "", sampling: Sampling | None = None) -> str:
        """Goes on behind exactly the tokens of the text, as other programs do; see Editing for more."""
        return self.complete_answer(prefix, suffix, sampling or Sampling()).text()

    def chat(self, messages: Sequence[Mapping[str, str]], sampling: Sampling | None = None) -> str:
        return self.chat_answer(messages, sampling or Sampling()).text()

    def complete_answer(
        self,
        prefix: str,
        suffix: str,
        sampling: Sampling,
        *,
        editing: Editing | None = None,
        hooks: Hooks = NO_HOOKS,
    ) -> Answer:
        editing = editing or Editing()
        window, begun = self._windows.build(prefix, suffix, self._room(sampling), editing), ""
        if editing.extent is not None and not editing.alternative:
            window, begun = taken_back(window, self.tokenizer)
        is_recalling = editing.recall and editing.extent is not None
        statistics = Statistics(prompt_tokens=len(window.tokens), dropped_tokens=window.left_out_tokens)
        task = _Task(
            window.tokens,
            sampling,
            self._end_ids,
            editing.alternative,
            editing.least_chance,
            begun,
            partial(self._recaller, prefix, suffix, window) if is_recalling else None,
        )
        pieces = self._until_end(task, statistics, hooks)
        if editing.extent is not None:
            pieces = _within(pieces, Cursor.between(prefix, suffix), editing.extent, statistics)
        return Answer(pieces, statistics)

    def chat_answer(
        self, messages: Sequence[Mapping[str, str]], sampling: Sampling, hooks: Hooks = NO_HOOKS
    ) -> Answer:
        prompt = self._chats.build(messages, self._room(sampling))
        statistics = Statistics(
            prompt_tokens=len(prompt.tokens),
            dropped_tokens=prompt.dropped_tokens,
            dropped_messages=prompt.dropped_messages,
        )
        ends = self._chats.turn_ends()
        sampling = replace(sampling, stop=(*sampling.stop, *ends.texts))
        task = _Task(prompt.tokens, sampling, self._end_ids | ends.ids)
        return Answer(self._until_end(task, statistics, hooks), statistics)

    def along(self, prefix: str, suffix: str, text: str, most_tokens: int) -> Along:
        """What is heard where an editor asks what stands between the two, and `text` is written there."""
        window = self._windows.build(prefix, suffix, self.max_context - most_tokens)
        window, begun = taken_back(window, self.tokenizer)
        tokens = self.tokenizer.encode(begun + text, continues=True)[:most_tokens]
        cache, read = self._placed.new_cache(), window.tokens[:-1]
        for start in range(0, len(read), PREFILL_CHUNK):
            self._model.read(read[start : start + PREFILL_CHUNK], cache, last=0)
        logits = self._model.read([*window.tokens[-1:], *tokens[:-1]], cache, last=len(tokens))
        return Along(tokens, logits, self._recaller(prefix, suffix, window))

    def recollection(self, *texts: Sequence[int] | NDArray[np.int32]) -> Recollection:
        """Of texts that do not go on from each other."""
        return Recollection(in_a_row(texts), self._end_ids, self._breaks)

    def facts(self) -> dict[str, Any]:
        config, attempt = self._model.config, self._placed.attempt
        return {
            "name": self.origin.name,
            "languages": self.origin.about.languages,
            "parameters": parameters(config),
            "precision": attempt.precision,
            "device": attempt.device,
            "kernel": self._placed.kernel,
            "threads": self._placed.threads,
            "context_tokens": self.max_context,
            "concessions": self._placed.concessions,
            "has_fim": self._marks is not None,
            "has_chat": self.tokenizer.chat_template is not None,
            "weights_bytes": weight_bytes(config, attempt.precision),
            "cache_bytes": self._prefixes.size_bytes,
            "planned": self._placed.room.budget,
            "kept_bytes": self._placed.room.kept_bytes,
        }

    def forget_texts(self) -> None:
        """Drops what was kept of earlier texts."""
        self._prefixes.clear()
        if self._draft is not None:
            self._draft.forget()

    def close(self) -> None:
        self._prefixes.clear()
        del self._model, self._placed, self._draft

    @cached_property
    def _breaks(self) -> NDArray[np.bool_]:
        """Which tokens end a line, or a text."""
        spelt = map(self.tokenizer.token_bytes, range(self.tokenizer.vocab_size))
        breaks = np.array([b"\n" in spelling for spelling in spelt], np.bool_)
        breaks[[*self._end_ids]] = True
        return breaks

    def _recaller(self, prefix: str, suffix: str, window: Window) -> Recaller:
        known = self.recollection(*self._windows.left_out(prefix, suffix, window), window.tokens)
        return Recaller(known, window.tokens[: window.prefix_end], self._windows.line_below(suffix))

    def _guessing(self) -> Guessing:
        """For one text, knowing what came of guesses in those before."""
        lookup = PromptLookup(self._trust)
        drafter = lookup if self._draft is None else FirstGuess((lookup, self._draft))
        return Guessing(drafter, self._pace)

    def _room(self, sampling: Sampling) -> int:
        return self.max_context - sampling.max_tokens

    def _until_end(self, task: _Task, statistics: Statistics, hooks: Hooks) -> Generator[str]:
        texts = self._texts(task, statistics, hooks)
        try:
            yield from until_stop(texts, task.sampling.stop)
        finally:
            texts.close()

    def _texts(self, task: _Task, statistics: Statistics, hooks: Hooks) -> Generator[str]:
        started = time.monotonic()
        cache = self._prefixes.take(task.tokens)
        statistics.reused_tokens = min(shared_length(cache.tokens, task.tokens), len(task.tokens) - 1)
        watch = _Watch(hooks, cache, len(task.tokens), started)
        statistics.ending = "stop"  # unless it comes to another end below, somebody has stopped listening
        plain = Chooser(task.sampling)
        try:
            if task.is_weighed:
                weighing = WeighingChooser(plain, task.alternative, task.end_ids)
                pieces = self._weighed(self._written(task, cache, weighing, statistics, watch), weighing)
                yield from _sure(pieces, task.least_chance, statistics)
            else:
                yield from self._written(task, cache, plain, statistics, watch)
        finally:
            statistics.total_ms = (time.monotonic() - started) * 1000
            self._prefixes.give_back(cache)

    def _written(
        self, task: _Task, cache: KVCache, chooser: TokenChooser, statistics: Statistics, watch: "_Watch"
    ) -> Generator[str]:
        """A text a token, the last of which may finish a character; empty ones too."""
        decoder, hidden = StreamDecoder(self.tokenizer), len(task.begun)
        if task.recaller is not None and self.origin.about.recall is not None:
            chooser = RecallingChooser(chooser, self.origin.about.recall, task.recaller())
        if task.begun:
            chooser = SpellingChooser(chooser, self._spellings, task.begun)
        written = decode(
            self._model, cache, task.tokens, guessing=self._guessing(), chooser=chooser, is_cancelled=watch
        )
        again = 1 if task.begun else 0  # what was taken back is written first, and is nothing new
        for number, token in enumerate(islice(written, task.sampling.max_tokens + again), start=1):
            if number == 1:
                statistics.first_token_ms = (time.monotonic() - watch.started) * 1000
            statistics.new_tokens = number - again
            if token in task.end_ids:
                statistics.ending = "end"
                yield decoder.finish()
                return
            text = decoder.feed([token])
            yield text[hidden:]
            hidden = max(hidden - len(text), 0)
        # where it ends otherwise, the rest of a character has been cut off, and half a one is none
        statistics.ending = watch.ending(statistics.new_tokens, task.sampling.max_tokens)

    def _weighed(self, texts: Generator[str], chooser: WeighingChooser) -> Generator[tuple[str, float]]:
        """Each text with the chance of all up to its end."""
        chance = 1.0
        try:
            for place, text in enumerate(texts):
                chance *= chooser.chances[place]
                yield text, chance
        finally:
            texts.close()


class _Watch:
    """Asked between two tokens or two chunks of a prompt: says how far it is read, remembers a cancel."""

    def __init__(self, hooks: Hooks, cache: KVCache, total: int, started: float) -> None:
        self._hooks, self._cache, self._total, self._read = hooks, cache, total, len(cache)
        self.started = started
        self._was_cancelled = False

    def __call__(self) -> bool:
        if self._read < len(self._cache) < self._total:
            self._read = len(self._cache)
            self._hooks.on_read(self._read, self._total)
        self._was_cancelled = self._was_cancelled or self._hooks.is_cancelled()
        return self._was_cancelled

    def ending(self, written: int, wanted: int) -> Ending:
        if self._was_cancelled:
            return "cancelled"
        return "length" if written >= wanted else "context"


def _sure(
    pieces: Generator[tuple[str, float]], least_chance: float, statistics: Statistics
) -> Generator[str]:
    texts = sure(pieces, least_chance)
    statistics.chance = 1.0
    try:
        while True:
            try:
                text, statistics.chance = next(texts)
            except StopIteration as end:
                statistics.ending = "unsure" if end.value else statistics.ending
                return
            yield text
    finally:
        texts.close()
        pieces.close()


def _within(pieces: Generator[str], cursor: Cursor, extent: Extent, statistics: Statistics) -> Generator[str]:
    try:
        was_cut = yield from trimmed(pieces, cursor, extent)
    finally:
        pieces.close()
    if was_cut and statistics.ending == "stop":
        statistics.ending = "trimmed"
