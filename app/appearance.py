"""The app's looks, all derived from the system's palette and font: colours of cards and tones, and one style sheet.

Nothing here is a fixed colour but the hues of the tones, and those are made lighter or darker until they can be
read on the palette's own ground (WCAG 2.2, contrast ratio).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from PySide6.QtGui import QColor, QPalette

from app.picture import Tone

READABLE = 4.5  # contrast ratio of text, WCAG 2.2 §1.4.3
CLEAR = 3.0  # contrast ratio of lines, WCAG 2.2 §1.4.11
HUES: Mapping[Tone, tuple[int, float]] = {  # degrees, saturation
    "good": (150, 0.65),
    "busy": (214, 0.75),
    "rest": (214, 0.16),
    "warn": (38, 0.90),
    "bad": (358, 0.72),
    "quiet": (214, 0.08),
}


@dataclass(frozen=True, slots=True)
class ToneColours:
    """A tone's text on a card, and the faint ground behind it."""

    text: QColor
    ground: QColor


@dataclass(frozen=True, slots=True)
class Colours:
    """The roles that our widgets are painted with."""

    dark: bool
    window: QColor
    side: QColor
    card: QColor
    border: QColor
    text: QColor
    muted: QColor
    accent: QColor
    accent_hover: QColor
    accent_line: QColor  # for lines and bars on a card, WCAG 2.2 §1.4.11
    focus: QColor  # what a border becomes where the keyboard is, WCAG 2.2 §2.4.13
    on_accent: QColor
    hover: QColor
    track: QColor
    tones: Mapping[Tone, ToneColours]


def colours_of(palette: QPalette) -> Colours:
    """Derive our colours from a palette."""
    window, text = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.WindowText)
    base = palette.color(QPalette.ColorRole.Base)
    dark = luminance(window) < luminance(text)
    card = mix(window, text, 0.055) if dark else base
    accent = readable(palette.color(QPalette.ColorRole.Accent), QColor("white"), READABLE, darker=True)
    border = mix(card, text, 0.16 if dark else 0.13)
    return Colours(
        dark=dark,
        window=window if dark else mix(window, base, 0.45),
        side=mix(window, QColor("black"), 0.12) if dark else window,
        card=card,
        border=border,
        text=text,
        muted=readable(mix(card, text, 0.62), card),
        accent=accent,
        accent_hover=accent.lighter(112),
        accent_line=readable(palette.color(QPalette.ColorRole.Accent), card, CLEAR),
        focus=readable(palette.color(QPalette.ColorRole.Accent), border, CLEAR, darker=not dark),
        on_accent=QColor("white"),
        hover=mix(card, text, 0.07),
        track=mix(card, text, 0.12),
        tones={tone: _tone(hue, saturation, card) for tone, (hue, saturation) in HUES.items()},
    )


def _tone(hue: int, saturation: float, card: QColor) -> ToneColours:
    colour = QColor.fromHslF(hue / 360, saturation, 0.45)
    ground = mix(card, colour, 0.14)
    return ToneColours(text=readable(colour, ground), ground=ground)


def mix(ground: QColor, colour: QColor, share: float) -> QColor:
    """Return the ground with a share (0 to 1) of the colour laid over it."""
    pairs = zip(_rgb(ground), _rgb(colour), strict=True)
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in pairs))


