"""The about box: which version this is, and the licences of all that it is made of, word for word."""

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.naming import label, named
from app.theme import Theme
from core.spec.version import version

_ROOT = Path(__file__).parents[2]
_TEXTS = _ROOT / "resources/licences"
_OWN = "SmallCoder"
# Qt's wheels name their licence and leave its text out
_TEXTS_OF = {
    _OWN: ("Apache-2.0.txt",),
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt"),
}
_LICENCE_FILE = re.compile(r"(?i)(^|/)(licen[cs]e|copying|notice)[^/]*$")


class AboutDialog(QDialog):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About SmallCoder")
        self.resize(theme.scaled(880), theme.scaled(600))
        sign = QLabel(self)
        sign.setPixmap(theme.icon("smallcoder").pixmap(theme.icon_size(48)))
        title = label(f"SmallCoder {version()}", "title")
        words = label(
            "Writes code with you, with a small language model that runs on your own machine. "
            f"Nothing you type leaves it. Python {sys.version.split()[0]}, Qt {qVersion()}.",
            "muted",
            wraps=True,
        )
        texts = QVBoxLayout()
        texts.addWidget(title)
        texts.addWidget(words)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(texts, 1)
        self.parts = named(QListWidget(self), "Parts of SmallCoder")
        self.parts.addItems([_OWN, *required_packages()])
        self.licence = named(QPlainTextEdit(self, readOnly=True), "Licence")
        self.licence.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.licence.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.parts.currentTextChanged.connect(self._show)
        self.parts.setCurrentRow(0)
        both = QSplitter(self)
        both.addWidget(self.parts)
        both.addWidget(self.licence)
        both.setSizes([200, 520])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(16)
        layout.addLayout(top)
        layout.addWidget(both, 1)
        layout.addWidget(buttons)

    def _show(self, name: str) -> None:
        self.licence.setPlainText(licence_of(name))


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


def licence_of(name: str) -> str:
    parts = [] if name == _OWN else [_heading(name)]
    parts += [(_TEXTS / file).read_text(encoding="utf-8") for file in _TEXTS_OF.get(name, ())]
    if name != _OWN:
        files = metadata.files(name) or []
        parts += [file.read_text(encoding="utf-8") for file in files if _LICENCE_FILE.search(file.as_posix())]
    return "\n\n".join(parts)


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
