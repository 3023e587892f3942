"""Judging: a run's best checkpoint against what it began from, on held-out files and on a few fixed texts.

Both are measured in the same way: how many bits a byte of text costs them, and how many hidden lines they
write anew. Where the model fills in the middle, it is shown what comes behind the line too.
"""

import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import torch

from core.checkpoint.adapter import attach_adapter
from core.checkpoint.load import open_model
from core.generate.drafting import Guessing, PromptLookup, Trust
from core.generate.loop import decode
from core.generate.pace import Pace
from core.generate.sampling import Chooser
from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.model.lora import set_strength
from core.model.transformer import Transformer
from core.spec.errors import JobError, NotNumbers
from core.spec.sampling import Sampling
from core.text.fim import find_marks
from core.text.tokenizer import Tokenizer
from core.text.window import WindowBuilder
from trainer.data.held_out import Hidden, hidden_lines
from trainer.losses import cross_entropy_sum
from trainer.networks import from_nothing, with_weights
from trainer.recipes import Place, frozen_base, output_weight
from trainer.resume import learnt_by
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import JUDGED, Run
from trainer.spec.verdict import Score, Verdict

_FIXED = Path(__file__).parents[1] / "resources" / "bench" / "mini.json"
_MOST_TOKENS = 1 << 15  # of text whose bits are counted
_LINE_TOKENS = 40
_ADAPTER = "judged"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Judge:
    """`texts` are held out; `losses` stand for their score where what was held out is no running text."""

    tokenizer: Tokenizer
    texts: Sequence[str]
    losses: tuple[float, float] | None
    is_stopped: Callable[[], bool]
    say: Say

    def judge(self, run: Run, spec: TrainSpec, place: Place) -> Verdict:
        examination = self._examination(spec)
        learnt = learnt_by(run)
        step = int(learnt.parent.name.removeprefix("step-"))
        before: tuple[Score | None, Score | None] = (None, None)
        if spec.trains_adapter:
            model = frozen_base(spec, place, self.say).requires_grad_(False).eval()
            attach_adapter(model, _ADAPTER, learnt)
            set_strength(model, _ADAPTER, 0.0)
            before = self._scores(model, spec, place, examination)
            set_strength(model, _ADAPTER, 1.0)
        else:
            if from_nothing(spec.model) is None:
                model = with_weights(spec.model).load(place.working).to(place.device)
                # marks that mean nothing yet are worse than none
                before = self._scores(model, spec, place, examination, fills=not spec.teach_fim)
                del model
            model = open_model(learnt).load(place.working).to(place.device)
        after = self._scores(model, spec, place, examination)
        held_out_before, held_out_after = before[0], after[0]
        if held_out_after is None and self.losses is not None:
            first, best = (Score(loss / math.log(2), "token") for loss in self.losses)
            held_out_before, held_out_after = first, best
        return Verdict(step, held_out_before, held_out_after, before[1], after[1])

    def _examination(self, spec: TrainSpec) -> "_Examination":
        fixed = json.loads(_FIXED.read_text(encoding="utf-8"))["texts"]
        lines = sum(len(hidden_lines(texts, spec.judged_lines)) for texts in (self.texts, fixed))
        began_from_nothing = not spec.trains_adapter and from_nothing(spec.model) is not None
        return _Examination(fixed, lines if began_from_nothing else 2 * lines, self.say)

    def _scores(
        self,
        model: Transformer,
        spec: TrainSpec,
        place: Place,
        examination: "_Examination",
        *,
        fills: bool = True,
    ) -> tuple[Score | None, Score]:
        examiner = _Examiner(self, model, spec, place, fills=fills)
        held_out = examiner.score(self.texts, examination.count) if self.texts else None
        return held_out, examiner.score(examination.fixed, examination.count)


@dataclass
class _Examination:
    """What is asked of the network that was and of the one that is, and how much of it has been answered."""

    fixed: Sequence[str]
    lines: int
    say: Say
    answered: int = 0

    def count(self) -> None:
        self.answered += 1
        self.say(f"{JUDGED}hidden line {self.answered} of {self.lines}")


class _Examiner:
    """One network's answers."""

    def __init__(
        self, judge: Judge, model: Transformer, spec: TrainSpec, place: Place, *, fills: bool
    ) -> None:
        self._judge, self._model, self._spec, self._place = judge, model, spec, place
        self._trust, self._pace = Trust(), Pace()
        self._tokenizer, self._context = judge.tokenizer, min(spec.context_tokens, model.config.max_context)
        marks = find_marks(self._tokenizer) if fills else None
        self._windows = WindowBuilder(self._tokenizer, marks)
        self._ends = self._tokenizer.special_ids | self._tokenizer.end_ids
        self._line_tokens = min(_LINE_TOKENS, self._context // 2)

    @torch.no_grad()
    def score(self, texts: Sequence[str], count: Callable[[], None]) -> Score:
        """`count` is told of each line that is written."""
        bits = self._bits(texts)
        hidden = hidden_lines(texts, self._spec.judged_lines)
        written = []
        for each in hidden:
            written.append(self._written(each))
            count()
        pairs = [(each.line.strip(), line.strip()) for each, line in zip(hidden, written, strict=True)]
        alike = [SequenceMatcher(None, *pair, autojunk=False).ratio() for pair in pairs]
        return Score(
            bits=bits,
            lines=len(hidden),
            exact=sum(one == other for one, other in pairs),
            likeness=sum(alike) / max(1, len(alike)),
        )

    def _bits(self, texts: Sequence[str]) -> float:
        """For each byte. A text is read in rows; its first token is given for nothing."""
        nats, text_bytes, left = 0.0, 0, _MOST_TOKENS
        weight = output_weight(self._model, self._place)
        for text in texts:
            tokens = self._tokenizer.encode(text)[:left]
            left -= len(tokens)
            for start in range(0, len(tokens) - 1, self._context):
                row = tokens[start : start + self._context + 1]
                ids = torch.tensor([row], device=self._place.device)
                hidden, divisor = self._model.hidden(ids[:, :-1])[0], self._model.config.logits_divisor
                nats += float(cross_entropy_sum(hidden, weight(), ids[0, 1:], divisor))
                text_bytes += sum(len(self._tokenizer.token_bytes(token)) for token in row[1:])
            self._stop_if_wanted()
            if left <= 0:
                break
        return nats / math.log(2) / max(1, text_bytes)

    def _written(self, hidden: Hidden) -> str:
        """The line that the network writes there, chosen without chance."""
        self._stop_if_wanted()
        window = self._windows.build(hidden.prefix, hidden.suffix, self._context - self._line_tokens)
        config = self._model.config
        cache = KVCache(self._context, CacheRows(config, self._place.working, self._place.device))
        tokens: list[int] = []
        with suppress(NotNumbers):  # a network that overflows has written nothing more
            for token in decode(
                self._model,
                cache,
                window.tokens,
                guessing=Guessing(PromptLookup(self._trust), self._pace),
                chooser=Chooser(Sampling(temperature=0.0)),
                is_cancelled=lambda: False,
            ):
                if token in self._ends or len(tokens) == self._line_tokens:
                    break
                tokens.append(token)
                if b"\n" in self._tokenizer.token_bytes(token):
                    break
        return self._tokenizer.decode(tokens).partition("\n")[0]

    def _stop_if_wanted(self) -> None:
        if self._judge.is_stopped():
            raise JobError("Stopped while it was being judged; 'train judge' does that another time.")
