"""GlimpseView: a few of the person's files as the model will see them, its marks in readable words."""

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QTextBrowser, QToolButton, QVBoxLayout, QWidget

from app.naming import label, named
from app.theme import Theme
from core.spec.messages import Glimpse, Part

_MARKS = {"before": "before", "after": "after", "middle": "to be written", "end": "end", "mark": "mark"}
_NEAR_LINES = 5


class GlimpseView(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._glimpses: list[Glimpse] = []
        self._shown = 0
        self._text = named(QTextBrowser(self), "What the model will see", style="glimpse")
        self._text.setLineWrapMode(QTextBrowser.LineWrapMode.NoWrap)
        self._name = label("", "muted")
        self._name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._name.setMinimumWidth(1)
        self._buttons = [
            self._button("arrow-up", "The file before", -1),
            self._button("arrow-down", "The next file", 1),
        ]
        self._legend = label(
            "Marks stand between angle brackets. Some files are shown with a gap: the model sees what is "
            "before and after it, and learns to write what belongs there.",
            "muted",
            wraps=True,
        )
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._name, 1)
        for button in self._buttons:
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._legend)
        theme.changed.connect(self._draw)
        self._draw()

    def clear(self) -> None:
        self._glimpses, self._shown = [], 0
        self._draw()

    def add(self, glimpse: Glimpse) -> None:
        """Those with a gap come first: they show what is special."""
        self._glimpses.append(glimpse)
        self._glimpses.sort(key=lambda each: not _has_gap(each))
        self._draw()

    @property
    def text(self) -> str:
        return self._text.toPlainText()

    def _button(self, icon: str, name: str, step: int) -> QToolButton:
        button = named(QToolButton(self), name)
        button.setToolTip(name)
        button.setProperty("icon_name", icon)
        button.clicked.connect(lambda _=False: self._step(step))
        return button

    def _step(self, step: int) -> None:
        if self._glimpses:
            self._shown = (self._shown + step) % len(self._glimpses)
            self._draw()

    def _draw(self) -> None:
        self._text.setFont(self._theme.fixed_font())
        for button in self._buttons:
            button.setIcon(self._theme.icon(button.property("icon_name")))
            button.setEnabled(len(self._glimpses) > 1)
        if not self._glimpses:
            self._name.setText("")
            self._text.setPlainText(
                "Nothing to show yet: once folders are scanned, some of their files stand here."
            )
            return
        glimpse = self._glimpses[self._shown]
        place = f"{self._shown + 1} of {len(self._glimpses)}"
        self._name.setText(f"{_printable(glimpse.path)}  ({glimpse.tokens:,} tokens, {place})")
        self._text.setHtml(self._html(glimpse))

    def _html(self, glimpse: Glimpse) -> str:
        """Of a text with a gap, what stands near it."""
        colours, has_gap, before = self._theme.colours, _has_gap(glimpse), ""
        out = []
        for part in glimpse.parts:
            if part.kind != "text":
                before = part.kind
                out.append(self._mark(part))
                continue
            text = escape(_near(part.text, before) if has_gap else part.text)
            ground = f' style="background-color: {colours.accent_soft}"' if before == "middle" else ""
            out.append(f"<span{ground}>{text}</span>")
        return f'<pre style="color: {colours.text}; margin: 0">{"".join(out)}</pre>'

    def _mark(self, part: Part) -> str:
        words = _MARKS.get(part.kind, part.kind)
        return f'<span style="color: {self._theme.colours.accent}">⟨{words}⟩</span>'


def _has_gap(glimpse: Glimpse) -> bool:
    return any(part.kind == "middle" for part in glimpse.parts)


def _near(text: str, mark: str) -> str:
    """The end of what is before a gap, the beginning of what is after it, all of what belongs into it."""
    lines = text.splitlines(keepends=True)
    if len(lines) <= _NEAR_LINES or mark not in ("before", "after"):
        return text
    if mark == "before":
        return "⋯\n" + "".join(lines[-_NEAR_LINES:])
    return "".join(lines[:_NEAR_LINES]) + "⋯\n"


def _printable(path: str) -> str:
    return path if path.isprintable() else ascii(path)
