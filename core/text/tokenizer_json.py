"""Vocabularies of the `tokenizers` library: a tokenizer.json, or one built from tokens and merges.

Only those whose tokens stand for bytes are taken (byte-level, or pieces with byte fallback): text must come
back as it went in, and a model must be able to write half a character.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.spec.errors import TokenizerError
from core.spec.headers import shown
from core.text import pretokenizers
from core.text.fim import FIM_SPELLINGS
from core.text.pieces import BYTE_OF_SPELLING, SPACE_MARK, lead_with, scores_from_merges
from core.text.sentence_piece_file import MAX_TOKENS
from core.text.tokenizer import HIDDEN_KINDS, MARK_SHAPE, TokenKind

if TYPE_CHECKING:
    import tokenizers

MAX_FILE_BYTES = 64 << 20
_CODE = " Def f(X):\n\treturn  x\n"
_MAX_CONTAINERS = 2_000_000  # newer files hold each merge as a list
_MARKUP = re.compile(r"<[|\uff5c].*[|\uff5c]>", re.DOTALL)


def _byte_letters() -> dict[str, int]:
    """The letter by which byte-level vocabularies write each byte: itself where it can be seen."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(0x100) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(0x100 + n): byte for n, byte in enumerate(unseen)}


_BYTE_OF_LETTER = _byte_letters()


@dataclass(frozen=True)
class MergeTable:
    """A byte-level vocabulary as GGUF keeps it."""

    tokens: Sequence[str]
    kinds: Sequence[TokenKind]
    merges: Sequence[tuple[str, str]]


