"""The settings page: a form for each group of the settings, and a field to find one among them."""

from dataclasses import fields, replace
from typing import Any

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.form import Form
from app.layouts import Column
from app.naming import label, named
from app.settings import Settings, SettingsStore
from app.theme import Theme

_WIDTH = 656


class SettingsPage(QWidget):
    """`model_choice_requested` and its like: a button of this page was pressed."""

    model_choice_requested = Signal()
    chat_model_choice_requested = Signal()
    font_choice_requested = Signal()
    shortcuts_requested = Signal()

    def __init__(self, store: SettingsStore, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Settings", style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._store = store
        self._forms: dict[str, Form] = {}
        self._headings: dict[str, QLabel] = {}
        self.search = named(QLineEdit(self), "Find a setting")
        self.search.setPlaceholderText("Find a setting")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._show_fitting)
        self.begins_at = self.search
        self._nothing = label("No setting has these words.", "muted")
        self._nothing.hide()
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addLayout(self._top())
        column.addWidget(self._nothing)
        for group in fields(Settings):
            if group.name != "keys":  # these have a dialog of their own
                self._add_group(group.name, group.metadata["help"], column)
        column.addStretch()
        self._forms["engine"].put_beside("model", self._button("a model", self.model_choice_requested))
        beside = self._button("a model that answers", self.chat_model_choice_requested)
        self._forms["chat"].put_beside("model", beside)
        self._forms["appearance"].put_beside(
            "code_font", self._button("a typeface for code", self.font_choice_requested)
        )
        self._scroll = scroll = named(QScrollArea(self, widgetResizable=True), "All settings")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(Column(theme, column, _WIDTH, "middle"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        store.changed.connect(self._show)

    def form(self, group: str) -> Form:
        return self._forms[group]

    def show_setting(self, group: str, name: str) -> None:
        """Brings its row to the top, and the keys to it."""
        self.search.clear()
        if (layout := self.layout()) is not None:
            layout.activate()  # where the page has just been made, nothing in it has its place yet
        self._scroll.ensureWidgetVisible(self._forms[group].row(name))
        self._forms[group].field(name).setFocus(Qt.FocusReason.OtherFocusReason)

    def go_to_search(self) -> None:
        """The keys to the field that finds; what is written there goes with the next letter."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()
        self._scroll.ensureWidgetVisible(self.search)

    def _top(self) -> QVBoxLayout:
        shortcuts = QPushButton("Keyboard Shortcuts…", self)
        shortcuts.clicked.connect(self.shortcuts_requested)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.search, 1)
        row.addWidget(shortcuts)
        top = QVBoxLayout()
        top.setSpacing(16)
        top.addWidget(label("Settings", "title"))
        top.addLayout(row)
        return top

    def _add_group(self, name: str, title: str, column: QVBoxLayout) -> None:
        heading = label(title, "section")
        heading.setContentsMargins(0, 24, 0, 0)
        form = Form(getattr(self._store.settings, name), self)
        form.changed.connect(lambda value: self._store.replace(_with(self._store.settings, name, value)))
        self._forms[name], self._headings[name] = form, heading
        column.addWidget(heading)
        column.addWidget(form)

    def _button(self, what: str, wish: SignalInstance) -> QPushButton:
        button = named(QPushButton("Choose…", self), f"Choose {what}")
        button.clicked.connect(wish)
        return button

    def _show(self, settings: Settings) -> None:
        for name, form in self._forms.items():
            form.set_value(getattr(settings, name))

    def _show_fitting(self, words: str) -> None:
        any_shown = False
        for name, form in self._forms.items():
            is_shown = form.show_only(words, self._headings[name].text())
            self._headings[name].setVisible(is_shown)
            form.setVisible(is_shown)
            any_shown = any_shown or is_shown
        self._nothing.setVisible(not any_shown)


def _with(settings: Settings, group: str, value: Any) -> Settings:
    return replace(settings, **{group: value})
