"""The few fields of a SentencePiece model file that matter here, read and written by hand.

The library offers no way to build a model from pieces and scores, nor says which pieces are the user's own.
"""

import math
import struct
from collections.abc import Iterator, Sequence

from core.spec.errors import TokenizerError
from core.text.pieces import BYTE_OF_SPELLING, Piece
from core.text.tokenizer import TokenKind

MAX_TOKENS = 1 << 21
_MAX_PIECE_LETTERS = 1 << 14

# Field numbers of sentencepiece_model.proto.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE_TEXT, _PIECE_SCORE, _PIECE_KIND = 1, 2, 3
_TRAINER_MODEL_TYPE, _TRAINER_VOCAB_SIZE, _TRAINER_BYTE_FALLBACK = 3, 4, 35
_NORMALIZER_NAME, _NORMALIZER_DUMMY_PREFIX, _NORMALIZER_EXTRA_SPACES = 1, 3, 4
_BPE = 2
_VARINT, _EIGHT_BYTES, _BLOCK, _FOUR_BYTES = 0, 1, 2, 5


def write_model(pieces: Sequence[Piece], adds_space: bool) -> bytes:
    """A BPE model that changes nothing in the text but the space it may put in front."""
    bytes_complete = sum(piece.kind == TokenKind.BYTE for piece in pieces) == len(BYTE_OF_SPELLING)
    trainer = _varint_field(_TRAINER_MODEL_TYPE, _BPE) + _varint_field(_TRAINER_VOCAB_SIZE, len(pieces))
    trainer += _varint_field(_TRAINER_BYTE_FALLBACK, bytes_complete)
    normalizer = _block(_NORMALIZER_NAME, b"identity") + _varint_field(_NORMALIZER_DUMMY_PREFIX, adds_space)
    normalizer += _varint_field(_NORMALIZER_EXTRA_SPACES, 0)
    return write_pieces(pieces) + _block(_TRAINER, trainer) + _block(_NORMALIZER, normalizer)


def write_pieces(pieces: Sequence[Piece]) -> bytes:
    """Put behind a whole model, this gives it more pieces: that is how its format joins repeated fields."""
    return b"".join(
        _block(
            _PIECES,
            _block(_PIECE_TEXT, piece.text.encode())
            + _key(_PIECE_SCORE, _FOUR_BYTES)
            + struct.pack("<f", piece.score)
            + _varint_field(_PIECE_KIND, piece.kind),
        )
        for piece in pieces
    )


def read_model(model: bytes, source: str) -> tuple[list[Piece], bool]:
    pieces: list[Piece] = []
    adds_space = True
    try:
        for field, value in _fields(model):
            if field == _PIECES and isinstance(value, bytes):
                pieces.append(_read_piece(value))
            elif field == _NORMALIZER and isinstance(value, bytes):
                adds_space = bool(dict(_fields(value)).get(_NORMALIZER_DUMMY_PREFIX, adds_space))
            if len(pieces) > MAX_TOKENS:
                raise ValueError(f"more than {MAX_TOKENS} pieces")
        if not pieces:
            raise ValueError("no pieces")
    except (ValueError, IndexError, struct.error) as error:
        raise TokenizerError(
            f"{source} is not a SentencePiece model, or is damaged ({error}); get it again."
        ) from None
    return pieces, adds_space


def _read_piece(block: bytes) -> Piece:
    text, score, kind = "", 0.0, TokenKind.NORMAL
    for field, value in _fields(block):
        if field == _PIECE_TEXT and isinstance(value, bytes):
            text = value.decode("utf-8")
        elif field == _PIECE_SCORE and isinstance(value, bytes):
            (score,) = struct.unpack("<f", value)
        elif field == _PIECE_KIND and isinstance(value, int):
            kind = TokenKind(value)
    piece = Piece(text, score, kind)
    check_piece(piece)
    return piece


def check_piece(piece: Piece) -> None:
    """The library compares scores and ends its strings at a zero; it must not meet what breaks either."""
    if not piece.text or "\0" in piece.text or len(piece.text) > _MAX_PIECE_LETTERS:
        raise ValueError(f"the piece {piece.text[:20]!r} is empty, too long, or has a zero in it")
    if not math.isfinite(piece.score):
        raise ValueError(f"the score of {piece.text[:20]!r} is not a number")


def _fields(block: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(block):
        key, position = _read_varint(block, position)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _read_varint(block, position)
            yield field, value
            continue
        if wire == _BLOCK:
            length, position = _read_varint(block, position)
        elif wire in (_FOUR_BYTES, _EIGHT_BYTES):
            length = 4 if wire == _FOUR_BYTES else 8
        else:
            raise ValueError(f"a field of the unknown kind {wire}")
        if length > len(block) - position:
            raise ValueError("a field that is longer than the file")
        yield field, block[position : position + length]
        position += length


def _read_varint(block: bytes, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = block[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("a number that does not end")


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _varint_field(field: int, number: int) -> bytes:
    return _key(field, _VARINT) + _varint(int(number))


def _block(field: int, content: bytes) -> bytes:
    return _key(field, _BLOCK) + _varint(len(content)) + content


def without_added_space(model: bytes) -> bytes:
    """A field put behind a whole model overrules the one before: so the format joins two of a kind."""
    return model + _block(_NORMALIZER, _varint_field(_NORMALIZER_DUMMY_PREFIX, 0))
