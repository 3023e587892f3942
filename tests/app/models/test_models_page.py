"""The page with a real folder of models, looked for by a real process: what is seen, wished and said."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.models.advice import Pace
from app.models.convert_dialog import TARGETS, ConvertDialog
from app.models.counsel import Counsel, Uses
from app.models.downloads import Downloads
from app.models.first_run import FirstRunPage
from app.models.fit import Machines
from app.models.fit_table import FitTable
from app.models.measuring import Measuring
from app.models.models_page import ModelsPage
from app.models.shelf import Shelf
from app.settings import Appearance
from app.theme import Theme
from core.checkpoint.load import open_model
from core.spec.budget import CARD_RESERVE_BYTES, CARD_RUNTIME_BYTES, RUNTIME_BYTES
from core.spec.folders import models_folder
from core.spec.machine import Machine
from core.spec.presets import PRESETS
from core.spec.sizes import MB
from tests.tiny import tiny_folder, tiny_tokenizer

LAPTOP = Machines(Machine(8192 * MB, 4096 * MB, RUNTIME_BYTES))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model, half a model, a file that is none, and a download that a kill broke off."""
    folder = tmp_path_factory.mktemp("stock")
    tokenizer = tiny_tokenizer(folder)
    models = folder / "models"
    models.mkdir()
    tiny_folder(models / "whole", tokenizer)
    weights = tiny_folder(models / "half", tokenizer) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    (models / "none.gguf").write_bytes(b"<html>Not found</html>")
    begun = models / "Qwen" / ".Qwen2.5-Coder-1.5B.download"
    begun.mkdir(parents=True)
    (begun / "model.safetensors.0123456789ab.partial").write_bytes(bytes(2_000_000))
    return models


class Desk:
    """The page, and all that it wished."""

    def __init__(self, qtbot: QtBot, qapp: QApplication, folders: list[Path]) -> None:
        self.theme = Theme(qapp, Appearance(theme="light"))
        self.machines = LAPTOP
        self.counsel = Counsel(Shelf(lambda: folders), Downloads(), Measuring(), lambda: self.machines)
        self.page = ModelsPage(self.theme, self.counsel)
        self.defaults: list[tuple[str, str]] = []
        self.wanted: list[tuple[str, str]] = []
        self.page.default_requested.connect(lambda role, path: self.defaults.append((role, path)))
        self.page.download_requested.connect(lambda id, role: self.wanted.append((id, role)))
        self.page.resize(900, 700)
        self._qtbot = qtbot
        qtbot.addWidget(self.page)

    def show(self) -> None:
        self.page.show()
        self.wait_until_looked()

    def wait_until_looked(self) -> None:
        shelf = self.counsel.shelf
        self._qtbot.waitUntil(lambda: shelf.has_looked and not shelf.is_looking)

    @property
    def lines(self) -> dict[str, str]:
        return {row.title: row.second_line for row in self.page.list.rows}

    def press(self, text: str) -> None:
        button(self.page.detail, text).click()


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, stock: Path) -> Iterator[Desk]:
    shutil.copytree(stock, models_folder())
    made = Desk(qtbot, qapp, [])
    made.show()
    yield made
    made.page.hide()
    made.counsel.measuring.stop()
    qtbot.waitUntil(lambda: not made.counsel.measuring.is_running)


def button(inside: QWidget, text: str) -> QPushButton:
    QApplication.processEvents()  # what has just been put into a layout is shown then
    found = [button for button in inside.findChildren(QPushButton) if button.text() == text]
    shown = [button for button in found if not button.isHidden()]
    assert len(shown) == 1, [button.text() for button in inside.findChildren(QPushButton)]
    return shown[0]


def said(inside: QWidget) -> str:
    QApplication.processEvents()
    return "\n".join(label.text() for label in inside.findChildren(QLabel) if not label.isHidden())


