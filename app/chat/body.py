"""Body: an answer as a column of prose and code. While it grows, only its last block is drawn again."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.chat.code_block import CodeBlock
from app.chat.markdown import Block, GrowingText, blocks, presentable
from app.chat.prose import Prose
from app.theme import Theme

_DRAW_EVERY_MS = 33


class Body(QWidget):
    """`drawn`: it may be higher now. The others are wishes of its blocks."""

    drawn = Signal()
    link_requested = Signal(str)
    insert_requested = Signal(str)
    replace_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._growing: GrowingText | None = None
        self._unseen: list[str] = []
        self._views: list[Prose | CodeBlock] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._draw_later = QTimer(self, singleShot=True, interval=_DRAW_EVERY_MS)
        self._draw_later.timeout.connect(self._draw_growth)

    def show_text(self, text: str) -> None:
        """The whole of it: what was written, or what came of growing."""
        if self._unseen:
            self._draw_growth()
        self._draw_later.stop()
        self._growing, self._unseen = None, []
        if not any(isinstance(view, Prose) and view.textCursor().hasSelection() for view in self._views):
            self._show(blocks(presentable(text)))  # or what a person has selected would be lost

    def add(self, piece: str) -> None:
        """The next piece. It is seen a moment later, together with what comes until then."""
        self._unseen.append(piece)
        if not self._draw_later.isActive():
            self._draw_later.start()

    def draw_again(self) -> None:
        for view in self._views:
            view.draw_again()

    def _draw_growth(self) -> None:
        piece, self._unseen = presentable("".join(self._unseen)), []
        if self._growing is None:
            self._growing = GrowingText()
        self._show(self._growing.add(piece))

    def _show(self, found: list[Block]) -> None:
        for place, block in enumerate(found):
            if place < len(self._views) and not _fits(self._views[place], block):
                self._drop_from(place)
            if place == len(self._views):
                self._views.append(self._view(block))
                self._layout.addWidget(self._views[-1])
            view = self._views[place]
            if isinstance(view, CodeBlock):
                view.show_code(block.text, block.language)
            else:
                view.show_markdown(block.text)
        self._drop_from(len(found))
        self.drawn.emit()

    def _view(self, block: Block) -> Prose | CodeBlock:
        if block.kind == "code":
            code = CodeBlock(self._theme, self)
            code.insert_requested.connect(self.insert_requested)
            code.replace_requested.connect(self.replace_requested)
            return code
        prose = Prose(self._theme, self)
        prose.link_requested.connect(self.link_requested)
        return prose

    def _drop_from(self, place: int) -> None:
        for view in self._views[place:]:
            self._layout.removeWidget(view)
            view.hide()
            view.deleteLater()
        del self._views[place:]


def _fits(view: Prose | CodeBlock, block: Block) -> bool:
    return isinstance(view, CodeBlock) == (block.kind == "code")
