"""Models in the whole window: wishes become settings, the first start, and nothing left at the end."""

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton

from app import run as program
from app.main_window import MainWindow
from app.models.first_run import FirstRunPage
from app.models.models_page import ModelsPage
from app.run import make_window
from app.wording import place_text
from core.spec.folders import models_folder
from tests.app.conftest import Run
from tests.app.patience import until
from tests.tiny import tiny_folder, tiny_tokenizer


async def leave(window: MainWindow) -> None:
    window.hide()
    await window.end()
    window.deleteLater()


async def test_a_wish_becomes_a_setting_and_the_page_follows_it(run: Run, qapp: QApplication) -> None:
    qapp.setQuitOnLastWindowClosed(False)
    window = make_window(qapp)
    window.show()
    await window.begin([])
    window.commands.trigger("view.models")
    page = window.frame.made_page("models")
    assert isinstance(page, ModelsPage)
    page.default_requested.emit("chat", "/models/answers")
    page.default_requested.emit("completion", "/models/writes")
    page.detail.adapter.adapter_requested.emit("/runs/one/adapter", 0.5)
    settings = window._store.settings
    assert (settings.chat.model, settings.engine.model) == ("/models/answers", "/models/writes")
    assert (settings.engine.adapter, settings.engine.adapter_strength) == ("/runs/one/adapter", 0.5)
    assert page.detail.adapter.strength == 0.5
    uses = window.modelling.counsel.uses
    assert (uses.completion, uses.chat) == ("/models/writes", "/models/answers")
    page.default_requested.emit("completion", "/models/other")
    assert window._store.settings.engine.adapter == ""
    window.modelling._look_in(Path("/models/more"))
    window.modelling._look_in(Path("/models/more"))
    assert window._store.settings.models.folders == ("/models/more",)
    await leave(window)
    assert not window.modelling.counsel.shelf.is_looking


async def test_a_model_in_use_is_deleted_after_a_question_that_says_what_that_means(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    qapp.setQuitOnLastWindowClosed(False)
    models_folder().mkdir(parents=True)
    (tmp_path / "vocabulary").mkdir()
    model = tiny_folder(models_folder() / "small", tiny_tokenizer(tmp_path / "vocabulary"))
    window = make_window(qapp)
    window.show()
    window._store.change("chat", model=str(model))
    await window.begin([])
    window.commands.trigger("view.models")
    page, shelf = window.frame.made_page("models"), window.modelling.counsel.shelf
    assert isinstance(page, ModelsPage)
    await until(lambda: shelf.find(str(model)))
    for answer, is_there in (("Cancel", True), ("Delete", False)):
        page.delete_requested.emit(shelf.find(str(model)))
        await until(lambda: window.findChildren(QMessageBox))
        [box] = window.findChildren(QMessageBox)
        assert f"in {place_text(model)}" in box.informativeText()
        assert "It is used for chat now" in box.informativeText()
        next(button for button in box.buttons() if answer in button.text()).click()
        await until(lambda: not window.findChildren(QMessageBox))
        await until(lambda is_there=is_there: model.exists() == is_there)
    await until(lambda: "are free again" in window.status.text("message"))
    await until(lambda: shelf.find(str(model)) is None)
    assert window._store.settings.chat.model == ""
    await leave(window)


async def test_what_has_come_is_offered_for_what_it_can_do(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    qapp.setQuitOnLastWindowClosed(False)
    (tmp_path / "vocabulary").mkdir()
    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path / "vocabulary"))
    window = make_window(qapp)
    downloads, notices = window.modelling.downloads, window.frame.notices
    downloads.arrived.emit("someone/fills", str(model))
    await until(lambda: notices.texts)
    assert [text for text, _ in notices._waiting[0].deeds] == ["Use for Completion", "Show It"]
    (model / "chat_template.jinja").write_text("{{ messages }}")
    downloads.arrived.emit("someone/chats", str(model))
    await until(lambda: len(notices.texts) == 2)
    deeds = notices._waiting[0].deeds
    assert [text for text, _ in deeds] == ["Use for Chat", "Use for Completion", "Show It"]
    deeds[0][1]()
    assert window._store.settings.chat.model == str(model)
    await leave(window)


async def test_the_first_start_of_all_measures_and_a_later_one_does_not(run: Run, qapp: QApplication) -> None:
    qapp.setQuitOnLastWindowClosed(False)
    window = make_window(qapp)
    window.show()
    await program.begin(window, [])
    assert isinstance(window.frame.made_page("first_run"), FirstRunPage)
    assert window.frame.page == "first_run"
    assert window.modelling.counsel.measuring.is_running
    await leave(window)
    assert not window.modelling.counsel.measuring.is_running

    window = make_window(qapp)
    window.show()
    await program.begin(window, [])
    assert window.frame.page == "welcome"
    assert not window.modelling.counsel.measuring.is_running
    await leave(window)


async def test_who_measures_while_texts_are_open_goes_back_to_them(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    qapp.setQuitOnLastWindowClosed(False)
    (tmp_path / "one.py").write_text("x = 1\n")
    window = make_window(qapp)
    window.show()
    await program.begin(window, [tmp_path / "one.py"])
    await until(lambda: window.frame.page == "texts")
    for way_back in ("Begin with What Is Here", "Escape"):
        window.modelling.show_measuring()
        page = window.frame.made_page("first_run")
        assert window.frame.page == "first_run"
        if way_back == "Escape":
            QTest.keyClick(page, Qt.Key.Key_Escape)
        else:
            next(button for button in page.findChildren(QPushButton) if button.text() == way_back).click()
        assert window.frame.page == "texts"
    await leave(window)


async def test_where_files_are_opened_the_first_start_goes_to_them(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    qapp.setQuitOnLastWindowClosed(False)
    (tmp_path / "x.py").write_text("x = 1\n")
    window = make_window(qapp)
    window.show()
    await program.begin(window, [tmp_path / "x.py"])
    await until(lambda: window.frame.page == "texts")
    assert not window.modelling.counsel.measuring.is_running
    await leave(window)


async def test_a_model_is_shown_in_its_own_folder_whatever_its_name(
    run: Run, qapp: QApplication, tmp_path: Path
) -> None:
    """Qwen2.5 looks as if it had an ending."""

    class Opened(QObject):
        def __init__(self) -> None:
            super().__init__()
            self.places: list[str] = []

        @Slot(QUrl)
        def open(self, url: QUrl) -> None:
            self.places.append(url.toLocalFile())

    qapp.setQuitOnLastWindowClosed(False)
    window = make_window(qapp)
    opened = Opened()
    QDesktopServices.setUrlHandler("file", opened, "open")
    folder = tmp_path / "Coder-0.5B"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(b"")
    try:
        window.commands.trigger("view.models")
        page = window.frame.made_page("models")
        assert isinstance(page, ModelsPage)
        page.reveal_requested.emit(str(folder))
        page.reveal_requested.emit(str(folder / "model.gguf"))
    finally:
        QDesktopServices.unsetUrlHandler("file")
    assert opened.places == [folder.as_posix()] * 2
    await leave(window)
