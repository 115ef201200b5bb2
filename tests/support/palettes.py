"""A dark palette as a desktop would give it to us; the light one is Qt's own."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

DARK = {
    QPalette.ColorRole.Window: "#2a2e32",
    QPalette.ColorRole.WindowText: "#f2f3f4",
    QPalette.ColorRole.Base: "#1b1e20",
    QPalette.ColorRole.AlternateBase: "#232629",
    QPalette.ColorRole.Text: "#f2f3f4",
    QPalette.ColorRole.Button: "#31363b",
    QPalette.ColorRole.ButtonText: "#f2f3f4",
    QPalette.ColorRole.BrightText: "#ffffff",
    QPalette.ColorRole.Highlight: "#3daee9",
    QPalette.ColorRole.HighlightedText: "#fcfcfc",
    QPalette.ColorRole.Accent: "#3daee9",
    QPalette.ColorRole.Link: "#1d99f3",
    QPalette.ColorRole.ToolTipBase: "#31363b",
    QPalette.ColorRole.ToolTipText: "#f2f3f4",
    QPalette.ColorRole.PlaceholderText: "#a1a9b1",
    QPalette.ColorRole.Light: "#40464c",
    QPalette.ColorRole.Midlight: "#363b40",
    QPalette.ColorRole.Mid: "#24282b",
    QPalette.ColorRole.Dark: "#181b1d",
    QPalette.ColorRole.Shadow: "#101214",
}


def dark_palette() -> QPalette:
    palette = QPalette()
    for role, colour in DARK.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor("#7f868c"))
    return palette
