"""A vocabulary of pieces, and the two ways to say how they join: scores (SentencePiece, GGUF) and merges.

Both join neighbours until nothing joins: the one by the best score of what comes out, the other by a list of
pairs, which is what the `tokenizers` library and so transformers read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.text.tokenizer import HIDDEN_KINDS, TokenKind

if TYPE_CHECKING:
    import tokenizers

SPACE_MARK = "▁"
BYTE_OF_SPELLING = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}
_LEAST_SCORE = -1e9


@dataclass(frozen=True)
class Piece:
    text: str
    score: float
    kind: TokenKind

    @property
    def plain_text(self) -> str:
        return self.text.replace(SPACE_MARK, " ")


def merges_from_scores(pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    joinable = {piece.text: piece.score for piece in pieces if piece.kind == TokenKind.NORMAL}
    pairs = [
        (-score, len(left := text[:cut]), left, right)
        for text, score in joinable.items()
        for cut in range(1, len(text))
        if text[:cut] in joinable and (right := text[cut:]) in joinable
    ]
    return [(left, right) for _, _, left, right in sorted(pairs, key=lambda pair: pair[:2])]


def scores_from_merges(tokens: Iterable[str], merges: Iterable[Sequence[str]]) -> list[float]:
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault("".join(pair), rank)
    return [float(-ranks[token]) if token in ranks else _LEAST_SCORE for token in tokens]


def library_of(pieces: Sequence[Piece], *, adds_space: bool) -> "tokenizers.Tokenizer":
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    # A user's own piece is looked for in the text as it is, before its spaces are marked.
    spellings = [p.plain_text if p.kind == TokenKind.USER_DEFINED else p.text for p in pieces]
    library = Tokenizer(
        models.BPE(
            vocab={spelling: token for token, spelling in enumerate(spellings)},
            merges=merges_from_scores(pieces),
            unk_token=next((piece.text for piece in pieces if piece.kind == TokenKind.UNKNOWN), None),
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    mark_space = normalizers.Prepend(SPACE_MARK)
    library.normalizer = normalizers.Sequence(
        [*([mark_space] if adds_space else []), normalizers.Replace(" ", SPACE_MARK)]
    )
    unmark_space = decoders.Strip(" ", 1, 0)
    library.decoder = decoders.Sequence(
        [
            *(decoders.Replace(SPACE_MARK, " "), decoders.ByteFallback(), decoders.Fuse()),
            *([unmark_space] if adds_space else []),
        ]
    )
    for piece, spelling in zip(pieces, spellings, strict=True):
        if piece.kind in HIDDEN_KINDS or piece.kind == TokenKind.USER_DEFINED:
            special = piece.kind in HIDDEN_KINDS
            library.add_tokens([AddedToken(spelling, normalized=False, special=special)])
    return library


def lead_with(library: "tokenizers.Tokenizer", token: int | None) -> None:
    """For transformers, which asks the library whether a text begins with a mark."""
    from tokenizers import processors

    spelling = None if token is None else library.id_to_token(token)
    if spelling is not None:
        library.post_processor = processors.TemplateProcessing(
            single=[spelling, "$A"], pair=[spelling, "$A", "$B"], special_tokens=[(spelling, token)]
        )
