"""Where a model keeps its tokenizer: a GGUF file, or a folder with tokenizer.json or tokenizer.model.

What the folder's other files say (marks, ends, chat template) is optional, and checked before it is believed.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.spec.errors import TokenizerError
from core.spec.gguf_header import read_gguf_header
from core.spec.headers import read_json
from core.spec.library import located, no_such_model
from core.text.gguf_vocabulary import from_gguf
from core.text.pieces import SPACE_MARK, Piece
from core.text.sentence_pieces import SentencePieces
from core.text.tokenizer import VOCABULARY_FILE_KEY, Tokenizer, TokenKind, find_end_ids
from core.text.tokenizer_json import TokenizerJson

Role = Literal["bos", "eos", "pad", "unk"]
_ROLES: tuple[Role, ...] = ("bos", "eos", "pad", "unk")
_MAX_TEMPLATE_BYTES = 1 << 20


def open_tokenizer(path: Path) -> Tokenizer:
    """`path`: a model folder, a GGUF file, a lone SentencePiece .model, or the id of a downloaded model."""
    path = located(path)
    if not os.path.lexists(path):
        raise no_such_model(path)
    if path.is_dir():
        return open_folder(path)
    if path.suffix == ".model":
        return _tokenizer(SentencePieces.read(path), _Said({}, {}, {}, path.parent))
    return from_gguf(read_gguf_header(path).metadata, source=str(path))


def open_folder(folder: Path) -> Tokenizer:
    said = _Said(
        _read_object(folder / "tokenizer_config.json"),
        _read_object(folder / "special_tokens_map.json"),
        _read_object(folder / "generation_config.json"),
        folder,
    )
    model_file = folder / "tokenizer.model"
    is_ours = said.config.get(VOCABULARY_FILE_KEY) == model_file.name and model_file.is_file()
    if (folder / "tokenizer.json").is_file() and not is_ours:
        return _tokenizer(TokenizerJson.read(folder / "tokenizer.json", said.spellings()), said)
    if model_file.is_file():
        return _tokenizer(SentencePieces.read(model_file, said.added_pieces()), said)
    raise TokenizerError(f"{folder} has neither tokenizer.json nor tokenizer.model; add the model's own one.")


def _tokenizer(vocabulary: TokenizerJson | SentencePieces, said: "_Said") -> Tokenizer:
    bos_id, eos_id = said.token(vocabulary, "bos"), said.token(vocabulary, "eos")
    expects_bos = bos_id is not None
    if isinstance(vocabulary, TokenizerJson):
        expects_bos = vocabulary.adds_bos(bos_id)
    ends = [token for token in said.end_ids() if token < vocabulary.size]
    return Tokenizer(
        vocabulary,
        bos_id=bos_id,
        eos_id=eos_id,
        pad_id=said.token(vocabulary, "pad"),
        end_ids=find_end_ids(vocabulary, [eos_id, *ends]),
        add_bos=said.adds_bos(expects_bos) and bos_id is not None,
        chat_template=said.chat_template(),
    )


@dataclass(frozen=True)
class _Said:
    """What the files beside the vocabulary say, in their old and new shapes."""

    config: dict[str, Any]
    special_tokens: dict[str, Any]
    generation: dict[str, Any]
    folder: Path

    def spelling(self, role: Role) -> str | None:
        key = f"{role}_token"
        value = self.config.get(key, self.special_tokens.get(key))
        if isinstance(value, dict):
            value = value.get("content")
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "a text")

    def spellings(self) -> list[str]:
        return [spelling for spelling in map(self.spelling, _ROLES) if spelling]

    def token(self, vocabulary: TokenizerJson | SentencePieces, role: Role) -> int | None:
        spelling = self.spelling(role)
        if spelling is not None:
            return vocabulary.token_id(spelling)
        named = self.generation.get(f"{role}_token_id")
        if isinstance(named, list) and named:
            named = named[0]
        if isinstance(named, int) and _is_token(named) and named < vocabulary.size:
            return named
        is_denied = f"{role}_token" in self.config
        return vocabulary.mark_id(role) if isinstance(vocabulary, SentencePieces) and not is_denied else None

    def end_ids(self) -> list[int]:
        named = self.generation.get("eos_token_id")
        ends = named if isinstance(named, list) else [] if named is None else [named]
        if not all(map(_is_token, ends)):
            raise self._wrong("eos_token_id", "a token's number or a list of them")
        return ends

    def adds_bos(self, default: bool) -> bool:
        value = self.config.get("add_bos_token")
        if value is not None and not isinstance(value, bool):
            raise self._wrong("add_bos_token", "true or false")
        return default if value is None else value

    def chat_template(self) -> str | None:
        path = self.folder / "chat_template.jinja"
        if path.is_file():
            return _read_template(path)
        value = self.config.get("chat_template")
        if isinstance(value, list):
            value = next((part.get("template") for part in value if _is_default_template(part)), None)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong("chat_template", "a text")

    def added_pieces(self) -> dict[int, Piece]:
        """Tokens that a folder numbers after those of its tokenizer.model."""
        listed = self.config.get("added_tokens_decoder", {})
        if not isinstance(listed, dict):
            raise self._wrong("added_tokens_decoder", "a table")
        added = {}
        for number, known in listed.items():
            content = known.get("content") if isinstance(known, dict) else None
            if not number.isdecimal() or not isinstance(content, str) or not content:
                raise self._wrong("added_tokens_decoder", "a number and a text for each token")
            kind = TokenKind.CONTROL if known.get("special") else TokenKind.USER_DEFINED
            added[int(number)] = Piece(content.replace(" ", SPACE_MARK), 0.0, kind)
        return added

    def _wrong(self, key: str, expected: str) -> TokenizerError:
        return TokenizerError(
            f"{self.folder} should give {key!r} as {expected} beside its vocabulary; mend that."
        )


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_default_template(part: Any) -> bool:
    return isinstance(part, dict) and part.get("name") == "default"


def _read_object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise TokenizerError(f"{path} should hold a JSON object; get it again from where it came from.")
    return value


def _read_template(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_TEMPLATE_BYTES + 1)
        if len(data) > _MAX_TEMPLATE_BYTES:
            raise TokenizerError(f"{path} is larger than any chat template should be; get it again.")
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(
            f"{path} cannot be read ({error}); get it again from where it came from."
        ) from None
