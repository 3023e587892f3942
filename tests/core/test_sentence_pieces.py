"""SentencePiece vocabularies: equal to the library, and safe from files that are not what they say."""

from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import TokenizerError
from core.text.pieces import Piece
from core.text.sentence_piece_file import read_model, write_model
from core.text.sentence_pieces import SentencePieces
from core.text.tokenizer import TokenKind
from tests.core.vocabularies import train_pieces
from tests.fuzz.builders import assert_is_a_sentence


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pieces") / "tokenizer.model"
    path.write_bytes(train_pieces(user_defined_symbols=["<own>"], control_symbols=["<mark>"]))
    return path


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(exclude_characters="▁", exclude_categories=("Cs",)), max_size=40))
def test_tokens_are_those_of_the_library(model_file: Path, text: str) -> None:
    library = sentencepiece.SentencePieceProcessor(model_file=str(model_file))
    assert SentencePieces.read(model_file).encode(text, continues=False) == library.encode(text)


def test_a_users_own_piece_is_found_and_a_control_piece_is_not(model_file: Path) -> None:
    vocabulary = SentencePieces.read(model_file)
    tokens = vocabulary.encode("a<own>b<mark>c", continues=False)
    assert vocabulary.token_id("<own>") in tokens
    assert vocabulary.token_id("<mark>") not in tokens
    assert vocabulary.token_id("<mark>") in vocabulary.special_ids


def test_a_model_written_from_its_pieces_gives_the_same_tokens(model_file: Path) -> None:
    original = SentencePieces.read(model_file)
    pieces, adds_space = read_model(model_file.read_bytes(), "x")
    rebuilt = SentencePieces.from_pieces(pieces, adds_space=adds_space, source="x")
    for text in ("def add(first, second):\n\treturn first", "  é中🙂<own>  x", ""):
        assert rebuilt.encode(text, continues=False) == original.encode(text, continues=False)
    assert read_model(write_model(pieces, adds_space), "x") == (pieces, adds_space)


def test_the_marks_that_the_file_names_are_known(model_file: Path) -> None:
    vocabulary = SentencePieces.read(model_file)
    assert [vocabulary.mark_id(role) for role in ("unk", "bos", "eos", "pad")] == [0, 1, 2, None]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_in_a_sentence(
    model_file: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    model = bytearray(model_file.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(model) - 1), min_size=1, max_size=4)):
        model[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "tokenizer.model"
    path.write_bytes(model[: data.draw(st.integers(0, len(model)))])
    try:
        vocabulary = SentencePieces.read(path)
    except TokenizerError as error:
        assert_is_a_sentence(error, "tokenizer.model")
    else:
        vocabulary.encode("def add(first):\n", continues=False)


@pytest.mark.parametrize(
    "piece",
    [
        Piece("", 0.0, TokenKind.NORMAL),
        Piece("a\0b", 0.0, TokenKind.NORMAL),
        Piece("x", float("nan"), TokenKind.NORMAL),
        Piece("<unk>", 0.0, TokenKind.NORMAL),
        Piece("y" * 100_000, 0.0, TokenKind.NORMAL),
    ],
)
def test_pieces_that_would_break_the_library_are_refused(piece: Piece) -> None:
    unknown = Piece("<unk>", 0.0, TokenKind.UNKNOWN)
    with pytest.raises(TokenizerError):
        SentencePieces.from_pieces([unknown, piece], adds_space=True, source="x")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a" * 50])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=r"tokenizer\.model"):
        SentencePieces.read(path)
