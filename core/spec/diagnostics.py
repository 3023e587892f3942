"""What whoever mends the program needs to know of a copy of it, and nothing that says whose copy it is."""

import getpass
import os
import platform
import re
from importlib import metadata
from pathlib import Path

from core.spec import folders
from core.spec.program import Kind, kind
from core.spec.version import version

_PACKAGES = ("torch", "PySide6-Essentials", "numpy", "tokenizers", "sentencepiece", "huggingface_hub")
# of whomever, and only where a path begins
_ANY_HOME = re.compile(
    r"(?i)(?<![\w.~/\\-])(?:[a-z]:|/mnt/[a-z])?[/\\]+(?:home|users)[/\\]+[^/\\\s:*?\"'<>|]+"
)
_KINDS: dict[Kind, str] = {
    "packaged": "the packaged app",
    "source": "from source",
    "installed": "installed by pip",
}
_LEAST_LETTERS = 3  # of a name that is worth hiding where it stands alone


def about_program() -> dict[str, str]:
    facts = {
        "SmallCoder": f"{version()}, {_KINDS[kind()]}",
        "Python": platform.python_version(),
        "system": platform.platform(),
        "processor": f"{platform.machine()}, {os.cpu_count()} threads",
        "packages": ", ".join(f"{name} {_version_of(name)}" for name in _PACKAGES),
        "settings": str(folders.settings_folder()),
        "data": str(folders.data_folder()),
        "cache": str(folders.cache_folder()),
    }
    named = sorted(
        name for name in os.environ if name.startswith(("SMALLCODER_", "QT_", "CUDA_VISIBLE", "OMP_"))
    )
    return facts | {name: os.environ[name] for name in named}


def as_text(facts: dict[str, str]) -> str:
    return impersonal("\n".join(f"{name}: {value}" for name, value in facts.items()))


def impersonal(text: str) -> str:
    """Home folders become ~, the person's name PERSON, the machine's MACHINE; passwords and tokens go."""
    text = re.sub(r"://[^/\s@]+@", "://", text)
    text = re.sub(r"\bhf_\w{8,}", "hf_…", text)
    for home in sorted({str(Path.home()), os.path.realpath(Path.home())}, key=len, reverse=True):
        if len(home) > 1:
            text = re.sub(rf"{_either_slash(home)}(?![\w.-])", "~", text)
    text = _ANY_HOME.sub("~", text)
    for name, stands_for in ((_person(), "PERSON"), (platform.node(), "MACHINE")):
        if len(name) >= _LEAST_LETTERS:
            beside = rf"(?<=[/\\@]){re.escape(name)}(?![\w-])|(?<![\w-]){re.escape(name)}(?=@)"
            text = re.sub(beside, stands_for, text)
    return text


def _either_slash(path: str) -> str:
    """Also as Windows and JSON write it."""
    return r"[/\\]+".join(re.escape(part) for part in re.split(r"[/\\]", path))


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process without a name, as in some containers
        return ""
