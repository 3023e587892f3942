"""The token at the cursor is written anew: what is shown goes on from the text, as the model likes best."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import load
from core.generate.sampling import Chooser, SpellingChooser
from core.spec.editing import Editing, Extent
from core.spec.sampling import Sampling
from core.text.fim import find_marks
from core.text.retaking import Spellings, taken_back
from core.text.window import WindowBuilder
from tests.core.vocabularies import byte_level, pieces
from tests.tiny import tiny_folder, tiny_tokenizer

KINDS = {"byte level": byte_level, "pieces": pieces}
every_kind = pytest.mark.parametrize("kind", KINDS)
CODE = "def add(first, second):\n    return first + sec"


@every_kind
@given(rest=st.sampled_from([" ", "    ", "\n", "re", "return", "(", "first + second", "é", "\t\t"]))
def test_tokens_fit_that_begin_with_the_text_or_are_a_beginning_of_it(kind: str, rest: str) -> None:
    tokenizer, wanted = KINDS[kind](), rest.encode()
    spelt = {token: tokenizer.token_bytes(token) for token in range(tokenizer.vocab_size)}
    expected = {
        token
        for token, text in spelt.items()
        if text and (text.startswith(wanted) or wanted.startswith(text))
        # a person has said how far a line is indented
        if wanted.strip(b" \t") or not text.startswith((wanted + b" ", wanted + b"\t"))
    }
    fitting = Spellings(tokenizer).fitting(wanted, below=tokenizer.vocab_size).tolist()
    assert set(fitting) == expected
    assert len(fitting) == len(expected)


@every_kind
@pytest.mark.parametrize("suffix", ["", "\n\nprint(add(1, 2))\n"])
def test_what_is_taken_back_is_the_end_of_the_prefix_and_nothing_else(kind: str, suffix: str) -> None:
    tokenizer = KINDS[kind]()
    window = WindowBuilder(tokenizer, find_marks(tokenizer)).build(CODE, suffix, 400)
    shorter, text = taken_back(window, tokenizer)
    assert text
    assert CODE.endswith(text)
    place = shorter.prefix_end
    assert shorter.tokens == window.tokens[:place] + window.tokens[place + 1 :]
    assert tokenizer.token_bytes(window.tokens[place]).decode() == text


@pytest.mark.parametrize("text", ["", "x", "é", "日"])
def test_nothing_is_taken_back_where_no_text_would_be_left_or_a_character_is_cut(text: str) -> None:
    tokenizer = byte_level()
    for prefix in (text, "x = " + text):
        window = WindowBuilder(tokenizer, None).build(prefix, "", 100)
        shorter, taken = taken_back(window, tokenizer)
        assert prefix.endswith(taken)
        assert len(shorter.tokens) >= 1
        assert (shorter == window) == (taken == "")


def test_a_text_is_spelt_by_the_likeliest_tokens_that_can() -> None:
    tokenizer = byte_level()
    spellings = Spellings(tokenizer)
    generator = np.random.default_rng(1)
    for text in ("    ", "return", "first + ", "\n"):
        chooser, written = SpellingChooser(Chooser(Sampling()), spellings, text), b""
        while len(written) < len(text):
            logits = generator.standard_normal((3, tokenizer.vocab_size), np.float32)
            (token,) = chooser.along([5, 6], logits, [1])
            fitting = spellings.fitting(text.encode()[len(written) :], below=tokenizer.vocab_size)
            assert float(logits[0, token]) == float(logits[0, fitting].max())
            written += tokenizer.token_bytes(token)
        assert written.startswith(text.encode())
        free = generator.standard_normal((3, tokenizer.vocab_size), np.float32)
        assert chooser.along([], free[:1], [1]) == [int(free[0].argmax())]


@pytest.fixture(scope="module", params=["json", "pieces"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return tiny_folder(folder / "model", tiny_tokenizer(folder, request.param))


@pytest.mark.parametrize("extent", ["block", "all"])
def test_a_person_is_shown_what_follows_their_text_and_nothing_of_what_was_written_again(
    folder: Path, extent: Extent
) -> None:
    """Letter for letter: the best token at each place, the first ones among those that fit."""
    engine = load(folder, precision="fp32")
    tokenizer, editing = engine.tokenizer, Editing(extent=extent)
    windows, spellings = WindowBuilder(tokenizer, None), Spellings(tokenizer)
    for end in range(8, len(CODE), 3):
        shown = engine.complete_answer(CODE[:end], "", Sampling(max_tokens=6), editing=editing).text()
        window, begun = taken_back(windows.build(CODE[:end], "", 400), tokenizer)
        tokens, written = list(window.tokens), b""
        for _ in range(7):  # the one that was taken back comes first
            logits, rest = engine.logits(tokens)[-1], begun.encode()[len(written) :]
            if rest:
                fitting = spellings.fitting(rest, below=len(logits))
                tokens.append(int(fitting[logits[fitting].argmax()]))
            else:
                tokens.append(int(logits.argmax()))
            if tokens[-1] in tokenizer.special_ids | tokenizer.end_ids:
                break
            written += tokenizer.token_bytes(tokens[-1])
        assert written.startswith(begun.encode()) or begun.encode().startswith(written)
        # the answer may be cut where an editor wants no more of it, but is never another text
        follows = written[len(begun.encode()) :].decode("utf-8", "replace")
        assert follows.startswith(shown)
        assert extent == "block" or len(shown) >= len(follows) - 1, "of a character that was cut off, nothing"
