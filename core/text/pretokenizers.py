"""How a byte-level vocabulary cuts text into words before merging, for each name that a GGUF file may give.

A cut is a list of patterns applied in turn, each to the pieces that the one before left; what a pattern does
not match stays a piece of its own. Cuts that need more than patterns (kimi-k2, afmoe, gemma4) are not here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.spec.errors import TokenizerError
from core.spec.headers import shown

if TYPE_CHECKING:
    from tokenizers import pre_tokenizers

_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_ANY_CASE = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_SIGNS_AND_SLASHES = r" ?[^\s\p{L}\p{N}]+[\r\n/]*"
_LINES = r"\s*[\r\n]+"
_SPACES = r"\s+(?!\S)|\s+"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CAPITALISED = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+"
_CAPITALS = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
_CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
_KANA_AND_HAN = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
_HANGUL_AND_SIGNS = (
    "[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f"
    "\ufe30-\ufe4f]+|[\u3105-\u312f]+|"
)
_ASCII_SIGN_AND_WORD = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"
_MARKED_WORD = r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
_CASED_LETTERS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af"
    "\u0370-\u0373\u0376-\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5"
    "\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba"
    "\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45"
    "\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe"
    "\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102"
    "\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183-\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2-\u2cf3"
    "\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06"
    "\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df"
    "\U0001e900-\U0001e943"
)

_GPT2 = rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)"
_LLAMA3 = rf"{_ANY_CASE}|{_WORD}|\p{{N}}{{1,3}}|{_SIGNS}|{_LINES}|{_SPACES}"
_QWEN2 = rf"{_ANY_CASE}|{_WORD}|\p{{N}}|{_SIGNS}|{_LINES}|{_SPACES}"
_DEEPSEEK_V3_WORDS = rf"{_ASCII_SIGN_AND_WORD}|{_MARKED_WORD}| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_LINES}|{_SPACES}"
_NOT_POINTED = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"


@dataclass(frozen=True)
class Cut:
    """`whole_words`: a word that is itself a token is taken whole, whatever the merges say."""

    patterns: tuple[str, ...]
    whole_words: bool = False
    expects_bos: bool = False


# Names that mean the same cut stand together; an export uses the first of them.
_CUTS: tuple[tuple[str, Cut], ...] = (
    (
        "gpt-2 phi-2 mpt olmo jais exaone4 mellum modern-bert roberta-bpe gigachat jina-es jina-de jina-v2-es"
        " jina-v2-de jina-v1-en jina-v2-code a.x-4.0 trillion granite-docling",
        Cut((_GPT2,)),
    ),
    (
        "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
        Cut((r"\p{N}", _GPT2)),
    ),
    (
        "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
        Cut((_LLAMA3,), whole_words=True, expects_bos=True),
    ),
    ("glm4 glm5", Cut((_LLAMA3,), whole_words=True)),
    ("smaug-bpe dbrx chatglm-bpe", Cut((_LLAMA3,))),
    (
        "qwen2 stablelm2 deepseek-r1-qwen kormo f2llmv2 megrez hunyuan solar-open grok-2 bailingmoe"
        " bailingmoe2 llada-moe",
        Cut((_QWEN2,)),
    ),
    (
        "qwen35",
        Cut(
            (
                rf"{_ANY_CASE}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}"
                rf"| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_LINES}|{_SPACES}",
            )
        ),
    ),
    ("deepseek-coder", Cut((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _CJK, r"\p{N}"))),
    (
        "deepseek-llm",
        Cut(
            (
                r"[\r\n]",
                rf"\s?[{_CASED_LETTERS}]+",
                "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                r"\s+$",
                _CJK,
                r"\p{N}+",
            )
        ),
    ),
    (
        "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
        Cut((r"\p{N}{1,3}", _KANA_AND_HAN, _DEEPSEEK_V3_WORDS)),
    ),
    ("falcon", Cut((r"[\p{P}$+<=>^~|`]+", _GPT2, r"[0-9][0-9][0-9]"))),
    ("default", Cut((r"[\p{P}$+<=>^~|]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"))),
    (
        "tekken",
        Cut(
            (rf"{_CAPITALISED}|{_CAPITALS}|\p{{N}}|{_SIGNS_AND_SLASHES}|{_LINES}|{_SPACES}",),
            whole_words=True,
            expects_bos=True,
        ),
    ),
    (
        "gpt-4o llama4 kanana2 talkie minimax-m2",
        Cut(
            (
                rf"{_CAPITALISED}{_ANY_CASE}?|{_CAPITALS}{_ANY_CASE}?|\p{{N}}{{1,3}}"
                rf"|{_SIGNS_AND_SLASHES}|{_LINES}|{_SPACES}",
            )
        ),
    ),
    (
        "youtu",
        Cut(
            (
                _HANGUL_AND_SIGNS + _KANA_AND_HAN,
                rf"{_CAPITALISED}{_ANY_CASE}?|{_CAPITALS}{_ANY_CASE}?|\p{{N}}|{_SIGNS_AND_SLASHES}|{_LINES}|{_SPACES}",
            ),
            whole_words=True,
        ),
    ),
    (
        "jais-2",
        Cut(
            (
                rf"{_ANY_CASE}|{_WORD}|\p{{N}}{{1,3}}|{_SIGNS}|{_LINES}|\s{{512}}(?!\S)|\s{{256}}(?!\S)|\s{{128}}(?!\S)"
                r"|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}",
            )
        ),
    ),
    ("poro-chat bloom gpt3-finnish", Cut((_NOT_POINTED,))),
    ("viking", Cut((_NOT_POINTED, r"\p{N}"))),
    (
        "seed-coder",
        Cut((rf"{_ANY_CASE}|{_WORD}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_LINES}|{_SPACES}",)),
    ),
    (
        "exaone-moe",
        Cut(
            (
                rf"{_ANY_CASE}|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}"
                rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]?|\s*[\r\n]|{_SPACES}",
            )
        ),
    ),
    (
        "minicpm5",
        Cut(
            (r"\p{N}{1,3}", rf"{_ANY_CASE}|{_WORD}|\p{{N}}+|{_SIGNS}|{_LINES}|{_SPACES}"),
            whole_words=True,
        ),
    ),
    ("laguna", Cut((r"[^\n]+|[\n]+", _QWEN2))),
    ("ufakzeka", Cut((rf"{_WORD}|\p{{N}}|{_SIGNS}|{_LINES}|{_SPACES}",))),
)

# Every cut above breaks this text differently; two that break it alike are the same cut.
PROBE = (
    "I'm we'LL it's It'S d'Été foo_bar HTTPServer camelCase x1 12 123 1234 12345678 1²½Ⅷ ٣٤٥ 3.14e-10\n"
    "  def f(a, b):\r\n\t\treturn a+b  # $x <= `y` ~ ^ | != //\n\n \n   \n\t x\n"
    " 中文 字 你好\uff0c世界。「括号」 かなカナ한글ㄱ กำ नमस्ते é"
    " e\u0301 a\u0301b \u0301x ¡hola! «x» — … €5 ©\n"
    "http://a.b/c?d=e/\n/ /\n (x)\n a b  c   d     e         f       g"
    "\u00a0g\u3000h\u2003\u2003i\u0085j 🙂👩‍💻✅\n"
    "...word !!x?! ?\r\r\n'\n'' (a'b x  12 'word \"q\"\n[x] {y} <z>=1+2 𐐀𝐀 ǅ ʰa"
    " \u200b\u200d x'dY's'S\n  \n trailing  "
)


def named(name: str, *, source: str) -> Cut:
    for names, cut in _CUTS:
        if name in names.split():
            return cut
    families = ", ".join(names.split()[0] for names, _ in _CUTS)
    raise TokenizerError(
        f"{source} cuts text by the rules that tokenizer.ggml.pre names {shown(name)}, which is not known;"
        f" known are {families} and those that cut like one of them."
    )


def known_names() -> Iterator[str]:
    for names, _ in _CUTS:
        yield from names.split()


def build(cut: Cut) -> "pre_tokenizers.PreTokenizer":
    from tokenizers import Regex, pre_tokenizers

    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in cut.patterns]
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([*splits, to_bytes])


def name_of(own: "pre_tokenizers.PreTokenizer | None", *, whole_words: bool) -> str | None:
    """The first name whose cut breaks the probing text exactly as `own` does."""
    if own is None:
        return None
    wanted = [word for word, _ in own.pre_tokenize_str(PROBE)]
    for names, cut in _CUTS:
        if cut.whole_words is whole_words and wanted == [w for w, _ in build(cut).pre_tokenize_str(PROBE)]:
            return names.split()[0]
    return None
