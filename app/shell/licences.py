"""The licences of all that the program is made of, word for word.

In a copy from source they are found among what is installed; the packaged app brings them as texts, which its
build asked for here. Nothing of Qt, for that build.
"""

import re
import tomllib
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_TEXTS = _ROOT / "resources/licences"
PACKAGED = _ROOT / "licences"  # in the packaged app alone: a text file a part
OWN = "SmallCoder"
# Qt's wheels name their licence and leave its text out, and those of what others have made in it
_TEXTS_OF = {
    OWN: ("Apache-2.0.txt",),
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt", "Qt-third-party.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt"),
}
_LICENCE_FILE = re.compile(r"(?i)(^|/)(licen[cs]e|copying|notice)[^/]*$")


def parts() -> list[str]:
    """Ours first."""
    if PACKAGED.is_dir():
        others = [file.stem for file in PACKAGED.glob("*.txt") if file.stem != OWN]
        return [OWN, *sorted(others, key=str.lower)]
    return [OWN, *required_packages()]


def licence_of(name: str) -> str:
    if PACKAGED.is_dir():
        return (PACKAGED / f"{name}.txt").read_text(encoding="utf-8")
    texts = [] if name == OWN else [_heading(name)]
    texts += [(_TEXTS / file).read_text(encoding="utf-8") for file in _TEXTS_OF.get(name, ())]
    if name != OWN:
        files = metadata.files(name) or []
        texts += [file.read_text(encoding="utf-8") for file in files if _LICENCE_FILE.search(file.as_posix())]
    return "\n\n".join(texts)


def required_packages() -> list[str]:
    """What is installed of what the project asks for, and what that asks for in turn."""
    found: dict[str, None] = {}
    waiting = _required_by_us()
    while waiting:
        name = _plain(waiting.pop(0))
        if name in found:
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of another system or another Python
            continue
        found[name] = None
        waiting += [need for need in needs if "extra ==" not in need]
    return sorted(found)


def _heading(name: str) -> str:
    about = metadata.metadata(name)
    said = [about[key] for key in ("License-Expression", "License") if key in about]
    said += [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or [] if "License" in line]
    licence = next((line.splitlines()[0] for line in said if line.strip()), "")
    home = next(iter(about.get_all("Home-page") or about.get_all("Project-URL") or []), "")
    return f"{about['Name']} {about['Version']}\n{licence}\n{home}"


def _required_by_us() -> list[str]:
    project = _ROOT / "pyproject.toml"
    if project.exists():
        return [*tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]]
    return metadata.requires("smallcoder") or []


def _plain(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else requirement
