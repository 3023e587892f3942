"""A model that cannot fill in the middle, made ready to be taught it: marks, and rows of its tables for them.

The copy is written beside what is trained from it. Teaching is a run like any other, on texts with middles.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from core.checkpoint.native import write_network
from core.checkpoint.staging import new_path
from core.checkpoint.stored import StoredModel
from core.spec.config import ModelConfig
from core.spec.disk import require_room
from core.text.fim import FimMarks, find_marks
from core.text.new_marks import with_fim_marks
from core.text.tokenizer import Tokenizer

_TABLES = ("embed.weight", "head.weight")
# what each mark is about, in words that a model for code has met
_RELATED = ("before begin first prefix", "after end last suffix", "between middle insert here")
_COPY_SHARE = 1.1


def make_ready(stored: StoredModel, folder: Path) -> None:
    """Makes `folder`, or nothing where it is there already. Known marks are left as they are."""
    if folder.exists():
        return
    known = stored.tokenizer()
    tokenizer = with_fim_marks(known)
    weights = dict(stored.parameters())
    config = replace(stored.config, vocab_size=max(stored.config.vocab_size, tokenizer.vocab_size))
    marks = find_marks(tokenizer)
    if marks is not None and find_marks(known) is None:
        for name in _TABLES:
            if name in weights:
                weights[name] = _with_rows(weights[name], config, tokenizer, marks)
    require_room(folder, int(_COPY_SHARE * sum(weight.nbytes for weight in weights.values())))
    with new_path(folder) as path:
        write_network(config, weights, tokenizer, path, weights["embed.weight"].dtype)


def _with_rows(table: Tensor, config: ModelConfig, tokenizer: Tokenizer, marks: FimMarks) -> Tensor:
    """Rows of marks begin as the mean of words that say something like them: neither odd nor all alike."""
    usual = table.float().mean(dim=0)
    grown = torch.empty(config.vocab_size, table.shape[1])
    grown[: table.shape[0]] = table.float()
    grown[table.shape[0] :] = usual
    for mark, words in zip((marks.prefix, marks.suffix, marks.middle), _RELATED, strict=True):
        if mark is not None:
            grown[mark] = grown[tokenizer.encode(words)].mean(dim=0)
    return grown.to(table.dtype)
