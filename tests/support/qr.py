"""QR codes as volunteers get them: a clean picture, a screenshot, a photo that is askew and dim."""

from __future__ import annotations

from typing import Any

import zxingcpp
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter


def qr_image(text: str, scale: int = 6) -> QImage:
    """Make a clean black and white picture."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    drawn: Any = zxingcpp.write_barcode_to_image(code, scale=scale)  # a buffer, which its stubs do not say
    rows = memoryview(drawn)
    height, width = rows.shape or (0, 0)
    image = QImage(bytes(rows), width, height, width, QImage.Format.Format_Grayscale8)
    return image.copy()  # QImage keeps no bytes of others alive


def on_a_page(code: QImage, width: int, height: int, *, turned: float = 0.0, dim: bool = False) -> QImage:
    """Put it into a larger coloured picture, turned by so many degrees, perhaps with little light."""
    page = QImage(width, height, QImage.Format.Format_RGB32)
    page.fill(QColor("#6a6055") if dim else QColor("#3daee9"))
    painter = QPainter(page)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.translate(width * 0.55, height * 0.45)
    painter.rotate(turned)
    if dim:
        painter.setOpacity(0.6)
    painter.drawImage(-code.width() // 2, -code.height() // 2, code)
    painter.end()
    return page


def see_through(code: QImage) -> QImage:
    """Make what is white in it transparent, as designers like it."""
    image = code.convertToFormat(QImage.Format.Format_ARGB32)
    mask = image.createMaskFromColor(QColor("white").rgb(), Qt.MaskMode.MaskOutColor)
    image.setAlphaChannel(mask.convertToFormat(QImage.Format.Format_Alpha8))
    return image
