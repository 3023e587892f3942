"""Opens the window: for now a plain one, which says what works already.

Qt is imported where a window is made, so that whether there is a display can be asked before Qt is there.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

PLATFORMS_WITHOUT_DISPLAY = {"offscreen", "minimal", "vnc", "eglfs", "linuxfb"}


def display_problem() -> str:
    """Empty where a window can be shown. Without a display Qt would end the process with SIGABRT."""
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if sys.platform != "linux" or platform in PLATFORMS_WITHOUT_DISPLAY or os.environ.get("WAYLAND_DISPLAY"):
        return ""
    display = os.environ.get("DISPLAY")
    if not display:
        return "There is no display to open a window on"
    return "" if answers(display) else f"The display {display} does not answer"


def answers(display: str) -> bool:
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # the check of Qt's libraries says so better
        return True
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    connection = x11.XOpenDisplay(display.encode())
    if connection:
        x11.XCloseDisplay(connection)
    return bool(connection)


def run(commands: Sequence[str]) -> int:
    import signal

    from PySide6.QtWidgets import QApplication

    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # Ctrl+C in the terminal: Qt's loop would never hear Python's
    application = QApplication([])
    application.setApplicationName("smallcoder")
    application.setApplicationDisplayName("SmallCoder")
    window = make_window(commands)
    window.show()
    return application.exec()


def make_window(commands: Sequence[str]) -> QWidget:
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QFontDatabase
    from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

    window = QWidget()
    window.setWindowTitle("SmallCoder")
    window.resize(720, 480)
    layout = QVBoxLayout(window)
    layout.setContentsMargins(48, 48, 48, 48)
    layout.setSpacing(16)

    title = QLabel("SmallCoder")
    font = title.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    font.setBold(True)
    title.setFont(font)
    layout.addWidget(title)

    explanation = QLabel(
        "The editor is still being built. Until it opens here, everything that works is a command; "
        "type it in a terminal, in the folder of SmallCoder:"
    )
    explanation.setWordWrap(True)
    layout.addWidget(explanation)

    lines = QLabel("\n".join(f"python3 main.py {command} --help" for command in commands))
    lines.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    lines.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    lines.setAccessibleName("Commands")
    layout.addWidget(lines)
    layout.addStretch()
    return window