def test_a_whole_model_can_be_used_half_a_one_says_why_not_and_one_that_goes_away_is_gone(
    desk: Desk, qtbot: QtBot
) -> None:
    page, whole = desk.page, str(models_folder() / "whole")
    assert desk.lines["whole"].startswith("0.1M · fills in · 512")
    assert "ends before its tensor" in desk.lines["half"]
    assert "is a web page and not a model" in desk.lines["none"]

    page.look_at(f"disk:{whole}")
    assert "Does it fit?" in said(page.detail)
    qtbot.keyClick(page.list, Qt.Key.Key_Return)
    focused = page.focusWidget()
    assert isinstance(focused, QPushButton)
    assert focused.text() == "Use for Completion"
    desk.press("Use for Completion")
    assert desk.defaults == [("completion", whole)]
    desk.counsel.take_uses(Uses(whole, "", ((whole, "int8 on cpu"),)))
    assert "Used for" in said(page.detail)
    unloads: list[str] = []
    page.unload_requested.connect(unloads.append)
    desk.press("Unload")
    assert unloads == [whole]
    assert "int8 on cpu" in said(page.detail)
    loads: list[tuple[str, bool]] = []
    page.load_requested.connect(lambda role, anyway: loads.append((role, anyway)))
    desk.counsel.take_uses(Uses(whole))
    desk.press("Load")
    desk.machines = Machines(Machine(8192 * MB, 7900 * MB, RUNTIME_BYTES))
    desk.counsel.look_at_memory()
    desk.press("Load Anyway")
    assert loads == [("completion", False), ("completion", True)]

    deleted: list[str] = []
    page.delete_requested.connect(lambda entry: deleted.append(entry.path))
    desk.press("Delete…")
    page.look_at(f"disk:{models_folder() / 'half'}")
    assert "ends before its tensor" in said(page.detail)
    desk.press("Delete…")
    assert deleted == [whole, str(models_folder() / "half")]
    texts = [button.text() for button in page.detail.findChildren(QPushButton) if button.isVisible()]
    assert "Show in Folder" in texts
    assert "Use for Completion" not in texts

    shutil.rmtree(models_folder() / "whole")
    desk.counsel.shelf.look()
    desk.wait_until_looked()
    assert "whole" not in desk.lines
    assert "Chosen, and not there any more" in said(page.cards["completion"])
    desk.counsel.take_uses(Uses(whole, "", ((whole, "int8 on cpu"),)))
    assert "Still in use, and gone from the disk" in said(page.cards["completion"])


def test_what_is_advised_is_one_press_away_and_a_search_finds_by_ability(desk: Desk) -> None:
    page = desk.page
    button(page.cards["completion"], "Download, 1.0 GB").click()
    button(page.cards["chat"], "Download, 1.0 GB").click()
    assert desk.wanted == [
        ("Qwen/Qwen2.5-Coder-0.5B", "completion"),
        ("Qwen/Qwen2.5-Coder-0.5B-Instruct", "chat"),
    ]
    page.search.setText("chats granite")
    assert [row.title for row in page.list.rows] == ["To download", "granite-4.0-350m"]
    page.search.setText("nothing like it")
    assert "No model has these words." in said(page)
    assert not page.detail.isVisible()
    page.search.clear()
    desk.machines = Machines(Machine(8192 * MB, 7900 * MB, RUNTIME_BYTES))
    desk.counsel.look_at_memory()
    assert "No model that chats fits" in said(page.cards["chat"])


def test_what_lies_in_a_folder_of_theirs_is_not_offered_for_deletion(
    qtbot: QtBot, qapp: QApplication, stock: Path
) -> None:
    desk = Desk(qtbot, qapp, [stock])
    desk.show()
    desk.page.look_at(f"disk:{stock / 'whole'}")
    QApplication.processEvents()
    texts = [button.text() for button in desk.page.detail.findChildren(QPushButton) if button.isVisible()]
    assert "Use for Completion" in texts
    assert "Delete…" not in texts
    desk.page.hide()


def test_a_download_that_a_kill_broke_off_can_go_on_or_be_given_up(desk: Desk) -> None:
    discarded: list[str] = []
    desk.page.discard_requested.connect(discarded.append)
    desk.page.look_at("hub:Qwen/Qwen2.5-Coder-1.5B")
    assert desk.lines["Qwen2.5-Coder-1.5B"] == "Broken off; 2.0 MB are here"
    assert "2.0 MB" in said(desk.page.detail)
    desk.press("Go On")
    desk.press("Discard")
    assert desk.wanted == [("Qwen/Qwen2.5-Coder-1.5B", "")]
    assert discarded == ["Qwen/Qwen2.5-Coder-1.5B"]