class TokenizerJson:
    def __init__(self, library: "tokenizers.Tokenizer", *, source: str, marks: Collection[str] = ()) -> None:
        """`marks`: what the files beside it call special, whatever it says itself."""
        self._library = library
        self._source = source
        library.no_truncation()
        library.no_padding()
        library.encode_special_tokens = True
        self._is_byte_level = _is_byte_level(library, source)
        _hide_marks(library, marks)
        if getattr(library.model, "dropout", None):
            library.model.dropout = None  # chance is for training; the same text gives the same tokens
        added = library.get_added_tokens_decoder()
        self._added = {token: known.content for token, known in added.items()}
        self._special_ids = frozenset(token for token, known in added.items() if known.special)
        self._size = 1 + max(library.get_vocab(with_added_tokens=True).values(), default=-1)
        if not 0 < self._size <= MAX_TOKENS:
            raise TokenizerError(
                f"{source} numbers its tokens up to {self._size - 1}, which no model does; get it again."
            )

        self._refuse_loss(source)

    def _refuse_loss(self, source: str) -> None:
        """Some vocabularies are made for searching, and drop capitals or spaces on the way in."""
        text = b"".join(map(self.token_bytes, self.encode(_CODE, continues=False))).decode("utf-8", "replace")
        if text not in (_CODE, " " + _CODE):
            raise TokenizerError(
                f"The vocabulary of {source} changes code that goes through it; use a model made for code."
            )

    @classmethod
    def read(cls, path: Path, marks: Collection[str]) -> "TokenizerJson":
        import tokenizers

        text = _read_text(path)
        _refuse_what_aborts(text, path)
        with _library_errors(f"{path} cannot be used"):
            library = tokenizers.Tokenizer.from_str(text)
        return cls(library, source=str(path), marks=marks)

    @classmethod
    def from_merges(cls, table: MergeTable, cut: pretokenizers.Cut, *, source: str) -> "TokenizerJson":
        from tokenizers import AddedToken, Tokenizer, decoders, models

        vocab = {token: number for number, token in enumerate(table.tokens)}
        with _library_errors(f"The vocabulary of {source} cannot be used"):
            library = Tokenizer(
                models.BPE(vocab=vocab, merges=list(table.merges), ignore_merges=cut.whole_words)
            )
            library.pre_tokenizer = pretokenizers.build(cut)
            library.decoder = decoders.ByteLevel()
            marks = [
                AddedToken(token, normalized=False, special=kind in HIDDEN_KINDS)
                for token, kind in zip(table.tokens, table.kinds, strict=True)
                if kind in HIDDEN_KINDS or kind == TokenKind.USER_DEFINED
            ]
            library.add_tokens(marks)  # all at once: one by one, the library looks at all of them each time
        return cls(library, source=source)

    @property
    def size(self) -> int:
        return self._size

    @property
    def special_ids(self) -> frozenset[int]:
        return self._special_ids

    @cached_property
    def adds_space(self) -> bool:
        first = self._encode(self._library, "x")[:1]
        return any(self.token_bytes(token).startswith(b" ") for token in first)

    def encode(self, text: str, *, continues: bool) -> list[int]:
        return self._encode(self._continuing if continues and self.adds_space else self._library, text)

    def adds_bos(self, bos_id: int | None) -> bool:
        """Whether the file's own template puts the beginning mark before a text."""
        return self._encode(self._library, "x", with_template=True)[:1] == [bos_id]

    def token_bytes(self, token: int) -> bytes:
        if token in self._added:
            return self._added[token].encode()
        piece = self.spelling(token)
        if piece is None:
            return b""
        if not self._is_byte_level:
            return BYTE_OF_SPELLING.get(piece) or piece.replace(SPACE_MARK, " ").encode()
        if any(letter not in _BYTE_OF_LETTER for letter in piece):
            return piece.encode()
        return bytes(_BYTE_OF_LETTER[letter] for letter in piece)

    def token_id(self, spelling: str) -> int | None:
        return self._library.token_to_id(spelling)

    def spelling(self, token: int) -> str | None:
        return self._library.id_to_token(token) if 0 <= token < self._size else None

    def save(self, folder: Path, *, leading: int | None) -> str:
        if leading is not None and not self.adds_bos(leading):
            lead_with(self._library, leading)
        self._library.save(str(folder / "tokenizer.json"))
        return "tokenizer.json"

    def gguf_fields(self) -> dict[str, Any]:
        model = _state(self._library.model)
        pieces = [self.spelling(token) for token in range(self._size)]
        tokens = [f"[PAD{token}]" if piece is None else piece for token, piece in enumerate(pieces)]
        fields = {
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": [int(self._kind(token)) for token in range(self._size)],
        }
        if self._is_byte_level:
            return fields | self._cut_and_merges(model)
        if model["type"] != "BPE":
            raise TokenizerError(
                f"{self._source} holds a {model['type']} vocabulary; GGUF is not written of it."
            )
        return fields | {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.pre": "default",
            "tokenizer.ggml.scores": scores_from_merges(tokens, model["merges"]),
            "tokenizer.ggml.add_space_prefix": self.adds_space,
        }

    def _cut_and_merges(self, model: dict[str, Any]) -> dict[str, Any]:
        normalizers = {part["type"] for part in _parts(_state(self._library.normalizer))}
        cut_name = pretokenizers.name_of(self._library.pre_tokenizer, whole_words=model["ignore_merges"])
        if cut_name is None or normalizers - {"NFC"}:
            raise TokenizerError(
                f"{self._source} changes or cuts text by rules that GGUF cannot name; export another format."
            )
        return {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": cut_name,
            "tokenizer.ggml.merges": [" ".join(pair) for pair in model["merges"]],
        }

    def _kind(self, token: int) -> TokenKind:
        spelling = self.spelling(token)
        if spelling is None:
            return TokenKind.UNUSED
        if not self._is_byte_level and spelling == self._library.model.unk_token:
            return TokenKind.UNKNOWN
        if token in self._special_ids:
            return TokenKind.CONTROL
        if not self._is_byte_level and spelling in BYTE_OF_SPELLING:
            return TokenKind.BYTE
        return TokenKind.USER_DEFINED if token in self._added else TokenKind.NORMAL

    def _encode(
        self, library: "tokenizers.Tokenizer", text: str, *, with_template: bool = False
    ) -> list[int]:
        with _library_errors(
            f"{self._source} cannot cut this text, which may hold a run of millions of like signs"
        ):
            return library.encode(text, add_special_tokens=with_template).ids

    @cached_property
    def _continuing(self) -> "tokenizers.Tokenizer":
        import tokenizers

        state = json.loads(self._library.to_str())
        state["normalizer"] = _without_prefix(state["normalizer"], "normalizers")
        state["pre_tokenizer"] = _without_prefix(state["pre_tokenizer"], "pretokenizers")
        with _library_errors(f"{self._source} cannot leave out the space it puts first"):
            library = tokenizers.Tokenizer.from_str(json.dumps(state))
        library.encode_special_tokens = True
        return library


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise TokenizerError(f"{path} is larger than any vocabulary should be; get it again.")
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(
            f"{path} cannot be read ({error}); get it again from where it came from."
        ) from None


