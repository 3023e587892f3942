"""A chart as a file: a picture, a drawing, or its numbers."""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QImage, QPaintDevice, QPainter

_DOTS = 2  # a pixel of the window: sharp in print and on fine screens


def write_png(path: Path, size: QSize, paint: Callable[[QPainter], None]) -> None:
    image = QImage(size * _DOTS, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_DOTS)
    _painted(image, paint)
    if not image.save(str(path)):
        raise OSError(f"{path} cannot be written; choose another place.")


def write_svg(
    path: Path, size: QSize, dots_an_inch: int, paint: Callable[[QPainter], None], title: str
) -> None:
    from PySide6.QtSvg import QSvgGenerator

    path.write_bytes(b"")  # says why where it cannot be written, which Qt would not
    drawing = QSvgGenerator()
    drawing.setFileName(str(path))
    drawing.setSize(size)
    drawing.setViewBox(QRect(QPoint(), size))
    drawing.setTitle(title)
    drawing.setResolution(dots_an_inch)  # else what pyqtgraph has drawn before is played in another size
    _painted(drawing, paint)


def write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _painted(device: QPaintDevice, paint: Callable[[QPainter], None]) -> None:
    painter = QPainter(device)
    try:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint(painter)
    finally:
        painter.end()
