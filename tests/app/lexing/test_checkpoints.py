"""After any edits, in any slices, each character has the kind that Pygments gives it in the whole text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.lexer import RegexLexer
from pygments.lexers import get_lexer_by_name
from pygments.token import _TokenType

from app.lexing.checkpoints import Checkpoints

# what opens, closes and continues things that span lines, in one language or another
PIECES = {
    "python": [
        *('"""', "'''", 'f"{a[', "]}", '"', "'", "def f(x):"),
        *("class A:", "@d", "# c", "\\", "x = 1", "    "),
    ],
    "c": [
        *("/*", "*/", "//", "\\", '"', "'", "#if 0"),
        *("#endif", "#include <a>", "int f(int a)", "{", "}", ";", "static"),
    ],
    "cpp": [
        *("/*", "*/", "//", "\\", 'R"x(', ')x"', '"'),
        *("template<", "class A", "[[", "]]", "{", "};", "#define X"),
    ],
    "javascript": [
        *("/*", "*/", "//", "`", "${", "}", '"', "'"),
        *("/", "\\", "function f(", ")", "{", "=", "x", "<!--"),
    ],
    "typescript": [
        *("/*", "*/", "//", "`", "${", "}", '"', "'"),
        *("/", "interface A", ":", "{", "=", "x", "super(", ")"),
    ],
    "java": [
        *("/*", "*/", "//", '"""', '"', "'", "class A {", "public"),
        *("void", "f", "(", ")", "}", "@Override", "\\"),
    ],
    "go": [
        *("/*", "*/", "//", "`", '"', "'"),
        *("func f()", "{", "}", "\\", "x"),
    ],
    "rust": [
        *("/*", "*/", "//", 'r#"', '"#', '"', "'"),
        *("fn f()", "{", "}", "#[", "]", "///"),
    ],
    "css": [
        *("/*", "*/", "a", "{", "}", ":"),
        *(";", '"', "'", "@media", "#id", "url("),
    ],
    "html": [
        *("<!--", "-->", "<script>", "</script>", "<style>", "</style>", "<a "),
        *('b="', '"', ">", "<![CDATA[", "]]>", "x"),
    ],
    "xml": [
        *("<!--", "-->", "<a", ">", "</a>", '"'),
        *("'", "<![CDATA[", "]]>", "<?", "?>", "x"),
    ],
    "markdown": [
        *("```", "```python", "\n```\n", "# t", "*", "**", "_", "`"),
        *("[", "]", "(", ")", ":", "- a", "> q", "x"),
    ],
    "bash": [
        *("<<EOF", "EOF", "<<'E'", "E", '"', "'", "$(", ")", "${"),
        *("}", "`", "if", "fi", "# c", "\\", "$((", "x"),
    ],
    "sql": [
        *("/*", "*/", "--", "'", '"'),
        *("select", "from", ";", "x"),
    ],
    "perl": [
        *("=pod", "=cut", "<<A;", "A", "s/", "/", "q{"),
        *("}", "#", '"', "'", "sub f", "{", "x"),
    ],
    "lua": [
        *("--[[", "]]", "--", "[==[", "]==]"),
        *('"', "'", "function f()", "end", "x"),
    ],
    "kotlin": [
        *("/*", "*/", "//", '"""', '"', "${"),
        *("}", "fun f(", ")", "class A", "val x", "="),
    ],
    "scala": [
        *("/*", "*/", "//", '"""', '"', 's"'),
        *("$", "def f(", "inline", "if", "given", "x"),
    ],
    "php": [
        *("<?php", "?>", "/*", "*/", "//", "<<<A", "A;"),
        *('"', "'", "{$", "}", "function f()", "x"),
    ],
    "toml": [
        *("[a]", "x = ", '"""', "'''"),
        *('"', "'", "#", "1"),
    ],
    "swift": [
        *("/*", "*/", "//", '"', '"""', "\\("),
        *(")", "func f()", "{", "}", "x"),
    ],
    "haskell": [
        *("{-", "-}", "--", '"', "'"),
        *("module A", "where", "=", "x"),
    ],
    "csharp": [
        *("/*", "*/", "//", '@"', '"', '"""', "#region"),
        *("class A", "{", "}", "int f(", ")", "x", "["),
    ],
}  # fmt: skip
ANY_PIECE = ["\n", "\n\n", " ", "\t", "a", "1", "(", "é", "\U0001f600", "\u00a0", "\u2028", "\r"]


class LineStarts:
    def __init__(self) -> None:
        self.text = ""

    def start_of(self, line: int) -> int:
        return [0, *(i + 1 for i, character in enumerate(self.text) if character == "\n")][line]

    def line_at(self, position: int) -> int:
        return self.text.count("\n", 0, position)


class Edited:
    """A text under edit, and its checkpoints."""

    def __init__(self, language: str, text: str) -> None:
        lexer = get_lexer_by_name(language)
        assert isinstance(lexer, RegexLexer)
        self.lexer, self.text, self.lines = lexer, text, LineStarts()
        self.checkpoints = Checkpoints(lexer, self.lines)
        self.lines.text = text
        self.checkpoints.set_text(text)

    def replace(self, start: int, stop: int, added: str) -> None:
        text = self.text[:start] + added + self.text[stop:]
        first = self.text.rfind("\n", 0, start) + 1
        tail = self.text[stop:].find("\n")
        behind = len(self.text) - stop - tail if tail >= 0 else 0
        now, count = (
            text[first : len(text) - behind],
            self.text.count("\n", first, len(self.text) - behind) + 1,
        )
        line = self.text.count("\n", 0, first)
        self.lines.text = self.text = text
        self.checkpoints.replace(line, first, count, now)

    def kinds(self) -> list[list[_TokenType | None]]:
        shown = self.checkpoints.spans(0, self.text.count("\n"))
        kinds: list[list[_TokenType | None]] = []
        for line, spans in zip(self.text.split("\n"), shown, strict=True):
            kinds.append([None] * len(line))
            for column, length, kind in spans:
                assert kinds[-1][column : column + length] == [None] * length
                kinds[-1][column : column + length] = [kind] * length
        return kinds

    def expected(self) -> list[list[_TokenType | None]]:
        """In one go, by Pygments itself."""
        kinds: list[_TokenType | None] = [None] * (len(self.text) + 1)
        for start, kind, value in self.lexer.get_tokens_unprocessed(self.text + "\n"):
            kinds[start : start + len(value)] = [kind] * len(value)
        lines: list[list[_TokenType | None]] = [[]]
        for character, kind in zip(self.text, kinds, strict=False):
            if character == "\n":
                lines.append([])
            else:
                lines[-1].append(kind)
        return lines


@st.composite
def texts(draw: st.DrawFn, language: str) -> str:
    return "".join(draw(st.lists(st.sampled_from(PIECES[language] + ANY_PIECE), max_size=14)))


@pytest.mark.parametrize("language", PIECES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_edits_leave_the_kinds_of_a_fresh_lexing(language: str, data: st.DataObject) -> None:
    edited = Edited(language, data.draw(texts(language)))
    for _ in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):  # some edits come before the last were dealt with
            edited.checkpoints.work(0)
        start = data.draw(st.integers(0, len(edited.text)))
        stop = min(len(edited.text), start + data.draw(st.integers(0, 6)))
        edited.replace(start, stop, data.draw(texts(language)))
    edited.checkpoints.settle()
    assert edited.kinds() == edited.expected()
