"""What the name of a file or folder alone says against learning from it."""

import re
from pathlib import PurePath

from core.spec.secret_files import is_secret_name
from trainer.data.reasons import Reason

_VENDORED = re.compile(
    r"node_modules|bower_components|jspm_packages|(site|dist)-packages|_?vendor(ed)?"
    r"|third[_-]?party|\.?venv|virtualenv|__pypackages__|Pods|Carthage",
    re.IGNORECASE,
)
_GENERATED_FOLDER = re.compile(r"__pycache__|.*\.egg-info|.*\.dist-info|_build|htmlcov", re.IGNORECASE)
_LOCK = re.compile(
    r".*\.lock|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|bun\.lockb?|go\.sum|Pipfile\.lock"
    r"|gradle\.lockfile|packages\.lock\.json|.*\.lockfile",
    re.IGNORECASE,
)
_MINIFIED = re.compile(r".*[.-]min\.(js|css|mjs|html)|.*\.(bundle|chunk)\.(js|css)", re.IGNORECASE)
_GENERATED = re.compile(
    r".*_pb2(_grpc)?\.pyi?|.*\.pb\.(go|cc|h|swift)|.*\.g\.dart|.*\.freezed\.dart|.*\.designer\.(cs|vb)"
    r"|.*\.generated\..*|.*_generated\..*|.*\.g\.cs|.*\.g4\.py|moc_.*\.cpp|ui_.*\.h|qrc_.*\.cpp",
    re.IGNORECASE,
)
_DATA = re.compile(
    r".*\.(csv|tsv|jsonl|ndjson|geojson|svg|log|pot?|ipynb|map|sum|dat|tab|srt|vtt|ics|vcf|eml|mbox|obj|ply|stl"
    r"|gcode|fasta|fa|pdb|xsd|dtd|tmlanguage|xlf|xliff|plist|pbxproj|sln|snap|patch|diff|rtf|eps|ps|afm|bdf|dic|aff)",
    re.IGNORECASE,
)
_LICENCE = re.compile(
    r"(un)?licen[cs]es?([.-].*)?|copying([.-].*)?|copyright(\.txt|\.md)?|notice(\.txt|\.md)?"
    r"|third[_-]?party[_-]?(licen[cs]es|notices).*",
    re.IGNORECASE,
)
_CODE_SUFFIX = re.compile(r"\.(py|pyi|js|ts|c|h|cc|cpp|rs|go|java|rb|php|cs|kt|swift|sh)", re.IGNORECASE)
_BY_NAME: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (_LOCK, "lock"),
    (_MINIFIED, "minified"),
    (_GENERATED, "generated"),
    (_DATA, "data"),
)
_PROSE = frozenset({".md", ".markdown", ".rst", ".txt", ".adoc", ".tex", ".org", ".html", ".htm"})


def against_folder(name: str) -> Reason | None:
    if _VENDORED.fullmatch(name):
        return "vendored"
    if _GENERATED_FOLDER.fullmatch(name):
        return "generated"
    return "hidden" if name.startswith(".") else None


def against_file(name: str) -> Reason | None:
    """A secret's name comes before everything, since nothing overrules that."""
    if is_secret_name(name):
        return "secret_name"
    if name.startswith("."):
        return "hidden"
    if is_licence(name):
        return "licence"
    return next((reason for pattern, reason in _BY_NAME if pattern.fullmatch(name)), None)


def is_licence(name: str) -> bool:
    """license.py is code about licences."""
    return bool(_LICENCE.fullmatch(name)) and not _CODE_SUFFIX.fullmatch(PurePath(name).suffix)


def is_prose(name: str) -> bool:
    return PurePath(name).suffix.lower() in _PROSE