def _rgb(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()


def luminance(colour: QColor) -> float:
    """Return the relative luminance of WCAG 2.2, from 0 for black to 1 for white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast ratio of WCAG 2.2, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: QColor, ground: QColor, ratio: float = READABLE, *, darker: bool | None = None) -> QColor:
    """Return the colour, made darker or lighter in small steps until it can be read on the ground."""
    if darker is None:
        darker = luminance(ground) > 0.18
    hue, saturation, lightness = colour.hslHueF(), colour.hslSaturationF(), colour.lightnessF()
    while contrast(colour, ground) < ratio and 0.0 < lightness < 1.0:
        lightness = max(0.0, lightness - 0.02) if darker else min(1.0, lightness + 0.02)
        colour = QColor.fromHslF(max(0.0, hue), saturation, lightness)
    return colour


def style_sheet(c: Colours, points: float) -> str:
    """Return the style of the whole window; `points` is the size of the system's font."""
    names = {
        "window": c.window, "side": c.side, "card": c.card, "border": c.border, "text": c.text, "muted": c.muted,
        "accent": c.accent, "accent_hover": c.accent_hover, "on_accent": c.on_accent, "hover": c.hover,
        "track": c.track, "line": c.accent_line, "focus": c.focus, "bad": c.tones["bad"].text,
    }  # fmt: skip
    values = {name: colour.name() for name, colour in names.items()}
    values["controls"] = files("resources").joinpath("icons", "controls").as_posix()  # type: ignore[attr-defined]
    values["check"] = "check-white" if luminance(c.on_accent) > 0.5 else "check-black"
    sizes = {f"p{percent}": f"{points * percent / 100:.1f}pt" for percent in (90, 105, 115, 150, 170)}
    tones = "".join(
        f'QLabel[tone="{tone}"] {{ color: {tc.text.name()}; }}\n'
        f'QLabel[pill="{tone}"] {{ color: {tc.text.name()}; background: {tc.ground.name()}; }}\n'
        f'QFrame[kind="banner"][tone="{tone}"] {{ background: {tc.ground.name()}; border-color: '
        f"{mix(tc.ground, tc.text, 0.35).name()}; }}\n"
        for tone, tc in c.tones.items()
    )
    return SHEET.format_map(values | sizes) + menu_style_sheet(c) + tones


def menu_style_sheet(c: Colours) -> str:
    """Return the style of menus; a menu of the tray has no window whose style it could take."""
    names = {"card": c.card, "border": c.border, "text": c.text, "muted": c.muted, "accent": c.accent}
    values = {name: colour.name() for name, colour in names.items()}
    return MENU_SHEET.format_map(values | {"on_accent": c.on_accent.name()})


MENU_SHEET = """
QMenu {{ background: {card}; color: {text}; border: 1px solid {border}; padding: 6px; }}
QMenu::item {{ padding: 7px 26px 7px 10px; border-radius: 5px; }}
QMenu::item:selected {{ background: {accent}; color: {on_accent}; }}
QMenu::item:disabled {{ color: {muted}; background: transparent; }}
QMenu::item:default {{ font-weight: 600; }}
QMenu::icon {{ padding-left: 8px; }}
QMenu::separator {{ background: {border}; height: 1px; margin: 5px 6px; }}
"""

SHEET = """
QProgressBar {{ background: {track}; border: none; border-radius: 3px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
QToolTip {{ background: {card}; color: {text}; border: 1px solid {border}; padding: 4px; }}
QWidget#window, QStackedWidget, QScrollArea, QWidget[kind="page"] {{ background: {window}; border: none; }}
*[keys="true"] {{ border: 2px solid transparent; }}
*[keys="true"]:focus {{ border: 2px solid {focus}; }}
QPlainTextEdit {{ background: {card}; color: {text}; border: 1px solid {border}; border-radius: 7px;
    padding: 1px; selection-background-color: {accent}; selection-color: {on_accent}; }}
QPlainTextEdit:focus {{ border: 2px solid {focus}; padding: 0; }}
QLabel {{ background: transparent; color: {text}; }}
QLabel[kind="muted"] {{ color: {muted}; }}
QLabel[kind="small"] {{ color: {muted}; font-size: {p90}; }}
QLabel[kind="state"] {{ font-size: {p150}; font-weight: 600; }}
QLabel[kind="heading"] {{ font-size: {p170}; font-weight: 600; }}
QLabel[kind="title"] {{ font-size: {p115}; font-weight: 600; }}
QLabel[kind="strong"] {{ font-weight: 600; }}
QLabel[kind="figure"] {{ font-size: {p170}; font-weight: 600; }}
QLabel[kind="pill"] {{ border-radius: 8px; padding: 3px 10px; font-size: {p90}; font-weight: 600; }}

QFrame[kind="card"] {{ background: {card}; border: 1px solid {border}; border-radius: 10px; }}
QFrame[kind="banner"] {{ border: 1px solid {border}; border-radius: 8px; }}
QFrame[kind="header"] {{ background: {card}; border: none; border-bottom: 1px solid {border}; }}
QFrame[kind="foot"] {{ background: {card}; border: none; border-top: 1px solid {border}; }}
QFrame[kind="line"] {{ background: {border}; border: none; max-height: 1px; min-height: 1px; }}

QListWidget#navigation {{ background: {side}; border: none; border-right: 1px solid {border}; padding: 10px 8px;
    outline: none; font-size: {p105}; }}
QListWidget#navigation::item {{ color: {text}; border-radius: 7px; padding: 8px 10px; margin: 1px 0; }}
QListWidget#navigation::item:hover {{ background: {hover}; }}
QListWidget#navigation::item:selected {{ background: {accent}; color: {on_accent}; }}
QListWidget#navigation[framed="true"]::item:focus {{ border: 2px solid {text}; padding: 6px 8px; }}

QPushButton, QToolButton {{ background: {card}; color: {text}; border: 1px solid {border}; border-radius: 7px;
    padding: 6px 14px; min-height: 18px; }}
QPushButton:hover, QToolButton:hover {{ background: {hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {track}; }}
QPushButton:focus, QToolButton:focus {{ border: 2px solid {focus}; padding: 5px 13px; }}
QPushButton:disabled, QToolButton:disabled {{ color: {muted}; background: {window}; }}
QPushButton[kind="primary"] {{ background: {accent}; color: {on_accent}; border-color: {accent};
    font-weight: 600; }}
QPushButton[kind="primary"]:hover {{ background: {accent_hover}; }}
QPushButton[kind="primary"]:focus {{ border: 2px solid {text}; }}
QPushButton[kind="primary"]:disabled {{ background: {track}; color: {muted}; border-color: {track}; }}
QPushButton[kind="quiet"] {{ background: transparent; border-color: transparent; color: {muted};
    padding: 6px 8px; }}
QPushButton[kind="quiet"]:hover {{ background: {hover}; color: {text}; }}
QPushButton[kind="quiet"]:focus {{ border-color: {focus}; padding: 5px 7px; }}
QToolButton[kind="icon"] {{ background: transparent; border-color: transparent; padding: 4px; }}
QToolButton[kind="icon"]:hover {{ background: {hover}; }}
QToolButton[kind="icon"]:focus {{ border: 2px solid {focus}; padding: 3px; }}
QToolButton::menu-button {{ border: none; border-left: 1px solid {border}; width: 22px; margin: 4px 0; }}
QToolButton[popupMode="1"] {{ padding-right: 34px; }}

QLineEdit {{ background: {card}; color: {text}; border: 1px solid {border}; border-radius: 7px; padding: 7px 10px;
    selection-background-color: {accent}; selection-color: {on_accent}; placeholder-text-color: {muted}; }}
QLineEdit:focus {{ border: 2px solid {focus}; padding: 6px 9px; }}

QToolButton::menu-indicator {{ subcontrol-origin: padding; subcontrol-position: right center; right: 8px; }}
QToolButton[popupMode="2"] {{ padding-right: 26px; }}
QComboBox {{ background: {card}; color: {text}; border: 1px solid {border}; border-radius: 7px;
    padding: 6px 3px 6px 9px; min-height: 18px;
    selection-background-color: {accent}; selection-color: {on_accent}; }}
QComboBox:hover {{ background: {hover}; }}
QComboBox:focus {{ border: 2px solid {focus}; padding: 5px 2px 5px 8px; }}
QComboBox:disabled {{ color: {muted}; background: {window}; }}
QComboBox::drop-down {{ border: none; width: 18px; }}
QComboBox::down-arrow {{ image: url("{controls}/down.svg"); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {card}; color: {text}; border: 1px solid {border};
    selection-background-color: {accent}; selection-color: {on_accent}; }}
QAbstractSpinBox {{ min-height: 24px; }}
QSlider {{ min-height: 20px; }}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {track}; }}
QSlider::sub-page:horizontal {{ border-radius: 2px; background: {line}; }}
QSlider::handle:horizontal {{ width: 14px; margin: -6px 0; border: 1px solid {muted}; border-radius: 8px;
    background: {card}; }}
QSlider::handle:horizontal:focus {{ width: 10px; border: 3px solid {focus}; }}
QSlider::handle:horizontal:disabled, QSlider::sub-page:horizontal:disabled {{ background: {muted}; }}
QCheckBox, QRadioButton {{ color: {text}; spacing: 8px; }}
QCheckBox:disabled, QRadioButton:disabled {{ color: {muted}; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: 13px; height: 13px; border: 1px solid {muted};
    background: {card}; border-radius: 4px; }}
QRadioButton::indicator {{ border-radius: 7px; }}
QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border: 2px solid {focus};
    width: 11px; height: 11px; }}
QCheckBox::indicator:checked {{ background: {accent}; border-color: {accent};
    image: url("{controls}/{check}.svg"); }}
QCheckBox::indicator:checked:focus {{ border-color: {text}; }}
QRadioButton::indicator:checked {{ border-color: {line}; background: qradialgradient(cx: 0.5, cy: 0.5, radius: 0.5,
    fx: 0.5, fy: 0.5, stop: 0 {line}, stop: 0.52 {line}, stop: 0.62 {card}, stop: 1 {card}); }}
QRadioButton::indicator:checked:focus {{ border-color: {text}; }}
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {{ border-color: {track}; background: {window}; }}
QCheckBox::indicator:checked:disabled {{ background: {muted}; }}
QRadioButton::indicator:checked:disabled {{ border-color: {muted}; background: qradialgradient(cx: 0.5, cy: 0.5,
    radius: 0.5, fx: 0.5, fy: 0.5, stop: 0 {muted}, stop: 0.52 {muted}, stop: 0.62 {window}, stop: 1 {window}); }}
QListView[kind="names"] {{ background: {window}; color: {text}; border: 1px solid {border}; border-radius: 7px;
    padding: 3px; selection-background-color: {accent}; selection-color: {on_accent}; }}
QListView[kind="names"]::item {{ padding: 3px 6px; border-radius: 5px; }}
QListView[kind="names"]::item:selected {{ background: {accent}; color: {on_accent}; }}
QListView[kind="names"]::indicator {{ width: 13px; height: 13px; border: 1px solid {muted}; background: {card};
    border-radius: 4px; }}
QListView[kind="names"]::indicator:checked {{ background: {accent}; border-color: {card};
    image: url("{controls}/{check}.svg"); }}
QListView[kind="names"]:focus {{ border: 2px solid {focus}; padding: 2px; }}

QTableView {{ background: {card}; alternate-background-color: {hover}; color: {text}; border: none;
    selection-background-color: {hover}; selection-color: {text}; outline: none; }}
QTableView::item {{ padding: 4px 8px; border: none; }}
QTableView::item:focus {{ background: {hover}; border: 2px solid {focus}; padding: 2px 6px; }}
QHeaderView {{ background: {card}; }}
QHeaderView::section {{ background: {card}; color: {muted}; border: none; border-bottom: 1px solid {border};
    padding: 6px 11px; font-size: {p90}; }}

QScrollBar:vertical {{ background: transparent; width: 12px; margin: 2px; }}
QScrollBar::handle:vertical {{ background: {track}; border-radius: 4px; min-height: 32px; }}
QScrollBar::handle:vertical:hover {{ background: {muted}; }}
QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 2px; }}
QScrollBar::handle:horizontal {{ background: {track}; border-radius: 4px; min-width: 32px; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: none;
    border: none; width: 0; height: 0; }}
"""
