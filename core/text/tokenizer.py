"""Text to tokens and back, the same for every kind of vocabulary.

A Tokenizer is a vocabulary (tokenizer_json, sentence_pieces) and what the model's files say about it. Where
one is found: vocabulary_folder, gguf_vocabulary.
"""

import codecs
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

VOCABULARY_FILE_KEY = "vocabulary_file"
END_SPELLINGS = (
    *(
        "<|endoftext|>",
        "<|end_of_text|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end|>",
        "<end_of_turn>",
    ),
    *("<|EOT|>", "<|eot|>", "<EOT>", "▁<EOT>", "<｜end▁of▁sentence｜>", "</s>"),  # noqa: RUF001 (the bars are wide)
)


class TokenKind(IntEnum):
    """What a token is for, with the numbers that SentencePiece and GGUF share."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


# An ordinary word that a file names as a mark must stay a word, or text would lose it.
MARK_SHAPE = re.compile(r"<.+>|\[.+\]", re.DOTALL)
HIDDEN_KINDS = frozenset({TokenKind.CONTROL, TokenKind.UNKNOWN, TokenKind.UNUSED})


class Vocabulary(Protocol):
    """What stands behind a Tokenizer: plain text in, tokens out; nothing about turns, ends or templates."""

    @property
    def size(self) -> int: ...

    @property
    def special_ids(self) -> frozenset[int]:
        """Tokens that plain text never becomes and that contribute nothing to it."""
        ...

    @property
    def adds_space(self) -> bool:
        """Whether `encode` puts a space before the text, unless the text continues another."""
        ...

    def encode(self, text: str, *, continues: bool) -> list[int]: ...

    def token_bytes(self, token: int) -> bytes: ...

    def token_id(self, spelling: str) -> int | None: ...

    def spelling(self, token: int) -> str | None: ...

    def save(self, folder: Path, *, leading: int | None) -> str:
        """Writes it so that transformers reads it too and there puts `leading` before a text; gives
        the name of the file that holds it best."""
        ...

    def gguf_fields(self) -> dict[str, Any]:
        """The `tokenizer.ggml.*` fields that say what the tokens are and how text becomes them."""
        ...


@dataclass(frozen=True)
class Tokenizer:
    """`fim_ids`: the FIM tokens that the model's file names outright, by role (fim.py)."""

    vocabulary: Vocabulary
    bos_id: int | None = None
    eos_id: int | None = None
    pad_id: int | None = None
    end_ids: frozenset[int] = frozenset()
    add_bos: bool = False
    chat_template: str | None = None
    fim_ids: Mapping[str, int] = field(default_factory=dict)

    @property
    def vocab_size(self) -> int:
        return self.vocabulary.size

    @property
    def special_ids(self) -> frozenset[int]:
        return self.vocabulary.special_ids

    def encode(self, text: str, *, continues: bool = False) -> list[int]:
        """Nothing is added or stripped, and the text of a special token stays text; `continues` says that
        other text stands before, so that a vocabulary which starts every text with a space leaves it out."""
        return self.vocabulary.encode(_without_lone_surrogates(text), continues=continues)

    def decode(self, tokens: Iterable[int]) -> str:
        """The inverse of `encode`; what a model writes after a prompt goes through StreamDecoder instead."""
        text = b"".join(map(self.token_bytes, tokens)).decode("utf-8", "replace")
        return text[1:] if self.vocabulary.adds_space and text.startswith(" ") else text

    def token_bytes(self, token: int) -> bytes:
        """What the token adds to running text: nothing, if it is special or no token at all."""
        return b"" if token in self.special_ids else self.vocabulary.token_bytes(token)

    def token_id(self, spelling: str) -> int | None:
        return self.vocabulary.token_id(spelling)

    def spelling(self, token: int) -> str | None:
        """The token as its vocabulary writes it, special tokens included; None where there is none."""
        return self.vocabulary.spelling(token)

    def has_same_tokens(self, other: "Tokenizer") -> bool:
        """Whether a number means the same to both."""
        known = range(self.vocab_size)
        return other.vocab_size == self.vocab_size and all(
            self.spelling(token) == other.spelling(token) for token in known
        )

    def save(self, folder: Path) -> None:
        """Files that `open_tokenizer` and transformers read."""
        names = {"bos_token": self.bos_id, "eos_token": self.eos_id, "pad_token": self.pad_id}
        config: dict[str, Any] = {
            name: None if token is None else self.spelling(token) for name, token in names.items()
        }
        config |= {
            VOCABULARY_FILE_KEY: self.vocabulary.save(folder, leading=self.bos_id if self.add_bos else None),
            "tokenizer_class": "PreTrainedTokenizerFast",
            "add_bos_token": self.add_bos,
            "clean_up_tokenization_spaces": False,
            "chat_template": self.chat_template,
        }
        written = json.dumps(config, indent=2, ensure_ascii=False)
        (folder / "tokenizer_config.json").write_text(written + "\n", encoding="utf-8")


class StreamDecoder:
    """Tokens of running text in, whole characters out; the rest of a character waits for its last byte."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, tokens: Iterable[int]) -> str:
        return self._utf8.decode(b"".join(map(self._tokenizer.token_bytes, tokens)))

    def finish(self) -> str:
        """What is still waiting is half a character, and becomes the replacement character."""
        return self._utf8.decode(b"", final=True)


def find_end_ids(vocabulary: Vocabulary, named: Iterable[int | None]) -> frozenset[int]:
    """The tokens after which a model has nothing more to say: those its files name and those all know."""
    known = (vocabulary.token_id(spelling) for spelling in END_SPELLINGS)
    ends = {token for token in known if token is not None and token in vocabulary.special_ids}
    return frozenset(ends | {token for token in named if token is not None})


def _without_lone_surrogates(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