def test_every_control_has_a_name_and_nothing_wide_is_cut_off_where_there_is_little_room(desk: Desk) -> None:
    page = desk.page
    page.resize(480, 700)
    QApplication.processEvents()
    assert page.detail.height() > 100
    for control in page.findChildren(QWidget):
        if control.focusPolicy() & Qt.FocusPolicy.TabFocus and control.isVisible():
            interface = QAccessible.queryAccessibleInterface(control)
            assert interface.text(QAccessible.Text.Name), control
        if isinstance(control, QPushButton) and control.isVisible() and not control.visibleRegion().isEmpty():
            right = control.mapTo(page, QPoint(control.width(), 0)).x()
            assert right <= page.width(), control.text()


def test_the_first_page_tells_what_suits_this_machine_and_what_is_used_amiss(
    desk: Desk, qtbot: QtBot
) -> None:
    whole = str(models_folder() / "whole")
    desk.counsel.take_uses(Uses(whole, whole))
    first = FirstRunPage(desk.theme, desk.counsel)
    qtbot.addWidget(first)
    assert "Its speed has not been measured" in said(first)
    assert "3.5 GB are free for a model" in said(first)
    wanted: list[tuple[str, str]] = []
    first.download_requested.connect(lambda id, role: wanted.append((id, role)))
    button(first.cards["chat"], "Download, 1.0 GB").click()
    assert wanted == [("Qwen/Qwen2.5-Coder-0.5B-Instruct", "chat")]
    assert "Now: whole, which is made for completion" in said(first.cards["chat"])


def test_the_first_page_says_of_a_pace_what_disturbed_it(desk: Desk, qtbot: QtBot) -> None:
    first = FirstRunPage(desk.theme, desk.counsel)
    qtbot.addWidget(first)
    desk.counsel.measuring.pace = Pace(6.1e9)
    desk.counsel.measuring.changed.emit()
    assert "reads 6.1 GB" in said(first)
    assert "Other programs" not in said(first)
    desk.counsel.measuring.pace = Pace(6.1e9, others_share=0.55)
    desk.counsel.measuring.changed.emit()
    assert "Other programs took 55% of the processors meanwhile: measure again" in said(first)


def test_a_model_is_converted_checked_and_found_again(desk: Desk, qtbot: QtBot) -> None:
    entry = desk.counsel.shelf.find(str(models_folder() / "whole"))
    assert entry is not None
    dialog = ConvertDialog(entry, desk.theme)
    made: list[str] = []
    dialog.made.connect(made.append)
    dialog.open()
    dialog._format.setCurrentIndex([target.format for target in TARGETS].index("gguf"))
    assert "--to gguf --precision int8" in said(dialog)
    button(dialog, "Convert").click()
    qtbot.waitUntil(lambda: not dialog.job.is_running)
    assert "Done and checked" in said(dialog)
    assert open_model(Path(made[0])).config.dim == 64
    dialog.reject()


def test_an_adapter_is_turned_on_weakened_and_turned_off(qtbot: QtBot, qapp: QApplication) -> None:
    from app.models.adapter_panel import AdapterPanel

    panel = AdapterPanel(Theme(qapp, Appearance(theme="light")))
    qtbot.addWidget(panel)
    wishes: list[tuple[str, float]] = []
    panel.adapter_requested.connect(lambda folder, strength: wishes.append((folder, strength)))
    assert not panel._on.isEnabled()
    panel.show_adapter("/run/adapter", 1.0)
    assert wishes == []
    panel._slider.setFocus()
    qtbot.keyClick(panel._slider, Qt.Key.Key_Left)
    assert wishes == [("/run/adapter", 0.95)]
    panel._on.click()
    assert wishes[-1] == ("", 0.95)
    panel.show_adapter("", 0.95)
    panel._on.click()
    assert wishes[-1] == ("/run/adapter", 0.95)


def test_a_card_has_a_row_of_its_own_where_there_is_one(qtbot: QtBot, qapp: QApplication) -> None:
    table = FitTable(Theme(qapp, Appearance(theme="light")))
    qtbot.addWidget(table)
    network = PRESETS["smallcoder-medium"]
    table.show_fits(network, LAPTOP)
    assert "card" not in said(table)
    card = Machine(2048 * MB, 0, CARD_RUNTIME_BYTES, CARD_RESERVE_BYTES)
    table.show_fits(network, Machines(LAPTOP.system, card))
    assert "fp16, card" in said(table).splitlines()
