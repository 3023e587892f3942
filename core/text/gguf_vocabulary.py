"""The vocabulary inside a GGUF file: read from the file's metadata, and written as such.

The metadata comes as a plain mapping; reading and writing the file itself is not done here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from core.spec.errors import TokenizerError
from core.spec.headers import shown
from core.text import pretokenizers
from core.text.fim import FIM_SPELLINGS, find_marks
from core.text.pieces import BYTE_OF_SPELLING, SPACE_MARK, Piece
from core.text.sentence_piece_file import MAX_TOKENS
from core.text.sentence_pieces import SentencePieces
from core.text.tokenizer import END_SPELLINGS, MARK_SHAPE, Tokenizer, TokenKind, Vocabulary, find_end_ids
from core.text.tokenizer_json import MergeTable, TokenizerJson

_PREFIX = "tokenizer.ggml."
_END_KEYS = ("eos_token_id", "eot_token_id", "eom_token_id")
_FIM_KEYS = {
    "prefix": ("fim_pre_token_id", "prefix_token_id"),
    "suffix": ("fim_suf_token_id", "suffix_token_id"),
    "middle": ("fim_mid_token_id", "middle_token_id"),
    "pad": ("fim_pad_token_id",),
}
_MARKS = frozenset(END_SPELLINGS) | FIM_SPELLINGS
Item = TypeVar("Item")


def from_gguf(metadata: Mapping[str, Any], *, source: str) -> Tokenizer:
    reader = _Metadata(metadata, source)
    tokens = [token or f"[EMPTY_{i}]" for i, token in enumerate(reader.items("tokens", str))]
    if not 0 < len(tokens) <= MAX_TOKENS:
        raise TokenizerError(f"{source} has a vocabulary of {len(tokens)} tokens; get the file again.")
    if len(set(tokens)) != len(tokens):
        raise TokenizerError(f"{source} has the same token twice in its vocabulary; get the file again.")
    fim_ids = {
        role: token
        for role, keys in _FIM_KEYS.items()
        if (token := reader.token(keys, len(tokens))) is not None
    }
    named_ends = [reader.token((key,), len(tokens)) for key in _END_KEYS]
    bos_id = reader.token(("bos_token_id",), len(tokens))
    kinds = _kinds(reader, tokens, {bos_id, *named_ends, *fim_ids.values()})
    model = reader.text("model")
    if model == "llama":
        vocabulary: Vocabulary = _sentence_pieces(reader, tokens, kinds)
        expects_bos = bos_id is not None
    elif model == "gpt2":
        cut = pretokenizers.named(reader.text("pre", "default"), source=source)
        table = MergeTable(tokens, kinds, _merges(reader))
        vocabulary = TokenizerJson.from_merges(table, cut, source=source)
        expects_bos = bos_id is not None and cut.expects_bos
    else:
        raise TokenizerError(
            f"{source} has a vocabulary of the kind {shown(model)} in {_PREFIX}model;"
            " 'llama' (SentencePiece) and 'gpt2' (byte-level) can be used."
        )
    return Tokenizer(
        vocabulary,
        bos_id=bos_id,
        eos_id=named_ends[0],
        pad_id=reader.token(("padding_token_id",), len(tokens)),
        end_ids=find_end_ids(vocabulary, named_ends),
        add_bos=reader.flag("add_bos_token", expects_bos) and bos_id is not None,
        chat_template=reader.chat_template(),
        fim_ids=fim_ids,
    )


def to_gguf(tokenizer: Tokenizer, *, vocab_size: int) -> dict[str, Any]:
    """The metadata that `from_gguf` makes the same tokenizer of, filled up to the model's `vocab_size`."""
    fields = tokenizer.vocabulary.gguf_fields()
    tokens, kinds = fields[_PREFIX + "tokens"], fields[_PREFIX + "token_type"]
    if len(tokens) > vocab_size:
        raise TokenizerError(
            f"The vocabulary has {len(tokens)} tokens and the model {vocab_size}; they do not match."
        )
    extra = range(len(tokens), vocab_size)
    tokens += [f"[PAD{token}]" for token in extra]
    kinds += [int(TokenKind.UNUSED)] * len(extra)
    if _PREFIX + "scores" in fields:
        fields[_PREFIX + "scores"] += [0.0] * len(extra)
    marks = find_marks(tokenizer)
    other_ends = sorted(tokenizer.end_ids - {tokenizer.eos_id})
    named = {
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": tokenizer.eos_id,
        "eot_token_id": other_ends[0] if other_ends else None,
        "padding_token_id": tokenizer.pad_id,
        "fim_pre_token_id": marks and marks.prefix,
        "fim_suf_token_id": marks and marks.suffix,
        "fim_mid_token_id": marks and marks.middle,
        "fim_pad_token_id": marks and marks.pad,
    }
    fields |= {_PREFIX + key: token for key, token in named.items() if token is not None}
    fields[_PREFIX + "add_bos_token"] = tokenizer.add_bos
    if tokenizer.chat_template is not None:
        fields["tokenizer.chat_template"] = tokenizer.chat_template
    _check_reads_back(tokenizer, fields)
    return fields


