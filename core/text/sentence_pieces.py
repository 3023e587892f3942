"""SentencePiece vocabularies: the library does the work, on a model from a file or built from pieces."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from core.spec.errors import TokenizerError
from core.spec.headers import shown
from core.text.fim import FIM_SPELLINGS
from core.text.pieces import BYTE_OF_SPELLING, SPACE_MARK, Piece, lead_with, library_of
from core.text.sentence_piece_file import (
    check_piece,
    read_model,
    without_added_space,
    write_model,
    write_pieces,
)
from core.text.tokenizer import HIDDEN_KINDS, TokenKind

_MAX_MODEL_BYTES = 64 << 20
_MARK_BYTES = [f"<0x{byte:02X}>" for byte in SPACE_MARK.encode()]


class SentencePieces:
    """A SentencePiece model with byte fallback, or one without, which then loses what it has no piece for."""

    def __init__(self, model: bytes, pieces: Sequence[Piece], *, adds_space: bool, source: str) -> None:
        self._model = model
        self._source = source
        self._pieces = pieces
        self._adds_space = adds_space
        self._ids = {piece.text: token for token, piece in enumerate(self._pieces)}
        self._mark_ids = [self._ids[spelling] for spelling in _MARK_BYTES if spelling in self._ids]
        self._processor = _load(model, source)
        self._special_ids = frozenset(
            token
            for token, piece in enumerate(pieces)
            if piece.kind in HIDDEN_KINDS or piece.text in FIM_SPELLINGS
        )

    @classmethod
    def read(cls, path: Path, added: Mapping[int, Piece] = MappingProxyType({})) -> "SentencePieces":
        """`added`: tokens by number, of which those count that go on where the file's own end."""
        model = _read_file(path)
        pieces, adds_space = read_model(model, str(path))
        last = len(pieces)
        while last in added:
            last += 1
        if last > len(pieces):
            model += write_pieces([added[token] for token in range(len(pieces), last)])
            pieces, adds_space = read_model(model, str(path))
        return cls(model, pieces, adds_space=adds_space, source=str(path))

    @classmethod
    def from_pieces(cls, pieces: Sequence[Piece], *, adds_space: bool, source: str) -> "SentencePieces":
        try:
            for piece in pieces:
                check_piece(piece)
        except ValueError as error:
            raise TokenizerError(f"The vocabulary of {source} is damaged ({error}); get it again.") from None
        return cls(write_model(pieces, adds_space), pieces, adds_space=adds_space, source=source)

    @property
    def size(self) -> int:
        return len(self._pieces)

    @property
    def special_ids(self) -> frozenset[int]:
        return self._special_ids

    @property
    def adds_space(self) -> bool:
        return self._adds_space

    def mark_id(self, role: Literal["bos", "eos", "pad", "unk"]) -> int | None:
        """The mark that the model file itself names."""
        token: int = getattr(self._processor, f"{role}_id")()
        return token if token >= 0 else None

    @property
    def unknown_id(self) -> int | None:
        return next((i for i, piece in enumerate(self._pieces) if piece.kind == TokenKind.UNKNOWN), None)

    def encode(self, text: str, *, continues: bool) -> list[int]:
        if SPACE_MARK not in text or len(self._mark_ids) != len(_MARK_BYTES):
            return self._encode_span(text, continues=continues)
        # The library would take the mark for a space and so lose it; as bytes it comes back.
        first, *rest = text.split(SPACE_MARK)
        tokens = self._encode_span(first, continues=continues)
        for span in rest:
            tokens += self._mark_ids
            tokens += self._encode_span(span, continues=True)
        return tokens

    def token_bytes(self, token: int) -> bytes:
        if not 0 <= token < len(self._pieces):
            return b""
        piece = self._pieces[token]
        if piece.kind == TokenKind.BYTE:
            return BYTE_OF_SPELLING.get(piece.text, b"")
        return piece.plain_text.encode()

    def token_id(self, spelling: str) -> int | None:
        return self._ids.get(spelling)

    def spelling(self, token: int) -> str | None:
        return self._pieces[token].text if 0 <= token < len(self._pieces) else None

    def save(self, folder: Path, *, leading: int | None) -> str:
        """The second file is for transformers, which would join pieces in the order of their numbers."""
        (folder / "tokenizer.model").write_bytes(self._model)
        library = library_of(self._pieces, adds_space=self._adds_space)
        lead_with(library, leading)
        library.save(str(folder / "tokenizer.json"))
        return "tokenizer.model"

    def gguf_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.pre": "default",
            "tokenizer.ggml.tokens": [
                piece.plain_text if piece.kind == TokenKind.USER_DEFINED else piece.text
                for piece in self._pieces
            ],
            "tokenizer.ggml.scores": [piece.score for piece in self._pieces],
            "tokenizer.ggml.token_type": [int(piece.kind) for piece in self._pieces],
            "tokenizer.ggml.add_space_prefix": self._adds_space,
        }
        if self.unknown_id is not None:
            fields["tokenizer.ggml.unknown_token_id"] = self.unknown_id
        return fields

    def _encode_span(self, text: str, *, continues: bool) -> list[int]:
        processor = self._continuing if continues and self._adds_space else self._processor
        return cast(list[int], processor.encode(text))

    @cached_property
    def _continuing(self) -> Any:
        return _load(without_added_space(self._model), self._source)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            model = file.read(_MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise TokenizerError(
            f"{path} cannot be read ({error.strerror}); check the name and your access."
        ) from None
    if len(model) > _MAX_MODEL_BYTES:
        raise TokenizerError(f"{path} is larger than any vocabulary should be; get it again.")
    return model


def _load(model: bytes, source: str) -> Any:
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise TokenizerError(
            f"{source} is not a SentencePiece model that can be used ({shown(str(error))})."
        ) from None
