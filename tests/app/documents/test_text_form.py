"""Bytes to text and back: nothing that was not touched may change."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.text_form import CannotEncode, NotText, TextForm, decode, encode, with_line_end


def back(raw: bytes, *, is_python: bool = False) -> bytes:
    text, form = decode(raw, is_python=is_python)
    return encode(text, form, is_python=is_python)[0]


KEPT = {
    "empty": b"",
    "utf-8": "naïve → 😀\n".encode(),
    "utf-8 with BOM": codecs.BOM_UTF8 + "é\n".encode(),
    "utf-16 little": codecs.BOM_UTF16_LE + "é\r\n".encode("utf-16-le"),
    "utf-16 big": codecs.BOM_UTF16_BE + "é\n".encode("utf-16-be"),
    "utf-32": codecs.BOM_UTF32_LE + "é\n".encode("utf-32-le"),
    "windows": b"caf\xe9 \x93quoted\x94\n",
    "a byte that windows lacks": b"caf\xe9 \x81\n",
    "utf-8 with a stray byte": "häuser über flüsse ".encode() + b"\xff\n",
    "a cut character": "häuser 😀".encode()[:-1],
    "crlf": b"a\r\nb\r\n",
    "old mac": b"a\rb\r",
    "mixed": b"a\r\nb\nc\rd",
    "no last newline": b"a\nb",
    "what Qt takes for line ends": "a\u2028b\u2029c\ufdd0d\ufdd1e\x0b\x0c\x85\xa0f\ufefe\n".encode(),
    "zero far down": b"a" * 9000 + b"\0b",
    "a mark for byte order in the middle": "a\ufeffb".encode(),
    "characters that stand in for others here": "\U0010ed01\U0010ee80\ue000\n".encode(),
}


@pytest.mark.parametrize("raw", KEPT.values(), ids=KEPT.keys())
def test_unchanged_text_gives_the_same_bytes(raw: bytes) -> None:
    assert back(raw) == raw
    assert back(raw, is_python=True) == raw


@given(st.binary(max_size=200))
def test_any_bytes_come_back_or_are_refused(raw: bytes) -> None:
    try:
        assert back(raw) == raw
        assert back(raw, is_python=True) == raw
    except NotText:
        assert b"\0" in raw


@pytest.mark.parametrize("cookie", ["latin-1", "cp1252", "utf-8", "ascii", "koi8-r", "shift_jis", "gb18030"])
def test_python_code_is_read_as_it_declares(cookie: str) -> None:
    words = {"ascii": "", "koi8-r": "да", "shift_jis": "日本", "gb18030": "中"}
    word = words.get(cookie, "é")
    raw = f"# -*- coding: {cookie} -*-\nx = '{word}'\n".encode(cookie)
    text, form = decode(raw, is_python=True)
    assert word in text
    assert form.is_declared
    assert back(raw, is_python=True) == raw


@pytest.mark.parametrize(
    "cookie", ["rot13", "zip", "nonsense", "utf-7", "punycode", "unicode_escape", "ascii"]
)
def test_a_declaration_that_cannot_be_meant_is_passed_over(cookie: str) -> None:
    raw = f"# coding: {cookie}\nx = 'é'\n".encode()
    text, form = decode(raw, is_python=True)
    assert "é" in text
    assert form.encoding == "utf-8"
    assert encode(text, form)[0] == raw


def test_a_changed_declaration_changes_the_bytes() -> None:
    text, form = decode("# coding: latin-1\nx = 'é'\n".encode("latin-1"), is_python=True)
    data, form = encode(text.replace("latin-1", "utf-8"), form, is_python=True)
    assert data == "# coding: utf-8\nx = 'é'\n".encode()
    data, _ = encode(text.replace("# coding: latin-1", "#"), form, is_python=True)
    assert data == "#\nx = 'é'\n".encode()


def test_a_character_that_the_encoding_lacks_is_named_with_its_line() -> None:
    text, form = decode(b"caf\xe9\nb\n")
    with pytest.raises(CannotEncode, match=r"Line 2 .*→.* cp1252 .*UTF-8"):
        encode(text.replace("b", "→"), form)


def test_what_is_unusual_is_said() -> None:
    assert decode(b"a\n")[1].notes() == []
    assert "cp1252" in decode(b"caf\xe9\n")[1].notes()[0]
    assert "not UTF-8" in decode("häuser über ".encode() + b"\xff")[1].notes()[0]
    assert "1 LF, 2 CRLF" in decode(b"a\r\nb\r\nc\n")[1].notes()[0]


def edited(raw: bytes, change: str, to: str) -> bytes:
    text, form = decode(raw)
    assert change in text
    return encode(text.replace(change, to), form)[0]


def test_of_mixed_line_ends_each_line_keeps_its_own() -> None:
    raw = b"one\r\ntwo\nthree\rfour\r\n"
    assert edited(raw, "two", "2") == b"one\r\n2\nthree\rfour\r\n"
    assert edited(raw, "two\n", "") == b"one\r\nthree\rfour\r\n"
    assert edited(raw, "two\n", "two\nnew\n") == b"one\r\ntwo\nnew\nthree\rfour\r\n"
    assert edited(raw, "one\n", "zero\none\nhalf\n") == b"zero\r\none\r\nhalf\r\ntwo\nthree\rfour\r\n"


def test_mixed_line_ends_survive_several_saves() -> None:
    text, form = decode(b"a\r\nb\nc\r\n")
    data, form = encode(text.replace("a\n", ""), form)
    assert data == b"b\nc\r\n"
    assert encode("x\nb\nc\n", form)[0] == b"x\r\nb\nc\r\n"


@given(st.lists(st.sampled_from(["a", "b", ""])), st.lists(st.sampled_from(["\n", "\r\n", "\r"])))
def test_whatever_is_typed_into_mixed_line_ends_is_read_again(lines: list[str], ends: list[str]) -> None:
    _, form = decode(b"a\r\nb\n\nb\rc\r\n" + "".join(ends).encode())
    data, _ = encode("\n".join(lines), form)
    assert decode(data.replace(b"\r\r\n", b"\r\n"))[0].count("\n") <= len(lines)
    assert decode(data)[0].replace("\n", "") == "".join(lines)


def test_line_ends_can_be_made_alike() -> None:
    text, form = decode(b"a\r\nb\nc\r")
    assert encode(text, with_line_end(form, "\n"))[0] == b"a\nb\nc\n"
    assert encode(text, with_line_end(form, "\r\n"))[0] == b"a\r\nb\r\nc\r\n"


@pytest.mark.parametrize(
    "raw", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\x7fELF\2\1\1\0", b"PK\3\4\n\0\0", b"\0"]
)
def test_binary_files_are_refused(raw: bytes) -> None:
    with pytest.raises(NotText, match="binary"):
        decode(raw)


def test_a_person_may_name_the_encoding() -> None:
    raw = "日本".encode("shift_jis")
    text, form = decode(raw, encoding="shift_jis")
    assert text == "日本"
    assert encode(text, form) == (raw, TextForm(encoding="shift_jis"))
    with pytest.raises(NotText, match="not ascii"):
        decode(raw, encoding="ascii")