def _check_reads_back(tokenizer: Tokenizer, fields: Mapping[str, Any]) -> None:
    again = from_gguf(fields, source="the exported vocabulary")
    if again.encode(pretokenizers.PROBE) != tokenizer.encode(pretokenizers.PROBE):
        raise TokenizerError(
            "The vocabulary would cut text differently once written as GGUF; export another format."
        )


def _kinds(reader: "_Metadata", tokens: list[str], named: set[int | None]) -> list[TokenKind]:
    """Older conversions call every token normal; what the file names or everyone knows as a mark is one."""
    if reader.has("token_type"):
        numbers = reader.items("token_type", int)
        if len(numbers) < len(tokens):
            raise TokenizerError(
                f"{reader.source} has fewer {_PREFIX}token_type than tokens; get the file again."
            )
        known = frozenset(TokenKind)
        kinds = [
            TokenKind(number) if number in known else TokenKind.UNUSED for number in numbers[: len(tokens)]
        ]
    else:
        kinds = [TokenKind.BYTE if token in BYTE_OF_SPELLING else TokenKind.NORMAL for token in tokens]
    for number, token in enumerate(tokens):
        is_mark = token in _MARKS or (number in named and MARK_SHAPE.fullmatch(token) is not None)
        if is_mark and kinds[number] in (TokenKind.NORMAL, TokenKind.USER_DEFINED):
            kinds[number] = TokenKind.CONTROL
    return kinds


def _sentence_pieces(reader: "_Metadata", tokens: list[str], kinds: list[TokenKind]) -> SentencePieces:
    scores = reader.items("scores", (int, float))
    if len(scores) < len(tokens):
        raise TokenizerError(f"{reader.source} has fewer {_PREFIX}scores than tokens; get the file again.")
    unknown = reader.token(("unknown_token_id",), len(tokens)) or 0
    pieces = [Piece(*each) for each in zip(tokens, map(float, scores), kinds, strict=False)]
    for number, piece in enumerate(pieces):
        if number == unknown:
            pieces[number] = replace(piece, kind=TokenKind.UNKNOWN)
        elif piece.kind == TokenKind.UNKNOWN:
            pieces[number] = replace(piece, kind=TokenKind.CONTROL)
        elif piece.kind == TokenKind.USER_DEFINED:
            pieces[number] = replace(piece, text=piece.text.replace(" ", SPACE_MARK))
    adds_space = reader.flag("add_space_prefix", True)
    return SentencePieces.from_pieces(pieces, adds_space=adds_space, source=reader.source)


def _merges(reader: "_Metadata") -> list[tuple[str, str]]:
    merges = []
    for merge in reader.items("merges", str):
        left, _, right = merge[1:].partition(" ")
        merges.append((merge[:1] + left, right))
    return merges


class _Metadata:
    """Values of the expected type, or a sentence that names the key."""

    def __init__(self, metadata: Mapping[str, Any], source: str) -> None:
        self._metadata = metadata
        self.source = source

    def has(self, name: str) -> bool:
        return _PREFIX + name in self._metadata

    def text(self, name: str, default: str | None = None) -> str:
        return self._expect(name, self._metadata.get(_PREFIX + name, default), str, "a text")

    def flag(self, name: str, default: bool) -> bool:
        return self._expect(name, self._metadata.get(_PREFIX + name, default), bool, "true or false")

    def items(self, name: str, kind: type[Item] | tuple[type[Item], ...]) -> list[Item]:
        items = self._expect(name, self._metadata.get(_PREFIX + name), list, "a list")
        if not all(isinstance(item, kind) for item in items):
            raise TokenizerError(
                f"{self.source} has a wrong kind of value in {_PREFIX}{name}; get the file again."
            )
        return items

    def token(self, names: tuple[str, ...], size: int) -> int | None:
        """The first of the names that is there and is a token; files that name one beyond the end exist."""
        for name in names:
            value = self._metadata.get(_PREFIX + name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < size:
                return value
        return None

    def chat_template(self) -> str | None:
        template = self._metadata.get("tokenizer.chat_template")
        return template if isinstance(template, str) else None

    def _expect(self, name: str, value: Any, kind: type[Item], said: str) -> Item:
        if not isinstance(value, kind):
            found = "nothing" if value is None else type(value).__name__
            raise TokenizerError(
                f"{self.source} should have {said} in {_PREFIX}{name} and has {found}; get the file again."
            )
        return value
