"""What stands in the side bar while no folder is open."""

from collections.abc import Callable

from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.naming import label, named


class NoFolder(QWidget):
    def __init__(self, open_folder: Callable[[], object]) -> None:
        super().__init__()
        button = named(QPushButton("Open Folder…"), role="primary")
        button.clicked.connect(lambda _=False: open_folder())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 8, 16, 8)
        layout.setSpacing(16)
        layout.addWidget(label("No folder is open. Open one to see its files here.", "muted", wraps=True))
        layout.addWidget(button)
        layout.addStretch()