def _refuse_what_aborts(text: str, path: Path) -> None:
    """Joining pieces with a prefix or suffix, the library may cut a character in two and end the process."""
    if text.count("{") + text.count("[") > _MAX_CONTAINERS:
        raise TokenizerError(f"{path} holds more JSON objects than a vocabulary can have; get it again.")
    try:
        state = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} is not JSON ({shown(str(error))}); get it again.") from None
    model = state.get("model") if isinstance(state, dict) else None
    if not isinstance(model, dict):
        raise TokenizerError(f"{path} holds no 'model'; get it again from where it came from.")
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get("type", "BPE") == "BPE" and model.get(key):
            raise TokenizerError(f"{path} joins pieces by a {key!r}, which is not supported.")


@contextmanager
def _library_errors(problem: str) -> Iterator[None]:
    """The library raises a bare Exception, and where it panics something that is not even that."""
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise TokenizerError(f"{problem} ({shown(str(error))}).") from None


def _is_byte_level(library: "tokenizers.Tokenizer", source: str) -> bool:
    model = type(library.model).__name__
    decoders = _parts(_state(library.decoder))
    kinds = {part["type"] for part in decoders}
    if model == "BPE" and "ByteLevel" in kinds:
        return True
    if model in ("BPE", "Unigram") and "ByteFallback" in kinds:
        return False
    raise TokenizerError(
        f"{source} holds a {model} vocabulary whose tokens do not stand for bytes, so text would not come"
        " back whole; use a model with a byte-level or byte-fallback vocabulary."
    )


def _state(component: Any) -> Any:
    return None if component is None else json.loads(component.__getstate__())


def _parts(state: Any) -> list[dict[str, Any]]:
    """The steps of a normalizer, cutter or decoder, with those inside a sequence in their place."""
    if state is None:
        return []
    inner = state.get("normalizers") or state.get("pretokenizers") or state.get("decoders")
    return [part for step in inner for part in _parts(step)] if inner else [state]


def _without_prefix(state: Any, steps_key: str) -> Any:
    kept = [part for part in _parts(state) if part["type"] != "Prepend"]
    for part in kept:
        if part["type"] == "Metaspace":
            part["prepend_scheme"] = "never"
        if part["type"] == "ByteLevel":
            part["add_prefix_space"] = False
    return {"type": "Sequence", steps_key: kept} if kept else None


def _hide_marks(library: "tokenizers.Tokenizer", marks: Collection[str]) -> None:
    """Some files call their own marks ordinary; as such, text that spells one would become one."""
    from tokenizers import AddedToken

    ordinary = [known.content for known in library.get_added_tokens_decoder().values() if not known.special]
    looks_hidden = [text for text in ordinary if _MARKUP.fullmatch(text) or text in FIM_SPELLINGS]
    named = [mark for mark in marks if MARK_SHAPE.fullmatch(mark) and library.token_to_id(mark) is not None]
    for mark in {*looks_hidden, *named}:
        library.add_special_tokens([AddedToken(mark, normalized=False, special=True)])
