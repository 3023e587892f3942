"""Marks for filling in the middle, given to a vocabulary that has none.

Spare tokens get their names, or new tokens are put behind the last. What the network then knows of them is
not decided here.
"""

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.spec.errors import TokenizerError
from core.text.fim import find_marks
from core.text.pieces import Piece
from core.text.sentence_pieces import SentencePieces
from core.text.tokenizer import Tokenizer, TokenKind
from core.text.tokenizer_json import TokenizerJson

# of the family whose prompts may have the suffix first, since that is what the trainer teaches
NEW_MARKS = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
_SPARE = re.compile(
    r"[<\[]\|?_?(reserved|extra|unused|placeholder|dummy|spare)[a-z_ -]*\d*_?\|?[>\]]", re.IGNORECASE
)


def with_fim_marks(tokenizer: Tokenizer) -> Tokenizer:
    """The same for all other text."""
    if find_marks(tokenizer) is not None:
        return tokenizer
    vocabulary = tokenizer.vocabulary
    taken = [mark for mark in NEW_MARKS if tokenizer.token_id(mark) is not None]
    if taken:
        raise TokenizerError(
            f"{taken[0]} is an ordinary word of this vocabulary, so it cannot become a mark."
        )
    with tempfile.TemporaryDirectory() as folder:
        name = vocabulary.save(Path(folder), leading=None)
        path = Path(folder) / name
        if isinstance(vocabulary, SentencePieces):
            size = vocabulary.size
            marks = {
                size + place: Piece(mark, 0.0, TokenKind.CONTROL) for place, mark in enumerate(NEW_MARKS)
            }
            extended: SentencePieces | TokenizerJson = SentencePieces.read(path, marks)
        else:
            state = json.loads(path.read_text(encoding="utf-8"))
            _name_or_add(state, tokenizer)
            path.write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
            extended = TokenizerJson.read(path, NEW_MARKS)
    return replace(tokenizer, vocabulary=extended)


def _name_or_add(state: dict[str, Any], tokenizer: Tokenizer) -> None:
    added, vocab = state["added_tokens"], state["model"].get("vocab")
    spare = [token for token in added if token["special"] and _SPARE.fullmatch(token["content"])]
    if len(spare) >= len(NEW_MARKS):
        for token, mark in zip(spare, NEW_MARKS, strict=False):
            if isinstance(vocab, dict) and token["content"] in vocab:
                vocab[mark] = vocab.pop(token["content"])
            token["content"] = mark
        return
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    for place, mark in enumerate(NEW_MARKS):
        added.append({"id": tokenizer.vocab_size + place, "content": mark, **flags})
