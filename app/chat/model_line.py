"""ModelLine: which model answers, what it is doing, and what a person can do where it does not."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.elided import Elided
from app.engine_client import EngineState, model_name
from app.naming import label, named, set_role, tip
from app.theme import Theme
from core.spec.catalogue import recommended
from core.spec.sizes import size_text


class ModelLine(QFrame):
    """
    Signals:
        choice_requested: another model is to be chosen for the chat.
        download_requested: the catalogue's id of one that was taught to answer.
        load_anyway_requested: though it does not fit.
    """

    choice_requested = Signal()
    download_requested = Signal(str)
    load_anyway_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, style="model_line")
        self._theme = theme
        self._facts: object = None
        self._name = named(QToolButton(self), "The model that answers", role="model")
        self._name.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._name.clicked.connect(self.choice_requested)
        self._state = named(Elided(parent=self), role="muted")
        self._notice = named(QFrame(self), style="chat_notice")
        self._sentence = label("", wraps=True)
        self._get = self._button("", lambda: self.download_requested.emit(recommended("chat").id))
        self._choose = self._button("Choose a Model…", self.choice_requested.emit)
        self._anyway = self._button("Load Anyway", self.load_anyway_requested.emit)
        self._arrange()
        theme.changed.connect(self._draw)
        self._draw()

    def show_engine(self, state: EngineState, *, has_begun: bool) -> bool:
        """Whether another model runs than before. `has_begun`: the conversation has its first words."""
        was_other = state.facts != self._facts
        self._facts = state.facts
        words, about = _described(state)
        self._name.setText(model_name(state) if state.target is not None else "No model")
        self._name.setToolTip(tip(about))
        self._state.show_text(words)
        set_role(self._state, "danger" if state.phase == "failed" else "muted")
        self._show_notice(state, has_begun)
        return was_other

    def _show_notice(self, state: EngineState, has_begun: bool) -> None:
        offer = recommended("chat")
        is_untaught = state.facts is not None and not state.facts.has_chat
        has_failed = state.phase == "failed"
        is_missing = state.target is None and not has_failed
        self._notice.setVisible(is_untaught or has_failed or is_missing)
        if has_failed:
            self._sentence.setText(state.problem)
        elif is_untaught and has_begun:  # one line, for as long as such answers come
            self._sentence.setText(f"{model_name(state)} is not made to chat.")
        elif is_untaught:
            self._sentence.setText(
                f"{model_name(state)} completes code and is not made to chat: expect it to go on with "
                "your text. For answers, get a model that was taught to chat."
            )
        else:
            self._sentence.setText("No model is chosen, so nobody can answer yet.")
        set_role(self._notice, "error" if has_failed else "warning")
        self._get.setVisible(not has_failed)
        self._choose.setVisible(not (is_untaught and has_begun))
        self._anyway.setVisible(state.is_too_large)
        self._get.setText(f"Get {offer.id.rpartition('/')[2]}…")
        size = size_text(offer.download_mb * 10**6)
        self._get.setToolTip(f"{offer.about} {size}, licence {offer.licence}. You are asked first.")

    def _arrange(self) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(12, 0, 16, 4)
        line.setSpacing(8)
        line.addWidget(self._name)
        line.addWidget(self._state, 1)
        deeds = QVBoxLayout()  # beside each other they would be wider than the panel need be
        deeds.setSpacing(0)
        for button in (self._get, self._anyway, self._choose):
            deeds.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        inner = QVBoxLayout(self._notice)
        inner.setContentsMargins(12, 8, 12, 8)
        inner.setSpacing(4)
        inner.addWidget(self._sentence)
        inner.addLayout(deeds)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addWidget(self._notice)

    def _button(self, text: str, do: Callable[[], object]) -> QPushButton:
        button = named(QPushButton(text, self), role="link")
        button.clicked.connect(lambda _=False: do())
        return button

    def _draw(self) -> None:
        self._name.setIcon(self._theme.icon("models"))


def _described(state: EngineState) -> tuple[str, str]:
    """In a word or two, and in a sentence."""
    name = model_name(state)
    if state.phase == "ready" and state.facts is not None:
        about = f"{name} runs as {state.facts.precision} on {state.facts.device}; press to choose another"
        return ("" if state.facts.has_chat else "not made to chat"), about
    if state.phase in ("starting", "loading"):
        step = state.step or "the engine starts"
        share = f" {state.share}" if state.share else ""  # first, for where there is little room
        return f"loading{share}: {step.removesuffix(f':{share}')}", f"{name}: {step}"
    if state.phase == "failed":
        return "not running", state.problem
    if state.target is None:
        return "", "Press to choose a model that answers"
    return "loaded when you ask", f"{name} takes no memory until you ask; press to choose another"
