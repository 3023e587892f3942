"""Cuts mean what Unicode and the standard library take their patterns to mean, and are told apart by name."""

import random
import re
import string
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from core.spec.errors import TokenizerError
from core.text import pretokenizers
from core.text.gguf_vocabulary import from_gguf
from tests.core.vocabularies import gguf_byte_level

SIGNS = (
    string.printable.replace("\v", "").replace("\f", "") + "\u00a0\u1680\u2003\u2028\u3000\u0085"
    "\u200b\u200d\u00ad\u0301\u0308\u093f\u0e33\u00e9\u00c9\u00df\u01c5\u02b0"
    "\u00aa\u00b2\u00bd\u2167\u0663\u20ac\u00a9\u2192\u2026\u2014\u201c\u00ab\u4e2d\u4e00\u9fa5\u3042\u30ab\uac00"
    "\u3131\u3105\u0e01\u0928\u3002\uff0c\uff01\u300c\U00010400\U0001d400\U0001f642\ue000\u05d0\u0627\u06d4\u0964"
)
NAMES = sorted(pretokenizers.known_names())
PIECES = [
    *SIGNS,
    "  ",
    "    ",
    "\n\n",
    "\r\n",
    "don't",
    "I'LL",
    "1234567",
    "HTTPServer",
    "/\n",
    "!!\n",
    " 12",
]
texts = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@cache
def spelled_out(pattern: str) -> re.Pattern[str]:
    """The pattern with every Unicode class replaced by those of SIGNS that are in it."""

    def members(match: re.Match[str]) -> str:
        category = match.group(1)
        found = "".join(re.escape(s) for s in SIGNS if unicodedata.category(s).startswith(category))
        before = pattern[: match.start()].replace(r"\[", "").replace(r"\]", "")
        return found if before.rfind("[") > before.rfind("]") else f"[{found}]"

    return re.compile(re.sub(r"\\p\{(\w+)\}", members, pattern))


def cut_by_re(text: str, patterns: tuple[str, ...]) -> list[str]:
    pieces = [text] if text else []
    for pattern in patterns:
        compiled, done = spelled_out(pattern), []
        for piece in pieces:
            end = 0
            for match in compiled.finditer(piece):
                done += [piece[end : match.start()], match.group()]
                end = match.end()
            done.append(piece[end:])
        pieces = [piece for piece in done if piece]
    return pieces


@cache
def library_s(patterns: tuple[str, ...]) -> pre_tokenizers.Sequence:
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns])


def cut_by_library(text: str, patterns: tuple[str, ...]) -> list[str]:
    return [piece for piece, _ in library_s(patterns).pre_tokenize_str(text)]


@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_every_cut_is_what_the_standard_library_makes_of_its_patterns(text: str) -> None:
    for name in NAMES:
        patterns = pretokenizers.named(name, source="x").patterns
        assert cut_by_library(text, patterns) == cut_by_re(text, patterns), name


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("gpt-2", "I'm  12 km²!\n\nx", ["I", "'m", " ", " 12", " km", "²", "!", "\n", "\n", "x"]),
        ("gpt-2", "don'T end  ", ["don", "'", "T", " end", "  "]),
        ("starcoder", "x = 123  y", ["x", " =", " ", "1", "2", "3", " ", " y"]),
        ("llama-bpe", "DON'T 12345!!\n\n  x", ["DON", "'T", " ", "123", "45", "!!\n\n", " ", " x"]),
        ("qwen2", "a 42\t\tb\r\n", ["a", " ", "4", "2", "\t", "\tb", "\r\n"]),
        ("deepseek-coder", "if x == 10:\n", ["if", " x", " == ", "1", "0", ":", "\n"]),
        ("falcon", "a_b 12345$", ["a", "_", "b", " ", "123", "45", "$"]),
        ("default", "`x` 1234", ["`", "x", "`", " ", "123", "4"]),
        ("tekken", "HTTPServer x42", ["HTTPServer", " x", "4", "2"]),
        ("gpt-4o", "camelCase's", ["camel", "Case's"]),
        ("deepseek-v3", "a.b 1234\u4e2d", ["a", ".b", " ", "123", "4", "\u4e2d"]),
    ],
)
def test_well_known_cuts(name: str, text: str, words: list[str]) -> None:
    assert cut_by_library(text, pretokenizers.named(name, source="x").patterns) == words


def test_each_cut_is_found_again_by_what_it_does() -> None:
    for name in NAMES:
        cut = pretokenizers.named(name, source="x")
        found = pretokenizers.name_of(pretokenizers.build(cut), whole_words=cut.whole_words)
        assert found is not None
        assert pretokenizers.named(found, source="x").patterns == cut.patterns


def test_the_library_s_own_cutters_are_recognised() -> None:
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), plain])
    assert pretokenizers.name_of(plain, whole_words=False) == "gpt-2"
    assert pretokenizers.name_of(digits, whole_words=False) == "starcoder"
    assert pretokenizers.name_of(plain, whole_words=True) is None
    assert pretokenizers.name_of(pre_tokenizers.Whitespace(), whole_words=False) is None


def test_an_unknown_name_is_said_with_those_known() -> None:
    with pytest.raises(TokenizerError, match=r"model\.gguf .*'kimi-k2'.*llama-bpe.*qwen2"):
        pretokenizers.named("kimi-k2", source="model.gguf")


def test_a_megabyte_without_a_break_is_cut() -> None:
    for name in ("llama-bpe", "gpt-2", "deepseek-v3", "tekken"):
        patterns = pretokenizers.named(name, source="x").patterns
        for sign in " a!\n":
            assert "".join(cut_by_library(sign * 1_000_000, patterns)) == sign * 1_000_000


# Where llama.cpp has no engine for a published pattern, it uses one that differs for letters beyond ASCII.
APPROXIMATED = {
    *("deepseek-coder", "deepseek-llm", "tekken", "youtu"),
    *("gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_llama_cpp_gives_the_same_tokens(name: str, tmp_path: Path) -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    fields = gguf_byte_level(pre=name, own=("    ", "\u00e9t\u00e9"))
    write_vocabulary(tmp_path / "vocabulary.gguf", fields)
    reference = llama_cpp.Llama(str(tmp_path / "vocabulary.gguf"), vocab_only=True, verbose=False)
    ours = from_gguf(fields, source=name)
    luck = random.Random(name)
    for _ in range(500):
        text = "".join(luck.choice(PIECES) for _ in range(luck.randint(1, 30)))
        text = text if name not in APPROXIMATED else text.encode("ascii", "ignore").decode()
        assert ours.encode(text) == reference.tokenize(text.encode(), add_bos=False, special=False), text


def write_vocabulary(path: Path, fields: dict[str, object]) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(8)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(8)
    for key, value in fields.items():
        if isinstance(value, list):
            writer.add_array(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        else:
            writer.add_string(key, str(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
