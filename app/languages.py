"""Languages: what an editor needs to know of one, and which one a file is in by its name and first line.

Colours come from Pygments, by its name for the language; hundreds that have no line here still get them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePath

from pygments.lexer import Lexer
from pygments.lexers import get_all_lexers, get_lexer_by_name

BlockComment = tuple[str, str]


@dataclass(frozen=True)
class Language:
    name: str  # for a person
    lexer: str  # for Pygments
    files: tuple[str, ...] = ()
    line_comment: str = ""
    block_comment: BlockComment | None = None
    opens_block: str = "([{"  # a line that ends with one of these is followed by deeper ones
    closes_block: re.Pattern[str] | None = None  # a line like this ends its block: the next stands less deep
    quotes: str = "\"'"
    interpreters: tuple[str, ...] = ()  # as the first line of a script names them
    has_triple_quotes: bool = False
    uses_tabs: bool = False


_C_COMMENT = ("/*", "*/")
_HTML_COMMENT = ("<!--", "-->")
_PYTHON_ENDS = re.compile(r"\s*(return|pass|break|continue|raise)\b")


def _slashes(name: str, lexer: str, *files: str, quotes: str = "\"'") -> Language:
    return Language(name, lexer, files, "//", _C_COMMENT, quotes=quotes)


def _hash(name: str, lexer: str, *files: str, interpreters: tuple[str, ...] = (), **more: str) -> Language:
    return Language(name, lexer, files, "#", interpreters=interpreters, **more)  # type: ignore[arg-type]


def _markup(name: str, lexer: str, *files: str, opens_block: str = "([{>", quotes: str = '"') -> Language:
    return Language(name, lexer, files, "", _HTML_COMMENT, opens_block, quotes=quotes)


PLAIN = Language("Plain text", "", ("*.txt", "*.log"), opens_block="", quotes="")
PYTHON = Language(
    "Python",
    "python",
    ("*.py", "*.pyi", "*.pyw", "SConstruct", "SConscript", "wscript"),
    "#",
    opens_block=":([{",
    closes_block=_PYTHON_ENDS,
    has_triple_quotes=True,
    interpreters=("python", "python3", "pypy3"),
)
LANGUAGES: tuple[Language, ...] = (
    PYTHON,
    PLAIN,
    _slashes("C", "c", "*.c", "*.h", "*.idc"),
    _slashes("C++", "cpp", "*.cpp", "*.cc", "*.cxx", "*.hpp", "*.hh", "*.hxx", "*.inl", "*.cu", "*.cuh"),
    _slashes("C#", "csharp", "*.cs"),
    _slashes("Java", "java", "*.java"),
    _slashes("JavaScript", "javascript", "*.js", "*.mjs", "*.cjs", quotes="\"'`"),
    _slashes("JSX", "jsx", "*.jsx", quotes="\"'`"),
    _slashes("TypeScript", "typescript", "*.ts", "*.mts", "*.cts", quotes="\"'`"),
    _slashes("TSX", "tsx", "*.tsx", quotes="\"'`"),
    _slashes("JSON", "json5", "*.json", "*.jsonc", "*.json5", "*.webmanifest", "*.ipynb", quotes='"'),
    Language("JSON lines", "json5", ("*.jsonl", "*.ndjson"), quotes='"'),
    Language("Go", "go", ("*.go",), "//", _C_COMMENT, quotes="\"'`", uses_tabs=True),
    _slashes("Rust", "rust", "*.rs", quotes='"'),  # a single quote is a lifetime as often as not
    _slashes("Kotlin", "kotlin", "*.kt", "*.kts"),
    _slashes("Scala", "scala", "*.scala", "*.sbt"),
    _slashes("Swift", "swift", "*.swift"),
    _slashes("Dart", "dart", "*.dart"),
    _slashes("PHP", "php", "*.php"),
    _slashes("Groovy", "groovy", "*.groovy", "*.gradle", "Jenkinsfile"),
    _slashes("Objective-C", "objective-c", "*.mm"),
    _slashes("SCSS", "scss", "*.scss"),
    _slashes("Less", "less", "*.less"),
    _slashes("Zig", "zig", "*.zig"),
    _slashes("Protocol Buffers", "protobuf", "*.proto"),
    _slashes("GLSL", "glsl", "*.glsl", "*.vert", "*.frag"),
    Language("CSS", "css", ("*.css", "*.qss"), "", _C_COMMENT),
    Language("SQL", "sql", ("*.sql",), "--", _C_COMMENT),
    Language("Lua", "lua", ("*.lua",), "--", ("--[[", "]]"), interpreters=("lua",)),
    Language("Haskell", "haskell", ("*.hs",), "--", ("{-", "-}"), quotes='"'),
    Language("Lisp", "common-lisp", ("*.lisp", "*.cl", "*.el"), ";", quotes='"'),
    Language("Scheme", "scheme", ("*.scm", "*.ss", "*.rkt"), ";", quotes='"'),
    Language("Clojure", "clojure", ("*.clj", "*.cljs", "*.edn"), ";", quotes='"'),
    Language("TeX", "latex", ("*.tex", "*.sty", "*.cls", "*.bib"), "%", quotes=""),
    Language("MATLAB", "matlab", ("*.m",), "%", quotes='"'),
    Language("Batch file", "batch", ("*.bat", "*.cmd"), "REM ", quotes='"'),
    Language("Visual Basic", "vb.net", ("*.vb",), "'", quotes='"'),
    Language("INI", "ini", ("*.ini", "*.cfg", "*.conf", "*.inf", ".editorconfig"), ";"),
    _hash("Shell", "bash", "*.sh", "*.bash", "*.zsh", ".bashrc", ".zshrc", ".profile",
          interpreters=("sh", "bash", "zsh", "dash", "ksh")),
    _hash("PowerShell", "powershell", "*.ps1", "*.psm1"),
    _hash("Ruby", "ruby", "*.rb", "Rakefile", "Gemfile", interpreters=("ruby",)),
    _hash("Perl", "perl", "*.pl", "*.pm", interpreters=("perl",)),
    _hash("R", "r", "*.r", "*.R", interpreters=("Rscript",)),
    _hash("Julia", "julia", "*.jl", interpreters=("julia",)),
    _hash("Elixir", "elixir", "*.ex", "*.exs", interpreters=("elixir",)),
    _hash("YAML", "yaml", "*.yaml", "*.yml", opens_block=":([{"),
    _hash("TOML", "toml", "*.toml", "*.lock"),
    _hash("Dockerfile", "docker", "Dockerfile", "*.dockerfile", "Containerfile"),
    _hash("CMake", "cmake", "CMakeLists.txt", "*.cmake"),
    _hash("Nix", "nix", "*.nix"),
    _hash("Terraform", "terraform", "*.tf"),
    _hash("Properties", "properties", "*.properties", ".env", quotes=""),
    _hash("Text with comments", "", "requirements*.txt", ".gitignore", ".dockerignore", quotes=""),
    Language("Makefile", "basemake", ("Makefile", "makefile", "GNUmakefile", "*.mk"), "#", uses_tabs=True),
    _markup("HTML", "html", "*.html", "*.htm", "*.xhtml"),
    _markup("XML", "xml", "*.xml", "*.svg", "*.xsd", "*.xsl", "*.ui", "*.qrc", "*.plist", "*.csproj"),
    _markup("Vue", "vue", "*.vue"),
    _markup("Markdown", "markdown", "*.md", "*.markdown", opens_block="", quotes=""),
    Language("reStructuredText", "rst", ("*.rst",), "..", opens_block="", quotes=""),
    Language("Diff", "diff", ("*.diff", "*.patch"), opens_block="", quotes=""),
)  # fmt: skip
_SHEBANG = re.compile(r"#!\s*\S*?/?(?:env\s+(?:-S\s+)?)?([\w.+-]+)(?:\s|$)")


def language_of(path: PurePath | str | None, first_line: str = "") -> Language:
    name = PurePath(path).name if path else ""
    exact = next((language for language, pattern in _patterns() if pattern == name), None)
    found = exact or next((language for language, pattern in _patterns() if fnmatchcase(name, pattern)), None)
    if found and found is not PLAIN:
        return found
    return _by_first_line(first_line) or found or (_known_to_pygments(name) if name else PLAIN)


def language_named(name: str) -> Language:
    """For a code block in a chat: `py`, `js`, `C++`; plain text where nobody knows the name."""
    wanted = name.strip().lower()
    for language in LANGUAGES:
        endings = {pattern[2:] for pattern in language.files if pattern.startswith("*.")}
        if wanted in {language.name.lower(), language.lexer, *endings, *language.interpreters}:
            return language
    for title, aliases, _, _ in get_all_lexers(plugins=False):
        if wanted in aliases or wanted == title.lower():
            return Language(title, aliases[0]) if aliases else PLAIN
    return PLAIN


def lexer_of(language: Language) -> Lexer | None:
    """None where there is nothing to colour."""
    return get_lexer_by_name(language.lexer) if language.lexer else None


def _patterns() -> Iterator[tuple[Language, str]]:
    for language in LANGUAGES:
        for pattern in language.files:
            yield language, pattern


def _by_first_line(line: str) -> Language | None:
    found = _SHEBANG.match(line)
    if found is None:
        return None
    program = found[1].rstrip("0123456789.") or found[1]
    return next((one for one in LANGUAGES if {program, found[1]} & set(one.interpreters)), None)


@cache
def _known_to_pygments(name: str) -> Language:
    for title, aliases, patterns, _ in get_all_lexers(plugins=False):
        if aliases and any(fnmatchcase(name, pattern) for pattern in patterns):
            return Language(title, aliases[0])
    return PLAIN
